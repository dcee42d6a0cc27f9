--- Wall-clock figures that can be compared: contenders take turns, each gets its median.
local ffi = require "ffi"

ffi.cdef [[
typedef struct { long seconds, nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *out);
int malloc_trim(size_t pad);
]]

local M = {}

local monotonic, process_time = 1, 2 -- CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID
local now = ffi.new("bench_time")

local function read(clock)
  ffi.C.clock_gettime(clock, now)
  return tonumber(now.seconds) + 1e-9 * tonumber(now.nanoseconds)
end

--- Seconds since some moment.
function M.clock()
  return read(monotonic)
end

--- Seconds that this process has used, on all cores: what others do meanwhile is not in them.
function M.cpu_clock()
  return read(process_time)
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
--- timed, or returns the seconds that it measured itself. awake: each turn of short work begins with runs that are not
--- timed, so that it is not measured with sleeping cores and the caches of another. patience: a contender that has used
--- up so many seconds sits out the rest. Sets contender.seconds to the median.
function M.take_turns(contenders, repeats, awake, patience)
  local times, left, is_short = {}, {}, {}
  for _, contender in ipairs(contenders) do
    local start = M.clock()
    contender.run()
    is_short[contender] = M.clock() - start < 0.1
    times[contender], left[contender] = {}, patience or math.huge
  end
  for _ = 1, repeats do
    for _, contender in ipairs(contenders) do
      if left[contender] > 0 then
        if awake and is_short[contender] then
          wake(contender)
        end
        local seconds = seconds_of(contender)
        table.insert(times[contender], seconds)
        left[contender] = left[contender] - seconds
      end
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

--- Bytes of this process that are resident once what is free was given back.
function M.resident()
  collectgarbage()
  collectgarbage() -- what has finalizers goes in the second round
  ffi.C.malloc_trim(0)
  return memory("VmRSS")
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
