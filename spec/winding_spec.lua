local ffi = require "ffi"
local winding = require "spec.support.winding"

local meshes = os.getenv "WHORL_MESHES" or "../shared/meshes"

local function flipped(m)
  return winding.map(m, nil, function(a, b, c)
    return a, c, b
  end)
end

local function scaled(m, s, x, y, z)
  return winding.map(m, function(px, py, pz)
    return px * s + (x or 0), py * s + (y or 0), pz * s + (z or 0)
  end)
end

local function random_points(count, half, seed)
  local random, list = winding.random(seed or 5), {}
  for i = 1, count do
    list[i] = { half * (2 * random() - 1), half * (2 * random() - 1), half * (2 * random() - 1) }
  end
  return list
end

local function lattice_points(n, half)
  local list = {}
  for i = 0, n * n * n - 1 do
    local x, y, z = i % n, math.floor(i / n) % n, math.floor(i / n / n)
    list[i + 1] = { half * (2 * x / (n - 1) - 1), half * (2 * y / (n - 1) - 1), half * (2 * z / (n - 1) - 1) }
  end
  return list
end

--- Points at a distance above and below random triangles.
local function near_points(m, count, distance)
  local random, list = winding.random(7), {}
  while #list < count do
    local t = 3 * math.floor(random() * m.triangles * 0.999999)
    local p, corner = m.position, {}
    for k = 0, 2 do
      local v = 3 * m.triangle[t + k]
      corner[k] = { p[v], p[v + 1], p[v + 2] }
    end
    local u, v = 0.1 + 0.4 * random(), 0.1 + 0.4 * random()
    local a, b, c = corner[0], corner[1], corner[2]
    local point, e, f = {}, {}, {}
    for k = 1, 3 do
      e[k], f[k] = b[k] - a[k], c[k] - a[k]
      point[k] = a[k] + u * e[k] + v * f[k]
    end
    local n = { e[2] * f[3] - e[3] * f[2], e[3] * f[1] - e[1] * f[3], e[1] * f[2] - e[2] * f[1] }
    local length = math.sqrt(n[1] ^ 2 + n[2] ^ 2 + n[3] ^ 2)
    for k = 1, 3 do
      point[k] = point[k] + (#list % 2 * 2 - 1) * distance * n[k] / length
    end
    list[#list + 1] = point
  end
  return list
end

local function worst_error(m, list)
  local worst, q = 0, winding.points(list)
  winding.with_tree(m, function(tree)
    local got = winding.batch(tree, q)
    for i = 0, q.count - 1 do
      local off = math.abs(got[i] - winding.sum(m, q.x[i], q.y[i], q.z[i]))
      worst = off <= worst and worst or off -- a NaN must not pass
    end
  end)
  return worst
end

local function values(m, list)
  local out, q = {}, winding.points(list)
  winding.with_tree(m, function(tree)
    local got = winding.batch(tree, q)
    for i = 1, q.count do
      out[i] = got[i - 1]
    end
  end)
  return out
end

local ball = winding.ball(24, 32)
local kinds = {
  ["a ball"] = ball,
  ["a ball that is inside out"] = flipped(ball),
  ["a ball whose points are not shared"] = winding.unweld(ball),
  ["a ball twice over"] = winding.join(ball, ball),
  ["a ball and itself inside out"] = winding.join(ball, flipped(ball)),
  ["two balls that overlap"] = winding.join(ball, scaled(ball, 0.7, 0.6, 0.1, 0)),
  ["half a ball"] = winding.ball(24, 32, 0.5),
  ["a ball with holes"] = winding.map(ball, nil, function(a, b, c, i)
    if i % 17 ~= 3 then
      return a, b, c
    end
  end),
  ["a ball with some triangles the wrong way"] = winding.map(ball, nil, function(a, b, c, i)
    if i % 13 == 3 then
      return a, c, b
    end
    return a, b, c
  end),
  ["a disc with a long rim"] = winding.disc(3000),
  ["a soup of small triangles"] = winding.soup(700, 0.1),
  ["a soup of large triangles"] = winding.soup(300, 2),
  ["a ball with needles and doubled corners"] = winding.map(winding.ball(30, 5), function(x, y, z)
    return x, y * 1e-3, z * 40
  end, function(a, b, c, i)
    if i % 9 == 4 then
      return a, a, c
    end
    return a, b, c
  end),
  ["one triangle 900 times"] = winding.map(ball, nil, function()
    return 70, 71, 300
  end),
}

describe("winding numbers", function()
  for name, m in pairs(kinds) do
    it("are the sum of the solid angles for " .. name, function()
      assert.is_true(worst_error(m, random_points(500, 1.4)) <= 1e-9)
      assert.is_true(worst_error(m, lattice_points(9, 1.02)) <= 1e-9)
      assert.is_true(worst_error(m, near_points(m, 200, 1e-2)) <= 1e-9)
      assert.is_true(worst_error(m, near_points(m, 200, 1e-5)) <= 1e-9)
    end)
  end

  it("are whole for closed meshes", function()
    local list = {}
    for _, p in ipairs(random_points(1500, 1.2)) do
      local r = math.sqrt(p[1] ^ 2 + p[2] ^ 2 + p[3] ^ 2)
      if r < 0.98 or r > 1 then
        p.inside = r < 0.98 and 1 or 0
        list[#list + 1] = p
      end
    end
    for factor, m in pairs { [1] = winding.unweld(ball), [-1] = flipped(ball), [2] = kinds["a ball twice over"] } do
      for i, value in ipairs(values(m, list)) do
        assert.are.equal(factor * list[i].inside, value)
      end
    end
  end)

  it("are the same bits alone, in any batch and in any order", function()
    local m, list = kinds["a ball with holes"], random_points(2500, 1.2)
    local q, back = winding.points(list), {}
    for i = 1, #list do
      back[i] = list[#list + 1 - i]
    end
    local turned, few = winding.points(back), winding.points { unpack(list, 1, 3) }
    winding.with_tree(m, function(tree)
      local all, reversed, three = winding.batch(tree, q), winding.batch(tree, turned), winding.batch(tree, few)
      for i = 0, #list - 1 do
        assert.are.equal(all[i], reversed[#list - 1 - i])
        assert.are.equal(all[i], winding.lib().wh__tree_winding(tree, q.x[i], q.y[i], q.z[i]))
      end
      for i = 0, 2 do
        assert.are.equal(all[i], three[i])
      end
    end)
  end)

  for _, s in ipairs { 1e-30, 1e-9, 1e-3, 1e3, 1e9, 1e30 } do
    it("do not depend on the size of the mesh: " .. s, function()
      local m, list = scaled(kinds["a ball with holes"], s), random_points(300, 1.3 * s)
      assert.is_true(worst_error(m, list) <= 1e-9)
    end)
  end

  it("hold far from the origin", function()
    local m = scaled(kinds["a ball with holes"], 1, 1000, -2000, 500)
    local list = random_points(300, 1.3)
    for _, p in ipairs(list) do
      p[1], p[2], p[3] = p[1] + 1000, p[2] - 2000, p[3] + 500
    end
    assert.is_true(worst_error(m, list) <= 1e-9)
    local far = scaled(ball, 1, 1e6, 1e6, 1e6)
    assert.are.same({ 1, 0, 0 }, values(far, { { 1e6, 1e6, 1e6 }, { 1e6 + 2, 1e6, 1e6 }, { 0, 0, 0 } }))
  end)

  it("fall to nothing far from the mesh", function()
    for _, r in ipairs { 1e6, 1e20, 3e38 } do
      for _, value in ipairs(values(kinds["half a ball"], { { r, r, r }, { -r, 0, 0 }, { 0, 0, r } })) do
        assert.is_true(math.abs(value) < 1e-9)
      end
    end
  end)

  it("are defined on the surface", function()
    local m = winding.mesh({ 0, 0, 0, 1, 0, 0, 0, 1, 0 }, { 0, 1, 2 })
    local list = { { 0, 0, 0 }, { 1, 0, 0 }, { 0.5, 0, 0 }, { 0.5, 0.5, 0 }, { 0.25, 0.25, 0 }, { 3, 3, 0 } }
    for i, value in ipairs(values(m, list)) do
      assert.are.equal(0, value, "point " .. i)
    end
    local corners = {}
    for i = 0, ball.points - 1 do
      corners[i + 1] = { ball.position[3 * i], ball.position[3 * i + 1], ball.position[3 * i + 2] }
    end
    for _, value in ipairs(values(ball, corners)) do
      assert.is_true(value > -1 and value < 2)
    end
  end)

  it("are half a turn just above and below a large triangle", function()
    local m = winding.mesh({ -1e3, -1e3, 0, 1e3, -1e3, 0, 0, 1e3, 0 }, { 0, 1, 2 })
    local got = values(m, { { 0, 0, 1e-4 }, { 0, 0, -1e-4 } })
    assert.is_true(math.abs(got[1] + 0.5) < 1e-6)
    assert.is_true(math.abs(got[2] - 0.5) < 1e-6)
  end)

  it("are 0 for points that are not finite", function()
    local nan, inf = 0 / 0, 1 / 0
    local list = { { nan, 0, 0 }, { 0, 0, 0 }, { 0, inf, 0 }, { 0, 0, -inf }, { nan, nan, nan }, { 0.1, 0, 0 } }
    assert.are.same({ 0, 1, 0, 0, 0, 1 }, values(ball, list))
    winding.with_tree(ball, function(tree)
      assert.are.equal(0, winding.lib().wh__tree_winding(tree, 0, nan, 0))
    end)
  end)

  it("are 0 for meshes without area", function()
    local list = { { 0, 0, 0 }, { 1, 2, 3 }, { 0.5, 0, 0 } }
    local thin = { 0, 0, 0, 1, 0, 0, 2, 0, 0 }
    assert.are.same({ 0, 0, 0 }, values(winding.mesh({}, {}), list))
    assert.are.same({ 0, 0, 0 }, values(winding.mesh(thin, {}), list))
    assert.are.same({ 0, 0, 0 }, values(winding.mesh(thin, { 0, 1, 1, 2, 2, 2 }), list))
    assert.are.same({ 0, 0, 0 }, values(winding.mesh(thin, { 0, 1, 2, 0, 2, 1 }), list))
    assert.are.same({ 0, 0, 0 }, values(winding.mesh({ 1, 1, 1, 1, 1, 1, 1, 1, 1 }, { 0, 1, 2 }), list))
  end)

  it("leave out triangles with a point that is not finite, and say so", function()
    local broken = winding.map(ball, nil, nil)
    broken.position[3 * 40] = 0 / 0
    broken.position[3 * 90 + 1] = 1 / 0
    local good = winding.map(broken, nil, function(a, b, c)
      if a ~= 40 and b ~= 40 and c ~= 40 and a ~= 90 and b ~= 90 and c ~= 90 then
        return a, b, c
      end
    end)
    local gone = broken.triangles - good.triangles
    assert.are.equal(12, gone)
    local q = winding.points(random_points(300, 1.2))
    winding.with_tree(broken, function(tree, log)
      local text = "winding: %d triangles with a point that is not finite were left out"
      assert.are.same({ text:format(gone) }, log.said)
      local got = winding.batch(tree, q)
      for i = 0, q.count - 1 do
        assert.is_true(math.abs(got[i] - winding.sum(good, q.x[i], q.y[i], q.z[i])) <= 1e-9)
      end
    end)
    winding.with_tree(winding.mesh({ 0, 0, 0, 1, 0, 0, 0, 1 / 0, 0 }, { 0, 1, 2 }), function(_, log)
      assert.are.same({ "winding: 1 triangle with a point that is not finite was left out" }, log.said)
    end)
  end)

  it("say so when memory is short, and keep none", function()
    local built
    for refuse = 1, 100 do
      local log = winding.host(refuse)
      local tree = winding.lib().wh__tree_build(log.host, winding.geometry(kinds["a ball with holes"]))
      built = tree ~= nil
      if built then
        winding.lib().wh__tree_free(log.host, tree)
      else
        assert.are.equal("winding: memory is short (use a coarser mesh)", log.failed)
      end
      assert.are.equal(0, log.live)
      log.close()
      if built then
        assert.is_true(refuse > 10)
        break
      end
    end
    assert.is_true(built)
  end)

  it("reach pipelines as floats through field.winding", function()
    local m, list = kinds["a ball with holes"], random_points(2100, 1.2)
    local q, exact = winding.points(list), values(m, list)
    local got, near, at_once = winding.field(m, q, { exact = true }), winding.field(m, q), winding.field_at_once(m, q)
    for i, value in ipairs(exact) do
      assert.are.equal(tonumber(ffi.cast("float", value)), got[i - 1])
      assert.is_true(math.abs(near[i - 1] - value) <= 1e-3)
      assert.is_true(math.abs(at_once[i - 1] - value) <= 1e-3)
    end
    local closed, whole = winding.field(ball, q), values(ball, list)
    for i, value in ipairs(whole) do
      assert.are.equal(math.floor(value + 0.5), closed[i - 1])
    end
  end)

  for _, name in ipairs { "armadillo", "spot", "cow", "fandisk", "teapot", "suzanne" } do
    it("are the sum of the solid angles for " .. name .. ".obj", function()
      local m = winding.read_obj(meshes .. "/" .. name .. ".obj")
      if not m then
        pending("there is no " .. name .. ".obj in " .. meshes .. " (set WHORL_MESHES)")
        return
      end
      local low, high = { 1 / 0, 1 / 0, 1 / 0 }, { -1 / 0, -1 / 0, -1 / 0 }
      for i = 0, 3 * m.points - 1 do
        local k = i % 3 + 1
        low[k], high[k] = math.min(low[k], m.position[i]), math.max(high[k], m.position[i])
      end
      local list = near_points(m, 12, 1e-3 * (high[1] - low[1]))
      for _, p in ipairs(random_points(24, 0.5)) do
        for k = 1, 3 do
          p[k] = 0.5 * (low[k] + high[k]) + 1.1 * p[k] * (high[k] - low[k])
        end
        list[#list + 1] = p
      end
      assert.is_true(worst_error(m, list) <= 1e-9)
    end)
  end
end)

describe("sample.inside", function()
  --- Every lattice point in the box of the triangles whose winding number, by the plain sum, is enough.
  local function lattice_by_sum(m, spacing, at_least)
    local low, high, out = { 1 / 0, 1 / 0, 1 / 0 }, { -1 / 0, -1 / 0, -1 / 0 }, {}
    spacing = tonumber(ffi.cast("float", spacing))
    for i = 0, 9 * m.triangles - 1 do
      local k, v = i % 3, m.triangle[math.floor(i / 3)]
      low[k + 1] = math.min(low[k + 1], m.position[3 * v + k])
      high[k + 1] = math.max(high[k + 1], m.position[3 * v + k])
    end
    for k = math.ceil(low[3] / spacing), math.floor(high[3] / spacing) do
      for j = math.ceil(low[2] / spacing), math.floor(high[2] / spacing) do
        for i = math.ceil(low[1] / spacing), math.floor(high[1] / spacing) do
          local q = winding.points { { i * spacing, j * spacing, k * spacing } }
          local value = winding.sum(m, q.x[0], q.y[0], q.z[0])
          if value >= at_least then
            out[#out + 1] = { q.x[0], q.y[0], q.z[0], value = value, index = { i, j, k } }
          end
        end
      end
    end
    return out
  end

  --- off: how far values may differ; those of a closed mesh do not.
  local function same_points(a, b, off)
    assert.are.equal(#a, #b)
    for i = 1, #a do
      for k = 1, 3 do
        assert.are.equal(a[i][k], b[i][k])
      end
      assert.is_true(a[i].id == b[i].id)
      assert.is_true(math.abs(a[i].value - b[i].value) <= (off or 0))
    end
  end

  local moved = scaled(ball, 0.83, 0.31, -2.7, 11.013)

  for name, m in pairs {
    ["a ball"] = moved,
    ["half a ball"] = scaled(kinds["half a ball"], 0.83, 0.31, -2.7, 11.013),
    ["a soup"] = winding.soup(200, 0.7),
  } do
    it("keeps every point of the lattice that is inside " .. name, function()
      for _, at_least in ipairs { 0.5, 0.25 } do
        local want = lattice_by_sum(m, 0.13, at_least + 1e-7)
        local got = winding.sample(m, { spacing = 0.13, at_least = at_least })
        assert.is_true(#want > 10)
        assert.are.equal(#want, #got)
        for i = 1, #want do
          assert.are.same(want[i].index, got[i].index)
          assert.are.same({ want[i][1], want[i][2], want[i][3] }, { got[i][1], got[i][2], got[i][3] })
          assert.is_true(math.abs(want[i].value - got[i].value) <= (name == "a ball" and 1e-7 or 1e-3))
        end
      end
    end)
  end

  it("gives the same points in blocks of any size", function()
    local m = scaled(kinds["a ball with holes"], 0.83, 0.31, -2.7, 11.013)
    for _, params in ipairs { { spacing = 0.1 }, { count = 300, seed = 9 } } do
      local all = winding.sample(m, params)
      assert.is_true(#all >= 300)
      for _, block in ipairs { 7, 100, 1024, 30000 } do
        same_points(all, (winding.sample(m, params, block)), 2e-3) -- each within 1e-3 of the truth
      end
    end
  end)

  it("holds the lattice still when the mesh moves", function()
    local at = {}
    for _, p in ipairs(winding.sample(ball, { spacing = 0.25 })) do
      at[tostring(p.id)] = p
    end
    local shared = 0
    for _, p in ipairs(winding.sample(scaled(ball, 1, 0.3, 0.2, 0.1), { spacing = 0.25 })) do
      local q = at[tostring(p.id)]
      if q then
        shared = shared + 1
        assert.are.same({ q[1], q[2], q[3] }, { p[1], p[2], p[3] })
      end
      for k = 1, 3 do
        assert.are.equal(0.25 * p.index[k], p[k])
      end
    end
    assert.is_true(shared > 100)
  end)

  it("can be told its spacing in steps along the longest side", function()
    local across = winding.sample(ball, { across = 8 })
    assert.is_true(#across > 100)
    local low, high = math.huge, -math.huge
    for i = 0, ball.points - 1 do
      low, high = math.min(low, ball.position[3 * i]), math.max(high, ball.position[3 * i])
    end
    local given = winding.sample(ball, { spacing = (high - low) / 8 })
    assert.are.equal(#given, #across)
    for i, p in ipairs(across) do
      for k = 1, 3 do assert.is_near(given[i][k], p[k], 1e-6) end
    end
  end)

  it("keeps all of the box, none, or the inside, as at_least says", function()
    local function kept(at_least)
      return #winding.sample(ball, { spacing = 0.25, at_least = at_least })
    end
    local _, plan = winding.sample(ball, { spacing = 0.25 })
    assert.are.equal(9 * 9 * 9, tonumber(plan.candidates))
    assert.are.equal(9 * 9 * 9, kept(-4))
    assert.are.equal(0, kept(2))
    assert.are.equal(kept(0.5), kept(1))
    assert.are.equal(0, #winding.sample(flipped(ball), { spacing = 0.3 }))
  end)

  it("gives exactly as many random points as asked for", function()
    for _, count in ipairs { 1, 10, 5000 } do
      local got, plan = winding.sample(moved, { count = count, seed = 3 })
      assert.are.equal(count, #got)
      assert.are.equal(count, tonumber(plan.wanted))
      assert.are.equal(1000 * count + 1000000, tonumber(plan.candidates))
    end
    local got = winding.sample(moved, { count = 400, seed = 3 })
    for i, p in ipairs(got) do
      assert.is_true(math.abs(winding.sum(moved, p[1], p[2], p[3]) - 1) < 1e-9)
      assert.are.equal(1, p.value)
      assert.is_true(i == 1 or got[i - 1].id < p.id)
    end
  end)

  it("spreads random points evenly", function()
    local got = winding.sample(ball, { count = 20000, seed = 1 })
    local tried = tonumber(got[#got].id) + 1
    assert.is_true(math.abs(#got / tried - math.pi / 6) < 0.02)
    local halves = { 0, 0, 0 }
    for _, p in ipairs(got) do
      for k = 1, 3 do
        halves[k] = halves[k] + (p[k] > 0 and 1 or 0)
      end
    end
    for k = 1, 3 do
      assert.is_true(math.abs(halves[k] - 10000) < 300)
    end
  end)

  it("gives other points for another seed, and more of the same for a higher count", function()
    local few, more = winding.sample(ball, { count = 50, seed = 4 }), winding.sample(ball, { count = 80, seed = 4 })
    same_points(few, { unpack(more, 1, 50) })
    local other, shared = winding.sample(ball, { count = 50, seed = 5 }), 0
    for i = 1, 50 do
      shared = shared + (few[i][1] == other[i][1] and 1 or 0)
    end
    assert.are.equal(0, shared)
  end)

  it("packs other lattices, whose points have their distance to the nearest and no less", function()
    local names, nearest = { "body-centred", "hexagonal" }, { 8, 12 }
    for kind = 1, 2 do
      local got = winding.sample(moved, { spacing = 0.2, lattice = kind })
      local most, ids = 0, {}
      for i, p in ipairs(got) do
        local touching = 0
        assert.is_nil(ids[tostring(p.id)])
        ids[tostring(p.id)] = true
        assert.is_true(math.abs(winding.sum(moved, p[1], p[2], p[3]) - 1) < 1e-9)
        for k, q in ipairs(got) do
          local d = math.sqrt((p[1] - q[1]) ^ 2 + (p[2] - q[2]) ^ 2 + (p[3] - q[3]) ^ 2)
          assert.is_true(k == i or d > 0.1999, names[kind])
          touching = touching + (k ~= i and d < 0.2001 and 1 or 0)
        end
        most = math.max(most, touching)
      end
      assert.are.equal(nearest[kind], most, names[kind])
    end
  end)

  it("has as many points of a lattice in a ball as go into its volume", function()
    local volume = 4 / 3 * math.pi
    for kind, cell in pairs { [0] = 1, [1] = 4 / math.sqrt(27), [2] = 1 / math.sqrt(2) } do
      local want = volume / (cell * 0.05 ^ 3)
      local got = winding.sample(winding.ball(60, 80), { spacing = 0.05, lattice = kind })
      assert.is_true(math.abs(#got / want - 1) < 0.01, ("%d: %d, not %d"):format(kind, #got, want))
    end
  end)

  it("moves the points of a lattice by the jitter, each its own way and the same way each time", function()
    local still = {}
    for _, p in ipairs(winding.sample(ball, { spacing = 0.2, at_least = -4 })) do
      still[tostring(p.id)] = p
    end
    local got, sum, low, high = winding.sample(ball, { spacing = 0.2, jitter = 0.8, seed = 4 }), 0, 1, -1
    for _, p in ipairs(got) do
      local q = still[tostring(p.id)]
      for k = 1, q and 3 or 0 do
        local off = (p[k] - q[k]) / 0.2
        sum, low, high = sum + off, math.min(low, off), math.max(high, off)
      end
    end
    assert.is_true(low >= -0.40001 and low < -0.39 and high <= 0.40001 and high > 0.39)
    assert.is_true(math.abs(sum / #got) < 0.05)
    same_points(got, (winding.sample(ball, { spacing = 0.2, jitter = 0.8, seed = 4 }, 77)))
    local other, shared = winding.sample(ball, { spacing = 0.2, jitter = 0.8, seed = 5 }), 0
    for i = 1, math.min(#other, #got) do
      shared = shared + (other[i][1] == got[i][1] and 1 or 0)
    end
    assert.are.equal(0, shared)
  end)

  local function least_distance(list)
    local least = math.huge
    for i, p in ipairs(list) do
      for k = 1, i - 1 do
        local q = list[k]
        least = math.min(least, (p[1] - q[1]) ^ 2 + (p[2] - q[2]) ^ 2 + (p[3] - q[3]) ^ 2)
      end
    end
    return math.sqrt(least)
  end

  it("keeps disks apart, and leaves little room between them", function()
    local radius = tonumber(ffi.cast("float", 0.15))
    local got = winding.sample(moved, { radius = radius, seed = 2 })
    assert.is_true(least_distance(got) >= radius)
    local volume = 4 / 3 * math.pi * 0.83 ^ 3
    assert.is_true(math.abs(#got * radius ^ 3 / volume - 0.56) < 0.06)
    for _, p in ipairs(got) do
      assert.is_true(math.abs(winding.sum(moved, p[1], p[2], p[3]) - 1) < 1e-9)
    end
    local random, lonely = winding.random(3), 0
    for _ = 1, 2000 do -- nowhere in the ball is further than two radii from all of them
      local q, nearest = { 2 * random() - 1, 2 * random() - 1, 2 * random() - 1 }, math.huge
      if q[1] ^ 2 + q[2] ^ 2 + q[3] ^ 2 < 0.5 then
        for _, p in ipairs(got) do
          nearest = math.min(nearest, (p[1] - 0.83 * q[1] - 0.31) ^ 2 + (p[2] - 0.83 * q[2] + 2.7) ^ 2
            + (p[3] - 0.83 * q[3] - 11.013) ^ 2)
        end
        lonely = lonely + (nearest > (1.6 * radius) ^ 2 and 1 or 0)
      end
    end
    assert.are.equal(0, lonely)
  end)

  it("throws the same disks in blocks of any size, in any mesh that holds them", function()
    local params = { radius = 0.2, seed = 6 }
    local all = winding.sample(moved, params)
    for _, block in ipairs { 500, 3000 } do
      same_points(all, (winding.sample(moved, params, block)))
    end
    local at, shared = {}, 0
    for _, p in ipairs(all) do
      at[tostring(p.id)] = p
    end
    for _, p in ipairs(winding.sample(scaled(moved, 1, 0.2, 0.1, 0), params)) do
      local q = at[tostring(p.id)]
      shared = shared + (q and 1 or 0)
      assert.is_true(not q or q[1] == p[1] and q[2] == p[2] and q[3] == p[3])
    end
    assert.is_true(shared > 0.7 * #all)
  end)

  it("gives exactly as many disks as asked for, as far apart as that allows", function()
    for _, count in ipairs { 1, 10, 300, 2000 } do
      local got = winding.sample(moved, { count = count, noise = 1, seed = 3 })
      assert.are.equal(count, #got)
      if count >= 300 then
        local even = (4 / 3 * math.pi * 0.83 ^ 3 / count) ^ (1 / 3)
        assert.is_true(least_distance(got) > 0.76 * even)
      end
      same_points(got, (winding.sample(moved, { count = count, noise = 1, seed = 3 }, 10000)))
    end
    local some = winding.sample(moved, { count = 100, radius = 0.2, seed = 3 })
    assert.are.equal(100, #some)
    assert.is_true(least_distance(some) >= 0.2)
    local few = winding.sample(moved, { count = 10, radius = 1e-4, seed = 3 }) -- of which there is room for 1e11
    assert.are.equal(10, #few)
    assert.is_true(least_distance(few) >= 1e-4)
    local _, _, log = winding.sample(moved, { count = 1000, radius = 0.5, seed = 3 })
    assert.is_truthy(log.failed:match(
      "^there is room for %d+ points 0.5 m apart, not for 1000 %(lower radius or count%)$"))
    _, _, log = winding.sample(flipped(moved), { count = 10, noise = 1 })
    assert.are.equal("none of 4194304 random points is inside (does the mesh enclose anything? see at_least)",
                     log.failed)
  end)

  it("tries nothing for a mesh without triangles", function()
    for _, params in ipairs { { spacing = 0.1 }, { count = 10 } } do
      local got, plan = winding.sample(winding.mesh({}, {}), params)
      assert.are.equal(0, #got)
      assert.are.equal(0, tonumber(plan.candidates))
    end
  end)

  it("refuses a lattice that is too large", function()
    local _, _, log = winding.sample(ball, { spacing = 1e-5 })
    assert.are.equal("a lattice with spacing 1e-05 m has 8e+15 points in the box of the mesh, more than 1099511627776 "
      .. "(raise spacing to 0.000195713 or more)", log.failed)
    local got = winding.sample(scaled(ball, 1, 1e6), { spacing = 0.5 })
    assert.is_nil(got)
    _, _, log = winding.sample(scaled(ball, 1, 1e6), { spacing = 0.5 })
    assert.are.equal("the lattice reaches 2000002 steps of 0.5 m from the origin, more than 1048575 (raise spacing to "
      .. "0.963213 or more, or move the mesh to the origin)", log.failed)
    assert.is_table(winding.sample(scaled(ball, 1, 1e6), { spacing = 0.963213 }))
  end)

  it("advises the parameter that was given", function()
    for _, case in ipairs {
      { { across = 1000000 }, "%(lower across%)$" },
      { { noise = 1, per_volume = 1e15 }, "%(lower per_volume%)$" },
      { { noise = 1, count = 4e9 }, "%(lower count, or move the mesh to the origin%)$" },
      { { radius = 1e-4 }, "%(raise radius to 0.00033913 or more%)$" },
      { { radius = 1e-6 }, "%(raise radius to 1.66833e%-06 or more, or move the mesh to the origin%)$" },
    } do
      local _, _, log = winding.sample(ball, case[1])
      assert.matches(case[2], log.failed)
    end
  end)
end)
