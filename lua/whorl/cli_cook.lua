--- What whorl run, whorl live and whorl history share: opening a session, setting parameters, cooking and writing.
local ffi = require "ffi"
local whorl = require "whorl"
local files = require "whorl.cli_files"
local json = require "whorl.json"
local suggest = require "whorl.suggest"
local slicing = require "whorl.cli_slice"
local support = require "whorl.cli_support"

local cooking = {}

cooking.options = {
  { name = "input", short = "i", value = "MESH", check = "file",
    doc = "mesh to work on; default: the one that the pipeline makes" },
  { name = "out", short = "o", value = "FILE", check = "file",
    doc = "where the result goes; nothing is written without it" },
  { name = "mesh-out", value = "FILE", check = "file",
    doc = "where the deformed mesh goes, not NAME.mesh.ply beside -o" },
  { name = "set", value = "ID=VALUE", many = true,
    doc = "set an exposed parameter: 35, true, a choice by name, or 0,1,0" },
  { name = "time", value = "S", check = "number", doc = "time in seconds; default 0" },
  { name = "seed", value = "N", check = "seed", doc = "in place of the seed of every sampler" },
  { name = "threads", value = "N", check = "threads", doc = "threads that cook; default: one for each core" },
  { name = "kernels", value = "FOLDER", many = true, doc = "more kernels, sources or libraries" },
  { name = "quiet", short = "q", doc = "say nothing but what went wrong" },
  { name = "verbose", short = "v", doc = "also say where kernels come from, how they work and, live, each step" },
}

cooking.where = [[
The mesh comes from -i, or from the pipeline when it makes one. Without a sampler in the
pipeline, -o gets the deformed mesh. With one, -o gets its points; a mesh that was deformed or
made goes beside it as NAME.mesh.ply (.obj and .usda stay what they are), and the points of a
second sampler go to NAME.SAMPLER.ply. The ending decides how a file is written: .ply, .obj,
.usda; points also .csv and .instancer.usda. The mesh that is read is never written over.]]

-- Opening -------------------------------------------------------------------------------------------------------------

local function session_options(options, frozen)
  return {
    host = "cli",
    frozen = frozen,
    seed = options.seed or 0,
    threads = options.threads or 0,
    kernel_path = options.kernels and table.concat(options.kernels, ":") or nil,
  }
end

--- Opens a session as whorl.open does. When its kernels take long to build, that is said: in place on a terminal, else
--- in a line where the user is to wait and see (as_line).
function cooking.open(file, options, frozen, as_line)
  local show = not options.quiet and (as_line or support.system.is_terminal(2))
  local place = ffi.cast("wh_session **", ffi.cast("uintptr_t", support.system.open(show)))
  local session, why = whorl.open(file, session_options(options, frozen), place)
  support.system.opened()
  return session, why
end

local function choice_number(param, word)
  local known, i = {}, 0
  for choice in param.choices:gmatch("[^|]+") do
    known[choice] = i
    i = i + 1
  end
  return known[word] or nil, known
end

--- The numbers that a --set value stands for, or nil and what is wrong.
local function parse_value(param, text)
  local values = {}
  for word in (text .. ","):gmatch("([^,]*),") do
    local value = support.number(word)
    if param.type == "bool" then
      value = ({ ["true"] = 1, ["false"] = 0 })[word]
    elseif param.type == "choice" then
      local known
      value, known = choice_number(param, word)
      if not value then
        return nil, ("'%s' is none of %s%s"):format(word, param.choices, suggest(word, support.keys(known)))
      end
    end
    if not value then
      return nil, ("'%s' is not %s"):format(word, param.type == "bool" and "true or false" or "a number")
    end
    values[#values + 1] = value
  end
  if #values ~= param.count then
    return nil, ("%d value%s given, %d wanted"):format(#values, #values == 1 and "" or "s", param.count)
  end
  return values
end

--- Applies one --set. Returns nil when all is well, else what is wrong.
local function apply_setting(session, params, setting)
  local id, text = setting:match("^([^=]+)=(.*)$")
  if not id then
    return ("--set wants ID=VALUE, not '%s'"):format(setting)
  elseif not params[id] then
    return ("--set %s: the pipeline exposes no '%s'%s"):format(setting, id, suggest(id, support.keys(params)))
  end
  local values, wrong = parse_value(params[id], text)
  if values then
    local _
    _, wrong = session:set(id, unpack(values))
  end
  return wrong and ("--set %s: %s"):format(setting, wrong)
end

local function apply_settings(session, settings)
  local params = {}
  for _, param in ipairs(session:params()) do
    params[param.id] = param
  end
  for _, setting in ipairs(settings or {}) do
    local wrong = apply_setting(session, params, setting)
    if wrong then
      return "whorl: " .. wrong
    end
  end
end

-- Cooking -------------------------------------------------------------------------------------------------------------

function cooking.kind_of(stage)
  return stage.kernel:match("^[^.]*")
end

local function samplers_of(session)
  local samplers = {}
  for _, stage in ipairs(session:stages()) do
    if cooking.kind_of(stage) == "sample" then
      samplers[#samplers + 1] = stage
    end
  end
  return samplers
end

--- Applies --set and decides where results go. Returns what cook wants, or nil and what is wrong.
function cooking.prepare(session, file, options)
  local wrong = apply_settings(session, options.set)
  if wrong then
    return nil, wrong
  end
  local samplers = options.slice and {} or samplers_of(session)
  local job, why = files.plan(file, options, session:stages(), samplers)
  if not job then
    return nil, why
  end
  job.session, job.options, job.samplers = session, options, samplers
  return job
end

--- 1, "triangle" -> "1 triangle"; 1234567, "point" -> "1 234 567 points"
function cooking.count(n, word)
  local text = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1 "):reverse():gsub("^ ", "")
  return ("%s %s%s"):format(text, word, n == 1 and "" or "s")
end

local function say_notes(mesh, options)
  for line in (options.quiet and "" or mesh:note()):gmatch("[^\n]+") do
    io.stderr:write(options.input, ": ", line, "\n")
  end
end

--- The mesh to cook, or nil and why not.
function cooking.take_mesh(session, options)
  if options.input then
    local mesh, why = whorl.read_mesh(options.input)
    if mesh then
      say_notes(mesh, options)
    end
    return mesh, why
  end
  local mesh, why = session:source(options.time)
  return mesh, why and why:gsub("%(give one,", "(give one with -i MESH,")
end

--- nil, or what to say of an interruption. written: the files that are complete.
function cooking.interruption(written)
  if not support.system.interrupted() then
    return nil
  end
  return "whorl: interrupted, " .. (#written == 0 and "nothing was written"
    or "only " .. table.concat(written, ", ") .. (#written == 1 and " was" or " were") .. " written")
end

local function write_all(job, mesh, result)
  local things = job.mesh and { { path = job.mesh, of = mesh } } or {}
  for i, sample in ipairs(result.samples) do
    sample.file = job.points[i]
    things[#things + 1] = sample.file and { path = sample.file, of = sample.cloud }
  end
  things[#things + 1] = job.picture and { path = job.picture, of = result.slice }
  for _, thing in ipairs(things) do
    local why = cooking.interruption(result.files)
    if why then
      return why
    end
    local ok
    ok, why = thing.of:write(thing.path)
    if not ok then
      return why
    end
    table.insert(result.files, thing.path)
  end
end

local function positions_of(mesh)
  local view = mesh:view()
  local copy = ffi.new("float[?]", 3 * view.point_count + 1)
  ffi.copy(copy, view.position, 12 * view.point_count)
  return copy
end

local function cook_stages(job, mesh, rest)
  local view, time = rest and whorl.moved(mesh, rest) or mesh, job.options.time
  local position, cloud
  local why = cooking.interruption {}
  if not why then
    position, why = job.session:deform(view, time)
  end
  if not position then
    return nil, why
  end
  local rested = #job.samplers > 0 and whorl.rested(mesh, rest or positions_of(mesh))
  mesh:set_positions(position)
  local result = { samples = json.array(), files = json.array() }
  for i, sampler in ipairs(job.samplers) do
    cloud, why = nil, cooking.interruption {}
    if not why then
      cloud, why = job.session:sample(sampler.name ~= "" and sampler.name or nil, rested, time)
    end
    if not cloud then
      return nil, why
    end
    result.samples[i] = { name = sampler.name, kernel = sampler.kernel, points = cloud.count, cloud = cloud }
  end
  if job.picture then
    result.slice, why = slicing.draw(job.session, mesh, job.options)
  end
  return (result.slice or not job.picture) and result or nil, why
end

--- Calls work() so that Ctrl-C ends it, and a line shows how far it is when it takes long. Returns what it returns.
function cooking.with_progress(session, options, work)
  local show = not options.quiet and support.system.is_terminal(2)
  support.system.cook(tonumber(ffi.cast("uintptr_t", session.handle)), show)
  local result, why = work()
  support.system.cook()
  return result, why
end

--- Deforms, samples and writes. rest: positions to start from when they are not the mesh's own.
function cooking.cook(job, mesh, rest)
  local began, session = support.system.now(), job.session
  local result, why = cooking.with_progress(session, job.options, function()
    return cook_stages(job, mesh, rest)
  end)
  if not result then
    return nil, cooking.interruption {} or why
  end
  result.milliseconds = 1000 * (support.system.now() - began)
  result.stages = json.array(session:stages())
  why = write_all(job, mesh, result)
  if why then
    return nil, why
  end
  local view = mesh:view()
  result.points, result.triangles = view.point_count, view.triangle_count
  return result
end

return cooking
