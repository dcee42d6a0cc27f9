--- Threads that never pause, under reloads: in C, because only C has threads. See spec/programs/stress.c.
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
