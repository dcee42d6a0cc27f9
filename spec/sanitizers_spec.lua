--- The thread and address sanitizers over the stress program: [main] and [any] of runtime/whorl.h are held true.
local faults = require "spec.support.faults"
local project = require "spec.support.project"
local source = os.getenv "WHORL_SOURCE"

local function output(command)
  local pipe = io.popen(command .. " 2>&1; echo exit $?")
  local text = pipe:read "*a"
  pipe:close()
  return text
end

-- Those that go wrong in a way that a sanitizer leaves to the program: it holds back signals that no fault raises, so
-- the time limit has no effect in this process, and it has a malloc of its own.
local kinds = { "compile-error", "missing-symbol", "truncated", "exit", "wrong-version", "wild-name", "null", "divide",
                "illegal", "small-overrun", "nan" }

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

    it(preset .. " reloads good and bad kernels under eight threads, and finds nothing", function()
      local p = project.new()
      p:make_folder "faults"
      faults.write(p:path "faults", kinds)
      -- What a kernel held that crashed is lost, and it stays in memory itself: leaks are looked for above.
      local text = output(("ASAN_OPTIONS=detect_leaks=0 %s/build/%s/spec/reload %s 40 2 8"):format(source, preset,
        p.folder))
      p:close()
      assert.matches("^reloads=40 bad=20 contained=%d+ cooks=%d+ wrong=0 failed=0 lost=0 [^\n]*\nexit 0\n$", text)
    end)
  end
end)
