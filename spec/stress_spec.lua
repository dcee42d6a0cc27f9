--- Threads that never pause, under reloads: in C, because only C has threads. See spec/programs/stress.c and reload.c.
local faults = require "spec.support.faults"
local project = require "spec.support.project"

describe("a cook that is cancelled while a kernel prepares", function()
  it("leaves nothing wrong behind for the next", function()
    local p = project.new()
    local out = io.popen(("%s/spec/cancel %s 2>&1; echo exit $?"):format(os.getenv "WHORL_BUILD", p.folder))
    local text = out:read "*a"
    out:close()
    p:close()
    assert.are.equal("exit 0\n", text)
  end)
end)

describe("eight threads cooking through reloads", function()
  it("never fail, never mix two generations, and lose no save", function()
    local p = project.new()
    local out = io.popen(("%s/spec/stress %s 24 8 2>&1; echo exit $?"):format(os.getenv "WHORL_BUILD", p.folder))
    local text = out:read "*a"
    out:close()
    p:close()
    local cooks = tonumber(text:match "^cooks (%d+) failed 0 mixed 0 reloaded %d+ rejected 4 lost 0\nexit 0\n$")
    assert.is_truthy(cooks, text)
    assert.is_true(cooks > 24)
  end)
end)

--- A sanitizer has a malloc of its own: a double free ends the program, or spoils the heap unseen; and that of threads
--- holds signals back, so that the watchdog is late.
local left_out = {
  asan = { ["double-free"] = true },
  tsan = { ["double-free"] = true, ["loop"] = true, ["hang"] = true, ["malloc-hang"] = true },
}

--- nil: all.
local function kinds()
  local out = left_out[(os.getenv "WHORL_PRELOAD" or ""):match "lib(%lsan)%.so"]
  if not out then return nil end
  local names = {}
  for _, fault in ipairs(faults.list) do
    if not out[fault.name] then names[#names + 1] = fault.name end
  end
  return names
end

describe("eight threads cooking through bad kernels of every kind", function()
  -- One thread a cook, and several: a kernel crashes in the caller, and in the helpers of a cook.
  for _, pool in ipairs { 1, 3 } do
    it(("never give a wrong result, and lose nothing, with %d threads in a cook"):format(pool), function()
      local p = project.new()
      p:make_folder "faults"
      faults.write(p:path "faults", kinds())
      local out = io.popen(("%s/spec/reload %s 120 3 8 %d 2>&1; echo exit $?")
        :format(os.getenv "WHORL_BUILD", p.folder, pool))
      local text = out:read "*a"
      out:close()
      p:close()
      assert.matches("reloads=120 bad=40 contained=%d+ cooks=%d+ wrong=0 failed=0 lost=0 .*\nexit 0\n$", text)
      assert.is_true(tonumber(text:match "contained=(%d+)") > 5)
    end)
  end
end)
