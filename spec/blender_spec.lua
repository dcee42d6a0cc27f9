--- The Blender add-on in every Blender that is found: `blender` on the PATH, $BLENDER, the pythons with bpy in
--- $WHORL_BPY (separated by ':'), and build/peers. Each script of spec/blender is a process of its own that prints
--- "ok WHAT", "not ok WHAT: why" or "skip WHAT: why"; each line is a result here.
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
    if program and not seen[program] then
      seen[program] = true
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
  for python in ((os.getenv("WHORL_BPY") or "") .. ":" .. root .. "/build/peers/bin/python"):gmatch("[^:]+") do
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

--- Runs it in folders of a user who has nothing, and without what another whorl left in the environment.
local function run(blender, script, zip)
  local folder, remove = command.folder()
  local variables = { "WHORL_ZIP=" .. quote(zip or "") }
  for _, name in ipairs { "RESOURCES", "CONFIG", "SCRIPTS", "EXTENSIONS", "DATAFILES" } do
    variables[#variables + 1] = ("BLENDER_USER_%s=%s"):format(name, quote(folder .. "/" .. name:lower()))
  end
  local status, said, complained = shell(root, ("export %s HOME=%s; %s"):format(table.concat(variables, " "),
    quote(folder), line_of(blender, script)))
  remove()
  return status, said, complained
end

--- One result for each line that says so, and one for how the process ended.
local function report(blender, script, zip)
  local status, said, complained = run(blender, script, zip)
  local count = 0
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
  it(script.name .. " ends well, having said something", function()
    assert.is_true(status == 0 and count > 0, ("status %d after %d results:\n%s\n%s"):format(
      status, count, said:sub(-2000), complained:sub(-2000)))
  end)
end

local function make_zip()
  local status, said = shell(root, "timeout 900 ./dev blender-zip")
  return status == 0 and root .. "/" .. said:match("%S+") or nil
end

local blenders = sanitized and {} or find_blenders()
local zip = #blenders > 0 and make_zip() or nil

describe("the Blender add-on", function()
  if #blenders == 0 then
    pending(sanitized and "needs a Blender that is built with the sanitizer"
      or "needs Blender: none on the PATH, in $BLENDER, in $WHORL_BPY, nor bpy in build/peers")
  end
  for _, blender in ipairs(blenders) do
    for _, script in ipairs(scripts()) do
      describe(("in %s: %s:"):format(blender.name, script.name), function()
        if script.window and not (blender.window and which "xvfb-run" and which "xdotool") then
          pending("needs a window: Blender itself, xvfb and xdotool")
        else
          report(blender, script, zip)
        end
      end)
    end
  end
end)
