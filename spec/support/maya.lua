--- Maya, where there is one ($MAYA_LOCATION), and the stand-in for it that is built with the specs.
local command = require "spec.support.command"

local build = os.getenv("WHORL_BUILD") or "."
local sanitized = (os.getenv("WHORL_PRELOAD") or "") ~= ""

local M = { sanitized = sanitized, programs = build .. "/spec/maya", plugin = build .. "/spec/maya/whorl.so",
            missing = "needs a C++ compiler: the stand-in for Maya was not built",
            absent = "needs Maya: set MAYA_LOCATION to the folder that has bin/mayapy in it" }

function M.is_built()
  return command.read(M.plugin) ~= nil
end

function M.is_here()
  local mayapy = (os.getenv("MAYA_LOCATION") or "") .. "/bin/mayapy"
  return not sanitized and command.read(mayapy) ~= nil
end

--- Runs a script in Maya, as spec/maya/mayapy.sh does. Returns what command.shell returns.
function M.run(path, variables)
  local line = ("%s %s %s"):format(variables or "", command.quote(command.source .. "/spec/maya/mayapy.sh"),
    command.quote(path))
  return command.shell(command.source, line)
end

return M
