--- Every bad kernel of spec/support/faults.lua, saved over a good one: what is told, and that nothing else happens.
-- Each runs in a process of its own (spec/programs/fault.c), with the canary and without it.
local command = require "spec.support.command"
local faults = require "spec.support.faults"
local project = require "spec.support.project"

local build = assert(os.getenv "WHORL_BUILD")

--- "asan", "tsan" or nil.
local sanitizer = (os.getenv "WHORL_PRELOAD" or ""):match "lib(%lsan)%.so"

--- What a sanitizer takes away from the guard.
local out_of_reach = {
  asan = { ["double-free"] = "its malloc ends the program, or sees nothing" },
  tsan = {
    ["double-free"] = "its malloc ends the program, or sees nothing",
    ["loop"] = "it holds signals back until the kernel calls one of its functions",
  },
}

--- A text that only the real compiler takes: the two tiers may see a fault on different lines.
local function slow(text)
  return "#ifdef __TINYC__\n#error not here\n#endif\n" .. text
end

--- The number of the line with that text, or of one so many lines below.
local function line_of(text, at, below)
  local number = 0
  for line in text:gmatch "[^\n]*\n" do
    number = number + 1
    if line:find(at, 1, true) then return tostring(number + (below or 0)) end
  end
  error("no line with " .. at)
end

local ends = ", which would end the host (return, or call host->fail)"

--- What is told of those that are refused with a canary, and, when it is another text, without. In all these texts 0x?
--- is any address.
local refused = {
  ["compile-error"] = { at = "= nowhere", "'nowhere' undeclared (first use in this function)" },
  ["missing-symbol"] = { "undefined symbol: wh_nowhere" },
  ["truncated"] = { "truncated" },
  ["exit"] = { "it calls exit" .. ends },
  ["quick-exit"] = { "it calls _exit" .. ends },
  ["raise"] = { "it calls raise" .. ends },
  ["wrong-version"] = { "deform_shift was built for kernel interface 999, this whorl has 1 (rebuild it with this "
    .. "whorl's whorl_kernel.h)" },
  ["wrong-size"] = { "layout of deform_shift differs: 8 bytes declared, 5 compiled (rebuild it with the same "
    .. "whorl_kernel.h)" },
  ["wild-name"] = { "deform.shift: SIGSEGV when its descriptor was read: it touched address 0x10",
                    "its descriptor cannot be read: SIGSEGV: it touched address 0x10" },
}

--- What is told of the others: by the canary, and by the guard once a cook has run into it. vague: the place depends
--- on the moment, or on what is left of the stack. inside: it ends in a function of the C library.
local aborted = "SIGABRT on no points: it called abort, or the C library found its memory spoiled"
local endless = { "it ran longer than 0.2 s on no points", "it ran longer than 0.2 s" }
local caught = {
  ["null"] = { at = "*nowhere = 1", "SIGSEGV on no points: it touched address 0x0", "SIGSEGV: it touched address 0x0" },
  ["divide"] = { at = "5 / zero", "SIGFPE on no points: it divided an integer by zero",
                 "SIGFPE: it divided by zero, or the result has no room" },
  ["bus"] = { at = "past[5000]", "SIGBUS on no points: it touched address 0x?", "SIGBUS: it touched address 0x?" },
  ["illegal"] = { at = "ud2", "SIGILL on no points: it ran into what is no instruction",
                  "SIGILL: it ran what is no instruction" },
  ["abort"] = { at = "abort()", inside = true, aborted, "SIGABRT: abort was called" },
  ["stack-overflow"] = { vague = true, "SIGSEGV on no points: its stack overflowed",
                         "SIGSEGV: it touched address 0x?" },
  ["wild-jump"] = { at = "away();", "SIGSEGV on no points: it jumped to address 0x1234",
                    "SIGSEGV: it touched address 0x1234" },
  ["stack-smash"] = { vague = true, aborted, "SIGABRT: abort was called" },
  ["loop"] = { at = "while (!stop)", endless[1], endless[2] },
  ["hang"] = { at = "pause()", inside = true, endless[1], endless[2] },
  ["malloc-hang"] = { vague = true, endless[1], endless[2] },
  ["double-free"] = { at = "free(p)", below = 1, aborted, "SIGABRT: abort was called" },
  ["overrun"] = { at = "far[i] = 1", "SIGSEGV on no points: it went past the end of x",
                  "SIGSEGV: it touched address 0x?" },
  ["small-overrun"] = { "it wrote past the end of x on no points" },
  ["heap-smash"] = { at = "free(next)", aborted },
  ["nan"] = { "x of point 0 of 1 made-up point is not a number" },
}

local pipeline = [[
return pipeline "t" {
  deform.shift {},
  reload { kernels = { "shift.c", "shift.so" }, canary = %s, publish = "at-once", time_limit = 0.2 },
}
]]

--- What the program says of a kernel that is saved over a good one. half: a library that is cut in two.
local function run(text, canary, half)
  local p = project.new()
  local from, to = "next.c", "shift.c"
  p:write("next.c", text)
  p:write("shift.c", faults.numbered(faults.good, 1))
  if half then
    from, to = "truncated.so", "shift.so"
    faults.write(p.folder, { "truncated" })
    os.remove(p:path "shift.c")
    assert(os.rename(p:path "good.so", p:path "shift.so"))
  end
  p:write("t.lua", pipeline:format(tostring(canary)))
  local _, out = command.shell(p.folder, ("timeout 60 %s %s %s %s; echo exit $?"):format(
    command.quote(build .. "/spec/fault"), p.folder, from, to))
  p:close()
  return (p:plain(out))
end

--- A pattern of these lines, in which ?: is any place and 0x? any address.
local function pattern_of(lines)
  local text = table.concat(lines, "\n"):gsub("[%^%$%(%)%%%.%[%]%*%+%-]", "%%%0")
  return "^" .. text:gsub("0x%?", "0x%%x+"):gsub("%?: ", "[%%w.]+:%%d+: ") .. "\nexit 0\n$"
end

--- The lines that a run prints when the fault is held.
local function expected(fault, text, canary)
  local known = refused[fault.name] or caught[fault.name]
  local file = fault.half and "shift.so: " or "shift.c: "
  local where = known.vague and "?: " or file
  if not canary and sanitizer == "tsan" and known.inside then
    where = "?: " -- its frames hold what looks like an address of the kernel
  elseif known.at then
    where = "shift.c:" .. line_of(text, known.at, known.below) .. ": "
  end
  if refused[fault.name] then
    local told = not canary and known[2] or known[1]
    return pattern_of { "before 1", "rejected: " .. where .. told, "after 1", "closed" }
  elseif canary then
    return pattern_of { "before 1", "rejected: " .. where .. "deform.shift: " .. known[1], "after 1", "closed" }
  end
  return pattern_of {
    "before 1", "taken over: shift.c: deform.shift generation 2",
    "rejected: " .. where .. "deform.shift generation 2: " .. known[2] .. "; generation 1 runs on",
    "after 1", "closed" }
end

for _, canary in ipairs { true, false } do
  describe(canary and "With the canary" or "With the guard alone", function()
    for _, fault in ipairs(faults.list) do
      if canary or fault.net ~= "canary" then
        it(fault.name .. " is held, and told in exact words", function()
          local why = not canary and (out_of_reach[sanitizer] or {})[fault.name]
          if why then return pending(sanitizer .. ": " .. why) end
          local text = slow(fault.text)
          assert.matches(expected(fault, text, canary), run(text, canary, fault.half))
        end)
      end
    end
  end)
end

describe("A kernel that crashes in a cook", function()
  it("is not run again when its optimised build comes", function()
    local told = {}
    for line in run(faults.list["null"].text, false):gmatch "[^\n]+" do told[#told + 1] = line end
    assert.are.same({ "before 1", "taken over: shift.c: deform.shift generation 2",
      "rejected: shift.c:15: deform.shift generation 2: SIGSEGV: it touched address 0x0; generation 1 runs on",
      "after 1", "closed", "exit 0" }, told)
  end)
end)

describe("A save that does not compile", function()
  it("never undoes the good one before it, though the compiler reads it in the place of that", function()
    local p = project.new()
    p:write("t.lua", pipeline:format "false")
    p:write("shift.c", faults.numbered(faults.good, 1))
    p:write("late-cc", '#!/bin/sh\nsleep 0.1\nexec cc "$@"\n')
    assert.are.equal(0, os.execute("chmod +x " .. command.quote(p:path "late-cc")))
    local s = assert(p:open("t.lua", { compiler = p:path "late-cc" }))
    for number = 2, 6, 2 do
      p:events(s)
      for good = number, number + 1 do
        p:save("shift.c", faults.numbered(faults.good, good))
        p:wait(s, "reloaded") -- of the fast tier's build, where there is one
      end
      p:save("shift.c", faults.numbered(faults.list["compile-error"].text, number))
      p:wait(s, "rejected")
      p:settle(s, 500)
      assert.are.equal(number + 1, assert(s:deform(project.cloud { { 0, 0, 0 } }, 0))[0])
    end
    p:close()
  end)
end)
