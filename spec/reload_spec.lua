local project = require "spec.support.project"

local function pipeline(body) return 'return pipeline "t" {\n' .. body .. "\n}\n" end

local one = "float amount WH_UI(1, min = -100, max = 100, unit = \"m\", doc = \"How far\");"

describe("reloading", function()
  local p
  before_each(function() p = project.new() end)
  after_each(function() p:close() end)

  local function x_of(session)
    local out = assert(session:deform(project.cloud { { 0, 0, 0 } }, 0))
    return out[0]
  end

  local function start(body, kernel)
    p:write("t.lua", pipeline(body or "deform.shift {}"))
    p:write("shift.c", kernel or project.shift(one, "p->amount"))
    local s = assert(p:open "t.lua")
    p:events(s)
    return s
  end

  local function generation(session)
    for _, k in ipairs(session:kernels()) do
      if k.id == "deform.shift" then return k.generation end
    end
  end

  describe("a Lua file", function()
    it("follows a save, keeps what ran through a broken one, and names its line", function()
      local s = start "deform.linear { factor = { 2, 1, 1 } }, deform.shift {}"
      assert.are.equal(1, x_of(s))
      p:save("t.lua", pipeline "deform.shift { amount = 5 }")
      p:wait(s, "reloaded")
      assert.are.equal(5, x_of(s))
      p:save("t.lua", pipeline "deform.shift { amuont = 6 }")
      local e = p:wait(s, "rejected")
      assert.are.equal("t.lua:2: deform.shift has no parameter 'amuont' (did you mean 'amount'?)", e.text)
      assert.are.equal(2, e.line)
      assert.are.equal(5, x_of(s))
      p:save("t.lua", pipeline "deform.shift { amount = 7 }")
      p:wait(s, "reloaded")
      assert.are.equal(7, x_of(s))
    end)

    it("follows a module that it requires, also one that was missing", function()
      p:write("t.lua", 'local far = require "far"\nreturn pipeline "t" { deform.shift { amount = far } }')
      p:write("shift.c", project.shift(one, "p->amount"))
      local s, message = p:open "t.lua"
      assert.are.equal("t.lua:1: no module 'far' (far.lua: No such file or directory)", p:plain(message))
      p:events(s)
      p:write("far.lua", "return 3")
      p:wait(s, "reloaded")
      assert.are.equal(3, x_of(s))
      p:save("far.lua", "return 4")
      p:wait(s, "reloaded")
      assert.are.equal(4, x_of(s))
      p:save("far.lua", "return {")
      assert.matches("^far%.lua:1: ", p:wait(s, "rejected").text)
      assert.are.equal(4, x_of(s))
    end)

    it("does nothing for a save that changes nothing", function()
      local s = start()
      local before = s:poll()
      p:save("t.lua", pipeline "deform.shift {}")
      p:save("shift.c", project.shift(one, "p->amount"))
      assert.are.same({}, p:settle(s, 400))
      assert.are.equal(before, s:poll())
    end)

    it("is never read half written", function()
      local s = start()
      local f = assert(io.open(p:path "t.lua", "wb"))
      f:write('return pipeline "t" {\ndeform.shi')
      f:flush()
      assert.are.same({}, p:settle(s, 150))
      f:write "ft { amount = 9 } }"
      f:close()
      p:wait(s, "reloaded")
      assert.are.equal(9, x_of(s))
    end)
  end)

  it("goes on after the host has changed its folder", function()
    local ffi, whorl = project.ffi, project.whorl
    ffi.cdef "int chdir(const char *); char *getcwd(char *, size_t);"
    local home = ffi.string(ffi.C.getcwd(ffi.new "char[4096]", 4096))
    start()
    assert.are.equal(0, ffi.C.chdir(p.folder))
    local s = whorl.open("t.lua", { cache_path = p:path "cache" })
    assert.are.equal(0, ffi.C.chdir(home))
    p:events(s)
    p:save("t.lua", pipeline "deform.shift { amount = 6 }")
    assert.are.equal("t.lua", p:wait(s, "reloaded").text)
    assert.are.equal(6, x_of(s))
    s:close()
  end)

  describe("a kernel", function()
    it("follows a save, keeps what ran through a broken one, and names its line", function()
      local s = start()
      p:save("shift.c", project.shift(one, "2 * p->amount"))
      local e = p:wait(s, "reloaded")
      assert.are.same({ "deform.shift", "shift.c: deform.shift generation 2" }, { e.subject, e.text })
      assert.are.equal(2, x_of(s))
      p:save("shift.c", project.shift(one, "p->amuont"))
      e = p:wait(s, "rejected")
      assert.matches("^shift%.c:7: .*no member named ['‘]amuont['’]", e.text)
      assert.are.same({ "build", 7 }, { e.status, e.line })
      assert.is_true(e.column > 0)
      assert.are.equal(2, x_of(s))
      p:save("shift.c", project.shift(one, "3 * p->amount"))
      p:wait(s, "reloaded")
      assert.are.equal(3, x_of(s))
      assert.are.equal(3, generation(s))
    end)

    it("is mended by going back to the text that ran", function()
      local s = start()
      p:save("shift.c", "this is not C, for all that it includes whorl_kernel.h\n")
      p:wait(s, "rejected")
      p:save("shift.c", project.shift(one, "p->amount"))
      assert.are.equal("shift.c: mended; generation 1 is what runs", p:wait(s, "log").text)
      assert.are.equal("shift.c: deform.shift generation 1", p:wait(s, "reloaded").text)
      assert.are.equal(1, x_of(s))
    end)

    it("gains a parameter that starts at its default, and loses one with a message", function()
      local two = one .. ' float more WH_UI(10, min = 0, max = 20, doc = "More");'
      local s = start "deform.shift { amount = 2 }"
      p:save("shift.c", project.shift(two, "p->amount + p->more"))
      p:wait(s, "reloaded")
      assert.are.equal(12, x_of(s))
      p:save("t.lua", pipeline "deform.shift { amount = 2, more = 20 }")
      p:wait(s, "reloaded")
      assert.are.equal(22, x_of(s))
      p:save("shift.c", project.shift(one, "100 * p->amount"))
      local e = p:wait(s, "rejected")
      assert.are.same({ "deform.shift", "t.lua:2: deform.shift has no parameter 'more'" }, { e.subject, e.text })
      assert.are.equal(22, x_of(s))
      p:save("t.lua", pipeline "deform.shift { amount = 2 }")
      p:wait(s, "reloaded")
      assert.are.equal(200, x_of(s))
    end)

    it("keeps an exposed value by its name, clamped to a new range", function()
      local s = start 'deform.shift { amount = expose(1, "Far") }'
      assert(s:set("shift.amount", 50))
      p:save("shift.c", project.shift(one, "2 * p->amount"))
      p:wait(s, "reloaded")
      assert.are.equal(100, x_of(s))
      p:save("shift.c", project.shift('float amount WH_UI(1, min = 0, max = 10, doc = "How far");', "p->amount"))
      assert.are.equal("new range of shift.amount", p:wait(s, "params").text)
      assert.are.equal(10, x_of(s))
      p:save("t.lua", pipeline 'deform.shift { amount = expose(1, "Far", { id = "far" }) }')
      assert.are.equal("added far, removed shift.amount", p:wait(s, "params").text)
      assert.are.equal(1, x_of(s))
    end)

    it("is built when a header that it includes is saved", function()
      p:write("amount.h", "#define SCALE 1")
      local s = start(nil, '#include "amount.h"\n' .. project.shift(one, "SCALE * p->amount"))
      assert.are.equal(1, x_of(s))
      p:save("amount.h", "#define SCALE 8")
      p:wait(s, "reloaded")
      assert.are.equal(8, x_of(s))
    end)

    it("is published while another one waits for a Lua file that does not go with it", function()
      p:write("other.c", (project.shift(one, "p->amount"):gsub("deform_shift", "deform_other")))
      local s = start "deform.shift { amount = 1 }, deform.other { amount = 1 }"
      p:save("other.c", (project.shift('float renamed WH_UI(1, doc = "How far");', "p->renamed")
        :gsub("deform_shift", "deform_other")))
      assert.are.equal("deform.other", p:wait(s, "rejected").subject)
      p:save("shift.c", project.shift(one, "10 * p->amount"))
      assert.are.equal("deform.shift", p:wait(s, "reloaded").subject)
      assert.are.equal(11, x_of(s))
      p:save("t.lua", pipeline "deform.shift { amount = 1 }, deform.other { renamed = 5 }")
      p:wait(s, "reloaded")
      assert.are.equal(15, x_of(s))
    end)

    it("appears in a running session", function()
      p:write("t.lua", pipeline "deform.shift {}")
      local s = p:open "t.lua"
      p:events(s)
      p:write("shift.c", project.shift(one, "4 * p->amount"))
      p:wait(s, "reloaded")
      assert.are.equal(4, x_of(s))
    end)

    it("can be a folder of sources, with more than one kernel", function()
      p:make_folder "pair"
      p:write("pair/pair.c", '#include "parts.h"\n' .. project.shift(one, "FAR * p->amount"))
      p:write("pair/also.c", '#include "parts.h"\n' .. (project.shift(one, "2 * FAR * p->amount")
        :gsub("deform_shift", "deform_also")))
      p:write("pair/parts.h", "#define FAR 1")
      p:write("t.lua", pipeline 'deform.shift {}, deform.also {}, reload { kernels = "pair" }')
      local s = assert(p:open "t.lua")
      p:events(s)
      assert.are.equal(3, x_of(s))
      p:save("pair/parts.h", "#define FAR 10")
      p:wait(s, "reloaded")
      assert.are.equal(30, x_of(s))
      p:events(s)
      p:save("pair/also.c", '#include "parts.h"\n#error "not now"\n')
      assert.are.equal('pair/also.c:2: #error "not now"', p:wait(s, "rejected").text)
      assert.are.equal(30, x_of(s))
      p:save("pair/also.c", '#include "parts.h"\n' .. (project.shift(one, "0 * p->amount")
        :gsub("deform_shift", "deform_also")))
      p:wait(s, "reloaded")
      assert.are.equal(10, x_of(s))
    end)

    it("takes in a source from elsewhere, which is then compiled once", function()
      p:make_folder "pair"
      p:make_folder "common"
      p:write("common/scale.c", "float wh_scale(void);\nfloat wh_scale(void)\n{\n    return 7;\n}\n")
      p:write("pair/pair.c", '#include "../common/scale.c"\n' .. project.shift(one, "wh_scale() * p->amount"))
      p:write("t.lua", pipeline 'deform.shift {}, reload { kernels = "pair" }')
      assert.are.equal(7, x_of(assert(p:open "t.lua")))
    end)

    it("twice in a second is two reloads, and a burst ends in the last", function()
      local s = start()
      for i = 2, 3 do
        p:save("shift.c", project.shift(one, i .. " * p->amount"))
        p:wait(s, "reloaded")
        assert.are.equal(i, x_of(s))
      end
      for i = 4, 20 do p:save("shift.c", project.shift(one, i .. " * p->amount")) end
      for _ = 1, 100 do
        p:wait(s, "reloaded")
        if x_of(s) == 20 then break end
      end
      assert.are.equal(20, x_of(s))
      assert.are.same({}, p:settle(s, 300))
    end)

    it("is found again without compiling when nothing changed", function()
      p:write("cc.sh", "#!/bin/sh\necho >> '" .. p:path "log" .. "'\nexec cc \"$@\"\n")
      assert(os.execute("chmod +x " .. p:path "cc.sh") == 0)
      p:write("t.lua", pipeline "deform.shift {}")
      p:write("shift.c", project.shift(one, "p->amount"))
      local function compiled()
        local f = io.open(p:path "log")
        return f and select(2, f:read("*a"):gsub("\n", "")) or 0
      end
      for _ = 1, 3 do
        local s = assert(p:open("t.lua", { compiler = p:path "cc.sh" }))
        assert.are.same({ "t.lua", "shift.c: deform.shift generation 1" }, p:events(s, "reloaded"))
        assert.are.equal(1, compiled())
        s:close()
      end
    end)
  end)

  describe("what is saved together", function()
    local other = (project.shift(one, "p->amount"):gsub("deform_shift", "deform_other"))

    it("stands by itself: a broken Lua file does not stop a good kernel", function()
      local s = start()
      p:save("t.lua", pipeline "deform.shift { amuont = 1 }")
      p:save("shift.c", project.shift(one, "7 * p->amount"))
      local texts = p:settle(s, 700)
      table.sort(texts)
      assert.are.same({ "shift.c: deform.shift generation 2",
                        "t.lua:2: deform.shift has no parameter 'amuont' (did you mean 'amount'?)" }, texts)
      assert.are.equal(7, x_of(s))
    end)

    it("stands by itself: a kernel that does not fit does not stop one that does", function()
      p:write("other.c", other)
      local s = start "deform.shift { amount = 1 }, deform.other { amount = 1 }"
      p:save("other.c", (project.shift('float renamed WH_UI(1, doc = "How far");', "p->renamed")
        :gsub("deform_shift", "deform_other")))
      p:save("shift.c", project.shift(one, "10 * p->amount"))
      local texts = p:settle(s, 900)
      table.sort(texts)
      assert.are.same({ "shift.c: deform.shift generation 2", "t.lua:2: deform.other has no parameter 'amount'" },
        texts)
      assert.are.equal(11, x_of(s))
    end)

    it("is one revision: a header of many kernels", function()
      p:write("amount.h", "#define SCALE 1")
      p:write("other.c", '#include "amount.h"\n' .. other:gsub("p%->amount", "SCALE * p->amount"))
      local s = start("deform.shift {}, deform.other {}",
                      '#include "amount.h"\n' .. project.shift(one, "SCALE * p->amount"))
      local before = s:poll()
      p:save("amount.h", "#define SCALE 5")
      p:settle(s, 900)
      assert.are.equal(10, x_of(s))
      assert.are.equal(before + 1, s:poll())
    end)

    it("changes no result when the pipeline does not use it", function()
      local s = start "deform.linear {}"
      local before = s:poll()
      p:save("shift.c", project.shift(one, "3 * p->amount"))
      assert.are.equal("deform.shift", p:wait(s, "reloaded").subject)
      assert.are.equal(before, s:poll())
      p:save("t.lua", pipeline "deform.shift {}")
      p:wait(s, "reloaded")
      assert.are.equal(3, x_of(s))
    end)
  end)

  describe("finds out", function()
    it("that a text was saved and taken back while the compiler ran", function()
      p:write("cc.sh", '#!/bin/sh\ncc "$@"\nstatus=$?\nif [ -f "' .. p:path "slow" .. '" ]; then sleep 0.4; fi\n'
        .. 'exit $status\n')
      assert(os.execute("chmod +x " .. p:path "cc.sh") == 0)
      p:write("t.lua", pipeline "deform.shift {}")
      p:write("shift.c", project.shift(one, "1 * p->amount"))
      local s = assert(p:open("t.lua", { compiler = p:path "cc.sh" }))
      p:write("slow", "")
      p:save("shift.c", project.shift(one, "2 * p->amount"))
      p:settle(s, 250)
      p:save("shift.c", project.shift(one, "1 * p->amount"))
      p:remove "slow"
      p:settle(s, 1200)
      assert.are.equal(1, x_of(s))
      s:close()
      assert.are.equal(1, x_of(assert(p:open("t.lua", { compiler = p:path "cc.sh" }))))
    end)

    it("that a header was mended or made", function()
      local s = start(nil, '#include "amount.h"\n' .. project.shift(one, "SCALE * p->amount"))
      assert.is_nil((s:deform(project.cloud { { 0, 0, 0 } }, 0)))
      p:write("amount.h", '#include "none.h"\n#define SCALE 4')
      assert.are.equal("amount.h:1: none.h: No such file or directory", p:wait(s, "rejected").text)
      p:save("amount.h", "#define SCALE 4")
      p:wait(s, "reloaded")
      assert.are.equal(4, x_of(s))
    end)

    it("that a header was saved which only the compiler finds", function()
      local s = start()
      p:write("amount.h", "#define SCALE 2")
      p:save("shift.c", "#define STR_(x) #x\n#define STR(x) STR_(x)\n#define HEADER(x) STR(x.h)\n"
        .. "#include HEADER(amount)\n" .. project.shift(one, "SCALE * p->amount"))
      p:wait(s, "reloaded")
      p:settle(s, 700)
      for scale = 3, 4 do
        p:save("amount.h", "#define SCALE " .. scale)
        p:wait(s, "reloaded")
        p:settle(s, 700)
        assert.are.equal(scale, x_of(s))
      end
    end)

    it("that a new header was saved between its build and the next poll", function()
      local s = start()
      p:write("amount.h", "#define SCALE 2")
      p:settle(s, 100)
      p:save("shift.c", '#include "amount.h"\n' .. project.shift(one, "SCALE * p->amount"))
      s:poll()
      project.ffi.C.usleep(1500000) -- both builds end
      p:save("amount.h", "#define SCALE 3")
      p:settle(s, 1500)
      assert.are.equal(3, x_of(s))
    end)

    it("that a kernel folder has a new source", function()
      p:make_folder "pair"
      p:write("pair/pair.c", project.shift(one, "p->amount"))
      p:write("t.lua", pipeline 'deform.shift {}, reload { kernels = "pair" }')
      local s = assert(p:open "t.lua")
      p:events(s)
      p:write("pair/also.c", (project.shift(one, "2 * p->amount"):gsub("deform_shift", "deform_also")))
      p:write("t.lua", pipeline 'deform.shift {}, deform.also {}, reload { kernels = "pair" }')
      p:settle(s, 900)
      assert.are.equal(3, x_of(s))
    end)

    it("that a folder was taken away and made again", function()
      p:make_folder "k"
      p:write("k/shift.c", project.shift(one, "p->amount"))
      p:write("t.lua", pipeline "deform.shift {}")
      local s = assert(p:open("t.lua", { kernel_path = p:path "k" }))
      assert(os.rename(p:path "k", p:path "gone"))
      p:settle(s, 100)
      p:make_folder "k"
      p:settle(s, 100)
      p:write("k/shift.c", project.shift(one, "8 * p->amount"))
      p:settle(s, 700)
      assert.are.equal(8, x_of(s))
    end)

    it("that the folder of the pipeline, or of a module, was made", function()
      local s = p:open "later/t.lua"
      p:events(s)
      p:make_folder "later"
      p:settle(s, 50)
      p:write("later/t.lua", 'local far = require "lib.far"\nreturn pipeline "t" { deform.linear { factor = far } }')
      assert.are.equal("later/t.lua:1: no module 'lib.far' (lib/far.lua: No such file or directory)",
        p:wait(s, "rejected").text)
      p:make_folder "later/lib"
      p:settle(s, 50)
      p:write("later/lib/far.lua", "return { 3, 1, 1 }")
      p:wait(s, "reloaded")
    end)

    it("that a link leads elsewhere", function()
      p:make_folder "v1"
      p:make_folder "v2"
      p:make_folder "lib"
      p:write("v1/far.lua", "return 1")
      p:write("v2/far.lua", "return 2")
      assert(os.execute(("ln -s ../v1/far.lua '%s'"):format(p:path "lib/far.lua")) == 0)
      p:write("t.lua", 'local far = require "lib.far"\nreturn pipeline "t" { deform.shift { amount = far } }')
      p:write("shift.c", project.shift(one, "p->amount"))
      local s = assert(p:open "t.lua")
      p:events(s)
      assert(os.execute(("ln -sfn ../v2/far.lua '%s'"):format(p:path "lib/far.lua")) == 0)
      p:wait(s, "reloaded")
      assert.are.equal(2, x_of(s))
    end)

    it("headers in folders with names that make would take", function()
      p:make_folder "shot #1 $x"
      p:write("shot #1 $x/amount.h", "#define SCALE 1")
      p:write("shot #1 $x/shift.c", '#include "amount.h"\n' .. project.shift(one, "SCALE * p->amount"))
      p:write("shot #1 $x/t.lua", pipeline "deform.shift {}")
      local s = assert(p:open "shot #1 $x/t.lua")
      p:save("shot #1 $x/amount.h", "#define SCALE 6")
      p:settle(s, 700)
      assert.are.equal(6, x_of(s))
    end)

    it("a damaged library in the cache, and builds it anew", function()
      start():close()
      local pipe = io.popen(("ls '%s'/shift-*.so"):format(p:path "cache"))
      local path = pipe:read "*l"
      pipe:close()
      local f = assert(io.open(path, "r+b"))
      f:seek("set", 64)
      f:write(("\0"):rep(2000))
      f:close()
      assert.are.equal(1, x_of(assert(p:open "t.lua")))
    end)

    it("two files that define one kernel, and takes the same one each time", function()
      p:write("ashift.c", project.shift(one, "2 * p->amount"))
      p:write("t.lua", pipeline "deform.shift {}")
      p:write("shift.c", project.shift(one, "p->amount"))
      local s = assert(p:open "t.lua")
      assert.are.equal(1, x_of(s))
      local note = p:events(s, "log")[1]
      assert.is_truthy(note:find("that of shift.c is used (remove one)", 1, true), note)
    end)

    it("the last place of a folder that is listed twice", function()
      for name, scale in pairs { k1 = 1, k2 = 2 } do
        p:make_folder(name)
        p:write(name .. "/shift.c", project.shift(one, scale .. " * p->amount"))
      end
      p:write("t.lua", pipeline "deform.shift {}")
      local k1, k2 = p:path "k1", p:path "k2"
      assert.are.equal(2, x_of(assert(p:open("t.lua", { kernel_path = k1 .. ":" .. k2 }))))
      assert.are.equal(1, x_of(assert(p:open("t.lua", { kernel_path = k1 .. ":" .. k2 .. ":" .. k1 }))))
    end)

    it("that a build went well though the host ignores its children", function()
      local ffi = project.ffi
      ffi.cdef "typedef void (*handler)(int); handler signal(int, handler);"
      local before = ffi.C.signal(17, ffi.cast("handler", 1)) -- SIGCHLD, SIG_IGN
      p:write("t.lua", pipeline "deform.shift {}")
      p:write("shift.c", project.shift(one, "p->amount"))
      local s = p:open "t.lua"
      local x = x_of(s)
      p:save("shift.c", project.shift(one, "p->amuont"))
      local text = p:wait(s, "rejected").text
      ffi.C.signal(17, before)
      assert.are.equal(1, x)
      assert.matches("^shift%.c:7: ", text)
    end)

    it("a kernel file whose name is no word", function()
      p:write("a-b.c", project.shift(one, "p->amount"))
      p:write("t.lua", pipeline "deform.linear {}")
      assert.are.same({ "a-b.c: the name of a kernel's file must be letters, digits and _ (rename it)" },
        p:events(assert(p:open "t.lua"), "rejected"))
    end)
  end)

  it("says a mistake once, and prints once", function()
    p:write("shift.c", project.shift(one, "p->amount"))
    p:write("t.lua", 'print "read"\nreturn pipeline "t" { deform.shift { amuont = 1 } }')
    local s = p:open "t.lua"
    assert.are.same({ "t.lua:1: read" }, p:events(s, "log"))
    assert.are.same({}, p:settle(s, 200))
  end)

  it("gives a value no other meaning when a parameter changes its type", function()
    local s = start 'deform.twist { axis = expose("x", "Turn", { id = "turn" }) }'
    assert(s:set("turn", 2))
    p:save("t.lua", pipeline 'deform.twist { angle = expose(3, "Turn", { id = "turn" }) }')
    p:wait(s, "reloaded")
    assert.are.same({ 3 }, s:params()[1].value)
  end)

  describe("refuses", function()
    --- Starts with a library built by others in place of a source, then saves another one over it.
    local function refusal(change)
      local s = start()
      p:make_folder "lib"
      local include = project.whorl.data_path() .. "/../../../include"
      local function build(name, text, flags)
        p:write("lib/" .. name .. ".c", text)
        local command = ("cc -std=gnu11 -O1 -shared -fPIC %s -I%s -o %s %s 2>&1"):format(flags or "", include,
          p:path("lib/" .. name .. ".so"), p:path("lib/" .. name .. ".c"))
        assert(os.execute(command) == 0)
        os.remove(p:path("lib/" .. name .. ".c"))
      end
      change(build)
      p:save("t.lua", pipeline 'deform.shift {}, reload { kernels = { "*.c", "lib/*.so" } }')
      local e = p:wait(s, "rejected")
      assert.are.equal(1, x_of(s))
      return e.text
    end

    local function file(name)
      local f = assert(io.open(p:path(name), "rb"))
      local text = f:read "*a"
      f:close()
      return text
    end

    it("a truncated library", function()
      assert.are.equal("lib/bad.so: truncated", refusal(function(build)
        build("bad", project.shift(one, "p->amount"))
        local text = file "lib/bad.so"
        p:write("lib/bad.so", text:sub(1, #text / 2))
      end))
    end)

    it("a file that is no library", function()
      assert.are.equal("lib/bad.so: not an ELF library", refusal(function()
        p:write("lib/bad.so", ("no library "):rep(100))
      end))
    end)

    it("a library without a kernel", function()
      assert.are.equal("lib/bad.so: no kernel in it (end it with WH_KERNEL(deform_bad, …), or field_, sample_, mesh_)",
        refusal(function(build) build("bad", "int x;") end))
    end)

    it("a library that lacks a symbol", function()
      assert.are.equal("lib/bad.so: undefined symbol: nowhere", refusal(function(build)
        build("bad", "float nowhere(void);\n" .. project.shift(one, "nowhere()"))
      end))
    end)

    it("another interface version", function()
      assert.are.equal("lib/bad.so: deform_shift was built for kernel interface 7, this whorl has 1 (rebuild it with "
        .. "this whorl's whorl_kernel.h)", refusal(function(build)
        build("bad", "#include \"whorl_kernel.h\"\n#undef WH_KERNEL_ABI\n#define WH_KERNEL_ABI 7\n"
          .. project.shift(one, "p->amount"))
      end))
    end)

    it("a struct of another layout than it declares", function()
      assert.are.equal("lib/bad.so: layout of deform_shift differs: 8 bytes declared, 5 compiled (rebuild it with the "
        .. "same whorl_kernel.h)", refusal(function(build)
        build("bad", project.shift('bool on WH_UI(true, doc = "On"); float amount WH_UI(1, doc = "How far");',
          "p->amount"), "-fpack-struct")
      end))
    end)
  end)

  it("takes a library that somebody else built, and its next build", function()
    local s = start('deform.shift {}, reload { kernels = "*.so" }')
    local include = project.whorl.data_path() .. "/../../../include"
    local function build(scale)
      p:write("code.txt", project.shift(one, scale .. " * p->amount"))
      assert(os.execute(("cc -x c -std=gnu11 -O1 -shared -fPIC -I%s -o %s %s"):format(include, p:path "shift.so",
        p:path "code.txt")) == 0)
    end
    p:remove "shift.c"
    build(6)
    p:wait(s, "reloaded")
    assert.are.equal(6, x_of(s))
    p:events(s) -- that of the Lua file, which loads now
    build(7)
    p:wait(s, "reloaded")
    assert.are.equal(7, x_of(s))
  end)

  it("watches a mesh file", function()
    local s = start()
    p:write("mesh.obj", "v 0 0 0\n")
    assert(s:watch(p:path "mesh.obj"))
    p:save("mesh.obj", "v 1 0 0\n")
    assert.are.equal("mesh.obj: saved", p:wait(s, "file").text)
    p:remove "mesh.obj"
    assert.are.same({}, p:settle(s, 100))
  end)
end)
