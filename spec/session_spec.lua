local project = require "spec.support.project"
local ffi, whorl = project.ffi, project.whorl

local function pipeline(body) return 'return pipeline "t" {\n' .. body .. "\n}\n" end

describe("a session", function()
  local p
  before_each(function() p = project.new() end)
  after_each(function() p:close() end)

  local function open(body, options)
    p:write("t.lua", pipeline(body))
    return assert(p:open("t.lua", options))
  end

  local function deform(session, points, seconds, attribute)
    local view = project.cloud(points, attribute)
    return project.points(assert(session:deform(view, seconds)), #points)
  end

  describe("opens", function()
    it("a good file and says so", function()
      local s = open "deform.linear { factor = { 2, 3, 4 } }"
      assert.are.same({ "t.lua" }, p:events(s, "reloaded"))
      assert.are.same({ { 2, 6, 12 } }, deform(s, { { 1, 2, 3 } }))
    end)

    it("a file and says at a glance what runs and what is wrong", function()
      local s = open "deform.linear { name = \"a\" }"
      deform(s, { { 1, 2, 3 } })
      assert.are.equal("", s:message())
      assert.matches('^{"file": "[^"]+t.lua", "runs": true, "revision": %d+, "message": "", "stages": '
        .. '%[{"kernel": "deform.linear", "name": "a", "generation": 1, "pinned": false, '
        .. '"enabled": true, "milliseconds": [%d.e-]+}%]}$',
        s:status_json())
      p:save("t.lua", pipeline "deform.lineer {}")
      p:wait(s, "rejected")
      assert.are.equal("t.lua:2: no kernel deform.lineer (did you mean 'linear'?)", p:plain(s:message()))
      p:save("t.lua", pipeline "deform.linear {}")
      p:wait(s, "reloaded")
      assert.are.equal("", s:message())
    end)

    it("a wrong file as a session that the first good save revives", function()
      p:write("t.lua", pipeline "deform.lineer {}")
      local s, message, status = p:open "t.lua"
      assert.are.equal("t.lua:2: no kernel deform.lineer (did you mean 'linear'?)", p:plain(message))
      assert.are.equal("config", status)
      local out, why = s:deform(project.cloud { { 1, 2, 3 } }, 0)
      assert.is_nil(out)
      assert.are.equal("there is no pipeline to run: none was loaded without a mistake", why)
      p:events(s)
      p:save("t.lua", pipeline "deform.linear { factor = { 2, 1, 1 } }")
      p:wait(s, "reloaded")
      assert.are.same({ { 2, 2, 3 } }, deform(s, { { 1, 2, 3 } }))
    end)

    it("a missing file likewise", function()
      local s, message = p:open "none.lua"
      assert.are.equal("none.lua: cannot be read: No such file or directory", p:plain(message))
      p:save("none.lua", pipeline "deform.linear {}")
      assert.are.equal("none.lua", p:wait(s, "reloaded").text)
    end)

    it("no file, for its kernels", function()
      local s = assert(p:open(nil))
      local ids = {}
      for _, k in ipairs(s:kernels()) do ids[k.id] = k end
      for _, id in ipairs { "deform.twist", "deform.smooth", "field.winding", "field.noise", "sample.inside",
                            "mesh.sphere" } do
        assert.is_truthy(ids[id], id)
      end
      assert.is_true(ids["deform.twist"].builtin)
      assert.are.equal(1, ids["deform.twist"].generation)
    end)

    it("nothing with options of another size", function()
      local out = ffi.new "wh_session *[1]"
      local options = ffi.new("wh_options", { size = 4 })
      assert.are.equal(whorl.C.WH_ERR_ARGUMENT, whorl.C.wh_open(nil, options, out))
      assert.are.equal("the options have the wrong size (set options.size)", ffi.string(whorl.C.wh_last_error()))
      assert.is_true(out[0] == nil)
    end)
  end)

  describe("keeps pipeline files in bounds:", function()
    local function message_of(text)
      p:write("t.lua", text)
      local _, message = p:open "t.lua"
      return p:plain(message)
    end

    it("an endless loop", function()
      assert.are.equal("t.lua:1: this runs too long: stopped (a pipeline only describes the work; is there an endless "
        .. "loop?)", message_of "while true do end")
    end)

    it("too much memory", function()
      if (os.getenv "WHORL_PRELOAD" or "") ~= "" then return pending "under a sanitizer its time ends first" end
      assert.are.equal("t.lua:1: needs more than 256 MB to read (a pipeline only describes the work; make it smaller)",
        message_of "local s = ('x'):rep(1e6) while true do s = s .. s .. s .. s .. s .. s end")
    end)

    it("bytecode", function()
      local message = message_of(string.dump(function() return 1 end))
      assert.matches("^t%.lua:1: ", message)
      assert.is_nil(message:find("returns", 1, true))
    end)

    it("the functions of time at each cook", function()
      local s = open "deform.linear { factor = function(t) if t > 1 then while true do end end return { 1, 1, 1 } end }"
      assert.are.same({ { 1, 1, 1 } }, deform(s, { { 1, 1, 1 } }, 1))
      local out, message = s:deform(project.cloud { { 1, 1, 1 } }, 2)
      assert.is_nil(out)
      assert.are.equal("t.lua:2: this runs too long: stopped (a pipeline only describes the work; is there an endless "
        .. "loop?)", p:plain(message))
      assert.are.same({ { 1, 1, 1 } }, deform(s, { { 1, 1, 1 } }, 1))
    end)
  end)

  it("survives a function of time that fills its memory", function()
    p:write("t.lua", 'local hoard = {}\nreturn pipeline "t" { deform.linear { factor = function(t)\n'
      .. 'for i = 1, t * 1e5 do hoard[#hoard + 1] = { i } end return { 1, 1, 1 } end } }')
    local s = assert(p:open "t.lua")
    local failed = {}
    for _ = 1, 60 do
      local out, message = s:deform(project.cloud { { 1, 1, 1 } }, 1)
      failed[#failed + 1] = not out and message or nil
    end
    assert.matches("not enough memory", table.concat(failed, "\n")) -- on a slow machine its time ends at times
    assert.are.same({ { 1, 1, 1 } }, deform(open "deform.linear {}", { { 1, 1, 1 } }))
  end)

  describe("deforms", function()
    it("with functions of time, called once a cook and kept in range", function()
      local s = open "deform.twist { angle = function(t) return 100 * t end }"
      local moved = deform(s, { { 1, 1, 0 } }, 0.9)
      assert.is_near(0, moved[1][1], 1e-6)
      assert.is_near(1, math.abs(moved[1][3]), 1e-6)
      local _, message = s:deform(project.cloud { { 1, 1, 0 } }, 100)
      assert.matches("^t%.lua:2: deform%.twist%.angle = 10000 deg is outside %-%d+ %.%. %d+ at t = 100$",
        p:plain(message))
    end)

    it("by envelope, mask and enabled", function()
      local s = open [[
        deform.linear { factor = { 3, 1, 1 }, envelope = 0.5 },
        deform.linear { factor = { 1, 3, 1 }, mask = field.ramp { axis = "x", from = 0, to = 8 } },
        deform.linear { factor = { 9, 9, 9 }, enabled = false },
        deform.linear { factor = { 9, 9, 9 }, envelope = 0 },
        deform.linear { factor = { 1, 1, 5 }, mask = 4 * field.ramp { axis = "z", from = 1, to = 0 } - 8 } ]]
      -- x: 1 -> 1 + 0.5 * 2 = 2; y: mask 2 / 8 = 0.25, 1 -> 1 + 0.25 * 2; z: the mask is below 0 everywhere.
      assert.are.same({ { 2, 1.5, 1 } }, deform(s, { { 1, 1, 1 } }))
    end)

    it("by painted weights, with any stride", function()
      local weight = ffi.new("float[3]", 0, 0.5, 1)
      local s = open 'deform.linear { factor = { 3, 1, 1 }, mask = field.attribute { name = "pin" } }'
      local points = { { 1, 0, 0 }, { 1, 0, 0 }, { 1, 0, 0 } }
      assert.are.same({ { 1, 0, 0 }, { 2, 0, 0 }, { 3, 0, 0 } }, deform(s, points, 0, { pin = weight }))
      local _, message, status = s:deform(project.cloud(points, { other = weight }), 0)
      assert.are.equal("t.lua:2: field.attribute: the mesh has no point attribute 'pin' (it has other)",
        p:plain(message))
      assert.are.equal("argument", status)
    end)

    it("so far as the host's weights let each point go, through all stages", function()
      local s = open "deform.linear { factor = { 3, 1, 1 } }, deform.push { distance = 2 }"
      local count = 8
      local cube = project.cube()
      local whole = project.points(assert(s:deform(cube, 0)), count)
      local weights = { 0, 1, 0.5, 0.25, -1, 2, 0 / 0, 1 }
      local weight = ffi.new("float[8]", weights)
      cube.weight = weight
      local moved = project.points(assert(s:deform(cube, 0)), count)
      for i = 1, count do
        local w = weights[i] == weights[i] and weights[i] or 0
        for k = 1, 3 do
          local from, to = cube.position[3 * (i - 1) + k - 1], whole[i][k]
          assert.are.near(from + (to - from) * w, moved[i][k], 1e-6)
        end
      end
      assert.are.same(whole[2], moved[2])
      assert.are.same({ 0, 0, 0 }, moved[1])
    end)

    it("by values that come with a mesh, under the id that a parameter had before too", function()
      p:write("shift.c", project.shift('float near WH_UI(1, min = -9, max = 9, was = "far", doc = "Near");', "p->near"))
      local s = open 'deform.shift { near = expose(1, "Near") }'
      local view = project.cloud { { 0, 0, 0 } }
      local function x_by(...)
        local settings = { ... }
        view.setting = ffi.new("wh_setting[?]", #settings, settings)
        view.setting_count = #settings
        return assert(s:deform(view, 0))[0]
      end
      assert.are.equal(5, x_by { "shift.near", { 5 } })
      assert.are.equal(4, x_by { "shift.far", { 4 } })
      assert.are.equal(3, x_by({ "shift.far", { 4 } }, { "shift.near", { 3 } }))
      assert.are.equal(9, x_by { "shift.far", { 12 } })
      assert.are.equal(1, x_by { "shift.nothing", { 4 } })
    end)

    it("by weights of points that are not packed, in more than a block", function()
      local s = open "deform.linear { factor = { 3, 1, 1 } }"
      local count = 5000
      local position, weight = ffi.new("float[?]", count * 4), ffi.new("float[?]", count)
      for i = 0, count - 1 do position[i * 4], weight[i] = i, i % 3 / 2 end
      local view = whorl.view { position = position, stride = 16, point_count = count, weight = weight }
      local out = assert(s:deform(view, 0))
      for i = 0, count - 1 do assert.are.equal(i * (1 + i % 3), out[i * 3]) end
    end)

    it("more points than a block, each through the whole chain", function()
      local s = open [[
        deform.linear { factor = { 2, 1, 1 } }, deform.taper {}, deform.linear { factor = { 1, 1, 0.5 } } ]]
      local points = {}
      for i = 1, 40000 do points[i] = { i, 0, i } end
      local all = deform(s, points)
      for i = 1, 40000, 997 do
        assert.are.same(deform(s, { points[i] })[1], all[i])
      end
    end)

    it("in passes where a stage needs the whole mesh or normals", function()
      local s = open [[
        deform.linear { factor = { 2, 2, 2 } },
        deform.push { distance = 1 },
        deform.linear { factor = { 1, 1, 1 } } ]]
      local cube = project.cube()
      local out = project.points(assert(s:deform(cube, 0)), 8)
      local n = 1 / math.sqrt(3)
      -- The corner 0 lies in triangles of three sides; the normals of a cube of two triangles a side are not all
      -- diagonal, but those of corners 0 and 6 are: there two triangles of each side meet.
      for axis = 1, 3 do
        assert.is_near(2 + n, out[7][axis], 0.3)
        assert.is_true(out[1][axis] < 0)
      end
    end)

    it("an empty mesh, and through a pipeline without deformers", function()
      assert.are.same({}, deform(open "deform.linear {}", {}))
      assert.are.same({ { 1, 2, 3 } }, deform(open "sample.inside {}", { { 1, 2, 3 } }))
    end)

    it("nothing when the call is wrong, and says why", function()
      local s = open "deform.push {}"
      local C, view = whorl.C, project.cube()
      local out = ffi.new "float[24]"
      local function refused(text)
        assert.are.equal(C.WH_ERR_ARGUMENT, C.wh_deform(s.handle, view, 0, out))
        assert.are.equal(text, ffi.string(C.wh_last_error()))
      end
      out = ffi.cast("float *", view.position)
      refused "the result must not overlap the mesh (a faulted cook must be able to run again)"
      out = ffi.new "float[24]"
      view.stride = 8
      refused "a stride of 8 bytes is less than a point's 12"
      view.stride = 0
      local bad = ffi.new("uint32_t[3]", 0, 1, 8)
      view.triangle, view.triangle_count = bad, 1
      refused "a triangle uses point 8, but the mesh has 8 points, counted from 0"
      view.size = 4
      refused "the view of the mesh has the wrong size (set view.size)"
    end)

    it("the same with one thread and with many", function()
      local body = [[
        mesh.torus_knot {}, deform.bend {}, deform.noise { amount = 0.1 }, deform.smooth { steps = 3 },
        deform.push { distance = 0.01 } ]]
      local one, many = open(body, { threads = 1 }), open(body, { threads = 7 })
      local a, b = assert(one:source(0)), assert(many:source(0))
      local n = a:view().point_count
      local x, y = assert(one:deform(a, 1)), assert(many:deform(b, 1))
      assert.are.equal(ffi.string(x, n * 12), ffi.string(y, n * 12))
    end)
  end)

  describe("measures", function()
    it("fields by name, at queries and at the mesh's points", function()
      local s = open [[ fields = { hold = 1 - field.ramp { axis = "x", from = 0, to = 1 } * 0.5 } ]]
      local cube = project.cube()
      local query = ffi.new("float[6]", 0, 0, 0, 1, 0, 0)
      local at = assert(s:field("hold", cube, 0, query, 2))
      assert.are.same({ 1, 0.5 }, { at[0], at[1] })
      local all = assert(s:field("hold", cube, 0, nil, 8))
      assert.are.same({ 1, 0.5 }, { all[0], all[1] })
    end)

    it("the winding number without being asked to prepare for it", function()
      local s = open "deform.linear {}"
      local query = ffi.new("float[6]", 0.5, 0.5, 0.5, 1.5, 0.5, 0.5)
      local w = assert(s:field("winding", project.cube(), 0, query, 2))
      assert.is_near(1, w[0], 1e-6)
      assert.is_near(0, w[1], 1e-6)
    end)

    describe("a field that takes all points at once", function()
      local fields = [[
#include "whorl_kernel.h"
WH_NO_PARAMS(field_many)
static void run(const wh_block *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        b->value[i] = b->x[i];
}
static void field(const wh_field_job *j)
{
    j->host->note(j->host, "all at once");
    for (uint32_t i = 0; i < j->count; i++)
        j->value[i] = 10 * j->position[3 * i] + (float)j->count;
}
WH_KERNEL(field_many, .doc = "x", .run = run, .field = field);
]]

      local function start()
        p:write("many.c", fields)
        p:write("t.lua", 'return pipeline "t" { reload { kernels = "*.c", canary = false }, '
          .. 'fields = { alone = field.many {}, more = field.many {} + 1 } }')
        return assert(p:open "t.lua")
      end

      it("does so where it stands alone, and says how", function()
        local s = start()
        local query = ffi.new("float[6]", 2, 0, 0, 3, 0, 0)
        local alone = assert(s:field("alone", project.cube(), 0, query, 2))
        assert.are.same({ 22, 32 }, { alone[0], alone[1] })
        assert.are.same({ "t.lua:1: field.many: all at once" }, p:events(s, "note"))
        local all = assert(s:field("alone", project.cube(), 0, nil, 8))
        assert.are.same({ 8, 18 }, { all[0], all[1] })
      end)

      it("and block by block in an expression", function()
        local s = start()
        local query = ffi.new("float[6]", 2, 0, 0, 3, 0, 0)
        local more = assert(s:field("more", project.cube(), 0, query, 2))
        assert.are.same({ 3, 4 }, { more[0], more[1] })
      end)
    end)

    it("with values that a cook brings along, held to their ranges, and no longer than that", function()
      p:write("by.c", [[
#include "whorl_kernel.h"
WH_PARAMS(field_by, float by WH_UI(1, min = 0, max = 9, doc = "Value");)
static void field(const wh_field_job *j)
{
    for (uint32_t i = 0; i < j->count; i++)
        j->value[i] = ((const field_by *)j->params)->by;
}
static void run(const wh_block *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        b->value[i] = ((const field_by *)b->params)->by;
}
WH_KERNEL(field_by, .doc = "x", .run = run, .field = field);
]])
      p:write("t.lua", 'return pipeline "t" { reload { kernels = "*.c", canary = false }, '
        .. 'fields = { alone = field.by { by = expose(3, "By", { id = "by" }) } } }')
      local s = assert(p:open "t.lua")
      local query, id = ffi.new("float[3]"), "by"
      local setting = ffi.new("wh_setting[1]", { { id = id } })
      local cube = project.cube()
      local brought = whorl.view { position = cube.position, point_count = 8, triangle = cube.triangle,
                                   triangle_count = 12, topology = 7, moves = 1, setting = setting, setting_count = 1 }
      local plain = whorl.view { position = cube.position, point_count = 8, triangle = cube.triangle,
                                 triangle_count = 12, topology = 7, moves = 1 }
      for value, expected in pairs { [5] = 5, [7] = 7, [99] = 9, [-1] = 0 } do
        setting[0].value[0] = value
        assert.are.equal(expected, assert(s:field("alone", brought, 0, query, 1))[0])
        assert.are.equal(expected, assert(s:field("alone", brought, 0, query, 1))[0])
        assert.are.equal(3, assert(s:field("alone", plain, 0, query, 1))[0])
      end
      setting[0].value[0] = 0 / 0
      assert.are.equal(3, assert(s:field("alone", brought, 0, query, 1))[0])
      local other = "nobody"
      setting[0].id, setting[0].value[0] = other, 8
      assert.are.equal(3, assert(s:field("alone", brought, 0, query, 1))[0])
      setting[0].id = nil
      local _, message = s:field("alone", brought, 0, query, 1)
      assert.are.equal("setting 0 has no id", message)
      assert.are.equal("by", id)
    end)

    it("no field that is not there", function()
      local s = open "fields = { hold = 1 }"
      local _, message = s:field("hodl", project.cube(), 0, nil, 8)
      assert.are.equal("the pipeline has no field 'hodl' (it has hold, winding)", message)
    end)
  end)

  describe("samples", function()
    it("every lattice point inside, each with its id and winding number", function()
      local s = open 'sample.inside { name = "fill", spacing = 0.25 }'
      local cube = project.cube()
      local points = assert(s:sample("fill", cube, 0))
      local seen, inner = {}, 0
      for i = 0, points.count - 1 do
        assert.is_nil(seen[tostring(points.id[i])])
        seen[tostring(points.id[i])] = true
        local strictly = true
        for k = 0, 2 do
          local v = points.position[i * 3 + k]
          strictly = strictly and v > 0 and v < 1
        end
        if strictly then
          inner = inner + 1
          assert.is_near(1, points.value[i], 1e-6)
        end
      end
      assert.are.equal(27, inner)
    end)

    it("exactly so many random points, the same for the same seed", function()
      local s = open "sample.inside { count = 12345, seed = 3 }"
      local a, b = assert(s:sample(nil, project.cube(), 0)), assert(s:sample(nil, project.cube(), 0))
      assert.are.equal(12345, a.count)
      assert.are.equal(ffi.string(a.position, a.count * 12), ffi.string(b.position, b.count * 12))
      local other = open("sample.inside { count = 12345, seed = 3 }", { seed = 4 })
      local c = assert(other:sample(nil, project.cube(), 0))
      assert.are_not.equal(ffi.string(a.position, a.count * 12), ffi.string(c.position, c.count * 12))
    end)

    it("and says when a mesh encloses nothing", function()
      local s = open "sample.inside { count = 10 }"
      local flat = whorl.view { position = ffi.new("float[9]", 0, 0, 0, 1, 0, 0, 0, 1, 1), point_count = 3,
                                triangle = ffi.new("uint32_t[3]", 0, 1, 2), triangle_count = 1 }
      local points, message, status = s:sample(nil, flat, 0)
      assert.is_nil(points)
      assert.are.equal("kernel", status)
      assert.matches("^t%.lua:2: sample%.inside: found 0 of 10 points in %d+ tries %(does the mesh enclose anything%? "
        .. "see at_least%)$", p:plain(message))
    end)

    it("and asks about density, where that thins the points out", function()
      local s = open "sample.inside { count = 10, density = 0 }"
      local points, message = s:sample(nil, project.cube(), 0)
      assert.is_nil(points)
      assert.matches("^t%.lua:2: sample%.inside: found 0 of 10 points in %d+ tries %(does the mesh enclose anything%? "
        .. "see at_least and density%)$", p:plain(message))
    end)

    it("what is wanted of candidates without an end", function()
      p:write("endless.c", [[
#include "whorl_kernel.h"
WH_NO_PARAMS(sample_endless)
static bool plan(const wh_host *h, const wh_geometry *m, const void *p, const void *s, wh_sample_plan *out)
{
    (void)h, (void)m, (void)p, (void)s;
    *out = (wh_sample_plan){UINT64_MAX, 10, 1000};
    return true;
}
static uint32_t sample(const wh_sample_block *b)
{
    if (b->first % 2000 == 0)
        return 0;
    b->x[0] = b->y[0] = b->z[0] = b->value[0] = 1;
    b->id[0] = b->first;
    return 1;
}
WH_KERNEL(sample_endless, .doc = "One point in every other block", .plan = plan, .sample = sample);
]])
      local points = assert(open("sample.endless {}"):sample(nil, project.cube(), 0))
      assert.are.equal(10, points.count)
      assert.are.equal(19000, tonumber(points.id[9]))
    end)

    it("nothing from a sampler that is not there", function()
      local s = open 'sample.inside { name = "fill" }'
      local _, message = s:sample("fil", project.cube(), 0)
      assert.are.equal("the pipeline has no sampler 'fil' (it has fill)", message)
    end)
  end)

  describe("exposes parameters", function()
    it("whose values a cook may bring along", function()
      local s = open "deform.linear { factor = expose({ 2, 3, 4 }, 'F', { id = 'f' }) }"
      local function with(id, x, y, z)
        local view = project.cloud { { 1, 1, 1 } }
        local setting = ffi.new("wh_setting[1]")
        setting[0].id = id
        setting[0].value = { x, y, z, 0 }
        view.setting, view.setting_count = setting, 1
        return project.points(assert(s:deform(view, 0)), 1)[1]
      end
      assert.are.same({ 5, 6, 7 }, with("f", 5, 6, 7))
      assert.are.same({ 5, 3, 7 }, with("f", 5, 0 / 0, 7)) -- NaN: as without it
      assert.are.same({ 2, 3, 4 }, with("gone", 5, 6, 7))
      local high = s:params()[1].max
      assert.are.same({ high, 6, 7 }, with("f", 2 * high, 6, 7))
      assert.are.same({ { 2, 3, 4 } }, deform(s, { { 1, 1, 1 } }))
    end)

    local body = 'deform.linear { factor = expose({ 2, 1, 1 }, "Size") },\n'
      .. 'deform.twist { angle = 0, axis = expose("y") }'

    it("with what a host needs for a slider", function()
      local s = open(body)
      local size, axis = unpack(s:params())
      assert.are.equal("linear.factor", size.id)
      assert.are.same({ "Size", "float", 3 }, { size.label, size.type, size.count })
      assert.are.same({ { 2, 1, 1 }, { 2, 1, 1 } }, { size.init, size.value })
      assert.are.same({ "twist.axis", "choice", "x|y|z", { 1 } }, { axis.id, axis.type, axis.choices, axis.value })
    end)

    it("that hosts set, within their range", function()
      local s = open(body)
      local before = s:poll()
      assert(s:set("linear.factor", 5, 1, 1))
      assert.is_true(s:poll() > before)
      assert.are.same({ { 5, 0, 0 } }, deform(s, { { 1, 0, 0 } }))
      local _, message = s:set("linear.factor", 1e9, 1, 1)
      assert.are.equal("linear.factor = 1e+09 is outside -1000 .. 1000", message)
      _, message = s:set("linear.factr", 1)
      assert.are.equal("no parameter 'linear.factr' (the pipeline exposes linear.factor, twist.axis)", message)
      _, message = s:set("twist.axis", 0.5)
      assert.are.equal("twist.axis = 0.5 is not a whole number", message)
    end)
  end)

  it("gives the plan as JSON", function()
    local s = open 'deform.linear { factor = { 2, 1, 1 }, mask = 1 - field.ball {} }'
    local plan = s:plan_json()
    assert.matches('"kernel": "deform.linear"', plan, 1, true)
    assert.matches('"sub": %[', plan)
  end)

  it("makes the mesh that the file declares, or says that there is none", function()
    local m = assert(open("mesh.sphere {}"):source(0))
    assert.is_true(m:view().triangle_count > 100)
    local none, message = open("deform.linear {}"):source(0)
    assert.is_nil(none)
    assert.are.equal("the pipeline makes no mesh of its own (give one, or add mesh.sphere { … })", message)
  end)

  it("shows warnings and prints once as events", function()
    p:write("t.lua", 'print("hello", 1)\nreturn pipeline "t" {}')
    local s = assert(p:open "t.lua")
    assert.are.same({ "t.lua:1: hello\t1" }, p:events(s, "log"))
  end)

  it("never looks at files again when it is frozen", function()
    local s = open("deform.linear { factor = { 2, 1, 1 } }", { frozen = true })
    local before = s:poll()
    p:save("t.lua", pipeline "deform.linear { factor = { 3, 1, 1 } }")
    p:settle(s, 100)
    assert.are.equal(before, s:poll())
    assert.are.same({ { 2, 0, 0 } }, deform(s, { { 1, 0, 0 } }))
  end)
end)
