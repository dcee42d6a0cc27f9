--- The winding engine on hard meshes, and with each of its allocations failing in turn: see spec/programs/short.c.
local meshes = { "closed", "torn", "unwelded", "soup", "broken", "all triangles alike", "one place", "fan",
                 "two points shared", "huge", "tiny", "empty" }

describe("short of memory", function()
  it("the engine says so, gives all of it back, and gives no other answer", function()
    local pipe = assert(io.popen('"' .. os.getenv "WHORL_BUILD" .. '/spec/short" 2>&1; echo exit $?'))
    local text = pipe:read "*a"
    pipe:close()
    local expected = {}
    for i, name in ipairs(meshes) do
      expected[i] = name .. ": done, 0 wrong, 0 leaks\n"
    end
    assert.are.equal(table.concat(expected) .. "exit 0\n", text)
  end)
end)
