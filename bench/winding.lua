--- Winding numbers: whorl beside libigl, point-cloud-utils, Embree and CGAL, on meshes of different size and health.
--
-- Sets of queries: random in the box of the mesh; near, within 1 % of its diagonal of the surface; batch, 1 to 5000 of
-- the random ones a call; "random, accuracy 0.003", whorl's numbers where they need not be better than those of the
-- peers; lattice, all points of a lattice in the box, 128^3 of them, with the build: whorl finds the
-- points inside (sample.inside, with their winding numbers on the line "lattice, values"), peers each point's number or
-- side. build is the first call on a mesh that is new, with one query. Others are one call with 200000 queries.
--
-- One thread is measured by the time of the processor, two by the clock; contenders take turns, each gets the median of
-- five, fewer once it has used 2 seconds. point-cloud-utils builds in every call, so the time of a build is taken off
-- its queries; of calls from Python with few queries, that of the same calls on one triangle; whorl's are made from C.
-- Embree and CGAL tell sides, of closed meshes only. ratio is how many times as fast whorl is as who, on whorl's lines
-- as the best peer of the line. Errors are the largest against a sum in double over all triangles; wrong counts answers
-- on the other side of a half. kept is what the process has grown by after the build.
--
-- Targets are for AVX-512; with AVX2 alone those of speed are half as high. WHORL_QUICK=1 measures about a tenth of it,
-- on a lattice too small for its targets; WHORL_ONLY=WORD only meshes with that word in their name.
local contenders_of = require("bench.support.winding_contenders")
local ffi = require "ffi"
local meshes = require "bench.support.meshes"
local measure = require "bench.support.measure"
local sets_of = require "bench.support.winding_sets"
local with_workplace = require "bench.support.workplace"

local quick, only = os.getenv "WHORL_QUICK", os.getenv "WHORL_ONLY" or ""
local rounds, patience = quick and 2 or 5, 2
local large = 500000 -- triangles, from where on other targets hold

-- Targets -------------------------------------------------------------------------------------------------------------

local function has_avx512()
  local file = io.open "/proc/cpuinfo"
  local flags = file and file:read("*a"):match "flags%s*:([^\n]*)" or ""
  if file then
    file:close()
  end
  for _, word in ipairs { "f", "bw", "cd", "dq", "vl" } do
    if not (flags .. " "):find(" avx512" .. word .. " ", 1, true) then
      return false
    end
  end
  return true
end

local full = has_avx512()

--- The members of a figure for a target of speed: how many times as fast as another.
local function speed(ratio, goal)
  local target = full and goal or goal / 2
  return { ratio = ratio, target = target, met = ratio >= target,
           basis = full and "AVX-512" or ("AVX2, half of %g"):format(goal) }
end

local function at_most(value, target)
  return { target = target, met = value <= target }
end

--- { kinds that it is held against, how many times as fast, at what job of theirs } for each target of a job on a mesh.
local function speed_targets(m, job)
  local is_large, winding, any = m.triangles > large, { winding = true }, { winding = true, Embree = true, CGAL = true }
  if job == "build" then
    return { { winding, 5 } }
  elseif job == "random" then
    return { { winding, is_large and 5 or 8 }, m.health == "closed" and { { Embree = true }, 3 } or nil }
  elseif job == contenders_of.coarse then
    return { { winding, is_large and 5 or 8, "random" } }
  elseif job == "near" then
    return { { winding, is_large and 6 or 12 } }
  elseif job == "lattice" and not quick then
    local goals = { closed = is_large and 25 or 20, torn = 20, loose = 8 }
    return { { any, goals[m.health] } }
  elseif job:match "^batch" then
    return { { winding, 2.5 } }
  end
  return {}
end

-- Speed ---------------------------------------------------------------------------------------------------------------

local function measure_job(list, job)
  local turns = {}
  for _, contender in ipairs(list) do
    turns[#turns + 1] = contender.run[job] and { run = contender.run[job], contender = contender }
  end
  measure.take_turns(turns, rounds, true, patience)
  for _, turn in ipairs(turns) do
    local c, seconds = turn.contender, turn.seconds
    if c.builds_always and job ~= "build" then
      seconds = seconds - c.build
      seconds = seconds > 0.5 * c.build and seconds or nil -- else the build hides it
    end
    c[job] = seconds
  end
end

--- Time for a figure: thousands of queries a second, or milliseconds.
local function shown(sets, job, seconds)
  local size = tonumber(job:match "^batch (%d+)$")
  if job == "near" or job:match "^random" then
    return 1e-3 * sets_of.count / seconds, "k/s"
  elseif size then
    return 1e-3 * size * contenders_of.calls(size) / seconds, "k/s"
  elseif job:match "^lattice" then
    return 1e-3 * sets.lattice.count / seconds, "k/s"
  end
  return 1e3 * seconds, "ms"
end

--- Seconds of the fastest of some kinds, and who that is; nil where there is none.
local function best(list, job, threads, kinds)
  local seconds, who
  for _, c in ipairs(list) do
    if c.kind and kinds[c.kind] and c.threads == threads and c[job] and c[job] < (seconds or math.huge) then
      seconds, who = c[job], c.who
    end
  end
  return seconds, who
end

--- against: what the case is held against, as " / libigl", or "".
local function add(b, m, sets, job, against, contender, more)
  local value, unit = shown(sets, job, contender[job])
  local plural = contender.threads > 1 and "s" or ""
  local figure = { case = ("%s, %s, %d thread%s%s"):format(m.name, job, contender.threads, plural, against),
                   who = contender.who, threads = contender.threads, value = value, unit = unit }
  for key, of in pairs(more or {}) do
    figure[key] = of
  end
  b.add(figure)
end

local function add_speed_targets(b, m, sets, list, job)
  for _, target in ipairs(speed_targets(m, job)) do
    local seconds, who = best(list, target[3] or job, 1, target[1])
    if seconds and list[1][job] then
      add(b, m, sets, job, " / " .. who, list[1], speed(seconds / list[1][job], target[2]))
    end
  end
end

local function add_never_slower(b, m, sets, list, job)
  local seconds, who = best(list, job, 1, { winding = true, Embree = true, CGAL = true })
  local ratio = seconds and seconds / list[1][job]
  if seconds then
    add(b, m, sets, job, " / " .. who, list[1], { ratio = ratio, target = 1, met = ratio >= 1, basis = "any peer" })
  end
end

local function add_job(b, m, sets, list, job)
  local own = { list[1][job], list[2][job] } -- whorl's, with one thread and two
  for _, c in ipairs(list) do
    if c[job] then
      add(b, m, sets, job, "", c, { ratio = c.kind and c[job] / own[c.threads] or nil })
    end
  end
  add_speed_targets(b, m, sets, list, job)
  if job:match "^batch" then
    add_never_slower(b, m, sets, list, job)
  elseif job == "random" or job == "lattice" then
    local ratio = own[1] / own[2]
    add(b, m, sets, job, " / 1", list[2], { ratio = ratio, target = 1.8, met = ratio >= 1.8 })
  end
end

-- Answers -------------------------------------------------------------------------------------------------------------

--- For each of the three sets: the largest error, and how many answers are on the other side of a half.
local function compare(found, exact, each, first)
  local largest, wrong = 0, 0
  for i = first, first + each - 1 do
    largest = math.max(largest, math.abs(found[i] - exact[i]))
    wrong = wrong + ((found[i] >= 0.5) ~= (exact[i] >= 0.5) and 1 or 0)
  end
  return largest, wrong
end

local function add_wrong(b, m, name, who, wrong, each, more)
  b.add { case = ("%s, wrong %s"):format(m.name, name), who = who, threads = 1, value = wrong, unit = "of " .. each,
          target = more and more.target, met = more and more.met }
end

local function add_answers(b, m, name, list, sets, exact, first)
  local each, error_of = sets.each, {}
  for _, c in ipairs(list) do
    if c.found then
      local largest, wrong = compare(c.found, exact, each, first)
      error_of[#error_of + 1] = (not c.kind or c.kind == "winding") and { who = c.who, largest = largest } or nil
      add_wrong(b, m, name, c.who, wrong, each, not c.kind and m.health == "closed" and at_most(wrong, 0) or nil)
    end
  end
  local least = math.huge
  for i = 2, #error_of do
    least = math.min(least, error_of[i].largest)
  end
  local function add_error(what, who, largest)
    local target = who == "whorl" and least < math.huge and at_most(largest, least) or {}
    b.add { case = ("%s, error %s"):format(m.name, what), who = who, threads = 1, value = largest, unit = "turns",
            target = target.target, met = target.met }
  end
  for _, e in ipairs(error_of) do
    add_error(name, e.who, e.largest)
  end
  if name == "random" and m.health ~= "closed" then
    add_error(contenders_of.coarse, "whorl", (compare(list[1].coarse, exact, each, 0)))
  end
end

--- What the sampler finds of the lattice has to be right in any mesh.
local function add_sides(b, m, sets, sides, exact)
  local _, wrong = compare(sides, exact + 2 * sets.each, sets.each, 0)
  add_wrong(b, m, "sides of lattice", "whorl", wrong, sets.each, at_most(wrong, 0))
end

local function add_all_answers(b, m, list, sets, brute)
  local exact = ffi.new("double[?]", 3 * sets.each)
  brute.brute_winding(m.position, m.triangle, m.triangles, sets.checked, 3 * sets.each, exact)
  for _, c in ipairs(list) do
    if c.threads == 1 then
      c.found, c.sides, c.coarse = c.answers()
    end
  end
  add_sides(b, m, sets, list[1].sides, exact)
  for i, name in ipairs { "random", "near", "lattice" } do
    add_answers(b, m, name, list, sets, exact, (i - 1) * sets.each)
  end
end

local function add_kept(b, m, list)
  for _, c in ipairs(list) do
    if c.kept then
      local bytes = c.kept / m.triangles
      local target = c.kind == nil and at_most(bytes, 100) or {}
      b.add { case = m.name .. ", kept", who = c.who, threads = 1, value = bytes, unit = "B/triangle",
              target = target.target, met = target.met }
    end
  end
end

-- All -----------------------------------------------------------------------------------------------------------------

local function all_jobs()
  local jobs = { "build", "random", contenders_of.coarse, "near", "lattice", "lattice, values" }
  for _, size in ipairs(contenders_of.batches) do
    jobs[#jobs + 1] = "batch " .. size
  end
  return jobs
end

local function run_mesh(place, b, m, brute, missing)
  local sets = sets_of.make(m)
  sets_of.write(place, m, sets)
  print(("  %s: %d triangles, %d points in the lattice"):format(m.name, m.triangles, sets.lattice.count))
  local list = contenders_of.list(place, b, m, sets, missing)
  add_kept(b, m, list)
  add_all_answers(b, m, list, sets, brute)
  for _, job in ipairs(all_jobs()) do
    measure_job(list, job)
    add_job(b, m, sets, list, job)
  end
  place:clear()
end

return function(b)
  ffi.cdef [[void brute_winding(const float *position, const uint32_t *triangle, int triangles, const float *query,
                                int queries, double *out);]]
  print(full and "  targets: the full ones, for AVX-512" or "  targets: half of the full ones, for AVX2 alone")
  with_workplace(function(place)
    local brute, missing = place:compile("brute", "-fno-math-errno -fno-trapping-math"), {}
    for _, make in ipairs(meshes.list(place)) do
      local m = make()
      if m.name:find(only, 1, true) then
        run_mesh(place, b, m, brute, missing)
      end
    end
  end)
end
