--- Wall-clock figures that can be compared: contenders take turns, each gets its median.
local ffi = require "ffi"

ffi.cdef [[
typedef struct { long seconds, nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *out);
int malloc_trim(size_t pad);
]]

local M = {}

local monotonic = 1 -- CLOCK_MONOTONIC
local now = ffi.new("bench_time")

--- Seconds since some moment.
function M.clock()
  ffi.C.clock_gettime(monotonic, now)
  return tonumber(now.seconds) + 1e-9 * tonumber(now.nanoseconds)
end

local function seconds_of(contender)
  local start = M.clock()
  local own = contender.run()
  return own or M.clock() - start
end

--- A core of a virtual machine that has slept takes milliseconds to come back.
local function wake(contender)
  local start = M.clock()
  repeat
    contender.run()
  until M.clock() - start > 0.03
end

--- The middle one: of an odd count, one that was measured.
function M.median(list)
  table.sort(list)
  return list[math.floor(#list / 2) + 1]
end

--- Runs every contender once to warm up, then all in turn, repeats times. A contender is { run = function } that is
--- timed, or returns the seconds that it measured itself. awake: each turn begins with runs that are not timed, so
--- that short work is not measured with sleeping cores and the caches of another. Sets contender.seconds to the median.
function M.take_turns(contenders, repeats, awake)
  local times = {}
  for _, contender in ipairs(contenders) do
    contender.run()
    times[contender] = {}
  end
  for _ = 1, repeats do
    for _, contender in ipairs(contenders) do
      if awake then
        wake(contender)
      end
      table.insert(times[contender], seconds_of(contender))
    end
  end
  for _, contender in ipairs(contenders) do
    contender.seconds = M.median(times[contender])
  end
end

local function memory(key)
  local file = assert(io.open("/proc/self/status"))
  local kilobytes = file:read("*a"):match(key .. ":%s*(%d+) kB")
  file:close()
  return tonumber(kilobytes) * 1024
end

--- Bytes by which the resident memory of this process grows at most while work() runs; nil where that is not known.
function M.peak_growth(work)
  collectgarbage()
  ffi.C.malloc_trim(0) -- or memory that was freed before would be used again unseen
  local reset = io.open("/proc/self/clear_refs", "w")
  if not reset then
    return nil
  end
  reset:write("5\n") -- the peak becomes what is resident now
  reset:close()
  local before = memory("VmRSS")
  work()
  return memory("VmHWM") - before
end

return M
