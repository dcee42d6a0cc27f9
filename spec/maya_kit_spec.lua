--- The files beside the plug-in for Maya (scripts, shelf, icons, module), as far as they can be tried without Maya.
local command = require "spec.support.command"
local results = require "spec.support.results"

local function report(list)
  for _, result in ipairs(list) do
    if result.skip then
      pending(result.skip)
    else
      it(result.what, function() assert.is_nil(result.wrong) end)
    end
  end
end

describe("beside the plug-in for Maya", function()
  if command.shell(command.source, "command -v python3") ~= 0 then
    pending("needs python3")
    return
  end
  report(results.of("kit", command.shell(command.source, "timeout 60 python3 -B spec/maya/kit.py")))
end)
