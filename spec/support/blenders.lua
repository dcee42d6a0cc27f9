--- The Blenders that are here: `blender` on the PATH, $BLENDER, the pythons with bpy in $WHORL_BPY (separated by ':'),
--- build/bpy and build/peers. Scripts that run in them print "ok WHAT", "not ok WHAT: why" or "skip WHAT: why".
local command = require "spec.support.command"
local quote, shell = command.quote, command.shell
local root = command.source
local sanitized = (os.getenv("WHORL_PRELOAD") or "") ~= ""

local M = {}

--- Why there are none.
M.missing = sanitized and "needs a Blender that is built with the sanitizer"
  or "needs Blender, which ./dev test blender installs, or $BLENDER or $WHORL_BPY says where it is"

function M.which(name)
  local _, said = shell(root, "command -v " .. quote(name))
  return said:match("%S+")
end

--- { name =, line = the shell words that start it, window = true when it can have one }
function M.find()
  local list, seen = {}, {}
  local function add(program, line, name, window)
    if program and not seen[name] then
      seen[name] = true
      list[#list + 1] = { name = name, line = line, window = window }
    end
  end
  if sanitized then
    return list
  end
  for _, word in ipairs { "blender", os.getenv("BLENDER") or "" } do
    local program = word ~= "" and M.which(word)
    if program then
      local _, said = shell(root, "timeout 60 " .. quote(program) .. " --version")
      add(program, quote(program), said:match("Blender [%d.]+") or program, true)
    end
  end
  local pythons = ("%s:%s/build/bpy/bin/python:%s/build/peers/bin/python"):format(os.getenv("WHORL_BPY") or "", root,
    root)
  for python in pythons:gmatch("[^:]+") do
    local status, said = shell(root, ("timeout 60 %s -c 'import bpy; print(\"bpy\", bpy.app.version_string)'"):format(
      quote(python)))
    if status == 0 then
      add(python, quote(python), "bpy " .. (said:match("bpy (%d[%d.]+)") or "?"), false)
    end
  end
  return list
end

--- The shell line that runs a script in a Blender: with a window of its own where it asks for one.
function M.line_of(blender, path, window)
  if window then
    return ("LIBGL_ALWAYS_SOFTWARE=1 timeout -k 5 240 xvfb-run -a -s '-screen 0 1280x800x24' %s --factory-startup "
      .. "-p 0 0 1280 800 --python-exit-code 9 --python %s"):format(blender.line, quote(path))
  elseif blender.window then
    return ("timeout -k 5 240 %s -b --factory-startup --python-exit-code 9 --python %s"):format(
      blender.line, quote(path))
  end
  return ("timeout -k 5 240 %s %s"):format(blender.line, quote(path))
end

function M.has_window(blender)
  return blender.window and M.which "xvfb-run" and M.which "xdotool"
end

--- A process to be: in folders of a user who has nothing, and without what another whorl left in the environment.
--- variables: shell words, NAME=VALUE.
function M.prepare(blender, path, variables, window)
  local folder, remove = command.folder()
  local words = { variables }
  for _, name in ipairs { "RESOURCES", "CONFIG", "SCRIPTS", "EXTENSIONS", "DATAFILES" } do
    words[#words + 1] = ("BLENDER_USER_%s=%s"):format(name, quote(folder .. "/" .. name:lower()))
  end
  command.write(folder .. "/run", ("cd %s\nexport %s HOME=%s\n{ %s\n} >$HOME/out 2>$HOME/err </dev/null\n"
    .. "echo $? >$HOME/status\n"):format(quote(root), table.concat(words, " "), quote(folder),
    M.line_of(blender, path, window)))
  return { folder = folder, remove = remove, window = window }
end

--- Runs what was prepared: without a window as many at once as there are cores, then the others one by one.
function M.run(jobs)
  local hidden, shown = {}, {}
  for _, job in ipairs(jobs) do
    table.insert(job.window and shown or hidden, quote(job.folder))
  end
  local function run(list, at_once)
    shell(root, ("printf '%%s\\n' %s | xargs -r -P %s -I{} sh {}/run"):format(table.concat(list, " "), at_once))
  end
  run(hidden, "$(getconf _NPROCESSORS_ONLN)")
  run(shown, 1)
end

--- Of one that ran: its status, what it said and what it complained of.
function M.result(job)
  local function read(name) return command.read(job.folder .. "/" .. name) or "" end
  local status, said, complained = tonumber(read "status") or -1, read "out", read "err"
  job.remove()
  return status, said, complained
end

return M
