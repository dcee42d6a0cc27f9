--- A thread that asks the same field again skips most of a cook: what it gets must be what a whole cook gives, through
--- reloads, crashes, meshes that move, and states that are given up. In C, because only C has threads: see
--- spec/programs/again.c.
local project = require "spec.support.project"

describe("four threads asking one field for a point at a time", function()
  it("get what the mesh, the file and the kernel of that moment give", function()
    local p = project.new()
    local out = io.popen(("%s/spec/again %s 24 4 2>&1; echo exit $?"):format(os.getenv "WHORL_BUILD", p.folder))
    local text = out:read "*a"
    out:close()
    p:close()
    local asked = tonumber(text:match "^asked (%d+) wrong 0 lost 0 alone 0\nexit 0\n$")
    assert.is_truthy(asked, text)
    assert.is_true(asked > 1000)
  end)
end)
