local config = require "whorl.config"
local json = require "whorl.json"
local schema = require "whorl.schema"

local declared = {
  deform = {
    twist = [[float angle WH_UI(90, min = -720, max = 720, unit = "deg", doc = "Turn");
      float length WH_UI(1, min = 1e-4, max = 1e4, unit = "m"); int axis WH_UI(1, choices = "x|y|z");
      bool clamp WH_UI(true);]],
    bend = [[float angle WH_UI(0, min = -360, max = 360, unit = "deg");
      float center[3] WH_UI({ 0, 0, 0 }, min = -10, max = 10);
      char weights[8] WH_UI("", attribute = true); int steps WH_UI(4, min = 1, max = 64);]],
  },
  field = { ramp = [[int axis WH_UI(1, choices = "x|y|z"); float from WH_UI(0); float to WH_UI(1);]], none = "" },
  sample = { inside = [[float spacing WH_UI(0.1, min = 1e-3, max = 10, unit = "m"); int seed WH_UI(1, min = 0);]] },
  mesh = { sphere = [[float radius WH_UI(1, min = 0, max = 100)]] .. ";" },
}

local function kernel(kind, name)
  local text = declared[kind] and declared[kind][name]
  return text and assert(schema.parse(text, kind .. "_" .. name))
end

local function names(kind)
  local list = {}
  for name in pairs(declared[kind]) do list[#list + 1] = name end
  return list
end

local function read(text, files, more)
  local o = { kernel = kernel, names = names, host = { name = "spec" },
              read = function(path) return (files or {})[path], "no such file" end }
  for key, v in pairs(more or {}) do o[key] = v end
  return config.read(text, "t.lua", o)
end

local function stages(body, ...) return read('return pipeline "t" {\n' .. body .. "\n}", ...) end

local function lines(errors)
  local out = {}
  for i, e in ipairs(errors) do out[i] = ("%s:%d: %s"):format(e.file, e.line, e.text) end
  return out
end

local function plan_of(plan, errors)
  assert.are.same({}, lines(errors))
  return assert(plan)
end

--- The file is refused with these lines, no more and no less.
local function refused(expected, plan, errors)
  assert.are.same(expected, lines(errors))
  assert.is_nil(plan)
end

describe("a pipeline file", function()
  it("comes down to plain data", function()
    local plan = plan_of(read [[
local root = field.ramp { axis = "y", to = 0.4 }
return pipeline "tentacle" {
  mesh.sphere { radius = 2 },
  deform.bend { angle = expose(35, "Curl"), center = { 1, 2, 3 }, mask = root, weights = "w" },
  deform.twist { angle = function(t) return 30 + t end, axis = 2, envelope = 0.5, name = "top" },
  host.name == "viewer" and deform.bend {},
  sample.inside { name = "fill", spacing = 0.02, enabled = false },
  fields = { root = root, half = root * 0.5 },
  reload { kernels = { "*.c", "more/*.c" }, publish = "between-frames" },
}]])
    assert.are.same({ "tentacle", "t.lua", 2, 1 }, { plan.name, plan.file, #plan.stages, #plan.samples })
    local bend, twist = plan.stages[1], plan.stages[2]
    assert.are.same({ "deform", "bend", "deform.bend", "t.lua", 4, "t.lua:4" },
                    { bend.kind, bend.kernel, bend.where, bend.file, bend.line, bend.at })
    assert.are.same({ angle = { init = { 35 }, exposed = 1 }, center = { init = { 1, 2, 3 } },
                      weights = { init = "w" }, steps = { init = { 4 } } }, bend.params)
    assert.are.same({ init = { 1 } }, bend.envelope)
    assert.are.same({ init = { 1 } }, bend.enabled)
    assert.are.same({ angle = { init = { 30 }, fn = 1 }, length = { init = { 1 } }, axis = { init = { 2 } },
                      clamp = { init = { 1 } } }, twist.params)
    assert.are.same({ "top", { init = { 0.5 } } }, { twist.name, twist.envelope })
    assert.are.same({ init = { 0 } }, plan.samples[1].enabled)
    assert.are.equal("field", bend.mask.op)
    assert.are.equal(bend.mask.call, plan.fields[2].expr.call) -- shared, not copied
    assert.are.same({ "half", "root" }, { plan.fields[1].name, plan.fields[2].name })
    assert.are.same({ op = "const", value = 0.5 }, plan.fields[1].expr.b)
    assert.are.same({ kernels = { "*.c", "more/*.c" }, canary = "last-input", publish = "between-frames",
                      on_error = "keep-last", watch = "auto", keep = 8, time_limit = 10 }, plan.reload)
    assert.are.same({ "t.lua:5", "deform.twist.angle" }, { plan.functions[1].at, plan.functions[1].where })
    assert.are.same({ id = "bend.angle", label = "Curl", type = "float", count = 1, init = { 35 }, min = -360,
                      max = 360, unit = "deg", doc = "", choices = {} }, plan.exposed[1])
    assert.are.same({ 2 }, plan.mesh.params.radius.init)
  end)

  it("fills in defaults for no table and for an empty one", function()
    local plan = plan_of(stages "deform.twist(), deform.twist {}, deform.twist(nil)")
    for i = 1, 3 do assert.are.same({ 90 }, plan.stages[i].params.angle.init) end
    assert.are.same({ kernels = { "*.c" }, canary = "last-input", publish = "between-frames", on_error = "keep-last",
                      watch = "auto", keep = 8, time_limit = 10 }, plan.reload)
  end)

  it("keeps the order of its list across holes and false", function()
    local plan = plan_of(stages "deform.twist { angle = 1 }, nil, false, nil, deform.twist { angle = 2 }, nil")
    assert.are.same({ 2, 1, 2 }, { #plan.stages, plan.stages[1].params.angle.init[1],
                                   plan.stages[2].params.angle.init[1] })
  end)

  it("reports everything that is wrong with it at once, each on its own line", function()
    refused({
      "t.lua:1: unknown name 'os' (a pipeline file cannot use it)",
      "t.lua:2: global 'draft' (write local draft = …)",
      "t.lua:4: no kernel deform.twsit (did you mean 'twist'?)",
      "t.lua:6: deform.twist.angle = 1080 deg is outside -720 .. 720",
      't.lua:8: deform.twist.axis = "w" is none of x, y, z',
      "t.lua:9: deform.twist has no parameter 'agnle' (did you mean 'angle'?)",
      "t.lua:11: entry 3 of the pipeline is 7 (want deform, sample, mesh or reload)",
      "t.lua:12: the pipeline has no key 'feilds' (did you mean 'fields'?)",
      "t.lua:13: reload has no key 'canry' (did you mean 'canary'?)",
    }, read [[
local home = os.getenv("HOME") .. "/x"
draft = true
return pipeline "t" {
  deform.twsit { angle = "what" },
  deform.twist {
    angle = 1080, -- length = 7, angle = 1
    mask = function() local t = { axis = 1 } return t end and nil,
    ["axis"] = "w",
    agnle = draft,
  },
  7,
  feilds = {},
  reload { canry = true },
}]])
  end)

  for body, message in pairs {
    ["deform.twist { 1 }"] = "deform.twist takes only named values (write angle = …)",
    ["deform.twist(5)"] = "deform.twist wants { … }, not 5",
    ["deform.twist({}, {})"] = "deform.twist wants one table and nothing behind it",
    ["deform:twist {}"] = "write deform.twist { … }, with a dot",
    ["deform {}"] = "deform wants the name of a kernel, deform.name { … }",
    ["deform.twist(setmetatable({}, {}))"] = "deform.twist wants a plain table, without a metatable",
    ["deform.ramp {}"] = "no kernel deform.ramp (did you mean 'field.ramp'?)",
    ["deform.twist { angle = \"90\" }"] = "deform.twist.angle wants a number, not \"90\"",
    ["deform.twist { angle = 0/0 }"] = "deform.twist.angle = nan is not finite",
    ["deform.twist { angle = -1/0 }"] = "deform.twist.angle = -inf is not finite",
    ["deform.twist { angle = 720.00000001 }"] = "deform.twist.angle = 720.00000001 deg is outside -720 .. 720",
    ["deform.twist { angle = field.ramp {} }"] = "deform.twist.angle wants a value, not a field",
    ["deform.twist { angle = deform.bend {} }"] = "deform.twist.angle wants a value, not deform.bend { … }",
    ["deform.twist { angle = 1LL }"] = "deform.twist.angle wants a number, not a cdata",
    ["deform.twist { axis = 3 }"] = "deform.twist.axis = 3 is none of x, y, z",
    ["deform.twist { axis = true }"] = "deform.twist.axis wants one of x, y, z, not true",
    ["deform.twist { clamp = 1 }"] = "deform.twist.clamp wants true or false, not 1",
    ["deform.twist { enabled = \"no\" }"] = "deform.twist.enabled wants true or false, not \"no\"",
    ["deform.twist { envelope = 2 }"] = "deform.twist.envelope = 2 is outside 0 .. 1",
    ["deform.twist { mask = true }"] = "deform.twist.mask wants a field or a number, not true",
    ["deform.twist { mask = field.ramp }"] = "deform.twist.mask wants a field or a number, not a function",
    ["deform.twist { name = \"a\\nb\" }"] = "deform.twist.name wants plain UTF-8 text",
    ["deform.twist { name = \"\" }"] = "deform.twist.name wants 1 .. 200 bytes of text",
    ["deform.bend { steps = 1.5 }"] = "deform.bend.steps = 1.5 is not a whole number",
    ["deform.bend { center = 1 }"] = "deform.bend.center wants 3 numbers, { … }, not 1",
    ["deform.bend { center = { 1, 2 } }"] = "deform.bend.center wants 3 numbers, { … }, and has no number 3",
    ["deform.bend { center = { 1, 2, 3, 4 } }"] = "deform.bend.center wants 3 numbers, { … }, not more",
    ["deform.bend { center = { 1, 2, 33 } }"] = "deform.bend.center[3] = 33 is outside -10 .. 10",
    ["deform.bend { weights = \"12345678\" }"] = "deform.bend.weights has 8 bytes, and takes 7 at most",
    ["deform.bend { weights = function() end }"] = "deform.bend.weights is a text and cannot be a function of time",
    ["deform.bend { weights = expose \"a\" }"] = "deform.bend.weights is a text and cannot be exposed",
    ["field.ramp {}"] = "entry 1 of the pipeline is a field (a field goes into mask = … or fields = { … })",
    ["deform.twist"] = "entry 1 of the pipeline is a function (to call a kernel, write { } behind it)",
    ["sample.inside { mask = 1 }"] = "sample.inside has no parameter 'mask'",
    ["fields = { a = 1, b = true }"] = "fields.b wants a field or a number, not true",
    ["fields = { 1 }"] = "fields wants { name = field }, with a name for each",
    ["mesh.sphere {}, mesh.sphere {}"] = "a second mesh (the first is on line 2)",
    ["sample.inside { name = \"a\" }, sample.inside { name = \"a\" }"] =
      "a second sample named \"a\" (the first is on line 2; give it another name: name = \"…\")",
    ["sample.inside {}, sample.inside {}"] =
      "a second sample named \"inside\" (the first is on line 2; give it another name: name = \"…\")",
    ["sample.inside { name = \"inside\" }, sample.inside {}"] =
      "a second sample named \"inside\" (the first is on line 2; give it another name: name = \"…\")",
    ["sample.inside { name = \"../a\" }"] =
      "sample.inside.name wants letters, digits, _ and - (it becomes a file's name), not \"../a\"",
    ["sample.inside { name = \"é\" }"] =
      "sample.inside.name wants letters, digits, _ and - (it becomes a file's name), not \"é\"",
    ["reload {}, reload {}"] = "a second reload",
    ["reload { publish = \"between-frame\" }"] =
      "reload.publish = \"between-frame\" is none of between-frames, at-once, by-hand (did you mean 'between-frames'?)",
    ["reload { kernels = \"../*.c\" }"] = "reload.kernels cannot leave the folder: \"../*.c\"",
    ["reload { kernels = {} }"] = "reload.kernels wants 1 .. 32 texts",
    ["reload { publish = true }"] = "reload.publish = true is none of between-frames, at-once, by-hand",
    ["reload { keep = 0 }"] = "reload.keep = 0 is outside 1 .. 64",
    ["reload { keep = 65 }"] = "reload.keep = 65 is outside 1 .. 64",
    ["reload { keep = 1.5 }"] = "reload.keep = 1.5 is not a whole number",
    ["reload { keep = \"8\" }"] = "reload.keep wants a whole number, not \"8\"",
    ["reload { time_limit = 0 }"] = "reload.time_limit = 0 s is outside 0.1 .. 3600",
    ["reload { time_limit = 1/0 }"] = "reload.time_limit = inf is not finite",
    ["reload { time_limit = true }"] = "reload.time_limit wants a number, not true",
    ["reload { canary = \"made up\" }"] =
      "reload.canary = \"made up\" is none of true, false, last-input, made-up (did you mean 'made-up'?)",
    ["reload { canary = 1 }"] = "reload.canary = 1 is none of true, false, last-input, made-up",
    ["reload { on_error = \"fial\" }"] =
      "reload.on_error = \"fial\" is none of keep-last, fail (did you mean 'fail'?)",
    ["reload { watch = \"events\" }"] =
      "reload.watch = \"events\" is none of auto, event, poll (did you mean 'event'?)",
    ["reload { watch = false }"] = "reload.watch = false is none of auto, event, poll",
    ["reload { policy = \"by-hand\" }"] = "reload.policy wants a function, not \"by-hand\"",
    ["reload { polcy = print }"] = "reload has no key 'polcy' (did you mean 'policy'?)",
    ["fields = { a = field.ramp {} / 2 }"] = "a field cannot be divided (for half of it write field * 0.5)",
    ["fields = { a = field.ramp {} ^ 2 }"] = "a field has no power (for its square write field * field)",
    ["fields = { a = field.ramp {} .. \"x\" }"] = "a field is not a text (it takes + - * only)",
    ["fields = { a = field.ramp {} < field.ramp {} and 1 }"] =
      "fields cannot be compared (they differ from point to point)",
    ["fields = { a = field.ramp {} + \"x\" }"] = "a field goes with fields and numbers, not with \"x\"",
    ["fields = { a = 0/0 * field.ramp {} }"] = "a field goes with fields and numbers, not with nan",
    ["fields = { a = field.ramp {} * deform.twist {} }"] =
      "a field goes with fields and numbers, not with deform.twist { … }",
    ["fields = { a = field.ramp {}.axis }"] = "a field has nothing inside to read (.axis)",
    ["deform.twist { angle = expose(35) * 2 }"] = "expose(…) is not a number (it is the whole value)",
    ["deform.twist { angle = expose() }"] = "expose wants a plain value, not nil",
    ["deform.twist { angle = expose(35, 3) }"] = "expose: the label wants a text, not 3",
    ["deform.twist { angle = expose(35, \"A\", { idd = 1 }) }"] = "expose has no option 'idd' (did you mean 'id'?)",
    ["deform.twist { angle = expose(35, \"A\", { id = \"a b\" }) }"] =
      "expose: id wants letters, digits, _ . -, not \"a b\"",
    ["deform.twist { angle = expose(35, \"A\", { max = 800 }) }"] =
      "deform.twist.angle: expose: max = 800 is outside -720 .. 720",
    ["deform.twist { angle = expose(35, \"A\", { max = 30 }) }"] = "deform.twist.angle = 35 deg is outside -720 .. 30",
    ["deform.twist { angle = expose(1080) }"] = "deform.twist.angle = 1080 deg is outside -720 .. 720",
    ["deform.twist { clamp = expose(true, \"A\", { min = 0 }) }"] = "deform.twist.clamp: expose: min is for numbers",
    ["deform.twist { angle = function(t) return 1080 + t end }"] =
      "deform.twist.angle = 1080 deg is outside -720 .. 720 at t = 0",
    ["deform.twist { angle = function() end }"] = "deform.twist.angle wants a number, not nil at t = 0",
    ["deform.twist { angle = function(t) return t.x end }"] = "attempt to index local 't' (a number value)",
    ["deform.twist { angle = function() return deform.twist {} end }"] = "deform cannot be used in a function of time",
    ["deform.twist { angle = deform.twist }"] = "deform.twist cannot be used in a function of time",
    ["deform.twist { angle = function() return os.time() end }"] = "unknown name 'os'",
    ["deform.twist { angle = function() x = 1 return 1 end }"] = "global 'x' (write local x = …)",
    ["host.nmae"] = "host has no 'nmae' (did you mean 'name'?)",
    ["(\"\").dump(print)"] = "attempt to call field 'dump' (a nil value)",
    ["(\"x\"):rep(1e7)"] = "string.rep would make more than 1000000 bytes",
    ["string.rep(\"x\", 10, (\"y\"):rep(1e6))"] = "string.rep would make more than 1000000 bytes",
    ["string.find((\"a\"):rep(1000), (\"a*\"):rep(20) .. \"b\")"] =
      "string.find: the pattern is too costly for 1000 bytes",
    ["(\"a\"):rep(1e5):find((\"a\"):rep(5e4) .. \"b\", 1, true)"] =
      "string.find: the pattern is too costly for 100000 bytes",
    ["(\"(\"):rep(1e5):gsub(\"%b()\", \"\")"] = "string.gsub: the pattern is too costly for 100000 bytes",
    ["(\"a\"):rep(1e4):match(\"a*b\")"] = "string.match: the pattern is too costly for 10000 bytes",
    ["(\"x\"):match((\"[\"):rep(1e6))"] = "string.match: the pattern is too costly for 1 bytes",
    ["deform.twist { angle = function(t) print(t) return 1 end }"] = "print cannot be used in a function of time",
    ["table.insert({}, -2^30, 1)"] = "bad argument #2 to 'insert' (position out of bounds)",
    ["getmetatable(\"\")"] = "unknown name 'getmetatable' (a pipeline file cannot use it)",
    ["setmetatable(deform, {})"] = "cannot change a protected metatable",
    ["error({})"] = "error with a table in place of a text",
    ["error(setmetatable({}, { __tostring = error }))"] = "error with a table in place of a text",
    ["require \"../x\""] = "require wants the name of a file of this project, \"folder.name\", not \"../x\"",
    ["require \"a..b\""] = "require wants the name of a file of this project, \"folder.name\", not \"a..b\"",
    ["require \"/etc/passwd\""] =
      "require wants the name of a file of this project, \"folder.name\", not \"/etc/passwd\"",
    ["require \"a.b\""] = "no module 'a.b' (a/b.lua: no such file)",
    ["require \"t\""] = "require runs in a circle: t -> t",
  } do
    it("is refused for " .. body, function() refused({ "t.lua:2: " .. message }, stages(body)) end)
  end

  for text, message in pairs {
    [""] = "t.lua:1: the file returns nothing (write return pipeline \"name\" { … })",
    ["return 5"] = "t.lua:1: the file returns 5 (write return pipeline \"name\" { … })",
    ["return deform.twist {}"] = "t.lua:1: the file returns deform.twist { … } (write return pipeline \"name\" { … })",
    ["\nreturn pipeline \"a\""] = "t.lua:2: the pipeline has no list (write return pipeline \"name\" { … })",
    ["return pipeline { deform.twist {} }"] =
      "t.lua:1: pipeline wants a name first, pipeline \"name\" { … }, not a table",
    ["return pipeline \"a\" (5)"] = "t.lua:1: pipeline \"a\" wants its list, { … }, not 5",
    ["local p = pipeline \"a\" {}"] = "t.lua:1: the pipeline is not returned (write return pipeline \"name\" { … })",
    ["return pipeline \"a\" {}, 1"] = "t.lua:1: a file returns one pipeline and nothing behind it",
    ["local a = pipeline \"a\" {}\nreturn pipeline \"b\" {}"] = "t.lua:2: a second pipeline (the first is on line 1)",
    ["local d = deform.twist {}\nreturn pipeline \"a\" {\n d,\n d }"] =
      "t.lua:4: deform.twist is in the list twice (make one for each)",
    ["local t = {} t.angle = t\nreturn pipeline \"a\" { deform.twist(t) }"] =
      "t.lua:2: deform.twist.angle wants a number, not a table",
    ["local t = {} t.t = t\nreturn pipeline \"a\" { t }"] =
      "t.lua:2: entry 1 of the pipeline is a table (want deform, sample, mesh or reload)",
    ["x = = 1"] = "t.lua:1: unexpected symbol near '='",
    ["\27LJ\2"] = "t.lua:1: attempt to load chunk with wrong mode",
    ["local x = 1\nx.y.z = 2"] = "t.lua:2: attempt to index local 'x' (a number value)",
    ["local function f() return f() + 1 end\nf()"] = "t.lua:1: stack overflow",
    ["local e = field.ramp {}\nfor i = 1, 60 do e = e + e end\nreturn pipeline \"a\" { fields = { e = e } }"] =
      "t.lua:2: a field has more than 256 parts",
    ["local t = {}\nfor i = 1, 2000 do t[i] = false end\nreturn pipeline \"a\" (t)"] =
      "t.lua:3: the pipeline has more than 1000 entries",
    [("-"):rep(2^20 + 1)] = "t.lua:1: the file has more than 1048576 bytes",
    ["local t = {}\nfor i = 1, 100001 do t[i] = -i end\ntable.sort(t)"] =
      "t.lua:3: table.sort: more than 100000 entries",
    ["local s = field.nome { a = 1 }\nfor i = 1, s.count do end\nif s < 3 then end\nreturn s"] =
      "t.lua:1: no kernel field.nome (did you mean 'none'?)",
  } do
    it("is refused for the text " .. text:sub(1, 50), function() refused({ message }, read(text)) end)
  end

  it("stops after fifty mistakes", function()
    local plan, errors = read "for i = 1, 1e5 do local _ = deform['k' .. i] end"
    assert.is_nil(plan)
    assert.are.equal(50, #errors)
  end)

  it("says a mistake in a loop once", function()
    refused({ "t.lua:1: no kernel deform.zzz" },
            read 'for _ = 1, 1e5 do local _ = deform.zzz {} end return pipeline "a" {}')
  end)

  it("cannot change what its handles stand for", function()
    local plan = plan_of(read [[
local d, args = nil, { angle = 5 }
d = deform.twist(args)
args.angle = "gone"
table.insert(d, 3)
return pipeline "a" { d }]])
    assert.are.same({ 5 }, plan.stages[1].params.angle.init)
    refused({ "t.lua:1: a stage cannot be changed (.kernel)" },
            read 'local d = deform.twist {} d.kernel = "x" return pipeline "a" { d }')
  end)

  it("leaves the string library of its caller alone", function()
    local dump = ("").dump
    read "string.rep = nil; math.pi = 3; local x = nil + 1"
    assert.is_function(dump)
    assert.are.equal(dump, ("").dump)
    assert.are.equal(2e6, #("x"):rep(2e6))
  end)

  it("takes the line of a mistake in a helper from the file, however long its name", function()
    local name = ("long/"):rep(30) .. "t.lua"
    local _, errors = config.read("local x\n\nlocal y = x.z", name, { kernel = kernel, names = names })
    assert.are.same({ name .. ":3: attempt to index local 'x' (a nil value)" }, lines(errors))
  end)
end)

describe("reload", function()
  local function block(body) return plan_of(stages("reload { " .. body .. " }")).reload end

  it("says how a new kernel is tried and taken over", function()
    assert.are.same({ kernels = { "*.c" }, canary = "made-up", publish = "by-hand", on_error = "fail", watch = "poll",
                      keep = 64, time_limit = 0.1 },
                    block [[canary = "made-up", publish = "by-hand", on_error = "fail", watch = "poll", keep = 64,
                            time_limit = 0.1]])
    assert.are.same({ "last-input", false, "last-input" }, { block "canary = true".canary,
                    block "canary = false".canary, block "canary = nil".canary })
    assert.are.same({ "at-once", "event", 1, 3600 }, { block 'publish = "at-once"'.publish,
                    block 'watch = "event"'.watch, block "keep = 1".keep, block "time_limit = 3600".time_limit })
  end)

  it("says every mistake on its line", function()
    refused({ "t.lua:3: reload.canary = 2 is none of true, false, last-input, made-up",
              "t.lua:4: reload.policy wants a function, not 3" }, stages "reload {\ncanary = 2,\npolicy = 3 }")
  end)

  it("is plain data for JSON", function()
    local function plain(body) return config.plain(plan_of(stages("reload { " .. body .. " }"))).reload end
    assert.are.same({ false, true }, { plain "canary = false, policy = function() end".canary,
                      plain "policy = function() end".policy })
    assert.are.same({ '["a.c"]', "last-input", "between-frames", "fail", "event", 3, 0.5, false }, (function(r)
      return { json.encode(r.kernels), r.canary, r.publish, r.on_error, r.watch, r.keep, r.time_limit, r.policy }
    end)(plain 'kernels = "a.c", on_error = "fail", watch = "event", keep = 3, time_limit = 0.5'))
  end)
end)

describe("config.decide", function()
  local function saved() return { step = "saved", kernel = "deform.twist", generation = 0, fast = false, params = "",
                                  milliseconds = 1 } end
  local function ready() return { step = "ready", kernel = "deform.twist", generation = 3, fast = true,
                                  params = "added far", milliseconds = 2.5 } end
  local function settings(body) return plan_of(stages("reload {\n" .. body .. " }")).reload end
  local function policy(body, more)
    return settings("policy = function(change)\n" .. body .. " end" .. (more or ""))
  end

  it("goes by the settings without a policy", function()
    local plain = settings 'canary = "made-up", publish = "by-hand"'
    assert.are.same({ canary = "made-up", publish = "by-hand" }, config.decide(plain, saved()))
    assert.are.same({ canary = "made-up", publish = "by-hand" }, config.decide(plain, ready()))
    assert.are.same({ canary = false, publish = "between-frames" }, config.decide(settings "canary = false", saved()))
  end)

  it("goes by the settings when the policy returns nothing", function()
    assert.are.same({ { canary = false, publish = "at-once" } },
                    { config.decide(policy("", ', canary = false, publish = "at-once"'), ready()) })
  end)

  it("asks the policy what canary", function()
    local p = policy 'if change.fast then return nil end return change.kernel == "deform.twist" and "made-up" or false'
    assert.are.equal("made-up", config.decide(p, saved()).canary)
    local other = saved()
    other.kernel = "deform.bend"
    assert.is_false(config.decide(p, other).canary)
    assert.are.equal("last-input", config.decide(policy("return true", ', canary = "made-up"'), saved()).canary)
  end)

  it("asks the policy when to publish, and whether", function()
    assert.are.equal("by-hand", config.decide(policy 'return change.params ~= "" and "by-hand"', ready()).publish)
    assert.are.same({ canary = "last-input", publish = "between-frames", refuse = true, reason = "too slow\194\160!" },
                    config.decide(policy 'return false, "too slow\194\160!"', ready()))
    assert.are.equal("refused by reload.policy", config.decide(policy "return false", ready()).reason)
  end)

  it("gives the policy a table of its own with all that is known", function()
    local p = policy [[
      local names = {}
      for name, v in pairs(change) do names[#names + 1] = name .. "=" .. tostring(v) change[name] = nil end
      table.sort(names)
      return false, table.concat(names, " ")]]
    local change = ready()
    for _ = 1, 2 do
      assert.are.equal("canary=last-input fast=true generation=3 kernel=deform.twist milliseconds=2.5 params=added far "
                       .. "publish=between-frames step=ready", config.decide(p, change).reason)
    end
    assert.are.same(ready(), change)
  end)

  it("keeps a reason to one line that has room in C", function()
    local reason = config.decide(policy 'return false, "a\\nb" .. string.rep("\195\164", 200)', ready()).reason
    assert.are.equal("a b" .. ("\195\164"):rep(96) .. "…", reason)
    assert.is_true(#reason < 200)
  end)

  local asked_saved = ' (it returns nothing, true, false, "last-input" or "made-up" when a file was saved)'
  local asked_ready = ' (it returns nothing, "between-frames", "at-once", "by-hand", or false and a reason when a '
    .. "kernel is ready)"
  for _, case in ipairs {
    { saved, "return 3", "t.lua:3: reload.policy returned 3" .. asked_saved },
    { saved, 'return "by-hand"', 't.lua:3: reload.policy returned "by-hand"' .. asked_saved },
    { ready, "return true", "t.lua:3: reload.policy returned true" .. asked_ready },
    { ready, 'return "made-up"', 't.lua:3: reload.policy returned "made-up"' .. asked_ready },
    { ready, "return {}", "t.lua:3: reload.policy returned a table" .. asked_ready },
    { ready, "return false, 7", "t.lua:3: reload.policy returned false and 7 (the reason is a text)" },
    { ready, "return change.x.y", "t.lua:4: attempt to index field 'x' (a nil value)" },
    { ready, "\nerror 'no'", "t.lua:5: no" },
    { ready, "return deform.twist {}", "t.lua:4: deform cannot be used in reload.policy" },
    { ready, "return expose(1)", "t.lua:3: expose cannot be used in reload.policy" },
    { ready, "print(change)", "t.lua:4: print cannot be used in reload.policy" },
    { ready, "os.exit(1)", "t.lua:4: unknown name 'os'" },
    { ready, "x = 1", "t.lua:4: global 'x' (write local x = …)" },
  } do
    it("lets the defaults stand after " .. case[2], function()
      local p = policy(case[2], ', canary = "made-up", publish = "by-hand"')
      local decision, problem = config.decide(p, case[1]())
      assert.are.same({ canary = "made-up", publish = "by-hand" }, decision)
      assert.are.equal(case[3], problem)
    end)
  end

  it("takes a kernel's word for no policy", function()
    local _, problem = config.decide(settings "policy = deform.twist", ready())
    assert.are.equal("t.lua:3: deform.twist cannot be used in reload.policy", problem)
  end)

  it("leaves functions of time as they are", function()
    local plan = plan_of(stages("deform.twist { angle = function(t) return t > 0 and deform.twist or 1 end },\n"
      .. "reload { policy = function() return deform end }"))
    config.decide(plan.reload, ready())
    assert.are.equal("t.lua:2: deform cannot be used in a function of time",
                     select(2, config.evaluate(plan.functions[1], 1)))
  end)
end)

describe("a parameter that had another name", function()
  local shift = "float distance WH_UI(1, min = 0, max = 10, was = \"amount\"); float far WH_UI(2);"
  local function read_shift(text)
    local out = {}
    local plan, errors = read(text, nil, {
      kernel = function(kind, name)
        if name == "shift" then return assert(schema.parse(shift, kind .. "_shift")) end
        return kernel(kind, name)
      end,
      print = function(line, at) out[#out + 1] = at .. ": " .. line end })
    return plan, errors, out
  end

  it("is set by it, and renaming it is advised once", function()
    local plan, errors, out = read_shift [[
return pipeline "t" {
  deform.shift {
    amount = 3 },
  deform.shift { amount = function(t) return t end, far = 7 },
  deform.shift { distance = 4 } }]]
    plan_of(plan, errors)
    assert.are.same({ 3, 0, 4 }, { plan.stages[1].params.distance.init[1], plan.stages[2].params.distance.init[1],
                                   plan.stages[3].params.distance.init[1] })
    assert.are.same({ far = true, distance = true }, (function(keys)
      for name in pairs(plan.stages[1].params) do keys[name] = true end
      return keys
    end) {})
    assert.are.same({ "t.lua:3: deform.shift.amount is called distance now (rename it)" }, out)
  end)

  it("is held to its range where the former name stands", function()
    local plan, errors, out = read_shift 'return pipeline "t" { deform.shift {\n\namount = 11 } }'
    refused({ "t.lua:3: deform.shift.distance = 11 is outside 0 .. 10" }, plan, errors)
    assert.are.equal(1, #out)
  end)

  it("is not set by both", function()
    refused({ "t.lua:3: deform.shift.amount is called distance now, which is given too (leave one out)" },
            read_shift 'return pipeline "t" { deform.shift { distance = 1,\n\namount = 1 } }')
  end)

  it("has the id that it had, for a host's value", function()
    local plan = plan_of(read_shift [[
return pipeline "t" {
  deform.shift { amount = expose(1) }, deform.shift { distance = expose(1), far = expose(3) },
  deform.shift { distance = expose(1, "D", { id = "d" }) },
  deform.shift { distance = expose(1), name = "top" },
  deform.twist { name = "top", angle = expose(1, "A", { id = "top.amount" }) } }]])
    local out = {}
    for i, e in ipairs(plan.exposed) do out[i] = ("%s was %s"):format(e.id, tostring(e.was)) end
    assert.are.same({ "shift.distance was shift.amount", "shift2.distance was shift2.amount", "shift.far was nil",
                      "d was nil", "top.distance was top2.amount", "top.amount was nil" }, out)
  end)
end)

describe("field arithmetic", function()
  it("keeps the operations as written", function()
    local plan = plan_of(stages "fields = { e = 1 - field.ramp {} * -field.none {} + 2 }")
    local e = plan.fields[1].expr
    assert.are.same({ "add", "sub", "mul", "mul" }, { e.op, e.a.op, e.a.b.op, e.a.b.b.op })
    assert.are.same({ op = "const", value = -1 }, e.a.b.b.b)
    assert.are.same({ op = "const", value = 2 }, e.b)
  end)
end)

describe("expose", function()
  local function ids(plan)
    local out = {}
    for i, e in ipairs(plan.exposed) do out[i] = e.id end
    return out
  end

  it("names values by stage and parameter, and numbers what collides", function()
    assert.are.same({ "twist3.angle", "twist.length", "twist.angle", "twist2.angle", "top.angle", "ramp.to",
                      "twist.envelope" }, ids(plan_of(stages [[
      deform.twist { length = expose(2), angle = expose(1) },
      deform.twist { angle = expose(1, "A", { id = "twist.angle" }) },
      deform.twist { angle = expose(1, "A", { id = "twist2.angle" }) },
      deform.twist { angle = expose(1), name = "top", mask = field.ramp { to = expose(0.5) } },
      deform.twist { envelope = expose(1) },]])))
  end)

  it("refuses an id that is taken", function()
    refused({ "t.lua:3: expose: id \"a\" is taken (on line 2)" }, stages [[
deform.twist { angle = expose(1, "A", { id = "a" }) },
deform.twist { angle = expose(1, "A", { id = "a" }) },]])
  end)

  it("lets one value drive several parameters that are alike, within the range of all", function()
    local plan = plan_of(read [[
local a = expose(10, "Angle", { min = -400, max = 90 })
return pipeline "t" { deform.twist { angle = a }, deform.twist { angle = a } }]])
    assert.are.same({ 1, 1, 1 }, { #plan.exposed, plan.stages[1].params.angle.exposed,
                                   plan.stages[2].params.angle.exposed })
    assert.are.same({ -400, 90 }, { plan.exposed[1].min, plan.exposed[1].max })
    plan = plan_of(read [[
local a = expose(10)
return pipeline "t" { deform.twist { angle = a }, deform.bend { angle = a } }]])
    assert.are.same({ -360, 360 }, { plan.exposed[1].min, plan.exposed[1].max })
    refused({ "t.lua:2: deform.twist.axis cannot share its expose with deform.twist.angle: they differ in kind" },
            read [[
local a = expose(1)
return pipeline "t" { deform.twist { angle = a, axis = a } }]])
  end)

  it("keeps choices, truth and vectors", function()
    local plan = plan_of(stages [[
deform.twist { axis = expose("z"), clamp = expose(false) }, deform.bend { center = expose { 1, 2, 3 } }]])
    assert.are.same({ "choice", { 2 }, { "x", "y", "z" }, 0, 2 }, { plan.exposed[1].type, plan.exposed[1].init,
                    plan.exposed[1].choices, plan.exposed[1].min, plan.exposed[1].max })
    assert.are.same({ "bool", { 0 } }, { plan.exposed[2].type, plan.exposed[2].init })
    assert.are.same({ 3, { 1, 2, 3 } }, { plan.exposed[3].count, plan.exposed[3].init })
  end)
end)

describe("the host's seed", function()
  it("replaces that of every sampler", function()
    local plan = plan_of(stages('sample.inside { seed = expose(7) }, sample.inside { name = "b" }', nil,
                                { seed = 42 }))
    assert.are.same({ init = { 42 } }, plan.samples[1].params.seed)
    assert.are.same({ init = { 42 } }, plan.samples[2].params.seed)
    assert.are.same({}, plan.exposed)
  end)

  it("wraps around where it does not fit, and 0 is none", function()
    local function seed(given)
      return plan_of(stages("sample.inside { seed = 7 }", nil, { seed = given })).samples[1].params.seed
    end
    for given, expected in pairs { [0] = 7, [2^31 - 1] = 2^31 - 1, [2^31] = 0, [2^31 + 5] = 5, [4e9] = 4e9 - 2^31 } do
      assert.are.same({ init = { expected } }, seed(given))
    end
  end)
end)

describe("require", function()
  it("reads files of the project once", function()
    local reads = {}
    local files = { ["a/b.lua"] = "return { angle = 12 }", ["c.lua"] = "return require 'a.b'" }
    local plan = plan_of(read('local b, c = require "a.b", require "c"\n'
      .. 'return pipeline "t" { b == c and deform.twist(b) }', nil, { read = function(path)
        reads[#reads + 1] = path
        return files[path]
      end }))
    assert.are.same({ "a/b.lua", "c.lua" }, reads)
    assert.are.same({ "a/b.lua", "c.lua" }, plan.modules)
    assert.are.same({ 12 }, plan.stages[1].params.angle.init)
  end)

  it("keeps the order of mistakes on one line", function()
    local entries = {}
    for i = 1, 11 do entries[i] = tostring(i) end
    local _, errors = read('return pipeline "t" { ' .. table.concat(entries, ", ") .. " }")
    for i = 1, 11 do assert.matches("^entry " .. i .. " of", errors[i].text) end
  end)

  it("names the file of a mistake", function()
    refused({ "t.lua:2: no kernel deform.b", "m.lua:2: deform.twist.angle = 999 deg is outside -720 .. 720",
              "n.lua:1: '=' expected near '<eof>'" },
            read("local m, n = require 'm', require 'n'\nreturn pipeline 't' { m, n.x, deform.b {} }",
                 { ["m.lua"] = "local d = deform.twist {\n  angle = 999 }\nreturn d", ["n.lua"] = "x" }))
  end)

  it("names a circle", function()
    refused({ "b.lua:1: require runs in a circle: a -> b -> a" },
            read("require 'a' return pipeline 't' {}",
                 { ["a.lua"] = "local b = require 'b' return b", ["b.lua"] = "local a = require 'a' return a" }))
  end)
end)

describe("print", function()
  it("goes to the host with its place", function()
    local out = {}
    plan_of(read('print("a", 1, nil)\nreturn pipeline "t" {}', nil, { print = function(...) out = { ... } end }))
    assert.are.same({ "a\t1\tnil", "t.lua:1" }, out)
  end)

  it("stops after 64 KiB, and says so once", function()
    local bytes, out = 0, {}
    plan_of(read('for i = 1, 1e4 do print(("x"):rep(1000)) end\nreturn pipeline "t" {}', nil,
                 { print = function(text) bytes, out[#out + 1] = bytes + #text, text end }))
    assert.is_true(bytes > 60000 and bytes <= 65536)
    assert.are.equal(("x"):rep(1000), out[#out - 1])
    assert.are.equal("the rest of what is printed is left out (it is too much)", out[#out])
  end)

  it("is not for functions of time", function()
    local out = 0
    local plan = plan_of(stages("deform.twist { angle = function(t) if t > 0 then print(t) end return 1 end }", nil,
                                { print = function() out = out + 1 end }))
    assert.are.equal("t.lua:2: print cannot be used in a function of time",
                     select(2, config.evaluate(plan.functions[1], 1)))
    assert.are.equal(0, out)
  end)
end)

describe("config.evaluate", function()
  local function entry(body) return plan_of(stages("deform.twist { " .. body .. " }")).functions[1] end

  it("calls a function for a time and checks what it gives", function()
    local angle = entry "angle = function(t) return 100 * t end"
    assert.are.same({ 700 }, config.evaluate(angle, 7))
    assert.are.same({ "t.lua:2: deform.twist.angle = 800 deg is outside -720 .. 720 at t = 8" },
                    { select(2, config.evaluate(angle, 8)) })
    assert.are.same({ 2 }, config.evaluate(entry [[axis = function() return "z" end]], 0))
    assert.are.same({ 0 }, config.evaluate(entry [[enabled = function(t) return t > 1 end]], 0))
  end)

  it("names the line where a function fails", function()
    local angle = entry "angle = function(t)\n if t > 0 then return t.x.y end\n return 1 end"
    assert.are.equal("t.lua:3: attempt to index local 't' (a number value)", select(2, config.evaluate(angle, 1)))
    angle = entry "angle = function(t) if t > 0 then return os.time() end return 1 end"
    assert.are.equal("t.lua:2: unknown name 'os'", select(2, config.evaluate(angle, 1)))
    angle = entry "angle = function(t) if t > 0 then error {} end return 1 end"
    assert.are.equal("t.lua:2: error with a table in place of a text", select(2, config.evaluate(angle, 1)))
    angle = entry "angle = function(t) if t > 0 then return ('x'):rep(1e9) end return 1 end"
    assert.are.equal("t.lua:2: string.rep would make more than 1000000 bytes", select(2, config.evaluate(angle, 1)))
  end)
end)

describe("the place of an error in a function of time", function()
  local function message(body, seconds)
    local plan = plan_of(stages("deform.twist {\nangle = function(t)\n" .. body .. "\nend }"))
    return select(2, config.evaluate(plan.functions[1], seconds or 1))
  end

  it("is where the function stands when the error has none in the file", function()
    for body, expected in pairs {
      ["if t > 0 then error('no', 0) end return 1"] = "t.lua:3: no",
      ["if t > 0 then error('1:2: no', 0) end return 1"] = "t.lua:3: 1:2: no",
      ["if t > 0 then error('x.lua:7: no', 0) end return 1"] = "t.lua:3: x.lua:7: no",
      ["if t > 0 then error('/usr/whorl/config.lua:7: no', 0) end return 1"] = "t.lua:3: no",
      ["if t > 0 then error() end return 1"] = "t.lua:3: error with nil in place of a text",
      ["if t > 0 then error('no') end return 1"] = "t.lua:4: no",
      ["if t > 0 then (string.rep)() end return 1"] = "t.lua:4: bad argument #1 to 'rep' (string expected, got nil)",
    } do
      assert.are.equal(expected, message(body))
    end
  end)

  it("is named in full, however long", function()
    local name = ("long/"):rep(30) .. "t.lua"
    local plan = assert(config.read("return pipeline 't' { deform.twist { angle = function(t)\n"
      .. "if t > 0 then t.x.y = 1 end return 1 end } }", name, { kernel = kernel, names = names }))
    assert.are.equal(name .. ":2: attempt to index local 't' (a number value)",
                     select(2, config.evaluate(plan.functions[1], 1)))
  end)
end)

describe("config.plain", function()
  it("is what JSON shows", function()
    local plan = plan_of(read [[
return pipeline "t" {
  deform.twist { angle = function() return 5 end, axis = expose "x", mask = 1 - field.none {} },
}]])
    assert.are.equal('{"exposed":[{"choices":["x","y","z"],"count":1,"doc":"","id":"twist.axis","init":"x",'
      .. '"label":"axis","max":2,"min":0,"type":"choice","unit":""}],"fields":[],"file":"t.lua","modules":[],'
      .. '"name":"t","reload":{"canary":"last-input","keep":8,"kernels":["*.c"],"on_error":"keep-last",'
      .. '"policy":false,"publish":"between-frames","time_limit":10,"watch":"auto"},'
      .. '"samples":[],'
      .. '"stages":[{"at":"t.lua:2","enabled":true,"envelope":1,"kernel":"deform.twist",'
      .. '"mask":{"sub":[1,{"at":"t.lua:2","kernel":"field.none","params":{}}]},'
      .. '"params":{"angle":{"function":"t.lua:2","now":5},"axis":{"exposed":"twist.axis","now":"x"},"clamp":true,'
      .. '"length":1}}]}', json.encode(config.plain(plan)))
  end)
end)

describe("a file that does too much", function()
  local project = require "spec.support.project"
  local too_long = "this runs too long: stopped (a pipeline only describes the work; is there an endless loop?)"
  local p
  before_each(function() p = project.new() end)
  after_each(function() p:close() end)

  for what, text in pairs {
    ["costly strings"] = "\nfor i = 1, 1e9 do local s = ('x'):rep(1e6) end",
    ["costly inserts"] = "local t = {}\nfor i = 1, 1e9 do table.insert(t, 1, i) end",
  } do
    it("is stopped: " .. what, function()
      p:write("t.lua", text)
      local _, message = p:open "t.lua"
      assert.are.equal("t.lua:2: " .. too_long, p:plain(message))
    end)
  end

  local function session(body)
    p:write("t.lua", 'return pipeline "t" { deform.linear { factor = function(t)\n' .. body
      .. "\nreturn { 2, 1, 1 } end } }")
    return assert(p:open "t.lua")
  end

  local function deform(s, seconds)
    local out, message = s:deform(project.cloud { { 1, 1, 1 } }, seconds)
    return out and project.points(out, 1), message and p:plain(message)
  end

  local function stops(bodies)
    for body, message in pairs(bodies) do
      local s = session(body)
      for _ = 1, 2 do
        assert.are.same({ { 2, 1, 1 } }, deform(s, 0))
        assert.are.same({ n = 2, nil, message }, { n = 2, deform(s, 1) })
      end
      s:close()
    end
  end

  it("is stopped in a function of time, and runs again when it can", function()
    stops {
      ["while t == 1 do local s = ('x'):rep(1e6) end"] = "t.lua:1: " .. too_long,
      ["local function f() return 1 + f() end if t == 1 then f() end"] = "t.lua:1: stack overflow",
      ["if t == 1 then print(t) end"] = "t.lua:2: print cannot be used in a function of time",
    }
  end)

  it("is stopped at the end of its memory, and runs again when it can", function()
    if (os.getenv "WHORL_PRELOAD" or "") ~= "" then return pending "under a sanitizer its time ends first" end
    stops {
      ["local s = ('x'):rep(1e6) while t == 1 do s = s .. s .. s .. s .. s .. s end"] = "t.lua:1: not enough memory",
    }
  end)
end)

describe("json.encode", function()
  it("writes numbers that read back the same, sorted keys and escapes", function()
    assert.are.equal('{"a":[0.1,1e+300,-3,0.30000000000000004],"b":"\\"\\\\\\n\\u0001é\239\191\189"}',
                     json.encode { b = "\"\\\n\1é\255", a = { 0.1, 1e300, -3, 0.1 + 0.2 } })
    assert.are.equal('{\n  "a": [],\n  "b": {},\n  "c": [1, 2]\n}',
                     json.encode({ a = json.array(), b = {}, c = { 1, 2 } }, true))
  end)

  it("refuses what JSON cannot hold", function()
    local cycle = {}
    cycle[1] = cycle
    for _, v in ipairs { 0 / 0, 1 / 0, print, cycle, { 1, a = 2 }, { [true] = 1 } } do
      assert.has_error(function() json.encode(v) end)
    end
  end)
end)
