--- The files beside the plug-in for Maya (scripts, shelf, icons, module), as far as they can be tried without Maya.
local command = require "spec.support.command"
local results = require "spec.support.results"

describe("beside the plug-in for Maya", function()
  if command.shell(command.source, "command -v python3") ~= 0 then
    pending("needs python3")
    return
  end
  local line = "timeout 60 python3 -B spec/maya/kit.py"
  results.report(it, pending, results.of("kit", command.shell(command.source, line)))
end)
