--- Winding numbers: whorl beside libigl, point-cloud-utils and Embree, on meshes of different size and health.
--
-- ratio is how many times as fast whorl is as who, in the same run and with the same number of threads. Every case is
-- one call with all queries: random in the box of the mesh; near, within 1 % of its diagonal of the surface; lattice,
-- all points of a lattice with 64 steps along the longest side, with the build. build is the first call on a mesh that
-- is new, with one query; point-cloud-utils builds in every call, so this time is taken off its queries. Embree's
-- answers are inside or outside, on closed meshes only; it runs in one thread. Errors are the largest against a sum in
-- double over all triangles; wrong counts the answers on the other side of a half.
local ffi = require "ffi"
local load_meshes = require("bench.support.meshes").load
local measure = require "bench.support.measure"
local with_workplace = require "bench.support.workplace"

local query_count, checked, steps = 20000, 500, 64
local jobs = { "build", "random", "near", "lattice" }
local others = {
  { who = "libigl", script = "winding_libigl", package = "libigl" },
  { who = "point-cloud-utils", script = "winding_pcu", package = "point-cloud-utils", builds_always = true },
  { who = "Embree", script = "winding_embree", package = "embreex", only_closed = true, most_threads = 1 },
}

-- Queries -------------------------------------------------------------------------------------------------------------

local function random_queries(m)
  local out = ffi.new("float[?]", 3 * query_count)
  for i = 0, 3 * query_count - 1 do
    local k = i % 3 + 1
    out[i] = m.low[k] + math.random() * (m.high[k] - m.low[k])
  end
  return out
end

local function near_queries(m)
  local out, reach = ffi.new("float[?]", 3 * query_count), 0.01 * m.diagonal / math.sqrt(3)
  for i = 0, query_count - 1 do
    local corner = m.view.triangle + 3 * math.random(0, m.view.triangle_count - 1)
    local r, s = math.sqrt(math.random()), math.random()
    local u, v, w = 1 - r, r * (1 - s), r * s
    for k = 0, 2 do
      local on = u * m.position[3 * corner[0] + k] + v * m.position[3 * corner[1] + k] +
        w * m.position[3 * corner[2] + k]
      out[3 * i + k] = on + (2 * math.random() - 1) * reach
    end
  end
  return out
end

--- The points that sample.inside tries: whole multiples of the spacing in the box.
local function lattice_queries(m, spacing)
  local first, last, list = {}, {}, {}
  for k = 1, 3 do
    first[k], last[k] = math.ceil(m.low[k] / spacing), math.floor(m.high[k] / spacing)
  end
  for z = first[3], last[3] do
    for y = first[2], last[2] do
      for x = first[1], last[1] do
        list[#list + 1], list[#list + 2], list[#list + 3] = x * spacing, y * spacing, z * spacing
      end
    end
  end
  return ffi.new("float[?]", #list, list), #list / 3
end

-- Contenders: run[job]() each ----------------------------------------------------------------------------------------

--- Makes the mesh one that whorl has not seen: the first point moves by next to nothing.
local function renew(m)
  m.position[0] = m.position[0] + 1e-6 * m.diagonal
end

local function whorl_contender(place, m, queries, threads)
  local session = place:open(("sample.inside { spacing = %.17g }"):format(m.spacing), threads)
  local out = ffi.new("float[?]", query_count)
  local function ask(name, count)
    assert(session:field("winding", m.view, 0, queries[name], count, out))
  end
  local run = {
    build = function() renew(m) ask("random", 1) end,
    random = function() ask("random", query_count) end,
    near = function() ask("near", query_count) end,
    lattice = function() renew(m) assert(session:sample(nil, m.view, 0)):free() end,
  }
  local function results(name)
    ask(name, checked)
    return out, 0
  end
  return { who = "whorl", threads = threads, run = run, results = results }
end

local function peer_contender(place, b, other, threads)
  local peer = place:peer(b.peers, other.script, threads == 1 and "0" or "0,1")
  if not peer then
    return nil
  end
  local run = {}
  for _, job in ipairs(jobs) do
    run[job] = function() return peer:ask(job).seconds end
  end
  local function results(name)
    peer:ask("write")
    return place:floats("winding", 2 * query_count), name == "near" and query_count or 0
  end
  return { who = other.who, threads = threads, run = run, results = results, builds_always = other.builds_always }
end

local function contenders_for(place, b, m, queries, missing)
  local list = {}
  for threads = 1, 2 do
    table.insert(list, whorl_contender(place, m, queries, threads))
    for _, other in ipairs(others) do
      local can = (m.closed or not other.only_closed) and threads <= (other.most_threads or threads)
      if can and not missing[other.who] then
        local contender = peer_contender(place, b, other, threads)
        table.insert(list, contender)
        if not contender then
          missing[other.who] = true
          b.absent(other.package)
        end
      end
    end
  end
  return list
end

-- Figures -------------------------------------------------------------------------------------------------------------

local function measure_job(list, job)
  local turns = {}
  for i, contender in ipairs(list) do
    turns[i] = { run = contender.run[job] }
  end
  measure.take_turns(turns, 5)
  for i, contender in ipairs(list) do
    contender[job] = turns[i].seconds
  end
end

local function seconds_of(contender, job)
  local seconds = contender[job]
  if contender.builds_always and (job == "random" or job == "near") then
    seconds = math.max(seconds - contender.build, 1e-9)
  end
  return seconds
end

local function add_job(b, m, list, job)
  local own = {}
  for _, contender in ipairs(list) do
    local seconds = seconds_of(contender, job)
    own[contender.threads] = own[contender.threads] or seconds -- whorl comes first
    local is_rate = job == "random" or job == "near"
    local case = ("%s, %s, %d thread%s"):format(m.name, job, contender.threads, contender.threads > 1 and "s" or "")
    b.add { case = case, who = contender.who, threads = contender.threads,
            value = is_rate and 1e-3 * query_count / seconds or 1e3 * seconds, unit = is_rate and "k/s" or "ms",
            ratio = contender.who ~= "whorl" and seconds / own[contender.threads] or nil }
  end
end

--- The largest error, and how many answers are on the other side of a half.
local function compare(contender, name, exact)
  local found, first = contender.results(name)
  local largest, wrong = 0, 0
  for i = 0, checked - 1 do
    largest = math.max(largest, math.abs(found[first + i] - exact[i]))
    wrong = wrong + ((found[first + i] >= 0.5) ~= (exact[i] >= 0.5) and 1 or 0)
  end
  return largest, wrong
end

local function add_errors(b, m, list, queries, brute)
  for _, name in ipairs { "random", "near" } do
    local exact = ffi.new("double[?]", checked)
    brute.brute_winding(m.position, m.view.triangle, m.view.triangle_count, queries[name], checked, exact)
    for _, contender in ipairs(list) do
      if contender.threads == 1 then
        local error_found, wrong = compare(contender, name, exact)
        if contender.who ~= "Embree" then
          b.add { case = m.name .. ", error " .. name, who = contender.who, threads = 1, value = error_found,
                  unit = "turns" }
        end
        b.add { case = m.name .. ", wrong " .. name, who = contender.who, threads = 1, value = wrong,
                unit = "of " .. checked }
      end
    end
  end
end

local function run_mesh(place, b, m, brute, missing)
  m.spacing = m.side / steps
  local lattice, lattice_count = lattice_queries(m, m.spacing)
  local queries = { random = random_queries(m), near = near_queries(m), lattice = lattice }
  place:write("points", m.position, 12 * m.view.point_count)
  place:write("triangles", m.view.triangle, 12 * m.view.triangle_count)
  place:write("random", queries.random, 12 * query_count)
  place:write("near", queries.near, 12 * query_count)
  place:write("lattice", lattice, 12 * lattice_count)
  print(("  %s: %d triangles, %s, %d points in the lattice"):format(m.name, m.view.triangle_count,
    m.closed and "closed" or "open", lattice_count))
  local list = contenders_for(place, b, m, queries, missing)
  add_errors(b, m, list, queries, brute)
  for _, job in ipairs(jobs) do
    measure_job(list, job)
    add_job(b, m, list, job)
  end
end

return function(b)
  ffi.cdef [[void brute_winding(const float *position, const uint32_t *triangle, int triangles, const float *query,
                                int queries, double *out);]]
  math.randomseed(1)
  with_workplace(function(place)
    local brute, missing = place:compile("brute"), {}
    for _, m in ipairs(load_meshes(place)) do
      run_mesh(place, b, m, brute, missing)
    end
  end)
end
