--- Points by volume in meshes that voxels fail on: thin plates, holes, missing faces, overlap. The right number is the
-- density times the volume, known in closed form or, for a mesh with holes, from the winding numbers near them.
local project = require "spec.support.project"
local ffi, whorl = project.ffi, project.whorl

local density = 200000

local function view(position, triangle)
  return whorl.view {
    position = ffi.new("float[?]", #position, position), point_count = #position / 3,
    triangle = ffi.new("uint32_t[?]", #triangle, triangle), triangle_count = #triangle / 3,
  }
end

--- A unit ball; keep(i, x, y, z of the triangle's middle): which triangles there are.
local function add_ball(position, triangle, rings, shift, keep)
  local sides, first, number = 2 * rings, #position / 3, 0
  local function at(ring, side) return first + ring * sides + side % sides end
  for ring = 0, rings do
    for side = 0, sides - 1 do
      local a, b = math.pi * ring / rings, 2 * math.pi * side / sides
      local r = (ring == 0 or ring == rings) and 0 or math.sin(a)
      for _, v in ipairs { r * math.cos(b) + shift, r * math.sin(b), math.cos(a) } do position[#position + 1] = v end
    end
  end
  local function add(...)
    number = number + 1
    local z = 0
    for _, v in ipairs { ... } do z = z + position[3 * v + 3] / 3 end
    if keep and not keep(number, z) then return end
    for _, v in ipairs { ... } do triangle[#triangle + 1] = v end
  end
  for ring = 0, rings - 1 do
    for side = 0, sides - 1 do
      local a, b, c, d = at(ring, side), at(ring + 1, side), at(ring + 1, side + 1), at(ring, side + 1)
      add(a, b, c)
      add(a, c, d)
    end
  end
end

local function ball(keep)
  local position, triangle = {}, {}
  add_ball(position, triangle, 120, 0, keep)
  return view(position, triangle)
end

--- By the divergence theorem.
local function volume(m)
  local sum = 0
  local function corner(t, k)
    local v = m.position + 3 * m.triangle[3 * t + k]
    return v[0], v[1], v[2]
  end
  for t = 0, m.triangle_count - 1 do
    local ax, ay, az = corner(t, 0)
    local bx, by, bz = corner(t, 1)
    local cx, cy, cz = corner(t, 2)
    sum = sum + ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
  end
  return sum / 6
end

local function plate(thickness)
  local h = thickness / 2
  local position = {}
  for z = 0, 1 do
    for y = 0, 1 do
      for x = 0, 1 do
        for _, v in ipairs { x, y, z == 0 and -h or h } do position[#position + 1] = v end
      end
    end
  end
  return view(position, { 0, 2, 1, 1, 2, 3, 4, 5, 6, 5, 7, 6, 0, 1, 4, 1, 5, 4, 2, 6, 3, 3, 6, 7, 0, 4, 2, 2, 4, 6,
                          1, 3, 5, 3, 7, 5 })
end

--- The two balls' union: less the lens that they share (two caps of height 1 - d / 2).
local function union(d)
  local h = 1 - d / 2
  return 2 * 4 / 3 * math.pi - 2 * math.pi * h * h * (3 - h) / 3
end

describe("points by volume", function()
  local p
  before_each(function() p = project.new() end)
  after_each(function() p:close() end)

  local function count(m)
    p:write("t.lua", ('return pipeline "t" { sample.inside { per_volume = %d } }'):format(density))
    local session = assert(p:open "t.lua")
    return assert(session:sample(nil, m, 0)).count
  end

  local function within(wanted, share, m)
    local got = count(m)
    assert.is_true(math.abs(got / wanted - 1) <= share, ("%d points, not %d"):format(got, wanted))
  end

  it("fill a closed sphere", function()
    local m = ball()
    within(density * volume(m), 0.01, m)
  end)

  for _, thickness in ipairs { 0.02, 0.008 } do
    it(("fill a plate of %g m"):format(thickness), function()
      within(density * thickness, 0.01, plate(thickness))
    end)
  end

  it("fill a sphere with a hole on top as far as the flat lid over it", function()
    local top = math.cos(math.pi * 20 / 120)
    local lid = math.pi * (1 - top) ^ 2 * (2 + top) / 3 -- the cap that is gone
    local m = ball(function(_, z) return z < top end)
    within(density * (volume(ball()) - lid), 0.01, m)
  end)

  it("fill a sphere without a seventh of its faces", function()
    within(density * volume(ball()), 0.01, ball(function(i) return i % 7 ~= 3 end))
  end)

  it("fill two spheres that overlap once", function()
    local position, triangle = {}, {}
    add_ball(position, triangle, 120, 0)
    add_ball(position, triangle, 120, 0.8)
    within(density * union(0.8), 0.01, view(position, triangle))
  end)

  it("say so when they would be too many", function()
    p:write("t.lua", 'return pipeline "t" { sample.inside { per_volume = 1e15 } }')
    local _, why = assert(p:open "t.lua"):sample(nil, plate(1), 0)
    assert.are.equal("t.lua:1: sample.inside: 1e+15 random points in the box of the mesh are more than 1e+12 "
      .. "(lower per_volume)", p:plain(why))
  end)
end)
