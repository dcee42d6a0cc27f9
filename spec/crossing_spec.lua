--- Ray crossings, lattices of them and what closes a mesh, held to the exact winding numbers of kernels/winding/tree.c.
-- See spec/programs/crossing.c, which asks queries at random, near the surface, on it, on lattices that meet its faces,
-- and where its own coordinates cross.
local command = require "spec.support.command"
local ffi = require "ffi"
local winding = require "spec.support.winding"

local program = command.quote(os.getenv "WHORL_BUILD" .. "/spec/crossing")
local meshes = os.getenv "WHORL_MESHES" or "../shared/meshes"
local folder, remove

before_each(function()
  folder, remove = command.folder()
end)

after_each(function()
  remove()
end)

--- What the program says of a mesh: kind of query -> { queries, wrong, open }, and the first line's numbers.
local function check(m, count, scale, offset)
  command.write(folder .. "/points", ffi.string(m.position, 12 * m.points))
  command.write(folder .. "/triangles", ffi.string(m.triangle, 12 * m.triangles))
  local line = ("timeout 120 %s check . %d %.17g %.17g"):format(program, count, scale or 1, offset or 0)
  local status, said, complained = command.shell(folder, line)
  assert.are.same({ 0, "" }, { status, complained })
  local about = {}
  for word, number in said:match("^[^\n]*"):gmatch "(%l+) (%d+)" do
    about[word] = tonumber(number)
  end
  local kinds = {}
  for kind, queries, wrong, open in said:gmatch "\n([^\n:]-):? (%d+) wrong (%d+) open (%d+)" do
    kinds[kind] = { queries = tonumber(queries), wrong = tonumber(wrong), open = tonumber(open) }
  end
  return about, kinds, said
end

--- All answers are right, and lattices in parts are those in one.
local function holds(m, count, scale, offset)
  local about, kinds, said = check(m, count, scale, offset)
  assert.is_true(about.columns > 0, said)
  local seen = 0
  for _, kind in pairs(kinds) do
    assert.are.equal(0, kind.wrong, said)
    seen = seen + 1
  end
  assert.is_true(seen >= 10, said)
  assert.are.equal(2, select(2, said:gsub("rows between rows: same 1", "")), said)
  assert.is_truthy(said:find "doubt %d+ missed 0 listed %d+", said)
  assert.is_true(tonumber(said:match "\nrefused (%d+)\n$") > 8, said) -- every allocation, each without a leak
  return about, kinds
end

local function box(x, y, z, dx, dy, dz)
  local position, triangle = {}, {}
  for i = 0, 7 do
    position[3 * i + 1] = x + i % 2 * dx
    position[3 * i + 2] = y + math.floor(i / 2) % 2 * dy
    position[3 * i + 3] = z + math.floor(i / 4) * dz
  end
  local sides = { { 0, 2, 3, 1 }, { 4, 5, 7, 6 }, { 0, 1, 5, 4 }, { 2, 6, 7, 3 }, { 0, 4, 6, 2 }, { 1, 3, 7, 5 } }
  for _, q in ipairs(sides) do
    for _, k in ipairs { 1, 2, 3, 1, 3, 4 } do
      triangle[#triangle + 1] = q[k]
    end
  end
  return winding.mesh(position, triangle)
end

--- Boxes whose faces lie on multiples of 1/8, many in one plane, many through each other.
local function boxes(count)
  local random, all = winding.random(3)
  local function eighths(low, high)
    return (low + math.floor(random() * (high - low + 1))) / 8
  end
  for _ = 1, count do
    local one = box(eighths(0, 24), eighths(0, 24), eighths(0, 24), eighths(1, 8), eighths(1, 8), eighths(1, 8))
    all = all and winding.join(all, one) or one
  end
  return all
end

local function turned(m)
  return winding.map(m, nil, function(a, b, c)
    return a, c, b
  end)
end

local ball = winding.ball(24, 32)
--- Not in a plane that lattices meet: the exact path cannot tell the sides of a cap 1e-17 from a query.
local half_ball = winding.map(winding.ball(24, 32, 0.5), function(x, y, z)
  return x, y, z + 0.01
end)

local function with_holes(m)
  return winding.map(m, nil, function(a, b, c, i)
    if i % 17 ~= 3 then
      return a, b, c
    end
  end)
end

describe("crossings are exact", function()
  for name, m in pairs {
    ["a ball"] = ball,
    ["a ball that is inside out"] = turned(ball),
    ["a ball whose points are not shared"] = winding.unweld(ball),
    ["a ball twice over"] = winding.join(ball, ball),
    ["a ball and itself inside out"] = winding.join(ball, turned(ball)),
    ["half a ball"] = half_ball,
    ["a ball with holes"] = with_holes(ball),
    ["a ball with a triangle that is there 300 times"] = winding.join(ball, winding.map(ball, nil, function(_, _, _, i)
      if i < 300 then
        return 70, 71, 300
      end
    end)),
    ["a needle"] = winding.map(winding.ball(30, 5), function(x, y, z)
      return x, y * 1e-3, z * 40
    end),
    ["a box"] = box(-1, -1, -1, 2, 2, 2),
    ["boxes in each other's planes"] = boxes(40),
  } do
    it("for " .. name, function()
      local _, kinds = holds(m, 3000)
      assert.is_true(kinds.random.open <= 3)
    end)
  end

  for _, unit in ipairs { { 1e-9, 0 }, { 1e9, 0 }, { 1, 1e6 }, { 1e-3, 1 }, { 1, -300 } } do
    it(("when scaled by %g and moved by %g"):format(unit[1], unit[2]), function()
      holds(with_holes(ball), 2000, unit[1], unit[2])
      holds(boxes(10), 2000, unit[1], unit[2])
    end)
  end

  for _, name in ipairs { "spot.obj", "fandisk.obj", "suzanne.obj", "cow.obj", "teapot.obj", "stanford-bunny.obj" } do
    it("for " .. name, function()
      local m = winding.read_obj(meshes .. "/" .. name)
      if not m then return pending("no " .. name .. " beside the project (set WHORL_MESHES)") end
      holds(m, 2000)
      holds(with_holes(m), 2000)
    end)
  end
end)

describe("crossings are proven", function()
  it("everywhere but on the surface", function()
    local _, kinds = holds(ball, 3000)
    for _, kind in ipairs { "random", "near 1e-2", "near 1e-5", "lattice" } do
      assert.are.equal(0, kinds[kind].open, kind)
    end
    _, kinds = holds(box(-1, -1, -1, 2, 2, 2), 3000)
    assert.are.equal(3000, kinds.on.open)
    assert.are.equal(kinds["round lattice"].open, kinds["round lattice by rows, 1 planes"].open)
    local n = math.floor(kinds["round lattice"].queries ^ (1 / 3) + 0.5)
    assert.are.equal(n ^ 3 - (n - 2) ^ 3, kinds["round lattice"].open) -- those on the six faces
  end)

  it("nowhere in the plane of a flat box", function()
    local _, kinds = holds(box(0, 0, 0, 1, 1, 0), 1000)
    assert.are.equal(0, kinds["near 1e-2"].open)
    assert.is_true(kinds.random.open > 900)
  end)

  it("for no surface that floats cannot divide", function()
    assert.are.equal(0, check(ball, 10, 1e-42).columns)
    assert.are.equal(0, check(ball, 10, 1e37).columns)
  end)
end)

describe("what closes a mesh", function()
  it("is nothing for a closed one", function()
    local about = check(winding.join(ball, winding.unweld(ball)), 10)
    assert.are.same({ 0, 0, 1 }, { about.boundary, about.caps, about.worth })
  end)

  it("is as many triangles as the loops have points, less two for each", function()
    local about = check(half_ball, 10)
    assert.are.same({ 32, 30 }, { about.boundary, about.caps })
    about = check(with_holes(ball), 10)
    local holes = math.ceil((ball.triangles - 3) / 17)
    assert.are.same({ 3 * holes, holes }, { about.boundary, about.caps })
  end)

  it("is not worth it for a soup", function()
    local about = check(winding.soup(700, 0.1), 10)
    assert.are.same({ 2100, 0, 0 }, { about.boundary, about.caps, about.worth })
    assert.are.equal(0, check(winding.disc(300), 10).worth)
  end)
end)
