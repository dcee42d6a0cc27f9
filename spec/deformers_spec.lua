-- Each deformer against a closed form that was worked out without it.
local kernel = require("spec.support.kernel")

local INF, NAN = math.huge, 0 / 0
local HARSH = { { NAN, 0, 0 }, { 0, NAN, 0 }, { INF, -INF, 1 }, { 3e38, -3e38, 3e38 }, { 1e-45, 0, -0.0 } }

local function near(expected, actual, tolerance)
  for i, p in ipairs(expected) do
    for k = 1, 3 do
      local close = math.abs(p[k] - actual[i][k]) <= (tolerance or 1e-6)
      if not close then -- a NaN is not
        error(("point %d is %.9g %.9g %.9g, not %.9g %.9g %.9g"):format(i, actual[i][1], actual[i][2], actual[i][3],
          p[1], p[2], p[3]), 2)
      end
    end
  end
  assert.equal(#expected, #actual)
end

describe("every deformer that works on blocks", function()
  for _, word in ipairs({ "linear", "twist", "bend", "taper", "wave", "noise", "push" }) do
    local k

    setup(function()
      k = kernel.load("deform_" .. word)
    end)

    it(word .. " takes no points", function()
      assert.same({}, kernel.load("deform_" .. word):run({}))
    end)

    it(word .. " survives NaN, infinity and huge points, and moves no other point for them", function()
      local points, normals = { { 0.25, 0.5, 0.75 } }, { { 0, 1, 0 } }
      local alone = k:run(points, nil, { normals = normals })
      for i, p in ipairs(HARSH) do
        points[i + 1], normals[i + 1] = p, { 0, 1, 0 }
      end
      local among = k:run(points, nil, { normals = normals })
      near(alone, { among[1] }, 0)
      assert.equal(#points, #among)
    end)

    it(word .. " gives the same bits under clang and tcc", function()
      local points, normals = {}, {}
      for i = 1, 1500 do -- more than a block
        points[i] = { math.sin(i) * 3, math.cos(i * 1.7) * 2, i / 500 - 1 }
        normals[i] = { 0.6, 0, 0.8 }
      end
      local expected = k:run(points, nil, { normals = normals, time = 2.5 })
      for _, compiler in ipairs({ "clang", "tcc" }) do
        if not kernel.has(compiler) then
          return pending("the compiler " .. compiler .. " is not installed")
        end
        local other = kernel.load("deform_" .. word, { compiler = compiler })
        local actual, differ = other:run(points, nil, { normals = normals, time = 2.5 }), 0
        for i, p in ipairs(expected) do
          for c = 1, 3 do
            differ = differ + (kernel.same(p[c], actual[i][c]) and 0 or 1)
          end
        end
        assert.equal(0, differ)
      end
    end)
  end
end)

describe("deform.linear", function()
  it("scales each axis about the origin", function()
    local k = kernel.load("deform_linear")
    near({ { 2, -6, 1.5 } }, k:run({ { 1, 2, 3 } }, { factor = { 2, -3, 0.5 } }), 0)
    near({ { 1, 2, 3 } }, k:run({ { 1, 2, 3 } }), 0)
  end)
end)

describe("deform.twist", function()
  local k

  setup(function()
    k = kernel.load("deform_twist")
  end)

  it("turns counter-clockwise, seen from the far end of each axis", function()
    near({ { 0, 1, -1 } }, k:run({ { 1, 1, 0 } }, { axis = "y" }))
    near({ { 1, 0, 1 } }, k:run({ { 1, 1, 0 } }, { axis = "x" }))
    near({ { 0, 1, 1 } }, k:run({ { 1, 0, 1 } }, { axis = "z" }))
  end)

  it("turns half as far half way up", function()
    local r = math.sqrt(0.5)
    near({ { r, 1, -r } }, k:run({ { 1, 1, 0 } }, { length = 2 }))
  end)

  it("stops at both ends when clamped, and goes on when not", function()
    local points = { { 1, -1, 0 }, { 1, 2, 0 } }
    near({ { 1, -1, 0 }, { 0, 2, -1 } }, k:run(points, { clamp = true }))
    near({ { 0, -1, 1 }, { -1, 2, 0 } }, k:run(points, { clamp = false }))
  end)

  it("turns around its origin", function()
    near({ { 5, 3, 6 } }, k:run({ { 6, 3, 7 } }, { origin = { 5, 2, 7 } }))
  end)
end)

describe("deform.bend", function()
  local k

  setup(function()
    k = kernel.load("deform_bend")
  end)

  it("lays the axis on an arc whose length it keeps", function()
    local radius = 2 / math.pi -- of a quarter circle of length 1
    local points, expected = {}, {}
    for i = 0, 20 do
      local angle = i / 20 * math.pi / 2
      points[i + 1] = { 0, i / 20, 0 }
      expected[i + 1] = { 0, radius * math.sin(angle), radius * (1 - math.cos(angle)) }
    end
    near(expected, k:run(points, { axis = "y" }))
  end)

  it("puts what lies beside the axis on a circle around the same centre", function()
    local radius, angle = 2 / math.pi, math.pi / 4
    local beside = radius - 0.25
    near({ { 0.5, beside * math.sin(angle), radius - beside * math.cos(angle) } }, k:run({ { 0.5, 0.5, 0.25 } }))
  end)

  it("bends x to y, y to z and z to x, and turns that with direction", function()
    local r = 2 / math.pi
    near({ { r, r, 0 } }, k:run({ { 1, 0, 0 } }, { axis = "x" }))
    near({ { 0, r, r } }, k:run({ { 0, 1, 0 } }, { axis = "y" }))
    near({ { r, 0, r } }, k:run({ { 0, 0, 1 } }, { axis = "z" }))
    near({ { r, r, 0 } }, k:run({ { 0, 1, 0 } }, { axis = "y", direction = 90 }))
    near({ { 0, r, -r } }, k:run({ { 0, 1, 0 } }, { axis = "y", direction = 180 }))
  end)

  it("goes on straight past the ends", function()
    local r = 2 / math.pi
    near({ { 0, r, r + 3 }, { 0, -2, 0.5 } }, k:run({ { 0, 4, 0 }, { 0, -2, 0.5 } }))
  end)

  it("closes the circle and goes round again when not clamped", function()
    near({ { 0, 0, 0 }, { 0, 0, 0 } }, k:run({ { 0, 1, 0 }, { 0, -1, 0 } }, { angle = 360, clamp = false }))
  end)

  it("begins at its origin", function()
    local r = 2 / math.pi
    near({ { 1, 2 + r, 3 + r } }, k:run({ { 1, 3, 3 } }, { origin = { 1, 2, 3 } }))
  end)

  it("leaves the shape alone at angle 0, and as good as alone next to it", function()
    local points = { { 0.5, 0.25, -3 }, { 1, 7, 2 } }
    near(points, k:run(points, { angle = 0 }), 0)
    near(points, k:run(points, { angle = 1e-30 }), 0)
    near(points, k:run(points, { angle = 1e-6 }), 1e-6)
  end)
end)

describe("deform.taper", function()
  local k

  setup(function()
    k = kernel.load("deform_taper")
  end)

  it("scales the cross section from 1 to factor", function()
    local points = { { 2, 0, 4 }, { 2, 0.5, 4 }, { 2, 1, 4 }, { 2, 9, 4 } }
    near({ { 2, 0, 4 }, { 1.25, 0.5, 2.5 }, { 0.5, 1, 1 }, { 0.5, 9, 1 } }, k:run(points, { factor = 0.25 }))
    near({ { 2, 1, 2 } }, k:run({ { 2, 1, 4 } }, { axis = "x", length = 2, factor = 0.5, origin = { 0, 1, 0 } }))
  end)

  it("never turns the shape inside out", function()
    local points = { { 2, -1, 4 }, { 2, 9, 4 } }
    near({ { 3.5, -1, 7 }, { 0, 9, 0 } }, k:run(points, { factor = 0.25, clamp = false }))
  end)
end)

describe("deform.wave", function()
  local k

  setup(function()
    k = kernel.load("deform_wave")
  end)

  it("is a sine along its axis that time carries on", function()
    local points, expected = {}, {}
    for i = 1, 40 do
      local x = i * 0.3 - 6
      points[i] = { x, 1, 2 }
      expected[i] = { x, 1 + 0.5 * math.sin(2 * math.pi * (x - 3 * 0.7) / 4), 2 }
    end
    near(expected, k:run(points, { height = 0.5, length = 4, speed = 3 }, { time = 0.7 }), 2e-6)
  end)

  it("may move points along the axis it travels", function()
    near({ { 0, 0, 0.35 } }, k:run({ { 0, 0, 0.25 } }, { axis = "z", direction = "z" }))
  end)

  it("is as exact after a day as at once", function()
    local points = { { 0.1, 0, 0 }, { 0.6, 0, 0 } }
    near(k:run(points, nil, { time = 0.25 }), k:run(points, nil, { time = 86400.25 }), 1e-6)
  end)
end)

describe("deform.noise", function()
  local k

  setup(function()
    k = kernel.load("deform_noise")
  end)

  local function cloud()
    local points = {}
    for i = 1, 2000 do
      points[i] = { i * 0.137 % 20, i * 0.731 % 20, i * 0.413 % 20 }
    end
    return points
  end

  it("moves no point further along an axis than amount, in three unlike ways", function()
    local points, sum = cloud(), { 0, 0, 0, xy = 0, yz = 0, zx = 0 }
    for i, p in ipairs(k:run(points, { amount = 2, octaves = 3 })) do
      local dx, dy, dz = p[1] - points[i][1], p[2] - points[i][2], p[3] - points[i][3]
      assert(math.max(math.abs(dx), math.abs(dy), math.abs(dz)) <= 2.08)
      sum[1], sum[2], sum[3] = sum[1] + dx * dx, sum[2] + dy * dy, sum[3] + dz * dz
      sum.xy, sum.yz, sum.zx = sum.xy + dx * dy, sum.yz + dy * dz, sum.zx + dz * dx
    end
    assert.is_true(sum[1] > 20 and sum[2] > 20 and sum[3] > 20)
    assert.is_true(math.abs(sum.xy) < 0.15 * sum[1])
    assert.is_true(math.abs(sum.yz) < 0.15 * sum[1])
    assert.is_true(math.abs(sum.zx) < 0.15 * sum[1])
  end)

  it("does nothing at amount 0, scales with size, and changes with the seed", function()
    local points = { { 0.3, 0.4, 0.6 } }
    near(points, k:run(points, { amount = 0 }), 1e-7)
    local a = k:run(points, { amount = 1 })[1]
    local b = k:run({ { 0.6, 0.8, 1.2 } }, { amount = 1, size = 2 })[1]
    near({ { a[1] - 0.3, a[2] - 0.4, a[3] - 0.6 } }, { { b[1] - 0.6, b[2] - 0.8, b[3] - 1.2 } })
    assert.are_not.equal(a[1], k:run(points, { amount = 1, seed = 1 })[1][1])
  end)

  it("drifts at its speed", function()
    local still, later = { { 0.25, 0.5, 0.75 } }, { { 0.75, 0.25, 0.75 } }
    local a = k:run(still, { amount = 1 })[1]
    local b = k:run(later, { amount = 1, speed = { 0.25, -0.125, 0 } }, { time = 2 })[1]
    near({ { a[1] + 0.5, a[2] - 0.25, a[3] } }, { b })
  end)
end)

describe("deform.push", function()
  it("moves along normals, and not at all without any", function()
    local k = kernel.load("deform_push")
    near({ { 2.2, 2, 4.6 } }, k:run({ { 1, 2, 3 } }, { distance = 2 }, { normals = { { 0.6, 0, 0.8 } } }))
    near({ { 1, 2, 3 } }, k:run({ { 1, 2, 3 } }, { distance = 2 }), 0)
  end)
end)

describe("deform.smooth", function()
  local k, sphere

  setup(function()
    k = kernel.load("deform_smooth")
    sphere = kernel.load("mesh_sphere"):make({ rings = 12, segments = 16 })
  end)

  local SQUARE = { { 0, 0, 0 }, { 4, 0, 0 }, { 4, 4, 0 }, { 0, 4, 0 }, { 9, 9, 9 } }
  local HALVES = { { 0, 1, 2 }, { 0, 2, 3 } }

  it("moves each point to the mean of its neighbours, each counted once", function()
    local expected = { { 8 / 3, 8 / 3, 0 }, { 2, 2, 0 }, { 4 / 3, 4 / 3, 0 }, { 2, 2, 0 }, { 9, 9, 9 } }
    near(expected, (k:deform(SQUARE, HALVES, { steps = 1, strength = 1, volume = "shrink" })))
    local twice = { { 0, 1, 2 }, { 0, 1, 2 }, { 0, 2, 3 }, { 2, 0, 1 }, { 4, 4, 4 }, { 1, 1, 2 } }
    near(expected, (k:deform(SQUARE, twice, { steps = 1, strength = 1, volume = "shrink" })))
  end)

  it("goes part of the way by strength, step by step", function()
    local function once(p)
      return (k:deform(p, HALVES, { steps = 1, strength = 0.25, volume = "shrink" }))
    end
    near(once(once(once(SQUARE))), (k:deform(SQUARE, HALVES, { steps = 3, strength = 0.25, volume = "shrink" })), 0)
    near(SQUARE, (k:deform(SQUARE, HALVES, { steps = 0 })), 0)
    near(SQUARE, (k:deform(SQUARE, HALVES, { strength = 0 })), 0)
  end)

  local function volume(points)
    local sum = 0
    for _, t in ipairs(sphere.triangles) do
      local a, b, c = points[t[1] + 1], points[t[2] + 1], points[t[3] + 1]
      sum = sum + (a[1] * (b[2] * c[3] - b[3] * c[2]) + a[2] * (b[3] * c[1] - b[1] * c[3])
        + a[3] * (b[1] * c[2] - b[2] * c[1])) / 6
    end
    return sum
  end

  it("keeps the volume of a sphere, which plain averaging loses", function()
    local before = volume(sphere.points)
    local kept = volume((k:deform(sphere.points, sphere.triangles, { steps = 20, volume = "keep" })))
    local shrunk = volume((k:deform(sphere.points, sphere.triangles, { steps = 20, volume = "shrink" })))
    assert.is_true(math.abs(kept / before - 1) < 0.03)
    assert.is_true(shrunk < 0.7 * before)
  end)

  it("gives back all memory, with no points, a cloud, or a NaN", function()
    for _, points in ipairs({ {}, SQUARE, { { NAN, INF, 3e38 }, { 0, 0, 0 }, { 1, 1, 1 } } }) do
      local out, host = k:deform(points, #points == 3 and { { 0, 1, 2 } } or {}, {})
      assert.equal(#points, #out)
      assert.equal(0, host.live)
      assert.same({}, host.fails)
    end
  end)

  it("says when memory is short, and stops when cancelled", function()
    local out, host = k:deform(SQUARE, HALVES, {}, { starved = true })
    assert.is_nil(out)
    assert.same({ "not enough memory for the edges of the mesh" }, host.fails)
    out, host = k:deform(SQUARE, HALVES, {}, { cancelled = true })
    assert.is_truthy(out)
    assert.equal(0, host.live)
  end)
end)
