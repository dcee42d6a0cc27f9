--- Samplers as a host runs them: threads, densities, surfaces, attributes, and points that follow their mesh. What they
--- keep is held to closed forms; see winding_spec.lua for inside and outside.
local project = require "spec.support.project"
local ffi, whorl = project.ffi, project.whorl

local function body_of(sampler) return 'return pipeline "t" {\n' .. sampler .. "\n}\n" end

--- A closed ball of radius 1, with so many rings, and its z as a point attribute.
local function ball(rings)
  local sides, position, triangle = 2 * rings, {}, {}
  local function at(ring, side) return ring * sides + side % sides end
  for ring = 0, rings do
    for side = 0, sides - 1 do
      local a, b = math.pi * ring / rings, 2 * math.pi * side / sides
      local r = (ring == 0 or ring == rings) and 0 or math.sin(a)
      for _, v in ipairs { r * math.cos(b), r * math.sin(b), math.cos(a) } do position[#position + 1] = v end
    end
  end
  for ring = 0, rings - 1 do
    for side = 0, sides - 1 do
      local a, b, c, d = at(ring, side), at(ring + 1, side), at(ring + 1, side + 1), at(ring, side + 1)
      for _, v in ipairs { a, b, c, a, c, d } do triangle[#triangle + 1] = v end
    end
  end
  local count = #position / 3
  local height = ffi.new("float[?]", count)
  for i = 0, count - 1 do height[i] = position[3 * i + 3] end
  return whorl.view {
    position = ffi.new("float[?]", #position, position), point_count = count, attribute = { height = height },
    triangle = ffi.new("uint32_t[?]", #triangle, triangle), triangle_count = #triangle / 3,
  }
end

local function length(x, y, z) return math.sqrt(x * x + y * y + z * z) end

local function place(points, i)
  local p = points.position + 3 * i
  return p[0], p[1], p[2]
end

local function least_distance(points)
  local least = math.huge
  for i = 0, points.count - 1 do
    local x, y, z = place(points, i)
    for k = 0, i - 1 do
      local p, q, r = place(points, k)
      least = math.min(least, (p - x) ^ 2 + (q - y) ^ 2 + (r - z) ^ 2)
    end
  end
  return math.sqrt(least)
end

describe("samplers", function()
  local p
  before_each(function() p = project.new() end)
  after_each(function() p:close() end)

  local function open(sampler, options)
    p:write("t.lua", body_of(sampler))
    return assert(p:open("t.lua", options))
  end

  local function sample(sampler, mesh, options) return assert(open(sampler, options):sample(nil, mesh, 0)) end

  it("give the same points and ids on one thread and on several", function()
    local mesh = ball(20)
    for _, sampler in ipairs {
      "sample.inside { spacing = 0.04, lattice = 'body-centred', jitter = 0.5 }",
      "sample.inside { spacing = 0.05, lattice = 'hexagonal', density = field.ramp { axis = 'y', from = -1, to = 1 } }",
      "sample.inside { count = 5000, attributes = true }",
      "sample.inside { radius = 0.08, follow = true }",
      "sample.inside { count = 3000, noise = 'blue' }",
      "sample.surface { count = 20000 }",
      "sample.surface { count = 3000, noise = 'blue' }",
    } do
      local one, many = sample(sampler, mesh, { threads = 1 }), sample(sampler, mesh, { threads = 3 })
      assert.is_true(one.count > 1000, sampler)
      assert.are.equal(one.count, many.count, sampler)
      assert.are.equal(ffi.string(one.position, 12 * one.count), ffi.string(many.position, 12 * many.count), sampler)
      assert.are.equal(ffi.string(one.id, 8 * one.count), ffi.string(many.id, 8 * many.count), sampler)
      local seen = {}
      for i = 0, one.count - 1 do
        local id = tostring(one.id[i])
        assert.is_nil(seen[id], sampler)
        seen[id] = true
      end
    end
  end)

  describe("of lattices", function()
    --- A box between two corners, as often as that.
    local function boxes(low, high, times)
      local position, triangle = {}, {}
      for corner = 0, 7 do
        for k = 1, 3 do
          position[#position + 1] = math.floor(corner / 2 ^ (k - 1)) % 2 == 0 and low[k] or high[k]
        end
      end
      for _ = 1, times or 1 do
        for _, i in ipairs { 0, 2, 3, 0, 3, 1, 4, 5, 7, 4, 7, 6, 0, 1, 5, 0, 5, 4,
                             2, 6, 7, 2, 7, 3, 0, 4, 6, 0, 6, 2, 1, 3, 7, 1, 7, 5 } do
          triangle[#triangle + 1] = i
        end
      end
      return whorl.view {
        position = ffi.new("float[?]", 24, position), point_count = 8,
        triangle = ffi.new("uint32_t[?]", #triangle, triangle), triangle_count = #triangle / 3,
      }
    end

    it("are found in a single row of a million, and in a million rows of one", function()
      local n = 2 ^ 20 - 10
      for axis = 1, 3 do
        local low, high = { -0.4, -0.3, -0.2 }, { 0.3, 0.2, 0.4 }
        low[axis], high[axis] = 0.6 - n / 2, n / 2 + 0.4
        local got = sample("sample.inside { spacing = 1 }", boxes(low, high), { threads = 2 })
        assert.are.equal(n, got.count)
        for _, i in ipairs { 0, 1, 77777, n - 1 } do
          assert.are.equal(1 - n / 2 + i, got.position[3 * i + axis - 1])
          assert.are.equal(0, got.position[3 * i + axis % 3])
          assert.are.equal(1, got.value[i])
        end
      end
    end)

    it("are none where the mesh lies between them", function()
      assert.are.equal(0, sample("sample.inside { spacing = 1 }", boxes({ 0.2, 0.2, 0.2 }, { 0.7, 0.8, 0.9 })).count)
    end)

    it("have whole numbers that no short integer holds", function()
      for _, times in ipairs { 3, 16384, 33000, 65537 } do
        local got = sample("sample.inside { spacing = 1 }", boxes({ -0.3, -0.2, -0.4 }, { 2.2, 0.3, 0.4 }, times))
        assert.are.equal(3, got.count)
        for i = 0, 2 do
          assert.are.equal(i, got.position[3 * i])
          assert.is_true(math.abs(got.value[i] - times) <= 1e-6 * times, times)
        end
      end
    end)
  end)

  describe("thin by their density", function()
    it("as many points as it says, the same ones each time", function()
      local mesh = ball(20)
      local all = sample("sample.inside { spacing = 0.05 }", mesh)
      local some = sample("sample.inside { spacing = 0.05, density = 0.3 }", mesh)
      local more = sample("sample.inside { spacing = 0.05, density = 0.5 }", mesh)
      assert.is_true(math.abs(some.count / all.count - 0.3) < 0.01)
      local kept = {}
      for i = 0, more.count - 1 do kept[tostring(more.id[i])] = true end
      for i = 0, some.count - 1 do assert.is_true(kept[tostring(some.id[i])]) end
      assert.are.equal(0, sample("sample.inside { spacing = 0.05, density = 0 }", mesh).count)
      assert.are.equal(all.count, sample("sample.inside { spacing = 0.05, density = 1 }", mesh).count)
    end)

    it("by a field, from place to place", function()
      local got = sample("sample.inside { spacing = 0.04, density = field.ramp { axis = 'z', from = -1, to = 1 } }",
        ball(20))
      local upper = 0
      for i = 0, got.count - 1 do upper = upper + (got.position[3 * i + 2] > 0 and 1 or 0) end
      assert.is_true(math.abs(upper / got.count - 0.6875) < 0.02, upper / got.count)
    end)

    it("and still give exactly as many random points as are asked for", function()
      assert.are.equal(700, sample("sample.inside { count = 700, density = 0.1 }", ball(20)).count)
    end)

    it("but not by what no field is", function()
      p:write("t.lua", body_of "sample.inside { density = 'much' }")
      local _, message = p:open "t.lua"
      assert.are.equal('t.lua:2: sample.inside.density wants a field or a number, not "much"', p:plain(message))
    end)
  end)

  it("say when points would be too close or too far apart for floats", function()
    for _, case in ipairs { { 1e30, "6.34501e+29" }, { 1e-30, "6.34501e-31" } } do
      local cube = project.cube()
      local position = ffi.new("float[24]")
      for i = 0, 23 do position[i] = case[1] * (2 * cube.position[i] - 1) end
      local mesh = whorl.view { position = position, point_count = 8, triangle = cube.triangle, triangle_count = 12 }
      local session = open "sample.inside { count = 10, noise = 'blue' }"
      local points, why = session:sample(nil, mesh, 0)
      assert.is_nil(points)
      assert.are.equal(("t.lua:2: sample.inside: points %s m apart: only 1e-15 .. 1e+15 m can be (scale the mesh, or "
        .. "ask for another number)"):format(case[2]), p:plain(why))
    end
  end)

  it("are others with another seed, and the same ones with the same", function()
    local mesh = ball(12)
    for _, sampler in ipairs {
      "sample.inside { count = 200, seed = %d }", "sample.inside { spacing = 0.2, jitter = 0.5, seed = %d }",
      "sample.inside { radius = 0.2, seed = %d }", "sample.surface { count = 200, seed = %d }",
      "sample.surface { count = 200, noise = 'blue', seed = %d }",
    } do
      local list = {}
      for i, seed in ipairs { 1, 2, 1 } do
        local got = sample(sampler:format(seed), mesh)
        list[i] = ffi.string(got.position, 12 * got.count)
      end
      assert.is_true(list[1] ~= list[2], sampler)
      assert.is_true(list[1] == list[3], sampler)
    end
  end)

  it("move points of a lattice in from beyond the box", function()
    local got = sample("sample.inside { spacing = 0.06, jitter = 1 }", project.cube()) -- the last is at 1.02 m
    local last, wanted = 0, 0.01 / 0.06 ^ 3
    for i = 0, got.count - 1 do last = last + (got.position[3 * i] > 0.99 and 1 or 0) end
    assert.is_true(math.abs(last - wanted) < 5 * math.sqrt(wanted), last)
  end)

  describe("on the surface", function()
    --- Chi-square of how many points fall on each triangle, against their areas, in standard deviations.
    local function unevenness(points, mesh)
      local hits, area, total, sum = {}, {}, 0, 0
      for t = 0, mesh.triangle_count - 1 do
        local v, c = mesh.triangle + 3 * t, {}
        for k = 0, 2 do
          for axis = 0, 2 do c[3 * k + axis] = mesh.position[3 * v[k] + axis] end
        end
        local ux, uy, uz, wx, wy, wz = c[3] - c[0], c[4] - c[1], c[5] - c[2], c[6] - c[0], c[7] - c[1], c[8] - c[2]
        area[t] = length(uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx) / 2
        total = total + area[t]
      end
      for i = 0, points.count - 1 do hits[points.triangle[i]] = (hits[points.triangle[i]] or 0) + 1 end
      local freedom = -1
      for t = 0, mesh.triangle_count - 1 do
        local expected = points.count * area[t] / total
        if expected > 5 then
          sum = sum + ((hits[t] or 0) - expected) ^ 2 / expected
          freedom = freedom + 1
        end
      end
      assert.is_true(freedom > 100)
      return (sum - freedom) / math.sqrt(2 * freedom)
    end

    it("lie on every triangle by its area", function()
      local mesh = ball(10)
      for seed = 0, 2 do
        local got = sample(("sample.surface { count = 20000, attributes = true, seed = %d }"):format(seed), mesh)
        assert.are.equal(20000, got.count)
        assert.is_true(math.abs(unevenness(got, mesh)) < 4)
        local distance = got.attribute.surface_distance
        for i = 0, got.count - 1 do assert.is_true(distance[i] < 1e-6) end
      end
    end)

    it("lie evenly in a triangle", function()
      local mesh = whorl.view { position = ffi.new("float[9]", 0, 0, 0, 1, 0, 0, 0, 1, 0), point_count = 3,
                                triangle = ffi.new("uint32_t[3]", 0, 1, 2), triangle_count = 1 }
      local got = sample("sample.surface { count = 20000 }", mesh)
      local corner = { 0, 0, 0, 0 } -- quarters of the triangle: three at its corners, and the middle
      for i = 0, got.count - 1 do
        local x, y = place(got, i)
        local k = x > 0.5 and 1 or y > 0.5 and 2 or x + y < 0.5 and 3 or 4
        corner[k] = corner[k] + 1
      end
      for k = 1, 4 do assert.is_true(math.abs(corner[k] - 5000) < 300, corner[k]) end -- 5 standard deviations
    end)

    it("leave out triangles that are not finite, and say so", function()
      local cube, position, triangle = project.cube(), ffi.new("float[30]"), ffi.new("uint32_t[42]")
      ffi.copy(position, cube.position, 4 * 24)
      ffi.copy(triangle, cube.triangle, 4 * 36)
      for i, v in ipairs { 0 / 0, 0, 0, 1 / 0, 0, 0 } do position[23 + i] = v end
      for i, v in ipairs { 0, 8, 1, 0, 9, 1 } do triangle[35 + i] = v end
      local mesh = whorl.view { position = position, point_count = 10, triangle = triangle, triangle_count = 14 }
      local session = open "sample.surface { count = 1000, attributes = true }"
      local got = assert(session:sample(nil, mesh, 0))
      assert.are.equal(1000, got.count)
      for i = 0, got.count - 1 do
        local x, y, z = place(got, i)
        assert.is_true(math.min(x, y, z) >= 0 and math.max(x, y, z) <= 1)
        assert.is_true(got.triangle[i] < 12 and got.attribute.surface_distance[i] < 1e-6)
      end
      local said
      for event in session:events() do said = said or event.text:match "%d+ triangles.*$" end
      assert.are.equal("2 triangles with a point that is not finite were left out", said)
    end)

    it("are so many by the area", function()
      assert.are.equal(12000, sample("sample.surface { count = 0, per_area = 2000 }", project.cube()).count)
    end)

    it("keep their distance, and leave little room between them", function()
      local got = sample("sample.surface { count = 0, radius = 0.1 }", ball(20))
      assert.is_true(least_distance(got) >= 0.09999999)
      local share = got.count * 0.1 ^ 2 / (4 * math.pi)
      assert.is_true(share > 0.5 and share < 0.7, share)
    end)

    it("are exactly as many as asked for, as far apart as that allows", function()
      for _, count in ipairs { 1, 10, 1500 } do
        local got = sample(("sample.surface { count = %d, noise = 'blue' }"):format(count), ball(20))
        assert.are.equal(count, got.count)
        if count == 1500 then assert.is_true(least_distance(got) > 0.7 * math.sqrt(4 * math.pi / count)) end
      end
      local got = sample("sample.surface { count = 100, radius = 0.15 }", ball(20))
      assert.are.equal(100, got.count)
      assert.is_true(least_distance(got) >= 0.1499999)
    end)

    it("say what is missing", function()
      local function problem(sampler, mesh)
        local points, why = open(sampler):sample(nil, mesh, 0)
        assert.is_nil(points)
        return p:plain(why)
      end
      assert.are.equal("t.lua:2: sample.surface: it is not said how many points (set count, per_area or radius)",
                       problem("sample.surface { count = 0 }", ball(4)))
      assert.are.equal("t.lua:2: sample.surface: the mesh has no triangles with an area to put points on",
                       problem("sample.surface {}", project.cloud { { 1, 2, 3 } }))
      assert.is_truthy(problem("sample.surface { count = 1000, radius = 1 }", ball(8)):match(
        "^t.lua:2: sample.surface: there is room for %d+ points 1 m apart, not for 1000 %(lower radius or count%)$"))
    end)
  end)

  describe("with attributes", function()
    it("carry those of the mesh, and the distance to its surface", function()
      local got = sample("sample.inside { spacing = 0.1, attributes = true }", ball(40))
      assert.is_true(got.count > 3000)
      for i = 0, got.count - 1 do
        local x, y, z = place(got, i)
        local r = length(x, y, z)
        assert.is_true(math.abs(got.attribute.surface_distance[i] - (1 - r)) < 0.005)
        if r > 0.2 then assert.is_true(math.abs(got.attribute.height[i] - z / r) < 0.05 / r) end
        assert.is_true(got.place[2 * i] >= 0 and got.place[2 * i + 1] >= 0)
        assert.is_true(got.place[2 * i] + got.place[2 * i + 1] <= 1.0001)
      end
    end)

    it("tell the mesh's from their own by name", function()
      local cube = project.cube()
      local value = ffi.new("float[8]", 1, 2, 3, 4, 5, 6, 7, 8)
      local mesh = whorl.view { position = cube.position, point_count = 8, triangle = cube.triangle,
                                triangle_count = 12, attribute = { surface_distance = value, id = value } }
      local got = sample("sample.inside { spacing = 0.2, attributes = true }", mesh)
      assert.is_true(got.count > 0)
      for i = 0, got.count - 1 do
        assert.is_true(got.attribute.surface_distance[i] < 0.51)
        assert.is_true(got.attribute.mesh_surface_distance[i] >= 1 and got.attribute.mesh_id[i] <= 8)
      end
      assert.is_nil(got.attribute.id)
    end)

    it("read values and points that lie apart in memory", function()
      local cube = project.cube()
      local position, value = ffi.new("float[32]"), ffi.new("float[24]")
      for i = 0, 7 do
        for k = 0, 2 do position[4 * i + k] = cube.position[3 * i + k] end
        position[4 * i + 3], value[3 * i], value[3 * i + 1] = 99, cube.position[3 * i], 99
      end
      local mesh = whorl.view { position = position, stride = 16, point_count = 8, triangle = cube.triangle,
                                triangle_count = 12, attribute = { width = value } }
      ffi.cast("wh_attribute *", mesh.attribute)[0].stride = 12
      local got = sample("sample.surface { count = 200, attributes = true }", mesh)
      for i = 0, got.count - 1 do assert.is_near(got.position[3 * i], got.attribute.width[i], 1e-6) end
    end)

    it("are as far from an edge as it is, whichever of the three", function()
      for turn = 0, 2 do
        local position = ffi.new("float[9]")
        for k, corner in ipairs { { 0, 0 }, { 1, 0 }, { 0, 1 } } do
          local at = 3 * ((k - 1 + turn) % 3)
          position[at], position[at + 1] = corner[1], corner[2]
        end
        local mesh = whorl.view { position = position, point_count = 3, triangle = ffi.new("uint32_t[3]", 0, 1, 2),
                                  triangle_count = 1 }
        local got = sample("sample.inside { spacing = 0.125, at_least = -1, attributes = true }", mesh)
        assert.are.equal(81, got.count)
        for i = 0, 80 do
          local x, y = place(got, i)
          assert.is_near(math.max(0, (x + y - 1) / math.sqrt(2)), got.attribute.surface_distance[i], 1e-6)
        end
      end
    end)

    it("have the nearest place of all", function()
      local mesh = ball(7)
      local got = sample("sample.inside { count = 60, attributes = true }", mesh)
      local function nearest_of_triangle(t, x, y, z) -- by a fine net of places, so from above
        local best, v = math.huge, mesh.triangle + 3 * t
        for i = 0, 20 do
          for k = 0, 20 - i do
            local d = 0
            for axis, c in ipairs { x, y, z } do
              local a, b, e = mesh.position[3 * v[0] + axis - 1], mesh.position[3 * v[1] + axis - 1],
                mesh.position[3 * v[2] + axis - 1]
              d = d + (a + i / 20 * (b - a) + k / 20 * (e - a) - c) ^ 2
            end
            best = math.min(best, d)
          end
        end
        return math.sqrt(best)
      end
      for i = 0, got.count - 1 do
        local best, x, y, z = math.huge, place(got, i)
        for t = 0, mesh.triangle_count - 1 do best = math.min(best, nearest_of_triangle(t, x, y, z)) end
        local distance = got.attribute.surface_distance[i]
        assert.is_true(distance <= best + 1e-6 and distance > best - 0.02)
      end
    end)

    it("write them to files", function()
      local got = sample("sample.inside { count = 3, attributes = true }", ball(8))
      assert(got:write(p:path "o.csv"))
      local f = assert(io.open(p:path "o.csv"))
      assert.are.equal("x,y,z,id,winding,height,surface_distance", f:read "*l")
      local last = {}
      for word in f:read("*l"):gmatch "[^,]+" do last[#last + 1] = tonumber(word) end
      f:close()
      assert.are.equal(7, #last)
      assert.is_near(got.attribute.surface_distance[0], last[7], 1e-7)
      assert(got:write(p:path "o.ply"))
      f = assert(io.open(p:path "o.ply", "rb"))
      local text = f:read "*a"
      f:close()
      assert.is_truthy(text:find("property float winding\nproperty float height\nproperty float surface_distance\n"
        .. "end_header\n", 1, true))
      assert.are.equal(text:find("end_header\n", 1, true) + 10 + 3 * 32, #text)
    end)
  end)

  describe("that follow", function()
    --- The mesh with f applied to its points, and where they were.
    local function deformed(mesh, f)
      local position = ffi.new("float[?]", 3 * mesh.point_count)
      for i = 0, mesh.point_count - 1 do
        position[3 * i], position[3 * i + 1], position[3 * i + 2] = f(mesh.position[3 * i], mesh.position[3 * i + 1],
                                                                     mesh.position[3 * i + 2])
      end
      return whorl.moved(mesh, position), position
    end

    local sampler = "sample.inside { spacing = 0.12, follow = true }"

    it("move as the mesh does when it turns, grows and goes elsewhere", function()
      local mesh = ball(12)
      local rest = sample(sampler, mesh)
      local function f(x, y, z) return 3 - 2 * y, 2 * x, 2 * z - 5 end
      local view = deformed(mesh, f)
      local now = sample(sampler, view)
      assert.are.equal(rest.count, now.count)
      assert.are.equal(ffi.string(rest.id, 8 * rest.count), ffi.string(now.id, 8 * now.count))
      for i = 0, rest.count - 1 do
        local x, y, z = f(place(rest, i))
        local p1, p2, p3 = place(now, i)
        assert.is_true(length(x - p1, y - p2, z - p3) < 1e-5)
      end
    end)

    it("move with slivers, whose edges tell their area no more", function()
      local mesh = whorl.view { position = ffi.new("float[9]", 0, 0, 0, 1, 0, 0, 0.5, 1e-9, 0), point_count = 3,
                                triangle = ffi.new("uint32_t[3]", 0, 1, 2), triangle_count = 1 }
      local on = "sample.surface { count = 50, follow = true }"
      local function f(x, y, z) return x + 2e9 * y, 3e9 * y, z end
      local view = deformed(mesh, f)
      local rest, now = sample(on, mesh), sample(on, view)
      assert.are.equal(50, now.count)
      for i = 0, now.count - 1 do
        local x, y, z = f(place(rest, i))
        local p1, p2, p3 = place(now, i)
        assert.is_true(length(x - p1, y - p2, z - p3) < 1e-5)
      end
    end)

    it("are thinned where they come from", function()
      local mesh = ball(12)
      local thin = "sample.inside { spacing = 0.12, follow = true, "
        .. "density = field.ramp { axis = 'z', from = -1, to = 1 } }"
      local rest, now = sample(thin, mesh), sample(thin, (deformed(mesh, function(x, y, z) return x, y, z + 5 end)))
      assert.is_true(rest.count > 500)
      assert.are.equal(ffi.string(rest.id, 8 * rest.count), ffi.string(now.id, 8 * now.count))
    end)

    it("stay inside a mesh that is bent, and keep their ids", function()
      local mesh = ball(24)
      local session = open(sampler .. ", fields = { w = field.winding {} }")
      local function f(x, y, z)
        local a = 0.5 * y
        return x * math.cos(a) - z * math.sin(a), y, x * math.sin(a) + z * math.cos(a) + 0.2 * math.sin(3 * x)
      end
      local view = deformed(mesh, f)
      local rest, now = assert(session:sample(nil, mesh, 0)), assert(session:sample(nil, view, 0))
      assert.are.equal(ffi.string(rest.id, 8 * rest.count), ffi.string(now.id, 8 * now.count))
      local w = assert(session:field("w", view, 0, now.position, now.count))
      local out = 0
      for i = 0, now.count - 1 do out = out + (w[i] < 0.5 and 1 or 0) end
      assert.are.equal(0, out)
    end)
  end)
end)
