--- whorl run and whorl live: cook a pipeline once, or again on every save.
local ffi = require "ffi"
local whorl = require "whorl"
local json = require "whorl.json"
local suggest = require "whorl.suggest"
local support = require "whorl.cli_support"

local say, paint = support.say, support.paint

local cook_options = {
  { name = "input", short = "i", value = "MESH", doc = "mesh to work on; default: the one that the pipeline makes" },
  { name = "out", short = "o", value = "FILE", doc = "where the result goes; nothing is written without it" },
  { name = "mesh-out", value = "FILE", doc = "where the deformed mesh goes, in place of FILE.mesh.ply beside -o" },
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
    local value = tonumber(word)
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

--- Applies every --set. Returns nil when all is well, else what is wrong.
local function apply_settings(session, settings)
  local params = {}
  for _, param in ipairs(session:params()) do
    params[param.id] = param
  end
  for _, setting in ipairs(settings or {}) do
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
    if wrong then
      return ("--set %s: %s"):format(setting, wrong)
    end
  end
end

-- Names of files ------------------------------------------------------------------------------------------------------

--- "a/fill.instancer.usda" -> "a/fill", ".instancer.usda"
local function split_name(path)
  local folder, name = path:match("^(.*/)([^/]*)$")
  folder, name = folder or "", name or path
  local stem, ending = name:match("^(.+)(%.instancer%.usda)$")
  if not stem then
    stem, ending = name:match("^(.+)(%.[^.]+)$")
  end
  return folder .. (stem or name), ending or ""
end

local mesh_endings = { [".ply"] = true, [".obj"] = true, [".usda"] = true }

--- Where the deformed mesh goes; nil: nowhere. A mesh that was read and only sampled is not written again.
local function mesh_name(options, samplers, stages)
  if options["mesh-out"] or not options.out then
    return options["mesh-out"]
  elseif #samplers == 0 then
    return options.out
  end
  local changed = not options.input
  for _, stage in ipairs(stages) do
    changed = changed or stage.kernel:find("^deform%.") ~= nil
  end
  if not changed then
    return nil
  end
  local stem, ending = split_name(options.out)
  return stem .. ".mesh" .. (mesh_endings[ending] and ending or ".ply")
end

--- Where the points of the i-th sampler go; nil: nowhere.
local function points_name(options, samplers, i)
  if i == 1 or not options.out then
    return options.out
  end
  local stem, ending = split_name(options.out)
  return ("%s.%s%s"):format(stem, samplers[i].name, ending)
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

--- The mesh to cook, or nil and why not.
local function take_mesh(session, options)
  if options.input then
    return whorl.read_mesh(options.input)
  end
  local mesh, why, status = session:source(options.time)
  if not mesh and status == "argument" then
    why = why .. " (give a mesh with -i MESH)"
  end
  return mesh, why
end

local function write_all(result, mesh, options, samplers)
  local name = mesh_name(options, samplers, result.stages)
  if name then
    local ok, why = mesh:write(name)
    if not ok then
      return nil, why
    end
    result.mesh_file = name
  end
  for i, sample in ipairs(result.samples) do
    sample.file = points_name(options, samplers, i)
    if sample.file then
      local ok, why = sample.cloud:write(sample.file)
      if not ok then
        return nil, why
      end
    end
  end
  return result
end

local function cook_stages(session, mesh, rest, options, samplers)
  local view = rest and whorl.moved(mesh, rest) or mesh
  local position, why, status = session:deform(view, options.time)
  if not position then
    return nil, why, status
  end
  mesh:set_positions(position)
  local result = { samples = json.array() }
  for i, sampler in ipairs(samplers) do
    local cloud
    cloud, why, status = session:sample(sampler.name ~= "" and sampler.name or nil, mesh, options.time)
    if not cloud then
      return nil, why, status
    end
    result.samples[i] = { name = sampler.name, points = cloud.count, cloud = cloud }
  end
  return result
end

--- Deforms, samples and writes. rest: positions to start from when they are not the mesh's own.
local function cook(session, mesh, rest, options)
  local began, samplers = support.system.now(), samplers_of(session)
  local show = not options.quiet and support.system.is_terminal(2)
  support.system.cook(tonumber(ffi.cast("uintptr_t", session.handle)), show)
  local result, why, status = cook_stages(session, mesh, rest, options, samplers)
  support.system.cook()
  if result then
    result.milliseconds = 1000 * (support.system.now() - began)
    result.stages = json.array(session:stages())
    result, why, status = write_all(result, mesh, options, samplers)
  end
  if not result then
    return nil, why, status
  end
  local view = mesh:view()
  result.points, result.triangles = view.point_count, view.triangle_count
  return result
end

-- Saying what happened ------------------------------------------------------------------------------------------------

--- 1234567 -> "1 234 567"
local function grouped(n)
  local text = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1 "):reverse()
  return (text:gsub("^ ", ""))
end

local function files_of(result)
  local files = json.array()
  files[1] = result.mesh_file
  for _, sample in ipairs(result.samples) do
    files[#files + 1] = sample.file
  end
  return files
end

local function summary(file, result, session, options)
  say("%s: %s points, %s triangles, %.1f ms", paint("bold", file), grouped(result.points), grouped(result.triangles),
    result.milliseconds)
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
    say("  %s: %s points inside", sample.name ~= "" and sample.name or "sample", grouped(sample.points))
  end
  local files = files_of(result)
  say(#files > 0 and "  wrote " .. table.concat(files, ", ") or "  nothing was written (name a file with -o)")
end

local function summary_json(file, result)
  local samples = json.array()
  for i, sample in ipairs(result.samples) do
    samples[i] = { name = sample.name, points = sample.points, file = sample.file }
  end
  say(json.encode { ok = true, file = file, points = result.points, triangles = result.triangles, samples = samples,
                     stages = result.stages, milliseconds = result.milliseconds, files = files_of(result) })
end

-- run -----------------------------------------------------------------------------------------------------------------

local function fail(options, why, status)
  if options.json then
    say(json.encode { ok = false, errors = { why } })
    why = nil
  end
  local interrupted = status == "cancelled" and support.system.interrupted()
  support.stop(interrupted and 130 or 1, interrupted and "whorl: interrupted, nothing was written" or why)
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
  local session, why, status = whorl.open(file, session_options(options, true))
  if not session or why then
    local refused = session and log_events(session, options) or {}
    fail(options, #refused > 0 and table.concat(refused, "\n") or why, status)
  end
  for _, text in ipairs(log_events(session, options)) do
    support.complain(text) -- a kernel that the pipeline does not need
  end
  local wrong = apply_settings(session, options.set)
  if wrong then
    support.misuse("run", "%s", wrong)
  end
  local mesh, result
  mesh, why, status = take_mesh(session, options)
  if not mesh then
    fail(options, why, status)
  end
  if mesh:note() ~= "" and not options.quiet then
    io.stderr:write(mesh:note(), "\n")
  end
  result, why, status = cook(session, mesh, nil, options)
  log_events(session, options)
  if not result then
    fail(options, why, status)
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

local function live_line(file, result, changed, saved)
  local parts = { ("%s: %s points in %.1f ms"):format(file, grouped(result.points), result.milliseconds) }
  for _, sample in ipairs(result.samples) do
    parts[#parts + 1] = ("%s %s points"):format(sample.name ~= "" and sample.name or "sample", grouped(sample.points))
  end
  if changed ~= "" then
    parts[#parts + 1] = changed
  end
  if saved > 0 then
    parts[#parts + 1] = ("%.0f ms after the save"):format(1000 * (support.system.now() - saved))
  end
  say(paint("green", table.concat(parts, "; ")))
end

--- What one look at the session's events found.
local function take_events(session, live)
  for event in session:events() do
    if event.kind == "rejected" then
      say(paint("red", event.text))
    elseif event.kind == "file" then
      live.mesh = nil
    elseif not live.options.quiet and event.text ~= event.subject then -- the line after the cook names it
      say(event.text)
    end
    if event.kind == "reloaded" or event.kind == "file" then
      live.changed[#live.changed + 1] = event.subject
      live.saved = math.max(live.saved, event.saved)
    end
  end
end

local function live_mesh(session, live)
  if not live.options.input then
    return take_mesh(session, live.options) -- the pipeline's own: it may have changed with the file
  end
  if not live.mesh then
    local mesh, why = whorl.read_mesh(live.options.input)
    if not mesh then
      return nil, why
    end
    live.mesh, live.rest = mesh, copy_positions(mesh)
  end
  return live.mesh
end

--- wrong: what is to be said in place of cooking, or nil.
local function live_cook(session, live, wrong)
  local result
  if not wrong then
    local mesh
    mesh, wrong = live_mesh(session, live)
    if mesh then
      result, wrong = cook(session, mesh, live.options.input and live.rest, live.options)
    end
  end
  take_events(session, live)
  if support.system.interrupted() then
    return
  elseif not result then
    say(paint("red", wrong))
  elseif not live.options.quiet then
    local changed = #live.changed > 0 and "changed: " .. table.concat(live.changed, ", ") or ""
    live_line(live.file, result, changed, live.saved)
  end
  live.changed, live.saved = {}, 0
end

local function run_live(options, rest)
  local live = { file = support.one_file("live", rest), options = options, changed = {}, saved = 0 }
  local session, why = whorl.open(live.file, session_options(options, false))
  if not session then
    support.stop(1, why)
  end
  if options.input then
    local ok, wrong = session:watch(options.input)
    if not ok then
      support.stop(1, wrong)
    end
  end
  take_events(session, live)
  live.changed, live.saved = {}, 0
  local cooked = nil -- the revision of the last result
  while not support.system.interrupted() do
    local revision = session:poll()
    local had_mesh = live.mesh ~= nil
    take_events(session, live)
    if session:plan_json() ~= "null" and (revision ~= cooked or had_mesh and not live.mesh) then
      local wrong = apply_settings(session, options.set)
      cooked = session:poll()
      live_cook(session, live, wrong)
    elseif not support.system.interrupted() then
      session:wait(500)
    end
  end
  session:close()
  if not options.quiet then
    say("left after Ctrl-C")
  end
end

local where = [[
The mesh comes from -i, or from the pipeline when it makes one. With a sampler in the pipeline, -o gets its points,
a mesh that was deformed or made goes beside it as NAME.mesh.ply (.obj and .usda stay what they are), and the points of
a second sampler go to NAME.SAMPLER.ply. Without a sampler, -o gets the deformed mesh. The ending decides how a file is
written: .ply, .obj, .usda; points also .csv and .instancer.usda.]]

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
    doc = "Stays, and cooks again on every save of the pipeline, the files it requires, its kernels and the mesh.\n"
      .. "What is wrong is said in one line, and the last good result stays. Ctrl-C leaves.\n\n" .. where,
    options = cook_options,
    run = run_live,
  },
}
