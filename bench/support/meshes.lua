--- Meshes to measure on, in every state of health: those of the folder that WHORL_MESHES names (default
--- ../shared/meshes), else generated ones; and what becomes of the larger one when each triangle is cut in 16, when 5 %
--- of its triangles are deleted, and when all come apart.
local ffi = require "ffi"
local whorl = require "whorl"

local M = {}

local folder = os.getenv("WHORL_MESHES") or os.getenv("WHORL_SOURCE") .. "/../shared/meshes"
local small = { name = "spot", file = "spot.obj", stand_in = "sphere",
                body = "mesh.sphere { rings = 56, segments = 54 }" }
local large = { name = "armadillo", file = "armadillo.obj", stand_in = "torus knot",
                body = "mesh.torus_knot { segments = 1800, sides = 24 }" }

-- What is made of a mesh: { position, points, triangle, triangles } ---------------------------------------------------

local function midpoint(mesh, made, a, b)
  local key = math.min(a, b) * 2 ^ 26 + math.max(a, b)
  local known = made[key]
  if known then
    return known
  end
  local n = mesh.points
  for k = 0, 2 do
    mesh.position[3 * n + k] = 0.5 * (mesh.position[3 * a + k] + mesh.position[3 * b + k])
  end
  mesh.points, made[key] = n + 1, n
  return n
end

--- Each triangle in four, at the middles of its edges.
local function subdivided(from)
  local room = from.points + 3 * from.triangles
  local out = { position = ffi.new("float[?]", 3 * room), points = from.points,
                triangle = ffi.new("uint32_t[?]", 12 * from.triangles), triangles = 4 * from.triangles }
  ffi.copy(out.position, from.position, 12 * from.points)
  local made = {}
  for t = 0, from.triangles - 1 do
    local a, b, c = from.triangle[3 * t], from.triangle[3 * t + 1], from.triangle[3 * t + 2]
    local ab, bc, ca = midpoint(out, made, a, b), midpoint(out, made, b, c), midpoint(out, made, c, a)
    local to = out.triangle + 12 * t
    to[0], to[1], to[2], to[3], to[4], to[5] = a, ab, ca, b, bc, ab
    to[6], to[7], to[8], to[9], to[10], to[11] = c, ca, bc, ab, bc, ca
  end
  return out
end

--- Without a share of its triangles, drawn at random.
local function torn(from, share)
  local out = { position = from.position, points = from.points, triangles = 0,
                triangle = ffi.new("uint32_t[?]", 3 * from.triangles) }
  for t = 0, from.triangles - 1 do
    if math.random() >= share then
      ffi.copy(out.triangle + 3 * out.triangles, from.triangle + 3 * t, 12)
      out.triangles = out.triangles + 1
    end
  end
  return out
end

--- Every triangle with corners of its own, moved by up to reach.
local function loose(from, reach)
  local out = { position = ffi.new("float[?]", 9 * from.triangles), points = 3 * from.triangles,
                triangle = ffi.new("uint32_t[?]", 3 * from.triangles), triangles = from.triangles }
  for i = 0, 3 * from.triangles - 1 do
    for k = 0, 2 do
      out.position[3 * i + k] = from.position[3 * from.triangle[i] + k] + (2 * math.random() - 1) * reach
    end
    out.triangle[i] = i
  end
  return out
end

-- What is known of a mesh ---------------------------------------------------------------------------------------------

local function box(mesh)
  local low, high = { math.huge, math.huge, math.huge }, { -math.huge, -math.huge, -math.huge }
  for i = 0, 3 * mesh.points - 1 do
    local k = i % 3 + 1
    low[k], high[k] = math.min(low[k], mesh.position[i]), math.max(high[k], mesh.position[i])
  end
  return low, high
end

local topologies = 0

--- name, health ("closed", "torn", "loose"), position (that may be changed), points, triangle, triangles, view, low and
--- high corner, diagonal, volume of the box.
local function describe(name, health, mesh)
  local low, high = box(mesh)
  local x, y, z = high[1] - low[1], high[2] - low[2], high[3] - low[3]
  topologies = topologies + 1
  mesh.name, mesh.health, mesh.low, mesh.high = name, health, low, high
  mesh.diagonal, mesh.volume = math.sqrt(x * x + y * y + z * z), x * y * z
  mesh.view = whorl.view { point_count = mesh.points, triangle_count = mesh.triangles, position = mesh.position,
                           triangle = mesh.triangle, topology = topologies, moves = 1 }
  return mesh
end

local function read(place, from)
  local found = whorl.read_mesh(folder .. "/" .. from.file)
  local mesh = found or assert(place:open(from.body, 1):source())
  local view = assert(mesh:view())
  local out = { position = ffi.new("float[?]", 3 * view.point_count), points = view.point_count,
                triangle = ffi.new("uint32_t[?]", 3 * view.triangle_count), triangles = view.triangle_count }
  ffi.copy(out.position, view.position, 12 * out.points)
  ffi.copy(out.triangle, view.triangle, 12 * out.triangles)
  mesh:free()
  return out, found and from.name or from.stand_in
end

--- A list of functions that make one each; the same ones in every run. place: the workplace for generated ones.
function M.list(place)
  local function of(from, ending, health, change)
    return function()
      math.randomseed(1)
      local mesh, name = read(place, from)
      if change then
        mesh = change(mesh)
      end
      return describe(name .. ending, health, mesh)
    end
  end
  return {
    of(small, "", "closed"),
    of(large, "", "closed"),
    of(large, " in 16ths", "closed", function(m) return subdivided(subdivided(m)) end),
    of(large, ", 5 % deleted", "torn", function(m) return torn(m, 0.05) end),
    of(large, ", soup", "loose", function(m)
      local low, high = box(m)
      return loose(m, 1e-3 * math.max(high[1] - low[1], high[2] - low[2], high[3] - low[3]))
    end),
  }
end

return M
