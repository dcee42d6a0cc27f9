--- Where winding numbers are asked for: sets of queries for a mesh, the same in every run.
local ffi = require "ffi"

local quick = os.getenv "WHORL_QUICK"
local M = { count = quick and 20000 or 200000 } -- in each of random and near

local steps = quick and 64 or 128 -- the lattice has the cube of it, as the box is not

--- Anywhere in the box.
local function random_queries(m)
  local out = ffi.new("float[?]", 3 * M.count)
  for i = 0, 3 * M.count - 1 do
    local k = i % 3 + 1
    out[i] = m.low[k] + math.random() * (m.high[k] - m.low[k])
  end
  return out
end

--- A place on a triangle drawn at random, moved by up to 1 % of the diagonal.
local function near_queries(m)
  local out, reach = ffi.new("float[?]", 3 * M.count), 0.01 * m.diagonal / math.sqrt(3)
  for i = 0, M.count - 1 do
    local corner = m.triangle + 3 * math.random(0, m.triangles - 1)
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
local function make_lattice(m)
  local lattice = { spacing = (m.volume / steps ^ 3) ^ (1 / 3), first = {}, size = {} }
  for k = 1, 3 do
    lattice.first[k] = math.ceil(m.low[k] / lattice.spacing)
    lattice.size[k] = math.floor(m.high[k] / lattice.spacing) - lattice.first[k] + 1
  end
  lattice.count = lattice.size[1] * lattice.size[2] * lattice.size[3]
  return lattice
end

local function lattice_point(lattice, index, out)
  local nx, ny = lattice.size[1], lattice.size[2]
  out[0] = (index % nx + lattice.first[1]) * lattice.spacing
  out[1] = (math.floor(index / nx) % ny + lattice.first[2]) * lattice.spacing
  out[2] = (math.floor(index / (nx * ny)) + lattice.first[3]) * lattice.spacing
end

local function lattice_queries(lattice)
  local out = ffi.new("float[?]", 3 * lattice.count)
  for i = 0, lattice.count - 1 do
    lattice_point(lattice, i, out + 3 * i)
  end
  return out
end

--- The number of the lattice point nearest to a position.
function M.lattice_index(lattice, position)
  local index = 0
  for k = 3, 1, -1 do
    local step = math.floor(position[k - 1] / lattice.spacing + 0.5) - lattice.first[k]
    index = index * lattice.size[k] + step
  end
  return index
end

--- Those that brute force answers too: as many of each set. picked: the numbers of those of the lattice.
local function checked_queries(sets, each)
  local out, picked = ffi.new("float[?]", 9 * each), {}
  ffi.copy(out, sets.random, 12 * each)
  ffi.copy(out + 3 * each, sets.near, 12 * each)
  for i = 0, each - 1 do
    picked[i] = math.random(0, sets.lattice.count - 1)
    lattice_point(sets.lattice, picked[i], out + 3 * (2 * each + i))
  end
  return out, picked
end

--- random, near, lattice_points, checked: arrays of xyz; lattice; each: how many of the three sets are in checked.
function M.make(m)
  local sets = { random = random_queries(m), near = near_queries(m), lattice = make_lattice(m) }
  sets.lattice_points = lattice_queries(sets.lattice)
  sets.each = math.floor(math.max(200, math.min(2000, (quick and 2e7 or 3e8) / m.triangles)))
  sets.checked, sets.picked = checked_queries(sets, sets.each)
  return sets
end

function M.write(place, m, sets)
  place:write("points", m.position, 12 * m.points)
  place:write("triangles", m.triangle, 12 * m.triangles)
  place:write("random", sets.random, 12 * M.count)
  place:write("near", sets.near, 12 * M.count)
  place:write("lattice", sets.lattice_points, 12 * sets.lattice.count)
  place:write("checked", sets.checked, 36 * sets.each)
end

return M
