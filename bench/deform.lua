--- Deforming a million points: whorl beside a plain C loop, numpy and Blender's Simple Deform, all with the same twist.
--
-- ratio is how many times as fast whorl is as who, in the same run and with the threads of the line; on lines of whorl
-- it is what the case says. The chain is taper, twist, bend, wave; "4 twists" has four of what one is. Input and output
-- are in memory and were touched before; whorl is timed from wh_deform to its return. numpy and the plain loop use one
-- thread.
local ffi = require "ffi"
local measure = require "bench.support.measure"
local whorl = require "whorl"
local with_workplace = require "bench.support.workplace"

local side = 1000
local count = side * side
local twist = "deform.twist { angle = 90, length = 1 }"
local chain = { "deform.taper {}", twist, "deform.bend {}", "deform.wave {}" }

--- A sheet of 1000 x 1000 points with hills: it has an inside of the twist and, at its lower and upper end, a boundary.
local function make_points()
  local points = ffi.new("float[?]", 3 * count)
  for i = 0, count - 1 do
    local u, v = i % side / (side - 1), math.floor(i / side) / (side - 1)
    points[3 * i], points[3 * i + 1], points[3 * i + 2] = u - 0.5, v, 0.2 * math.sin(9 * u) * math.cos(7 * v)
  end
  return points
end

local function largest_difference(a, b)
  local largest = 0
  for i = 0, 3 * count - 1 do
    largest = math.max(largest, math.abs(a[i] - b[i]))
  end
  return largest
end

local function whorl_contender(place, view, out, body, threads)
  local session = place:open(body, threads)
  return { who = "whorl", threads = threads, run = function() assert(session:deform(view, 0, out)) end }
end

local function plain_contender(place, points, out)
  ffi.cdef("void plain_twist(const float *in, float *out, int count, float angle);")
  local library = place:compile("plain")
  return { who = "plain C loop", threads = 1, result = function() return out end, tolerance = 1e-6,
           run = function() library.plain_twist(points, out, count, math.rad(90)) end }
end

local function peer_contender(place, b, who, script, threads, tolerance)
  local peer = place:peer(b.peers, script, threads == 1 and "0" or "0,1")
  return peer and {
    who = who, threads = threads, tolerance = tolerance,
    run = function() return peer:ask("twist").seconds end,
    result = function()
      peer:ask("write")
      return place:floats(script:match("_(%a+)$"), 3 * count)
    end,
  }
end

--- Contenders that are here; names the peers that are not.
local function others(place, b, points, out)
  local list = { plain_contender(place, points, out) }
  list[#list + 1] = peer_contender(place, b, "numpy", "twist_numpy", 1, 1e-6)
  if #list == 1 then
    b.absent("numpy")
  end
  for threads = 1, 2 do
    local blender = peer_contender(place, b, "Simple Deform", "twist_blender", threads, 1e-5)
    if not blender then
      b.absent("bpy", "./dev peers bpy")
      break
    end
    list[#list + 1] = blender
  end
  return list
end

--- The comparison is fair only when all do the same.
local function check_results(list, whorl_run, whorl_out)
  for _, other in ipairs(list) do
    other.run()
    local theirs = other.result()
    if theirs == whorl_out then
      theirs = ffi.new("float[?]", 3 * count)
      ffi.copy(theirs, whorl_out, 12 * count)
    end
    whorl_run()
    local difference = largest_difference(whorl_out, theirs)
    assert(difference <= other.tolerance, ("%s differs by %g"):format(other.who, difference))
    print(("  largest difference of %s: %.2g m"):format(other.who, difference))
  end
end

local function add_speed(b, case, contender, ratio, target)
  b.add { case = case, who = contender.who, threads = contender.threads, value = 1e-6 * count / contender.seconds,
          unit = "M points/s", ratio = ratio, target = target, met = target and ratio >= target or nil }
end

local function add_memory(b, place, view, out, case, body)
  local session = place:open(body, 2)
  local bytes = measure.peak_growth(function() assert(session:deform(view, 0, out)) end)
  if bytes then
    b.add { case = case, who = "whorl", threads = 2, value = bytes / 1e6, unit = "MB", target = 8,
            met = bytes < 8e6 }
  end
end

local function add_chain(b, case, one, four, target)
  local ratio = four.seconds / one.seconds
  b.add { case = case, who = "whorl", threads = four.threads, value = 1e-6 * count / four.seconds,
          unit = "M points/s", ratio = ratio, target = target, met = target and ratio <= target or nil }
end

local speed_target = { numpy = 8, ["Simple Deform"] = 3 }

local function run(b, place)
  local points, out = make_points(), ffi.new("float[?]", 3 * count)
  ffi.fill(out, 12 * count, 1)
  place:write("points", points, 12 * count)
  local view = whorl.view { position = points, point_count = count }
  local same = table.concat({ twist, twist, twist, twist }, ", ")
  local mixed = table.concat(chain, ", ")
  add_memory(b, place, view, out, "memory beyond in, out: twist", twist)
  add_memory(b, place, view, out, "memory beyond in, out: chain", mixed)

  local one, four, four_twists, all = {}, {}, {}, {}
  for threads = 1, 2 do
    one[threads] = whorl_contender(place, view, out, twist, threads)
    four[threads] = whorl_contender(place, view, out, mixed, threads)
    four_twists[threads] = whorl_contender(place, view, out, same, threads)
    table.insert(all, one[threads])
    table.insert(all, four[threads])
    table.insert(all, four_twists[threads])
  end
  local list = others(place, b, points, out)
  check_results(list, one[1].run, out)
  for _, other in ipairs(list) do
    table.insert(all, other)
  end
  measure.take_turns(all, 11, true)

  add_speed(b, "twist, 1 thread", one[1])
  add_speed(b, "twist, 2 threads: 2 / 1", one[2], one[1].seconds / one[2].seconds, 1.8)
  for _, other in ipairs(list) do
    add_speed(b, ("twist, %d thread%s"):format(other.threads, other.threads > 1 and "s" or ""), other,
              other.seconds / one[other.threads].seconds, speed_target[other.who])
  end
  for threads = 1, 2 do
    local case = (", %d thread%s: time / one"):format(threads, threads > 1 and "s" or "")
    add_chain(b, "chain" .. case, one[threads], four[threads], 2)
    add_chain(b, "4 twists" .. case, one[threads], four_twists[threads])
  end
end

return function(b)
  with_workplace(function(place) run(b, place) end)
end
