--- A reload as a transaction: its steps, who may publish, what is kept, and how to go back.
local project = require "spec.support.project"

local function pipeline(body) return 'return pipeline "t" {\n' .. body .. "\n}\n" end

local one = "float amount WH_UI(1, min = -100, max = 100, unit = \"m\", doc = \"How far\");"
local has_tcc = project.whorl.build_info():match "libtcc: (%a+)" == "yes"

describe("the reload transaction", function()
  local p
  before_each(function() p = project.new() end)
  after_each(function() p:close() end)

  local function x_of(session)
    local out, why = session:deform(project.cloud { { 0, 0, 0 } }, 0)
    return out and out[0], why and p:plain(why)
  end

  local function start(body, kernel)
    p:write("t.lua", pipeline(body or "deform.shift {}"))
    p:write("shift.c", kernel or project.shift(one, "p->amount"))
    local s = assert(p:open "t.lua")
    p:events(s)
    return s
  end

  local function shift(factor) return project.shift(one, factor .. " * p->amount") end

  --- Saves shift.c and waits until the optimised build of it runs.
  local function save_and_settle(s, text)
    p:save("shift.c", text)
    for _ = 1, 1000 do
      s:poll()
      for e in s:events() do
        if e.kind == "step" and e.step == "published" and not e.fast then return end
        assert.are_not.equal("rejected", e.kind, e.text)
      end
      s:wait(10)
    end
    error "it was not published"
  end

  local function live(s)
    for _, g in ipairs(s:generations "deform.shift") do
      if g.state == "live" then return g.generation end
    end
  end

  it("tells every step of a save, and of the optimised build behind it", function()
    local s = start()
    p:save("shift.c", shift(2))
    local steps, done = {}, false
    for _ = 1, 1000 do
      s:poll()
      x_of(s)
      for e in s:events() do
        if e.kind == "step" then
          steps[#steps + 1] = e.step .. (e.fast and " fast" or "")
          assert.is_true(e.milliseconds >= 0)
          done = done or e.step == "retired" and #steps > 10
        end
      end
      if done then break end
      s:wait(10)
    end
    local text = table.concat(steps, ", ")
    if has_tcc then
      assert.matches("^noticed, built fast, loaded fast, checked fast, canary fast, published fast, ", text)
    end
    assert.matches("built, loaded, checked, canary, published, ", text)
    assert.matches("retired", text)
  end)

  it("publishes by hand when the pipeline says so", function()
    local s = start 'deform.shift {}, reload { publish = "by-hand" }'
    p:save("shift.c", shift(3))
    local e = p:wait(s, "ready")
    assert.are.same({ "shift.c: deform.shift generation 2 is ready", 2 }, { e.text, e.generation })
    p:settle(s, 400)
    assert.are.equal(1, x_of(s))
    local before = s:poll()
    assert.are.equal(before + 1, s:publish())
    assert.are.equal(3, x_of(s))
  end)

  it("asks the policy of the file, which is replaced as the file is saved", function()
    local policy = [[deform.shift {}, reload { policy = function(change)
      if change.step == "ready" and change.kernel == "deform.shift" then return %s end
    end }]]
    local s = start(policy:format 'false, "not on a Friday"')
    p:save("shift.c", shift(4))
    assert.are.equal("shift.c: deform.shift generation 2: refused by reload.policy: not on a Friday",
      p:wait(s, "rejected").text)
    p:settle(s, 400)
    assert.are.equal(1, x_of(s))
    p:save("t.lua", pipeline(policy:format '"at-once"'))
    p:wait(s, "reloaded")
    p:save("shift.c", shift(5))
    p:wait(s, "reloaded")
    assert.are.equal(5, x_of(s))
  end)

  it("fails cooks on an error when the pipeline wants that, until it is mended", function()
    local s = start 'deform.shift {}, reload { on_error = "fail" }'
    p:save("shift.c", project.shift(one, "p->amuont"))
    p:wait(s, "rejected")
    local x, why = x_of(s)
    assert.is_nil(x)
    assert.matches("^shift%.c:7: ", why)
    p:save("shift.c", shift(6))
    p:wait(s, "reloaded")
    assert.are.equal(6, x_of(s))
  end)

  describe("history", function()
    it("steps back and forward, pins, and compares", function()
      local s = start()
      save_and_settle(s, shift(2))
      save_and_settle(s, shift(7))
      assert.are.equal(7, x_of(s))
      assert.are.equal(3, live(s))
      assert.are.equal(3, #s:generations "deform.shift")
      local d = assert(s:compare("deform.shift", 2, 3, project.cloud { { 0, 0, 0 }, { 1, 2, 3 } }))
      assert.are.same({ points = 2, largest = 5, mean = 5, largest_at = 0, only_a = 0, only_b = 0 }, d)
      assert(s:use("deform.shift", 2))
      assert.are.equal(2, x_of(s))
      assert.are.equal(2, live(s))
      assert(s:use("deform.shift", 1, true))
      assert.are.equal(1, x_of(s))
      p:save("shift.c", shift(9))
      assert.are.equal("shift.c: deform.shift generation 4 is ready; generation 1 is pinned", p:wait(s, "ready").text)
      p:settle(s, 400)
      assert.are.equal(1, x_of(s))
      assert(s:use("deform.shift", 0))
      assert.are.equal(9, x_of(s))
      local _, why = s:use("deform.shift", 17)
      assert.are.equal("deform.shift has no generation 17", why)
    end)

    it("takes over what is being built when the newest is asked for, not when another is", function()
      p:write("late-cc", '#!/bin/sh\nsleep 0.3\nexec cc "$@"\n')
      assert.are.equal(0, os.execute("chmod +x '" .. p:path "late-cc" .. "'"))
      p:write("t.lua", pipeline "deform.shift {}")
      p:write("shift.c", shift(1))
      local s = assert(p:open("t.lua", { compiler = p:path "late-cc" }))
      for generation, expected in pairs { [0] = 9, [1] = 1 } do
        p:save("shift.c", shift(10 - expected))
        p:settle(s, 900)
        p:save("shift.c", shift(9))
        p:wait(s, "step")
        assert(s:use("deform.shift", generation))
        p:settle(s, 900)
        assert.are.equal(expected, x_of(s))
      end
    end)

    it("survives a restart, without compiling", function()
      local s = start()
      save_and_settle(s, shift(2))
      s:close()
      p:write("cc.sh", "#!/bin/sh\necho called >> '" .. p:path "log" .. "'\nexec cc \"$@\"\n")
      assert(os.execute("chmod +x " .. p:path "cc.sh") == 0)
      s = assert(p:open("t.lua"))
      assert.are.equal(2, x_of(s))
      assert.are.equal(2, live(s))
      assert(s:use("deform.shift", 1))
      assert.are.equal(1, x_of(s))
    end)

    it("stands in at the start for a source that does not compile", function()
      local s = start()
      save_and_settle(s, shift(2))
      s:close()
      p:write("shift.c", project.shift(one, "p->amuont"))
      s = assert(p:open "t.lua")
      assert.are.equal(2, x_of(s))
      local texts = p:events(s)
      assert.matches("^shift%.c:7: ", texts[1])
      assert.matches("shift%.c: generation 2, the last good one, runs on", table.concat(texts, "\n"))
      s:close()
      s = p:open("t.lua", { frozen = true })
      assert.is_nil((x_of(s)))
    end)

    it("keeps as many generations as the pipeline says", function()
      local s = start "deform.shift {}, reload { keep = 2 }"
      for i = 2, 5 do save_and_settle(s, shift(i)) end
      local numbers = {}
      for _, g in ipairs(s:generations "deform.shift") do numbers[#numbers + 1] = g.generation end
      assert.are.same({ 4, 5 }, numbers)
    end)

    it("leaves nothing in the cache of what it forgets", function()
      local s = start "deform.shift {}, reload { keep = 2 }"
      for i = 2, 5 do save_and_settle(s, shift(i)) end
      local pipe = io.popen(("ls '%s' | grep -c -- '^shift-.*so.parts$'"):format(p:path "cache"))
      local count = pipe:read "*n"
      pipe:close()
      assert.are.equal(2, count)
    end)

    it("has nothing of a fast build that did not hold, and whose text was saved over", function()
      p:write("late-cc", '#!/bin/sh\nsleep 0.3\nexec cc "$@"\n')
      assert.are.equal(0, os.execute("chmod +x '" .. p:path "late-cc" .. "'"))
      p:write("t.lua", pipeline "deform.shift {}")
      p:write("shift.c", shift(1))
      local s = assert(p:open("t.lua", { compiler = p:path "late-cc" }))
      p:save("shift.c", shift "*(volatile float *)8")
      p:settle(s, 200)
      p:save("shift.c", "int x = ;\n" .. shift(2))
      p:wait(s, "rejected")
      local list = s:generations "deform.shift"
      assert.are.same({ 1, "live" }, { #list, list[1].state })
    end)

    local function numbers_of(s, state)
      local numbers = {}
      for _, g in ipairs(s:generations "deform.shift") do
        if (g.state == "bad") == (state == "bad") then numbers[#numbers + 1] = g.generation end
      end
      return numbers
    end

    it("keeps what can be gone back to through a run of bad saves, and the last of those", function()
      local s = start "deform.shift {}, reload { keep = 3 }"
      for i = 2, 4 do save_and_settle(s, shift(i)) end
      for i = 1, 10 do
        p:save("shift.c", project.shift(one, ("*(volatile float *)%d"):format(i)))
        p:wait(s, "rejected")
      end
      assert.are.same({ 2, 3, 4 }, numbers_of(s))
      assert.are.same({ 7, 8, 9, 10, 11, 12, 13, 14 }, numbers_of(s, "bad"))
      assert(s:use("deform.shift", 2))
      assert.are.equal(2, x_of(s))
    end)

    it("does not count what was built and cannot be loaded", function()
      local s = start "deform.shift {}, reload { keep = 2 }"
      save_and_settle(s, shift(2))
      for i = 1, 2 do
        p:save("shift.c", (shift(i + 2):gsub("WH_KERNEL%(deform_shift", "%0, .param_size = " .. i)))
        p:wait(s, "rejected")
      end
      assert.are.same({ 1, 2 }, numbers_of(s))
      assert.are.same({ 3, 4 }, numbers_of(s, "bad"))
    end)

    it("forgets nothing of a pipeline that is not read yet", function()
      local s = start "deform.shift {}, reload { keep = 12 }"
      for i = 2, 10 do save_and_settle(s, shift(i)) end
      s:close()
      s = assert(p:open "t.lua")
      assert.are.equal(10, #numbers_of(s))
    end)

    it("goes on waiting with a kernel when a step back fails", function()
      local by_hand = 'deform.shift { %s }, reload { publish = "by-hand" }'
      local more = one .. 'float more WH_UI(0, min = 0, max = 9, doc = "How much farther");'
      local s = start(by_hand:format "")
      p:save("shift.c", project.shift(more, "p->amount + p->more"))
      p:wait(s, "ready")
      s:publish()
      p:save("t.lua", pipeline(by_hand:format "more = 5"))
      p:wait(s, "reloaded")
      p:save("shift.c", project.shift(more, "p->amount + 2 * p->more"))
      p:wait(s, "ready")
      p:settle(s, 400)
      local _, why = s:use("deform.shift", 1)
      assert.are.equal("t.lua:2: deform.shift has no parameter 'more'", p:plain(why))
      assert.are.equal(6, x_of(s))
      s:publish()
      assert.are.equal(11, x_of(s))
      assert.are.equal(3, live(s))
    end)
  end)

  describe("a changed interface", function()
    it("takes a renamed parameter along: in the file, and as the host has set it", function()
      local s = start 'deform.shift { amount = expose(1, "Far") }'
      assert(s:set("shift.amount", 50))
      local renamed = 'float distance WH_UI(1, min = -100, max = 100, unit = "m", was = "amount", doc = "How far");'
      p:save("shift.c", project.shift(renamed, "2 * p->distance"))
      p:wait(s, "reloaded")
      assert.are.equal("renamed shift.amount to shift.distance", p:wait(s, "params").text)
      assert.are.equal(100, x_of(s))
    end)

    it("takes a choice along by its word, and a number through a change of its type", function()
      local choice = 'int way WH_UI(0, choices = "x|y|z", doc = "Where");'
      local number = 'float amount WH_UI(1, min = -100, max = 100, doc = "How far");'
      local s = start('deform.shift { way = expose("x", "Way"), amount = expose(1, "Far") }',
        project.shift(choice .. number, "p->way * 100 + p->amount"))
      assert(s:set("shift.way", 1))
      assert(s:set("shift.amount", 4.6))
      assert.are.near(104.6, x_of(s), 1e-4)
      p:save("shift.c", project.shift('int way WH_UI(0, choices = "w|x|y|z", doc = "Where");'
        .. 'int amount WH_UI(1, min = -100, max = 100, doc = "How far");', "p->way * 100 + p->amount"))
      p:wait(s, "params")
      assert.are.equal(205, x_of(s))
    end)
  end)

  describe("prepared state", function()
    local function kernel(state, value, more)
      return ([[
#include "whorl_kernel.h"
WH_NO_PARAMS(deform_shift)
WH_STATE(made, %s)
static void *deform_shift_prepare(const wh_host *h, const wh_geometry *mesh, const void *params)
{
    (void)mesh, (void)params;
    made *m = h->alloc(h, sizeof *m);
    if (m)
        *m = (made){.number = %s};
    return m;
}
static void deform_shift_release(const wh_host *h, void *state) { h->free(h, state); }
%s
static void deform_shift_run(const wh_block *b)
{
    const made *m = b->state;
    for (uint32_t i = 0; i < b->count; i++)
        b->x[i] += m->number;
}
]]):format(state, value, more or "") .. [[
WH_KERNEL(deform_shift, .doc = "Shift", .prepare = deform_shift_prepare, .release = deform_shift_release,
          .run = deform_shift_run, .state = WH_STATE_TEXT(made), .state_size = sizeof(made)]]
        .. (more and ", .migrate = deform_shift_migrate" or "") .. ");\n"
    end

    it("outlives a reload whose declared layout is the same, and is rebuilt when it is not", function()
      local s = start("deform.shift {}", kernel("float number;", "1"))
      assert.are.equal(1, x_of(s))
      p:save("shift.c", kernel("float number;", "2"))
      p:wait(s, "reloaded")
      assert.are.equal(1, x_of(s))
      p:save("shift.c", kernel("float number; int32_t more;", "3"))
      p:wait(s, "reloaded")
      assert.are.equal(3, x_of(s))
    end)

    it("migrates by name where the kernel says how", function()
      local s = start("deform.shift {}", kernel("float number;", "5"))
      assert.are.equal(5, x_of(s))
      p:save("shift.c", kernel("int32_t more; float number;", "7", [[
static bool deform_shift_migrate(const wh_host *h, const wh_geometry *mesh, const void *params, void *state)
{
    (void)h, (void)mesh, (void)params;
    made *m = state;
    m->number += 100 + m->more;
    return true;
}]]))
      p:wait(s, "reloaded")
      assert.are.equal(105, x_of(s))
    end)

    it("is refused when the text and the struct disagree", function()
      local s = start()
      p:save("shift.c", (kernel("float number;", "2"):gsub("sizeof%(made%)%)", "12)")))
      assert.are.equal("shift.c: the state of deform_shift is not what its text declares (use WH_STATE, with numbers, "
        .. "pointers and arrays of them, and .state_size = sizeof of it)", p:wait(s, "rejected").text)
    end)
  end)

  describe("looking in place of events", function()
    it("finds saves of the file, a kernel and its header", function()
      p:write("amount.h", "#define SCALE 1")
      local s = start('deform.shift {}, reload { watch = "poll" }',
        '#include "amount.h"\n' .. project.shift(one, "SCALE * p->amount"))
      p:settle(s, 600)
      p:save("amount.h", "#define SCALE 8")
      p:wait(s, "reloaded")
      assert.are.equal(8, x_of(s))
      p:save("t.lua", pipeline 'deform.shift { amount = 2 }, reload { watch = "poll" }')
      p:wait(s, "reloaded")
      assert.are.equal(16, x_of(s))
    end)
  end)

  describe("whatever comes when", function()
    local crashes = "(p->amount > 50 ? *(volatile float *)(uintptr_t)8 : p->amount)"

    local function side(factor) return (shift(factor):gsub("shift", "side")) end

    it("keeps a chosen generation though an older save's optimised build ends later", function()
      local s = start()
      p:save("shift.c", shift(2))
      p:wait(s, "reloaded")
      assert(s:use("deform.shift", 1))
      p:settle(s, 600)
      assert.are.equal(1, x_of(s))
    end)

    it("says once that a generation waits, and drops it when another one is pinned", function()
      local s = start 'deform.shift {}, reload { publish = "by-hand" }'
      p:save("shift.c", shift(3))
      p:wait(s, "ready")
      assert.are.same({}, p:settle(s, 600))
      assert(s:use("deform.shift", 1, true))
      s:publish()
      assert.are.equal(1, x_of(s))
    end)

    it("unpins a generation that crashed", function()
      local s = start('deform.shift { amount = expose(1, "Far") }', project.shift(one, crashes))
      assert(s:use("deform.shift", 1, true))
      assert(s:set("shift.amount", 60))
      assert.is_nil((x_of(s)))
      p:save("shift.c", shift(2))
      p:settle(s, 600)
      assert.are.equal(120, x_of(s))
    end)

    it("takes saves of the file and of other kernels while cooks fail", function()
      p:write("side.c", side(1))
      local s = start("deform.shift { amount = 60 }, deform.side {}", project.shift(one, crashes))
      assert.is_nil((x_of(s)))
      p:save("t.lua", pipeline "deform.shift { amount = 7 }, deform.side {}")
      p:settle(s, 300)
      p:save("side.c", side(5))
      p:settle(s, 600)
      local x, why = x_of(s)
      assert.is_nil(x)
      assert.matches("mend its source", why)
      p:save("shift.c", shift(2))
      p:settle(s, 600)
      assert.are.equal(19, x_of(s))
    end)

    it("goes on failing with on_error = \"fail\" until that which failed is mended, and says so", function()
      p:write("side.c", side(1))
      local s = start 'deform.shift {}, deform.side {}, reload { on_error = "fail" }'
      p:save("shift.c", project.shift(one, "p->amuont"))
      p:wait(s, "rejected")
      p:save("side.c", side(5))
      p:settle(s, 600)
      assert.is_nil((x_of(s)))
      local before = s:poll()
      p:save("shift.c", project.shift(one, "p->amount"))
      p:settle(s, 600)
      assert.are.equal(6, x_of(s))
      assert.is_true(s:poll() > before)
    end)

    it("never runs a new kernel that the policy refuses", function()
      local s = start [[deform.shift {}, reload { policy = function(change)
        if change.step == "ready" then return false, "no" end
      end }]]
      p:save("side.c", side(1))
      assert.are.equal("side.c: deform.side generation 1: refused by reload.policy: no", p:wait(s, "rejected").text)
      p:settle(s, 400)
      p:save("t.lua", pipeline "deform.side {}")
      assert.are.equal("t.lua:2: no kernel deform.side", p:wait(s, "rejected").text)
    end)

    it("follows a source that is renamed", function()
      local s = start()
      assert(os.rename(p:path "shift.c", p:path "ashift.c"))
      p:settle(s, 300)
      p:save("ashift.c", shift(4))
      p:settle(s, 600)
      assert.are.equal(4, x_of(s))
    end)

    it("does not stand in with what only the fast tier accepts", function()
      local s = start()
      p:save("shift.c", project.shift(one, "({ const int q = 1; q = 2; 40 + q + p->amount; })"))
      p:wait(s, "rejected")
      assert.are.equal(1, x_of(s))
      s:close()
      s = p:open "t.lua"
      assert.are.equal(1, x_of(s))
    end)

    it("says only what is wrong when it opens with a kernel that does not compile", function()
      p:write("aside.c", (shift(1):gsub("shift", "aside")))
      start("deform.aside {}, deform.shift {}"):close()
      p:write("aside.c", (project.shift(one, "p->amuont"):gsub("shift", "aside")))
      p:write("shift.c", shift(3))
      local s = assert(p:open "t.lua")
      assert.is_nil(table.concat(p:events(s), "\n"):match "no kernel")
      assert.are.equal(4, x_of(s))
    end)

    it("takes a header whose name is a macro for a part of the kernel", function()
      p:write("amount.h", "#define SCALE 1")
      local s = start(nil, '#define WHICH "amount.h"\n#include WHICH\n' .. project.shift(one, "SCALE * p->amount"))
      p:save("amount.h", "#define SCALE 8")
      p:wait(s, "reloaded")
      assert.are.equal(8, x_of(s))
    end)

    it("takes saves after a release() that crashed", function()
      local s = start('deform.shift { amount = expose(1, "Far") }', [[
#include "whorl_kernel.h"
WH_PARAMS(deform_shift, float amount WH_UI(1, min = -100, max = 100, doc = "How far");)
static void *deform_shift_prepare(const wh_host *h, const wh_geometry *mesh, const void *params)
{
    (void)params;
    uint32_t *count = h->alloc(h, sizeof *count);
    if (count)
        *count = mesh->point_count;
    return count;
}
static void deform_shift_release(const wh_host *h, void *state)
{
    if (*(uint32_t *)state == 3)
        *(volatile int *)8 = 1;
    h->free(h, state);
}
static void deform_shift_run(const wh_block *b)
{
    const deform_shift *p = b->params;
    for (uint32_t i = 0; i < b->count; i++)
        b->x[i] += p->amount;
}
WH_KERNEL(deform_shift, .doc = "Shift", .prepare = deform_shift_prepare, .release = deform_shift_release,
          .run = deform_shift_run);
]])
      local three = project.cloud { { 0, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } }
      for i = 1, 6 do
        assert(s:set("shift.amount", i))
        assert.are.equal(i, s:deform(three, 0)[0])
      end
      p:save("t.lua", pipeline "deform.shift { amount = 33 }")
      p:wait(s, "reloaded")
      assert.are.equal(33, x_of(s))
    end)

    it("makes the optimised build of a source that was gone for a moment", function()
      local s = start()
      p:save("shift.c", shift(2))
      p:settle(s, 15)
      p:remove "shift.c"
      p:settle(s, 100)
      p:save("shift.c", shift(2))
      local function is_fast()
        for _, k in ipairs(s:kernels()) do
          if k.fast then return true end
        end
        return false
      end
      for _ = 1, 30 do -- a busy machine takes its time
        p:settle(s, 300)
        if not is_fast() then break end
      end
      assert.are.equal(2, x_of(s))
      assert.is_false(is_fast())
    end)

    it("reads the file again when a kernel that it needs is mended", function()
      local function two(body)
        return project.shift(one, body) .. (shift(3):gsub("shift", "side"):gsub('#include "whorl_kernel.h"', ""))
      end
      local s = start(nil, shift(2))
      p:save("shift.c", two "(b->count == 2 ? *(volatile float *)(uintptr_t)8 : 3)")
      p:settle(s, 600)
      assert.are.equal(2, s:deform(project.cloud { { 0, 0, 0 }, { 0, 0, 0 } }, 0)[0])
      p:settle(s, 100)
      p:save("t.lua", pipeline "deform.shift {}, deform.side {}")
      assert.are.equal("t.lua:2: deform.side generation 2 crashed (mend its source)", p:wait(s, "rejected").text)
      p:save("shift.c", two "4")
      p:settle(s, 600)
      assert.are.equal(7, x_of(s))
    end)

    it("says once that a generation waits behind a pinned one", function()
      local s = start()
      assert(s:use("deform.shift", 1, true))
      p:save("shift.c", shift(3))
      assert.are.same({ "shift.c: deform.shift generation 2 is ready; generation 1 is pinned" }, p:settle(s, 600))
    end)
  end)

  --- Saves again and again without waiting for what comes of it but the result itself.
  local function wait_for_x(s, x)
    for _ = 1, 1000 do
      s:poll()
      if x_of(s) == x then return end
      s:wait(5)
    end
    error(("the result did not become %g: %s"):format(x, table.concat(p:events(s), "; ")), 2)
  end

  it("follows a link to a source, also while its optimised build is on its way", function()
    p:make_folder "real"
    p:write("t.lua", pipeline "deform.shift {}")
    p:write("real/a.c", shift(1))
    assert(os.execute(("ln -s real/a.c %s"):format(p:path "shift.c")) == 0)
    local s = assert(p:open "t.lua")
    for x = 2, 6 do
      p:save("real/a.c", shift(x))
      wait_for_x(s, x)
    end
    p:remove "real/a.c"
    p:settle(s, 800)
    assert.are.equal(6, x_of(s))
  end)

  it("builds on when the cache folder was deleted", function()
    local s = start()
    save_and_settle(s, shift(2))
    assert(os.execute(("rm -r %s"):format(p:path "cache")) == 0)
    assert.are.equal(2, x_of(s))
    save_and_settle(s, shift(3))
    assert.are.equal(3, x_of(s))
  end)

  it("does not hold against a text that another one was saved over it while it was compiled", function()
    local s = start('deform.shift {}, reload { keep = 50 }')
    for x = 2, 20 do
      p:save("shift.c", shift(x))
      wait_for_x(s, x)
    end
    save_and_settle(s, shift(30))
    for _, g in ipairs(s:generations "deform.shift") do
      assert.are_not.equal("bad", g.state, g.note)
    end
  end)

  it("gives the same bits from both tiers", function()
    if not has_tcc then return pending "this whorl has no libtcc" end
    local s = start("deform.shift { amount = 0.37 }")
    local text = project.shift(one,
      "wh_sin(p->amount * b->x[i]) * wh_exp(b->y[i]) / 3.0f + sqrtf(b->z[i] * b->z[i] + 1)")
    local cloud = {}
    for i = 1, 500 do cloud[i] = { i * 0.37 - 80, i * 0.011 - 2, i * 0.7 } end
    local view = project.cloud(cloud)
    p:save("shift.c", text)
    p:wait(s, "reloaded")
    local fast = project.ffi.string(s:deform(view, 0), 500 * 12)
    for _ = 1, 500 do
      s:poll()
      local kernel
      for _, k in ipairs(s:kernels()) do kernel = k.id == "deform.shift" and k or kernel end
      if not kernel.fast then break end
      s:wait(20)
    end
    assert.are.equal(fast, project.ffi.string(s:deform(view, 0), 500 * 12))
  end)
end)
