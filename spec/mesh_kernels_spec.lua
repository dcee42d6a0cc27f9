-- Mesh generators: closed, welded, counter-clockwise from outside, of the volume that geometry says.
local kernel = require("spec.support.kernel")

local function cross(a, b, c)
  local u, v = {}, {}
  for k = 1, 3 do
    u[k], v[k] = b[k] - a[k], c[k] - a[k]
  end
  return { u[2] * v[3] - u[3] * v[2], u[3] * v[1] - u[1] * v[3], u[1] * v[2] - u[2] * v[1] }
end

local function dot(a, b)
  return a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
end

local function corners(mesh, t)
  return mesh.points[t[1] + 1], mesh.points[t[2] + 1], mesh.points[t[3] + 1]
end

local function volume(mesh)
  local sum = 0
  for _, t in ipairs(mesh.triangles) do
    local a, b, c = corners(mesh, t)
    sum = sum + dot(a, cross({ 0, 0, 0 }, b, c)) / 6
  end
  return sum
end

-- Every directed edge, with how often it occurs.
local function edges(mesh)
  local count = {}
  for _, t in ipairs(mesh.triangles) do
    for k = 1, 3 do
      local key = t[k] .. ">" .. t[k % 3 + 1]
      count[key] = (count[key] or 0) + 1
    end
  end
  return count
end

-- No point unused or twice in one place, no triangle without area.
local function check_clean(mesh)
  local used, places = {}, {}
  for _, t in ipairs(mesh.triangles) do
    local n = cross(corners(mesh, t))
    assert(dot(n, n) > 0, "a triangle has no area")
    used[t[1]], used[t[2]], used[t[3]] = true, true, true
  end
  for i, p in ipairs(mesh.points) do
    local place = ("%.9g %.9g %.9g"):format(p[1], p[2], p[3])
    assert(used[i - 1], "point " .. i - 1 .. " is not used")
    assert(not places[place], "two points at " .. place)
    places[place] = true
  end
end

local function check_closed(mesh)
  for key, count in pairs(edges(mesh)) do
    local from, to = key:match("(%d+)>(%d+)")
    assert(count == 1, "edge " .. key .. " occurs more than once")
    assert(from ~= to, "edge " .. key .. " goes nowhere")
  end
  local count = edges(mesh)
  for key in pairs(count) do
    local from, to = key:match("(%d+)>(%d+)")
    assert(count[to .. ">" .. from], "edge " .. key .. " is open")
  end
end

local function euler(mesh)
  return #mesh.points - #mesh.triangles * 3 / 2 + #mesh.triangles
end

-- word, parameters, exact volume, tolerance (relative), Euler characteristic
local PI = math.pi
local CLOSED = {
  { "sphere", {}, 4 / 3 * PI, 0.01, 2 },
  { "sphere", { rings = 2, segments = 3, radius = 2 }, 2 * 4 * (3 * math.sqrt(3) / 4) * 2 / 3, 1e-5, 2 },
  { "sphere", { rings = 100, segments = 130, radius = 0.01 }, 4 / 3 * PI * 1e-6, 0.002, 2 },
  { "torus", {}, 2 * PI * PI * 0.16, 0.01, 0 },
  { "torus", { radius = 3, tube = 0.1, segments = 200, sides = 60 }, 2 * PI * PI * 3 * 0.01, 0.003, 0 },
  { "torus", { segments = 3, sides = 3 }, nil, nil, 0 },
  { "cylinder", {}, 16 * math.sin(PI / 16) * 0.25 ^ 2, 1e-5, 2 },
  { "cylinder", { radius = 2, tip_radius = 0.5, height = 3, rings = 7, segments = 6 },
    3 * math.sin(PI / 3) * 5.25, 1e-5, 2 },
  { "cylinder", { rings = 1, segments = 3 }, 1.5 * math.sin(2 * PI / 3) * 0.25 ^ 2, 1e-5, 2 },
  { "box", {}, 1, 1e-5, 2 },
  { "box", { size = { 2, 3, 5 }, divisions = { 1, 1, 1 } }, 30, 1e-5, 2 },
  { "box", { size = { 2, 3, 5 }, divisions = { 1, 4, 3 } }, 30, 1e-5, 2 },
  { "box", { size = { 2, 3, 5 }, divisions = { 5, 1, 2 } }, 30, 1e-5, 2 },
  { "torus_knot", { segments = 8 * 3, p = 1, q = 1 }, nil, nil, 0 },
  { "torus_knot", {}, nil, nil, 0 },
  { "torus_knot", { p = 5, q = 2, tube = 0.05, sides = 3 }, nil, nil, 0 },
}

describe("mesh generators", function()
  for i, case in ipairs(CLOSED) do
    local word, params, exact, tolerance, characteristic = unpack(case, 1, 5)

    it(("%s (%d) is closed, welded and turned outwards"):format(word, i), function()
      local mesh = kernel.load("mesh_" .. word):make(params)
      check_clean(mesh)
      check_closed(mesh)
      assert.equal(characteristic, euler(mesh))
      assert.is_true(volume(mesh) > 0)
      if exact then
        assert.is_true(math.abs(volume(mesh) / exact - 1) < tolerance)
      end
    end)
  end

  it("torus_knot has the volume of its tube: cross section times length", function()
    local length, steps = 0, 20000
    local function at(t)
      local turn, around = 2 * 2 * PI * t, 3 * 2 * PI * t
      local reach = 1 + 0.5 * math.cos(around)
      return { reach * math.sin(turn), 0.5 * math.sin(around), reach * math.cos(turn) }
    end
    for i = 1, steps do
      local a, b = at((i - 1) / steps), at(i / steps)
      length = length + math.sqrt((a[1] - b[1]) ^ 2 + (a[2] - b[2]) ^ 2 + (a[3] - b[3]) ^ 2)
    end
    local mesh = kernel.load("mesh_torus_knot"):make({ tube = 0.05, segments = 600, sides = 48 })
    assert.is_true(math.abs(volume(mesh) / (PI * 0.05 ^ 2 * length) - 1) < 0.01)
  end)

  it("torus_knot refuses what would run over itself or is too coarse", function()
    local k = kernel.load("mesh_torus_knot")
    local mesh, host = k:make({ p = 4, q = 6 })
    assert.is_nil(mesh)
    assert.same({ "p and q share a factor, so the knot would run over itself (2 and 3 share none)" }, host.fails)
    mesh, host = k:make({ p = 2, q = 11, segments = 43 })
    assert.is_nil(mesh)
    assert.same({ "fewer than four segments for each turn of the knot (raise segments, or lower p and q)" }, host.fails)
  end)

  it("grid is flat, faces up, and is open at its border only", function()
    local mesh = kernel.load("mesh_grid"):make({ size = { 3, 2 }, divisions = { 5, 4 } })
    check_clean(mesh)
    assert.equal(6 * 5, #mesh.points)
    local area, count, open = 0, edges(mesh), 0
    for _, t in ipairs(mesh.triangles) do
      local n = cross(corners(mesh, t))
      assert.is_true(n[2] > 0 and n[1] == 0 and n[3] == 0)
      area = area + n[2] / 2
    end
    for key, times in pairs(count) do
      local from, to = key:match("(%d+)>(%d+)")
      assert.equal(1, times)
      open = open + (count[to .. ">" .. from] and 0 or 1)
    end
    assert.is_true(math.abs(area - 6) < 1e-5)
    assert.equal(2 * (5 + 4), open)
  end)

  it("says when memory is short", function()
    for _, word in ipairs({ "sphere", "grid", "torus", "torus_knot", "cylinder", "box" }) do
      local mesh, host = kernel.load("mesh_" .. word):make({}, { starved = true })
      assert.is_nil(mesh)
      assert.same({ "not enough memory for the mesh" }, host.fails)
    end
  end)
end)
