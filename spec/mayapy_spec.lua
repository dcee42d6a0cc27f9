--- The plug-in in a real Maya, where $MAYA_LOCATION names one for which it was built (docs/maya.md): the scripts
--- spec/maya/mayapy_*.py, each a process of its own. CTest runs the same.
local command = require "spec.support.command"
local maya = require "spec.support.maya"
local results = require "spec.support.results"

describe("the plug-in in Maya", function()
  if not maya.is_here() then
    pending(maya.absent)
    return
  end
  local _, listed = command.shell(command.source, "ls spec/maya/mayapy_*.py")
  for path in listed:gmatch("[^\n]+") do
    local name = path:match("mayapy_(.-)%.py$")
    if name ~= "support" then
      results.report(it, pending, results.of(name, maya.run(command.source .. "/" .. path)))
    end
  end
end)
