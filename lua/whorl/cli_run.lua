--- whorl run: cook a pipeline once and write the result.
local cooking = require "whorl.cli_cook"
local json = require "whorl.json"
local slicing = require "whorl.cli_slice"
local support = require "whorl.cli_support"

local say, paint, count = support.say, support.paint, cooking.count

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
    local kind = cooking.kind_of(stage)
    if kind == "mesh" and options.input or kind == "sample" and options.slice then
      time = "not used"
    end
    local line = ("  %-28s generation %-4d%12s%s"):format(name, stage.generation, time, paths[stage.kernel] or "")
    say("%s", (line:gsub(" +$", "")))
  end
  for _, sample in ipairs(result.samples) do
    say("  %s: %s%s", sample.name ~= "" and sample.name or "sample", count(sample.points, "point"),
      sample.kernel == "sample.inside" and " inside" or "")
  end
  if result.slice then
    say("  %s", result.slice:line())
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
                     stages = result.stages, milliseconds = result.milliseconds, files = result.files,
                     slice = result.slice and result.slice:summary() })
end

-- The command ---------------------------------------------------------------------------------------------------------

--- Ends with 1 and what is wrong; after Ctrl-C with 130.
local function fail(why)
  support.stop(support.system.interrupted() and 130 or 1, why)
end

local function stop_when_interrupted()
  local why = cooking.interruption {}
  if why then
    fail(why)
  end
end

--- Prints what the session has to say; returns the texts of what it refused, and by them what each is about.
local function log_events(session, options)
  local refused, about = {}, {}
  for event in session:events() do
    if event.kind == "rejected" then
      refused[#refused + 1] = event.text
      about[event.text] = event.subject
    elseif event.kind == "log" and not options.quiet or event.kind == "note" and options.verbose then
      io.stderr:write(event.text, "\n")
    end
  end
  return refused, about
end

--- Whether the pipeline runs all the same, with a kernel of that word which came with whorl: not what its author meant.
local function is_replaced(session, subject)
  local word = subject:gsub("^%a+%.", ""):gsub("%W", "%%%0")
  return session:plan_json():find('"kernel": "%a+%.' .. word .. '"') ~= nil
end

local function run_once(options, rest)
  local file = support.one_file("run", rest)
  slicing.check_options(options)
  local missing = slicing.missing(options)
  if missing then
    fail(missing)
  end
  local session, why = cooking.open(file, options, true)
  stop_when_interrupted()
  local refused, about = {}, {}
  if session then
    refused, about = log_events(session, options)
  end
  if not session or why then
    fail(#refused > 0 and table.concat(refused, "\n") or why)
  end
  for _, text in ipairs(refused) do
    if is_replaced(session, about[text]) then
      fail(text .. " (mend it, or take it away: the one that came with whorl would run in its place)")
    end
    support.complain(text) -- a kernel that the pipeline does not need
  end
  local job, mesh, result
  job, why = cooking.prepare(session, file, options)
  if not job then
    support.stop(2, why)
  end
  mesh, why = cooking.take_mesh(session, options)
  stop_when_interrupted()
  if not mesh then
    fail(why)
  end
  result, why = cooking.cook(job, mesh)
  log_events(session, options)
  if not result then
    fail(why)
  elseif options.json then
    summary_json(file, result)
  elseif not options.quiet then
    summary(file, result, session, options)
  end
end

local options = { { name = "json", doc = "say what was done as JSON" } }
for _, list in ipairs { slicing.options, cooking.options } do
  for i, option in ipairs(list) do
    table.insert(options, i, option)
  end
end

return {
  run = {
    summary = "cook a pipeline once and write the result",
    usage = "FILE.lua [-i MESH] [-o FILE] [OPTION...]",
    doc = "Cooks a pipeline once and writes the result.\n\n" .. cooking.where .. "\n\n" .. slicing.where,
    options = options,
    run = run_once,
  },
}
