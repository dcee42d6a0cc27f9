--- The thread and address sanitizers over the stress program: [main] and [any] of runtime/whorl.h are held true.
local project = require "spec.support.project"
local source = os.getenv "WHORL_SOURCE"

local function output(command)
  local pipe = io.popen(command .. " 2>&1; echo exit $?")
  local text = pipe:read "*a"
  pipe:close()
  return text
end

describe("a build with sanitizers", function()
  for preset, jobs in pairs { tsan = 16, asan = 12 } do
    it(preset .. " cooks on eight threads while the session polls and reloads, and finds nothing", function()
      local build = "cd %s && cmake --preset %s && cmake --build --preset %s -j 2"
      local built = output(build:format(source, preset, preset))
      assert.matches("exit 0\n$", built)
      local p = project.new()
      local text = output(("%s/build/%s/spec/stress %s %d 8"):format(source, preset, p.folder, jobs))
      p:close()
      assert.matches("^cooks %d+ failed 0 mixed 0 reloaded %d+ rejected %d+ lost 0\nexit 0\n$", text)
    end)
  end
end)
