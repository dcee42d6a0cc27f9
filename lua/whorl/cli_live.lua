--- whorl live: cook a pipeline again on every save, say what became of each, and take keys from the terminal.
local ffi = require "ffi"
local whorl = require "whorl"
local cooking = require "whorl.cli_cook"
local keys = require "whorl.cli_keys"
local show = require "whorl.cli_show"
local support = require "whorl.cli_support"

local say, paint, count = support.say, support.paint, cooking.count

-- What changed --------------------------------------------------------------------------------------------------------

local most_named = 4

--- "deform.twist generation 4 (fast), a.lua and 12 more"
local function changes_text(changes)
  local names = {}
  for i, c in ipairs(changes) do
    names[i] = c.generation == 0 and c.name
      or ("%s generation %d%s"):format(c.name, c.generation, c.fast and " (fast)" or "")
  end
  local more = #names - most_named
  if more <= 0 then
    return table.concat(names, ", ")
  end
  return ("%s and %d more"):format(table.concat(names, ", ", 1, most_named), more)
end

local function forget_change(changes, name, generation)
  for i = #changes, 1, -1 do
    if changes[i].name == name and (not generation or changes[i].generation == generation) then
      table.remove(changes, i)
    end
  end
end

local function note_change(live, name, event)
  forget_change(live.changes, name)
  table.insert(live.changes, { name = name, generation = event.generation, fast = event.fast, saved = event.saved })
end

--- When the newest of them was saved; 0: unknown.
local function saved_at(changes)
  local saved = 0
  for _, c in ipairs(changes) do
    saved = math.max(saved, c.saved)
  end
  return saved
end

-- Events --------------------------------------------------------------------------------------------------------------

local on = {}

function on.rejected(live, event)
  live.refused[event.text] = true
  if event.generation > 0 then -- it may have crashed in the cook that is to be told of
    live.has_crashed = true
    forget_change(live.changes, event.subject, event.generation)
    forget_change(live.cooked_changes, event.subject, event.generation)
  end
end

function on.file(live, event)
  live.mesh, live.stale = nil, true
  note_change(live, live.options.input, event)
end

--- The line after the cook names it, but for what whorl begins with.
function on.reloaded(live, event)
  note_change(live, event.subject, event)
  if event.generation > 0 then
    live.current = event.subject
  end
  if live.opening and live.options.verbose and event.text ~= event.subject then
    say("%s", event.text)
  end
end

function on.step(live, event)
  if live.options.verbose then
    say("%s", event.text .. (event.milliseconds > 0 and (" %.1f ms"):format(event.milliseconds) or ""))
  end
end

--- The fast build and the optimised one of a generation each say that they wait.
function on.ready(live, event)
  local what = event.subject .. " " .. event.generation
  if live.options.quiet or live.last_ready == what then
    return
  end
  live.last_ready = what
  local key = ""
  live.current = event.subject
  if live.has_keys then
    key = keys.is_pinned(live.session, event.subject) and " (0 goes to it)" or " (s publishes it)"
  end
  say(paint("yellow", event.text .. key))
end

function on.params(live, event)
  if not live.options.quiet and (live.options.verbose or not live.opening) then
    say("%s", event.text)
  end
end

function on.note(live, event)
  if live.options.verbose then
    say("%s", event.text)
  end
end

function on.log(live, event)
  if not live.options.quiet then
    say("%s", event.text)
  end
end

--- Shows what was refused, and what its compiler said: an error once, in the compiler's words where there are any.
local function say_build(build, quiet)
  if build.refused and not show.has_error(build) then
    show.refused(build.refused)
  end
  show.diagnostics(build, quiet)
end

--- Takes what the session has to tell. What a compiler said in one build comes as one event after the other, behind the
--- refusal when there is one.
local function take_events(live)
  local build = {}
  for event in live.session:events() do
    if event.kind == "diagnostic" then
      build[#build + 1] = event
    else
      say_build(build, live.options.quiet)
      build = { refused = event.kind == "rejected" and event or nil }
      on[event.kind](live, event)
    end
  end
  say_build(build, live.options.quiet)
end

-- Cooking -------------------------------------------------------------------------------------------------------------

local function copy_positions(mesh)
  local view = mesh:view()
  local rest = ffi.new("float[?]", 3 * view.point_count)
  ffi.copy(rest, view.position, 12 * view.point_count)
  return rest
end

--- The mesh, and where its points were before they were deformed when they are not there any more.
local function live_mesh(live)
  if not live.options.input then
    return cooking.take_mesh(live.session, live.options) -- the pipeline's own: it may have changed with the file
  end
  if not live.mesh then
    local mesh, why = cooking.take_mesh(live.session, live.options)
    if not mesh then
      return nil, why
    end
    live.mesh, live.rest = mesh, copy_positions(mesh)
  end
  return live.mesh, live.rest
end

local function cooked_line(live, result)
  local parts = { ("%s: %s in %.1f ms"):format(live.file, count(result.points, "point"), result.milliseconds) }
  for _, sample in ipairs(result.samples) do
    local name = sample.name ~= "" and sample.name or "sample"
    parts[#parts + 1] = name .. " " .. count(sample.points, "point")
  end
  if #live.cooked_changes > 0 then
    parts[#parts + 1] = "changed: " .. changes_text(live.cooked_changes)
  end
  local saved = saved_at(live.cooked_changes)
  if saved > 0 then
    parts[#parts + 1] = ("%.0f ms after the save"):format(1000 * (result.at - saved))
  end
  say("%s", paint("green", table.concat(parts, "; ")))
end

--- Applies --set, which moves the revision; what comes meanwhile is cooked next.
local function prepare(live)
  local before = #live.changes
  local job, wrong = cooking.prepare(live.session, live.file, live.options)
  live.cooked = live.session:poll()
  take_events(live)
  live.stale = #live.changes > before
  return job, wrong
end

--- The result, or nil and what is wrong.
local function cook_once(live)
  local job, wrong = prepare(live)
  live.cooked_changes, live.changes, live.has_crashed = live.changes, {}, false
  if not job then
    return nil, wrong
  end
  local mesh, rest = live_mesh(live)
  if not mesh then
    return nil, rest
  end
  return cooking.cook(job, mesh, live.options.input and rest)
end

--- A kernel that crashed was replaced during the cook by its last good generation: that is said first, and the result
--- is one of what runs now.
local function cook(live)
  local result, wrong = cook_once(live)
  if support.system.interrupted() then
    return
  elseif result then
    result.at = support.system.now()
  end
  local revision = live.session:poll()
  take_events(live)
  if #live.changes == 0 then
    live.cooked = revision
  end
  if not result and not live.has_crashed and not live.refused[wrong] then
    say(paint("red", wrong))
  elseif result and not live.options.quiet then
    cooked_line(live, result)
  end
  live.refused = {}
end

-- The command ---------------------------------------------------------------------------------------------------------

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

local function has_pipeline(session)
  return session:plan_json() ~= "null"
end

--- Opens the session; what no later save can mend ends the command.
local function open(live)
  local session, why = cooking.open(live.file, live.options, false, true)
  if not session then
    support.stop(1, why)
  end
  live.session = session
  local ok, wrong = true, nil
  if live.options.input then
    ok, wrong = session:watch(live.options.input)
  end
  if not ok then
    support.stop(1, wrong)
  end
  live.opening = true
  take_events(live)
  live.opening, live.changes, live.refused = false, {}, {}
  if not live.options.quiet and not live.options.verbose then
    say_kernels(session)
  end
  if has_pipeline(session) then
    ok, wrong = cooking.prepare(session, live.file, live.options)
    if not ok then
      support.stop(2, wrong)
    end
  end
end

local function start_keys(live)
  live.has_keys = support.system.keys(tonumber(ffi.cast("uintptr_t", live.session.handle)))
  if live.has_keys and not live.options.quiet then
    say("%s", paint("dim", "? for keys"))
  end
end

local function run(options, rest)
  if whorl.build_info():match("\nkernels: linked in") then
    support.stop(2, "this whorl was built with WHORL_STATIC: nothing is reloaded (use whorl run)")
  end
  local live = {
    file = support.one_file("live", rest), options = options, changes = {}, cooked_changes = {}, refused = {},
    cooked = nil, -- the revision of the last result
    take_events = take_events, mesh_to_cook = live_mesh,
  }
  open(live)
  start_keys(live)
  while not support.system.interrupted() and not live.leave do
    local revision = live.session:poll()
    take_events(live)
    if has_pipeline(live.session) and (revision ~= live.cooked or live.stale) then
      cook(live)
    elseif not keys.take(live) then
      live.session:wait(500)
    end
  end
  support.system.keys()
  live.session:close()
  if not options.quiet then
    say("left")
  end
end

return {
  live = {
    summary = "cook again on every save of the file, its kernels or the mesh",
    usage = "FILE.lua [-i MESH] [-o FILE] [OPTION...]",
    doc = "Stays, and cooks again on every save of the pipeline, the files it requires, its kernels and\n"
      .. "the mesh. What is wrong is said with its line, and the last good result stays: a kernel that does\n"
      .. "not compile, fails its trial or crashes is never run in place of the one before. On a terminal\n"
      .. "`?` lists the keys: generations, stepping back, comparing, pinning. Ctrl-C leaves.\n\n"
      .. cooking.where,
    options = cooking.options,
    run = run,
  },
}
