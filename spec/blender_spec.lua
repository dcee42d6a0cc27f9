--- The Blender add-on in every Blender that is found: `blender` on the PATH, $BLENDER, the pythons with bpy in
--- $WHORL_BPY (separated by ':'), build/bpy and build/peers. Each script of spec/blender is a process of its own that
--- prints "ok WHAT", "not ok WHAT: why" or "skip WHAT: why"; each line is a result here.
local command = require "spec.support.command"
local quote, shell = command.quote, command.shell
local root = os.getenv("WHORL_SOURCE") or "."
local sanitized = (os.getenv("WHORL_PRELOAD") or "") ~= ""

local function which(name)
  local _, said = shell(root, "command -v " .. quote(name))
  return said:match("%S+")
end

--- { name =, script = function(path) -> shell line, window = true when it can have one }
local function find_blenders()
  local list, seen = {}, {}
  local function add(program, line, name, window)
    if program and not seen[name] then
      seen[name] = true
      list[#list + 1] = { name = name, line = line, window = window }
    end
  end
  for _, word in ipairs { "blender", os.getenv("BLENDER") or "" } do
    local program = word ~= "" and which(word)
    if program then
      local _, said = shell(root, "timeout 60 " .. quote(program) .. " --version")
      add(program, quote(program), said:match("Blender [%d.]+") or program, true)
    end
  end
  local pythons = ("%s:%s/build/bpy/bin/python:%s/build/peers/bin/python"):format(os.getenv("WHORL_BPY") or "", root,
    root)
  for python in pythons:gmatch("[^:]+") do
    local status, said = shell(root, ("timeout 60 %s -c 'import bpy; print(bpy.app.version_string)'"):format(
      quote(python)))
    if status == 0 then
      add(python, quote(python), "bpy " .. (said:match("(%d[%d.]+)") or "?"), false)
    end
  end
  return list
end

local function scripts()
  local _, said = shell(root .. "/spec/blender", "ls *.py")
  local list = {}
  for name in said:gmatch("[^\n]+") do
    if name ~= "support.py" then
      local text = command.read(root .. "/spec/blender/" .. name)
      list[#list + 1] = { name = name:gsub("%.py$", ""), path = root .. "/spec/blender/" .. name,
                          window = text:find("^# window") ~= nil }
    end
  end
  return list
end

--- The shell line that runs a script in a Blender: with a window of its own where it asks for one.
local function line_of(blender, script)
  if script.window then
    return ("LIBGL_ALWAYS_SOFTWARE=1 timeout -k 5 240 xvfb-run -a -s '-screen 0 1280x800x24' %s --factory-startup "
      .. "-p 0 0 1280 800 --python-exit-code 9 --python %s"):format(blender.line, quote(script.path))
  elseif blender.window then
    return ("timeout -k 5 240 %s -b --factory-startup --python-exit-code 9 --python %s"):format(
      blender.line, quote(script.path))
  end
  return ("timeout -k 5 240 %s %s"):format(blender.line, quote(script.path))
end

--- A process to be: in folders of a user who has nothing, and without what another whorl left in the environment.
local function prepare(blender, script, zip)
  local folder, remove = command.folder()
  local variables = { "WHORL_ZIP=" .. quote(zip or "") }
  for _, name in ipairs { "RESOURCES", "CONFIG", "SCRIPTS", "EXTENSIONS", "DATAFILES" } do
    variables[#variables + 1] = ("BLENDER_USER_%s=%s"):format(name, quote(folder .. "/" .. name:lower()))
  end
  command.write(folder .. "/run", ("cd %s\nexport %s HOME=%s\n{ %s\n} >$HOME/out 2>$HOME/err </dev/null\n"
    .. "echo $? >$HOME/status\n"):format(quote(root), table.concat(variables, " "), quote(folder),
    line_of(blender, script)))
  return { blender = blender, script = script, folder = folder, remove = remove }
end

--- Runs them: those without a window as many at once as there are cores, then the others one by one.
local function run_all(jobs)
  local hidden, shown = {}, {}
  for _, job in ipairs(jobs) do
    table.insert(job.script.window and shown or hidden, quote(job.folder))
  end
  local function run(list, at_once)
    local line = ("printf '%%s\\n' %s | xargs -r -P %s -I{} sh {}/run"):format(table.concat(list, " "), at_once)
    shell(root, line)
  end
  run(hidden, "$(getconf _NPROCESSORS_ONLN)")
  run(shown, 1)
end

--- One result for each line that says so, and one for how the process ended.
local function report(job)
  local function read(name) return command.read(job.folder .. "/" .. name) or "" end
  local status, said, complained, count = tonumber(read "status") or -1, read "out", read "err", 0
  job.remove()
  for line in said:gmatch("[^\n]+") do
    local good, what = line:match("^ok (.+)$"), line:match("^not ok (.+)$")
    local skipped = line:match("^skip (.+)$")
    if good or what then
      count = count + 1
      it(good or what:match("^(.-): ") or what, function()
        assert.is_nil(what)
      end)
    elseif skipped then
      pending(skipped)
    end
  end
  it(job.script.name .. " ends well, having said something", function()
    assert.is_true(status == 0 and count > 0, ("status %d after %d results:\n%s\n%s"):format(
      status, count, said:sub(-2000), complained:sub(-2000)))
  end)
  it("no exception in the console", function()
    assert.is_nil((said .. complained):match("Traceback.*"))
  end)
end

local function make_zip()
  local status, said = shell(root, "timeout 900 ./dev blender-zip")
  return status == 0 and root .. "/" .. said:match("%S+") or nil
end

local function has_window(blender)
  return blender.window and which "xvfb-run" and which "xdotool"
end

local blenders = sanitized and {} or find_blenders()
local zip = #blenders > 0 and make_zip() or nil
local jobs = {}
for _, script in ipairs(scripts()) do
  for _, blender in ipairs(blenders) do
    if not script.window or has_window(blender) then
      jobs[#jobs + 1] = prepare(blender, script, zip)
    end
  end
end
run_all(jobs)

describe("the Blender add-on", function()
  if #blenders == 0 then
    pending(sanitized and "needs a Blender that is built with the sanitizer"
      or "needs Blender, which ./dev test blender installs, or $BLENDER or $WHORL_BPY says where it is")
  end
  for _, blender in ipairs(blenders) do
    if not has_window(blender) then
      pending(("in %s: needs a window: Blender itself, xvfb and xdotool"):format(blender.name))
    end
  end
  for _, job in ipairs(jobs) do
    describe(("in %s: %s:"):format(job.blender.name, job.script.name), function()
      report(job)
    end)
  end
end)
