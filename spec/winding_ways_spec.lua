--- Every way to a winding number agrees with every other: one by one and many at once, rows and points, and compiled
-- for each instruction set that this machine has.
local winding = require "spec.support.winding"

local function cpu_has(flag)
  local file = io.open "/proc/cpuinfo"
  local text = file and file:read "*a" or ""
  if file then file:close() end
  return text:find("%s" .. flag .. "%s") ~= nil
end

local sets = { { name = "plain", flags = "" }, { name = "AVX2", flags = "-march=x86-64-v3", needs = "avx2" },
               { name = "AVX-512", flags = "-march=x86-64-v4", needs = "avx512vl" } }

local ball = winding.ball(24, 32)
local meshes = {
  { name = "a ball", mesh = ball, way = "close: rays are counted" },
  { name = "a ball with holes", way = "caps over their holes", mesh = winding.map(ball, nil, function(a, b, c, i)
    if i % 17 ~= 3 then return a, b, c end
  end) },
  { name = "half a ball", mesh = winding.ball(24, 32, 0.5), way = "caps over their holes" },
  { name = "a soup", mesh = winding.soup(300, 0.7), way = "summed by multipoles" },
}

local function random_points(count, half)
  local random, list = winding.random(11), {}
  for i = 1, count do
    list[i] = { half * (2 * random() - 1), half * (2 * random() - 1), half * (2 * random() - 1) }
  end
  return winding.points(list)
end

local samples = { { spacing = 0.06 }, { spacing = 0.09, lattice = 1 }, { spacing = 0.09, lattice = 2 },
                  { spacing = 0.1, at_least = 0.25, winding = false }, { count = 2000, seed = 3 } }

local function ids(points)
  local list = {}
  for i, p in ipairs(points) do list[i] = tostring(p.id) end
  return list
end

for _, set in ipairs(sets) do
  describe("compiled for " .. set.name, function()
    local able = not set.needs or cpu_has(set.needs)
    setup(function() winding.use(able and set.flags or "") end)
    teardown(function() winding.use "" end)

    for _, one in ipairs(meshes) do
      it("the winding number of " .. one.name .. " is within what is asked of it", function()
        if not able then return pending("this machine has no " .. set.name) end
        local q = random_points(1500, 1.3)
        for _, accuracy in ipairs { 1e-2, 1e-3, 1e-5 } do
          local blocks = winding.field(one.mesh, q, { accuracy = accuracy })
          local at_once, way = winding.field_at_once(one.mesh, q, { accuracy = accuracy })
          assert.is_truthy(way:find(one.way, 1, true), way)
          for i = 0, q.count - 1, 7 do
            local truth = winding.sum(one.mesh, q.x[i], q.y[i], q.z[i])
            assert.is_true(math.abs(blocks[i] - truth) <= accuracy)
            assert.is_true(math.abs(at_once[i] - truth) <= accuracy)
          end
        end
      end)

      it("the same points are in " .. one.name, function()
        if not able then return pending("this machine has no " .. set.name) end
        for _, params in ipairs(samples) do
          one.kept = one.kept or {}
          local kept = ids(winding.sample(one.mesh, params))
          one.kept[params] = one.kept[params] or kept
          assert.is_true(#kept > 100)
          assert.are.same(one.kept[params], kept)
          local one_by_one = ids(winding.sample(one.mesh, params, 97)) -- no whole rows
          assert.are.same(kept, one_by_one)
        end
      end)
    end
  end)
end
