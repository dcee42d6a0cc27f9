--- whorl run and whorl live: cook a pipeline once, or again on every save.
local ffi = require "ffi"
local whorl = require "whorl"
local files = require "whorl.cli_files"
local json = require "whorl.json"
local suggest = require "whorl.suggest"
local support = require "whorl.cli_support"

local say, paint = support.say, support.paint

local cook_options = {
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
  { name = "verbose", short = "v", doc = "also say where each kernel came from" },
}

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

local function kind_of(stage)
  return stage.kernel:match("^[^.]*")
end

local function samplers_of(session)
  local samplers = {}
  for _, stage in ipairs(session:stages()) do
    if kind_of(stage) == "sample" then
      samplers[#samplers + 1] = stage
    end
  end
  return samplers
end

--- Applies --set and decides where results go. Returns what cook wants, or nil and what is wrong.
local function prepare(session, file, options)
  local wrong = apply_settings(session, options.set)
  if wrong then
    return nil, wrong
  end
  local samplers = samplers_of(session)
  local job, why = files.plan(file, options, session:stages(), samplers)
  if not job then
    return nil, why
  end
  job.session, job.options, job.samplers = session, options, samplers
  return job
end

--- 1, "triangle" -> "1 triangle"; 1234567, "point" -> "1 234 567 points"
local function count(n, word)
  local text = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1 "):reverse():gsub("^ ", "")
  return ("%s %s%s"):format(text, word, n == 1 and "" or "s")
end

local function say_notes(mesh, options)
  for line in (options.quiet and "" or mesh:note()):gmatch("[^\n]+") do
    io.stderr:write(options.input, ": ", line, "\n")
  end
end

--- The mesh to cook, or nil and why not.
local function take_mesh(session, options)
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
local function interruption(written)
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
  for _, thing in ipairs(things) do
    local why = interruption(result.files)
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

local function cook_stages(job, mesh, rest)
  local view, time = rest and whorl.moved(mesh, rest) or mesh, job.options.time
  local position, cloud
  local why = interruption {}
  if not why then
    position, why = job.session:deform(view, time)
  end
  if not position then
    return nil, why
  end
  mesh:set_positions(position)
  local result = { samples = json.array(), files = json.array() }
  for i, sampler in ipairs(job.samplers) do
    cloud, why = nil, interruption {}
    if not why then
      cloud, why = job.session:sample(sampler.name ~= "" and sampler.name or nil, mesh, time)
    end
    if not cloud then
      return nil, why
    end
    result.samples[i] = { name = sampler.name, points = cloud.count, cloud = cloud }
  end
  return result
end

--- Deforms, samples and writes. rest: positions to start from when they are not the mesh's own.
local function cook(job, mesh, rest)
  local began, session = support.system.now(), job.session
  local show = not job.options.quiet and support.system.is_terminal(2)
  support.system.cook(tonumber(ffi.cast("uintptr_t", session.handle)), show)
  local result, why = cook_stages(job, mesh, rest)
  support.system.cook()
  if not result then
    return nil, interruption {} or why
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

-- Saying what happened ------------------------------------------------------------------------------------------------

local function summary(file, result, session, options)
  say("%s: %s, %s, %.1f ms", paint("bold", file), count(result.points, "point"),
    count(result.triangles, "triangle"), result.milliseconds)
  local paths = {}
  for _, kernel in ipairs(options.verbose and session:kernels() or {}) do
    paths[kernel.id] = "  " .. kernel.path
  end
  for _, stage in ipairs(result.stages) do
    local name = stage.kernel .. (stage.name ~= "" and ' "' .. stage.name .. '"' or "")
    local time = stage.enabled and ("%.2f ms"):format(stage.milliseconds) or "off"
    if kind_of(stage) == "mesh" and options.input then
      time = "not used"
    end
    local line = ("  %-28s generation %-4d%12s%s"):format(name, stage.generation, time, paths[stage.kernel] or "")
    say("%s", (line:gsub(" +$", "")))
  end
  for _, sample in ipairs(result.samples) do
    say("  %s: %s inside", sample.name ~= "" and sample.name or "sample", count(sample.points, "point"))
  end
  say(#result.files > 0 and "  wrote " .. table.concat(result.files, ", ")
    or "  nothing was written (name a file with -o)")
end

local function summary_json(file, result)
  local samples = json.array()
  for i, sample in ipairs(result.samples) do
    samples[i] = { name = sample.name, points = sample.points, file = sample.file }
  end
  say(json.encode { ok = true, file = file, points = result.points, triangles = result.triangles, samples = samples,
                     stages = result.stages, milliseconds = result.milliseconds, files = result.files })
end

-- run -----------------------------------------------------------------------------------------------------------------

--- Ends with 1 and what is wrong; after Ctrl-C with 130.
local function fail(why)
  support.stop(support.system.interrupted() and 130 or 1, why)
end

local function stop_when_interrupted()
  local why = interruption {}
  if why then
    fail(why)
  end
end

--- Prints what the session has to say; returns the texts of what it refused.
local function log_events(session, options)
  local refused = {}
  for event in session:events() do
    if event.kind == "rejected" then
      refused[#refused + 1] = event.text
    elseif event.kind == "log" and not options.quiet then
      io.stderr:write(event.text, "\n")
    end
  end
  return refused
end

local function run_once(options, rest)
  local file = support.one_file("run", rest)
  local session, why = whorl.open(file, session_options(options, true))
  stop_when_interrupted()
  local refused = session and log_events(session, options) or {}
  if not session or why then
    fail(#refused > 0 and table.concat(refused, "\n") or why)
  end
  for _, text in ipairs(refused) do
    support.complain(text) -- a kernel that the pipeline does not need
  end
  local job, mesh, result
  job, why = prepare(session, file, options)
  if not job then
    support.stop(2, why)
  end
  mesh, why = take_mesh(session, options)
  stop_when_interrupted()
  if not mesh then
    fail(why)
  end
  result, why = cook(job, mesh)
  log_events(session, options)
  if not result then
    fail(why)
  elseif options.json then
    summary_json(file, result)
  elseif not options.quiet then
    summary(file, result, session, options)
  end
end

-- live ----------------------------------------------------------------------------------------------------------------

local function copy_positions(mesh)
  local view = mesh:view()
  local rest = ffi.new("float[?]", 3 * view.point_count)
  ffi.copy(rest, view.position, 12 * view.point_count)
  return rest
end

local most_named = 4

--- "deform.twist, deform.bend and 12 more"
local function names_text(names)
  local more = #names - most_named
  if more <= 0 then
    return table.concat(names, ", ")
  end
  return ("%s and %d more"):format(table.concat(names, ", ", 1, most_named), more)
end

local function live_line(live, result)
  local parts = { ("%s: %s in %.1f ms"):format(live.file, count(result.points, "point"), result.milliseconds) }
  for _, sample in ipairs(result.samples) do
    local name = sample.name ~= "" and sample.name or "sample"
    parts[#parts + 1] = name .. " " .. count(sample.points, "point")
  end
  if #live.changed > 0 then
    parts[#parts + 1] = "changed: " .. names_text(live.changed)
  end
  if live.saved > 0 then
    parts[#parts + 1] = ("%.0f ms after the save"):format(1000 * (support.system.now() - live.saved))
  end
  say(paint("green", table.concat(parts, "; ")))
end

local function note_change(live, name, saved)
  if not live.changed[name] then
    live.changed[name] = true
    table.insert(live.changed, name)
  end
  live.saved = math.max(live.saved, saved)
end

--- What one look at the session's events found.
local function take_events(session, live)
  for event in session:events() do
    local detail = event.kind == "reloaded" or event.kind == "params" and live.opening
    local quiet = live.options.quiet or detail and not live.options.verbose
    if event.kind == "rejected" then
      say(paint("red", event.text))
    elseif event.kind == "file" then
      live.mesh, live.stale = nil, true
    elseif not quiet and event.text ~= event.subject then -- the line after the cook names it
      say(event.text)
    end
    if event.kind == "reloaded" or event.kind == "file" then
      note_change(live, event.kind == "file" and live.options.input or event.subject, event.saved)
    end
  end
end

--- "18 kernels built from k", for each folder whose kernels do not belong to whorl.
local function say_kernels(session)
  local folders, found = {}, {}
  for _, kernel in ipairs(session:kernels()) do
    local folder = kernel.path:match("^(.+)/") or "."
    if not kernel.builtin then
      folders[#folders + 1] = not found[folder] and folder or nil
      found[folder] = (found[folder] or 0) + 1
    end
  end
  for _, folder in ipairs(folders) do
    say("%s built from %s", count(found[folder], "kernel"), folder)
  end
end

local function live_mesh(session, live)
  if not live.options.input then
    return take_mesh(session, live.options) -- the pipeline's own: it may have changed with the file
  end
  if not live.mesh then
    local mesh, why = take_mesh(session, live.options)
    if not mesh then
      return nil, why
    end
    live.mesh, live.rest = mesh, copy_positions(mesh)
  end
  return live.mesh
end

local function live_cook(session, live, job, wrong)
  local mesh, result
  if job then
    mesh, wrong = live_mesh(session, live)
  end
  if mesh then
    result, wrong = cook(job, mesh, live.options.input and live.rest)
  end
  if support.system.interrupted() then
    return
  elseif not result then
    say(paint("red", wrong))
  elseif not live.options.quiet then
    live_line(live, result)
  end
  live.changed, live.saved = {}, 0
end

--- Opens the session; what no later save can mend ends the command.
local function live_open(live)
  local session, why = whorl.open(live.file, session_options(live.options, false))
  if not session then
    support.stop(1, why)
  end
  local ok, wrong = true, nil
  if live.options.input then
    ok, wrong = session:watch(live.options.input)
  end
  if not ok then
    support.stop(1, wrong)
  end
  live.opening = true
  take_events(session, live)
  live.opening, live.changed, live.saved = false, {}, 0
  if not live.options.quiet and not live.options.verbose then
    say_kernels(session)
  end
  if session:plan_json() ~= "null" then
    ok, wrong = prepare(session, live.file, live.options)
    if not ok then
      support.stop(2, wrong)
    end
  end
  return session
end

local function run_live(options, rest)
  local live = { file = support.one_file("live", rest), options = options, changed = {}, saved = 0 }
  local session = live_open(live)
  local cooked = nil -- the revision of the last result
  while not support.system.interrupted() do
    local revision = session:poll()
    take_events(session, live)
    if session:plan_json() ~= "null" and (revision ~= cooked or live.stale) then
      live.stale = false
      local job, wrong = prepare(session, live.file, options)
      cooked = session:poll()
      live_cook(session, live, job, wrong)
    else
      session:wait(500)
    end
  end
  session:close()
  if not options.quiet then
    say("left")
  end
end

local where = [[
The mesh comes from -i, or from the pipeline when it makes one. Without a sampler in the
pipeline, -o gets the deformed mesh. With one, -o gets its points; a mesh that was deformed or
made goes beside it as NAME.mesh.ply (.obj and .usda stay what they are), and the points of a
second sampler go to NAME.SAMPLER.ply. The ending decides how a file is written: .ply, .obj,
.usda; points also .csv and .instancer.usda. The mesh that is read is never written over.]]

local run_options = { { name = "json", doc = "say what was done as JSON" } }
for i, option in ipairs(cook_options) do
  table.insert(run_options, i, option)
end

return {
  run = {
    summary = "cook a pipeline once and write the result",
    usage = "FILE.lua [-i MESH] [-o FILE] [OPTION...]",
    doc = "Cooks a pipeline once and writes the result.\n\n" .. where,
    options = run_options,
    run = run_once,
  },
  live = {
    summary = "cook again on every save of the file, its kernels or the mesh",
    usage = "FILE.lua [-i MESH] [-o FILE] [OPTION...]",
    doc = "Stays, and cooks again on every save of the pipeline, the files it requires, its kernels and\n"
      .. "the mesh. What is wrong is said in one line, and the last good result stays. Ctrl-C leaves.\n\n"
      .. where,
    options = cook_options,
    run = run_live,
  },
}
