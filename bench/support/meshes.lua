--- Meshes to measure on: those of the folder that WHORL_MESHES names (default ../shared/meshes), else generated ones.
local ffi = require "ffi"
local whorl = require "whorl"

local M = {}

local folder = os.getenv("WHORL_MESHES") or os.getenv("WHORL_SOURCE") .. "/../shared/meshes"
local files = { "spot.obj", "armadillo.obj", "teapot.obj" }
local generated = {
  { name = "sphere", body = "mesh.sphere { rings = 64, segments = 64 }" },
  { name = "torus knot", body = "mesh.torus_knot { segments = 2048, sides = 24 }" },
}

--- Whether every edge has as many triangles on one side as on the other.
local function is_closed(view)
  local balance = {}
  for t = 0, view.triangle_count - 1 do
    for k = 0, 2 do
      local a, b = view.triangle[3 * t + k], view.triangle[3 * t + (k + 1) % 3]
      local key, sign = a * 2 ^ 26 + b, 1
      if a > b then
        key, sign = b * 2 ^ 26 + a, -1
      end
      balance[key] = (balance[key] or 0) + sign
    end
  end
  for _, sum in pairs(balance) do
    if sum ~= 0 then
      return false
    end
  end
  return true
end

local function box(view)
  local low, high = { math.huge, math.huge, math.huge }, { -math.huge, -math.huge, -math.huge }
  for i = 0, 3 * view.point_count - 1 do
    local k = i % 3 + 1
    low[k], high[k] = math.min(low[k], view.position[i]), math.max(high[k], view.position[i])
  end
  return low, high
end

--- name, view, position (that may be changed), low and high corner, diagonal, longest side, closed.
local function describe(name, mesh)
  local from = assert(mesh:view())
  local bytes = 12 * from.point_count
  local position = ffi.new("float[?]", 3 * from.point_count)
  ffi.copy(position, from.position, bytes)
  local view = whorl.moved(mesh, position)
  view.topology = 1 -- it stays as it is
  local low, high = box(view)
  local x, y, z = high[1] - low[1], high[2] - low[2], high[3] - low[3]
  return { name = name, mesh = mesh, view = view, position = position, low = low, high = high,
           diagonal = math.sqrt(x * x + y * y + z * z), side = math.max(x, y, z), closed = is_closed(view) }
end

--- A list of them. place: the workplace that generated ones are made in.
function M.load(place)
  local list = {}
  for _, file in ipairs(files) do
    local mesh = whorl.read_mesh(folder .. "/" .. file)
    if mesh then
      table.insert(list, describe(file:match("^[^.]+"), mesh))
    end
  end
  if #list == 0 then
    print("  no meshes in " .. folder .. " (WHORL_MESHES names another folder): generated ones")
    for _, g in ipairs(generated) do
      table.insert(list, describe(g.name, assert(place:open(g.body, 1):source())))
    end
  end
  return list
end

return M
