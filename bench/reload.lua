--- From a save to a result, what safety costs, and what it holds.
--
-- Saves: a program in C waits, polls and deforms 20000 points as a viewer does (spec/programs/latency.c); times are
-- from the end of a rename. "own share" is what is left of a save without the compiler's time, measured by itself.
-- The baseline is hot reload as tutorials teach it, rebuilt in spec/programs/baseline.c.
-- Faults: each bad kernel of spec/support/faults.lua, with and without the canary (spec/programs/fault.c).
-- Threads: eight cook through WHORL_RELOADS reloads (default 10000), every tenth of them bad (spec/programs/reload.c).
-- ratio is value / target where a target is "at most".
local command = require "spec.support.command"
local faults = require "spec.support.faults"
local measure = require "bench.support.measure"
local whorl = require "whorl"
local with_workplace = require "bench.support.workplace"

local quote = command.quote
local programs = assert(os.getenv "WHORL_BUILD", "use ./dev bench") .. "/spec/"
local saves = 100

--- Lines that a program of spec/programs prints, and how it ended: "exit 0"; "exit 124" when it ran too long.
local function lines_of(words, seconds)
  local pipe = assert(io.popen(("timeout %d %s%s 2>&1; echo exit $?"):format(seconds or 3600, programs, words)))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  pipe:close()
  return lines, table.remove(lines)
end

local function must(words)
  local lines, status = lines_of(words)
  assert(status == "exit 0", table.concat(lines, "\n"))
  return lines
end

local function percentile(list, share)
  table.sort(list)
  return list[math.max(1, math.ceil(share * #list))]
end

local function folder(place, name)
  local path = place:path(name)
  assert(os.execute("mkdir -p " .. quote(path)) == 0)
  return path
end

--- What is at most target.
local function add(b, case, who, value, unit, target)
  b.add { case = case, who = who, value = value, unit = unit, target = target, ratio = target and value / target,
          met = target and value <= target or nil }
end

-- Saves ---------------------------------------------------------------------------------------------------------------

local kernel = faults.good
local slow_kernel = "#ifdef __TINYC__\n#error for the real compiler only\n#endif\n" .. kernel

local function pipeline(canary)
  return ("return pipeline \"latency\" {\n  deform.shift {},\n  reload { canary = %s, publish = \"at-once\" },\n}\n")
    :format(canary)
end

--- Milliseconds that the compiler takes for the same file by itself, with the flags of a live build.
local function compiler_time(place)
  local flags = assert(whorl.build_info():match("kernel flags: ([^\n]*)"))
  local vectors = os.execute("grep -q avx2 /proc/cpuinfo") == 0 and "-march=x86-64-v3" or ""
  local source, out = place:path "alone.c", place:path "alone.so"
  local line = ("cc %s -g1 -fstack-protector-strong -fstack-clash-protection -Wall %s -I%s -MMD -MF %s -o %s %s -lm")
    :format(flags, vectors, quote(command.source .. "/kernels"), quote(out .. ".d"), quote(out), quote(source))
  command.write(source, faults.numbered(kernel, 7))
  local times = {}
  for i = 1, 21 do
    local start = measure.clock()
    assert(os.execute(line) == 0)
    times[i] = (measure.clock() - start) * 1e3
  end
  return measure.median(times)
end

local function latencies(place, name, canary, text)
  local at = folder(place, name)
  command.write(at .. "/kernel.txt", text)
  command.write(at .. "/latency.lua", pipeline(canary))
  local first, full, fast = {}, {}, 0
  for _, line in ipairs(must(("latency %s %d"):format(quote(at), saves))) do
    local one, tier, two = line:match "^first ([%d.]+) (%a+) full ([%d.]+)"
    first[#first + 1], full[#full + 1] = assert(tonumber(one), line), tonumber(two)
    fast = fast + (tier == "fast" and 1 or 0)
  end
  return first, full, fast
end

local function add_saves(b, place, name, canary, text, targets, compiler)
  local first, full, fast = latencies(place, name, tostring(canary), text)
  local case = canary and "save, canary" or "save, no canary"
  if targets then
    add(b, case .. ", median", "fast tier", percentile(first, 0.5), "ms", targets[1])
    add(b, case .. ", 95 %", "fast tier", percentile(first, 0.95), "ms", targets[2])
    add(b, case .. ", came first", "fast tier", 100 * fast / saves, "%")
  else
    case = case .. ", no fast tier"
  end
  local whole = percentile(full, 0.5)
  add(b, case .. ", median", "optimised", whole, "ms", 1.3 * compiler)
  add(b, case .. ", 95 %", "optimised", percentile(full, 0.95), "ms")
  add(b, case .. ", own share", "optimised", whole - compiler, "ms")
end

local function add_baseline(b, place)
  for _, way in ipairs { { "linker writes it", "-o plain.so plain.c" },
                         { "moved in place", "-o plain.new plain.c && mv plain.new plain.so" } } do
    local at = folder(place, "baseline")
    command.write(at .. "/make.sh", ("cd %s && cc -O3 -shared -fPIC %s\n"):format(quote(at), way[2]))
    os.remove(at .. "/plain.so")
    local times, lost = {}, 0
    for _, line in ipairs(must(("baseline %s save 20"):format(quote(at)))) do
      local ms = tonumber(line:match "^result ([%d.]+)")
      if ms then times[#times + 1] = ms else lost = lost + 1 end
    end
    if #times > 0 then add(b, "save, " .. way[1] .. ", median", "baseline", percentile(times, 0.5), "ms") end
    add(b, "lost of 20, " .. way[1], "baseline", lost, "saves")
  end
  local ended = must(("baseline %s threads 1000"):format(quote(place:path "baseline")))[1]
  add(b, "8 threads: " .. ended:gsub("^%d+ ", ""), "baseline", tonumber(ended:match "^%d+"), "reloads")
end

-- The price -----------------------------------------------------------------------------------------------------------

local empty = [[
#include "whorl_kernel.h"
WH_NO_PARAMS(deform_empty)
static void deform_empty_run(const wh_block *b)
{
    (void)b;
}
WH_KERNEL(deform_empty, .doc = "Nothing", .run = deform_empty_run);
]]

local function add_price(b, place)
  local at = folder(place, "price")
  command.write(at .. "/empty.c", empty)
  command.write(at .. "/one.lua", 'return pipeline "one" { deform.empty {} }\n')
  command.write(at .. "/many.lua", ('return pipeline "many" { %s }\n'):format(("deform.empty {}, "):rep(33)))
  assert(os.execute(("cc -O3 -shared -fPIC -I%s -o %s %s"):format(quote(command.source .. "/kernels"),
    quote(at .. "/direct.so"), quote(at .. "/empty.c"))) == 0)
  for _, mode in ipairs { "", " unguarded" } do
    local line = must(("price %s %s%s"):format(quote(at), quote(at .. "/direct.so"), mode))[1]
    local function figure(name) return tonumber(line:match("%f[%w_]" .. name .. "=([%d.-]+)")) end
    local who = mode == "" and "guarded" or "unguarded"
    for _, which in ipairs { { "", "" }, { "best_", ", best rounds" } } do
      local call = figure(which[1] .. "call_ns")
      add(b, "a cook of one point, beyond a call" .. which[2], who, figure(which[1] .. "cook_ns") - call, "ns a cook",
        mode == "" and 100 or nil)
      add(b, "a block of a stage, beyond a call" .. which[2], who, figure(which[1] .. "block_ns") - call, "ns a block",
        mode == "" and 10 or nil)
    end
  end
end

-- Faults --------------------------------------------------------------------------------------------------------------

--- In words, what came of a fault.
local function fate(fault, lines, status, canary)
  local text = table.concat(lines, "\n")
  if status == "exit 124" then return "the host hung" end
  if text:find("wrong: point", 1, true) then return "took over a wrong result" end
  if text:find("failed: ", 1, true) then return "a cook failed" end
  if status ~= "exit 0" or not text:find "\nafter 1\nclosed$" then return "the host died" end
  if text:find("taken over", 1, true) then return "contained by the guard" end
  if not text:find("rejected", 1, true) then return "nothing was told" end
  local before = fault.net == "compiler" or fault.net == "loader" or fault.net == "check"
  return (before or not canary) and "refused before it was loaded" or "rejected by the canary"
end

local function try_fault(place, fault, canary)
  local at = folder(place, ("fault-%s-%s"):format(fault.name, tostring(canary)))
  faults.write(at, { fault })
  assert(os.execute(("cd %s && mkdir live && mv good.so live/shift.so"):format(quote(at))) == 0)
  local from, to = "next.so", "shift.so"
  if fault.net == "compiler" then
    from, to = "next.c", "shift.c"
    command.write(at .. "/live/next.c", fault.text)
  else
    assert(os.execute(("mv %s %s"):format(quote(at .. "/" .. fault.name .. ".so"), quote(at .. "/live/next.so"))) == 0)
  end
  command.write(at .. "/live/t.lua", ([[
return pipeline "t" {
  deform.shift {},
  reload { kernels = { "*.c", "shift.so" }, canary = %s, publish = "at-once", time_limit = 0.2 },
}
]]):format(tostring(canary)))
  local lines, status = lines_of(("fault %s %s %s 2> /dev/null"):format(quote(at .. "/live"), from, to), 15)
  return fate(fault, lines, status, canary)
end

local function add_faults(b, place)
  for _, canary in ipairs { true, false } do
    local held = 0
    for _, fault in ipairs(faults.list) do
      local came = try_fault(place, fault, canary)
      local fine = came:find "^refused" or came:find "^rejected" or came:find "^contained"
      held = held + (fine and 1 or 0)
      print(("  %-16s %-12s %s"):format(fault.name, canary and "canary" or "no canary", came))
    end
    b.add { case = ("faults held, of %d"):format(#faults.list), who = canary and "canary" or "guard only", value = held,
            unit = "faults", target = canary and #faults.list or nil, met = canary and held == #faults.list or nil }
  end
end

-- Threads -------------------------------------------------------------------------------------------------------------

local function add_threads(b, place)
  local at = folder(place, "threads")
  faults.write(folder(place, "threads/faults"))
  local reloads = tonumber(os.getenv "WHORL_RELOADS" or 10000)
  local lines, status = lines_of(("reload %s %d 10 8 2> /dev/null"):format(quote(at), reloads))
  local line = lines[#lines] or ""
  print("  " .. line)
  local count = {}
  for key, value in line:gmatch "([%w_]+)=([%d.-]+)" do count[key] = tonumber(value) end
  assert(count.cooks, table.concat(lines, "\n"))
  local function zero(case, value) b.add { case = case, who = "whorl", threads = 8, value = value, unit = "",
                                           target = 0, met = value == 0 } end
  b.add { case = ("%d reloads, %d bad"):format(count.reloads, count.bad), who = "whorl", threads = 8,
          value = count.cooks, unit = "cooks", met = status == "exit 0" }
  zero("wrong results", count.wrong)
  zero("failed cooks", count.failed)
  zero("lost saves", count.lost)
  zero("cooks that waited", count.waited)
  zero("files left open", count.files_end - count.files_warm)
  zero("libraries left mapped", count.mapped_end - count.contained - 2)
  add(b, "longest cook beside a publication", "whorl", count.beside_publish_ms, "ms")
  add(b, "longest cook", "whorl", count.longest_ms, "ms")
  add(b, "longest wh_poll, its own work", "whorl", count.poll_work_ms, "ms")
  add(b, "memory, after the warm-up", "whorl", count.rss_warm_kb, "kB")
  add(b, "memory, at the end", "whorl", count.rss_end_kb, "kB")
end

local function run(b, place)
  local compiler = compiler_time(place)
  add(b, "the compiler by itself", "cc -O3", compiler, "ms")
  add_saves(b, place, "plain", false, kernel, { 10, 20 }, compiler)
  add_saves(b, place, "tried", true, kernel, { 20, 40 }, compiler)
  add_saves(b, place, "slow", true, slow_kernel, nil, compiler)
  add_baseline(b, place)
  add_price(b, place)
  add_faults(b, place)
  add_threads(b, place)
end

return function(b)
  with_workplace(function(place) run(b, place) end)
end
