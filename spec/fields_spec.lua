-- Each field against values that were worked out without it.
local kernel = require("spec.support.kernel")

local INF, NAN = math.huge, 0 / 0

local function near(expected, actual, tolerance)
  assert.equal(#expected, #actual)
  for i, value in ipairs(expected) do
    local close = math.abs(value - actual[i]) <= (tolerance or 1e-6)
    if not close then -- a NaN is not
      error(("value %d is %.9g, not %.9g"):format(i, actual[i], value), 2)
    end
  end
end

local function on_axis(axis, list)
  local points = {}
  for i, value in ipairs(list) do
    points[i] = { 7, 7, 7 }
    points[i][axis] = value
  end
  return points
end

describe("field.ramp", function()
  local k

  setup(function()
    k = kernel.load("field_ramp")
  end)

  it("goes straight from 0 to 1 along each axis", function()
    for axis, name in ipairs({ "x", "y", "z" }) do
      local points = on_axis(axis, { -3, 1, 1.5, 2, 3, 8 })
      near({ 0, 0, 0.25, 0.5, 1, 1 }, k:run(points, { axis = name, from = 1, to = 3 }))
    end
  end)

  it("eases in and out", function()
    near({ 0, 0.15625, 0.5, 0.84375, 1 }, k:run(on_axis(2, { 0, 1, 2, 3, 4 }), { to = 4, curve = "smooth" }))
  end)

  it("runs downwards when from is above to", function()
    near({ 1, 1, 0.75, 0, 0 }, k:run(on_axis(2, { -5, 1, 1.5, 3, 8 }), { from = 3, to = 1 }))
  end)

  it("is a step when from is to: 0 up to there, 1 above", function()
    for _, curve in ipairs({ "linear", "smooth" }) do
      near({ 0, 0, 1 }, k:run(on_axis(2, { 1.9999999, 2, 2.0000003 }), { from = 2, to = 2, curve = curve }), 0)
    end
  end)

  it("stays within 0 .. 1 for any point", function()
    local points = on_axis(2, { NAN, INF, -INF, 3e38, -3e38 })
    near({ 0, 1, 0, 1, 0 }, k:run(points), 0)
    near({ 0, 1, 0, 1, 0 }, k:run(points, { curve = "smooth" }), 0)
    assert.same({}, k:run({}))
  end)
end)

describe("field.ball", function()
  local k

  setup(function()
    k = kernel.load("field_ball")
  end)

  it("is 1 inside, 0 outside, and eased between", function()
    local points = { { 1, 2, 3 }, { 1, 4, 3 }, { 4, 2, 3 }, { 1, 2, -1 }, { 1, 2, 13 } }
    near({ 1, 1, 0.5, 0, 0 }, k:run(points, { center = { 1, 2, 3 }, radius = 2, falloff = 2 }))
  end)

  it("has a sharp edge without falloff", function()
    near({ 1, 0, 0 }, k:run({ { 0, 0.9999, 0 }, { 0, 1, 0 }, { 0, 1.0001, 0 } }), 0)
    near({ 0 }, k:run({ { 0, 0, 0 } }, { radius = 0 }), 0)
  end)

  it("is 0 for what is nowhere or too far", function()
    near({ 0, 0, 0 }, k:run({ { NAN, 0, 0 }, { INF, 0, 0 }, { 3e38, 3e38, 0 } }, { falloff = 1 }), 0)
    assert.same({}, k:run({}))
  end)
end)

describe("field.attribute", function()
  it("copies what the mesh brings, block by block, and is 0 without", function()
    local k, points, values = kernel.load("field_attribute"), {}, {}
    for i = 1, 2500 do
      points[i], values[i] = { 0, 0, 0 }, i / 4
    end
    near(values, k:run(points, nil, { attribute = values }), 0)
    near({ 0 }, k:run({ { 1, 2, 3 } }), 0)
    assert.same({}, k:run({}))
  end)
end)

describe("field.noise", function()
  local k

  setup(function()
    k = kernel.load("field_noise")
  end)

  it("fills 0 .. 1 around 0.5", function()
    local points = {}
    for i = 1, 5000 do
      points[i] = { i * 0.137 % 20, i * 0.731 % 20, i * 0.413 % 20 }
    end
    local low, high, sum = 1, 0, 0
    for _, value in ipairs(k:run(points, { octaves = 2 })) do
      low, high, sum = math.min(low, value), math.max(high, value), sum + value
    end
    assert.is_true(low >= 0 and low < 0.25)
    assert.is_true(high <= 1 and high > 0.75)
    assert.is_true(math.abs(sum / #points - 0.5) < 0.02)
  end)

  it("is the first component of deform.noise", function()
    local points = { { 0.3, 0.7, 1.9 } }
    local moved = kernel.load("deform_noise"):run(points, { amount = 1, octaves = 4, seed = 3 })[1][1] - 0.3
    near({ 0.5 + 0.5 * moved }, k:run(points, { octaves = 4, seed = 3 }))
  end)

  it("stays within 0 .. 1 for any point", function()
    for _, value in ipairs(k:run({ { NAN, 0, 0 }, { INF, 0, 0 }, { 3e38, -3e38, 1 } })) do
      assert.is_true(value >= 0 and value <= 1)
    end
    assert.same({}, k:run({}))
  end)
end)
