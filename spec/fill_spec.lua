--- examples/fill.lua on real meshes, each lattice point held to a sum over all triangles. See spec/programs/brute.c.
local source, build = os.getenv "WHORL_SOURCE" or ".", os.getenv "WHORL_BUILD"
local meshes = os.getenv "WHORL_MESHES" or source .. "/../shared/meshes"

local function exists(path)
  local f = io.open(path)
  return f and f:close()
end

describe("examples/fill.lua fills", function()
  for mesh, across in pairs {
    ["stanford-bunny.obj"] = 14, ["armadillo.obj"] = 12, ["spot.obj"] = 24, ["igea.ply"] = 8, ["suzanne.obj"] = 40,
    ["teapot.obj"] = 24,
  } do
    it(mesh .. " as brute force does", function()
      local path = meshes .. "/" .. mesh
      if not exists(path) then return pending("no " .. mesh .. " beside the project (set WHORL_MESHES)") end
      local out = io.popen(("%s/spec/brute %s/examples/fill.lua %s %d 2>&1; echo exit $?")
        :format(build, source, path, across))
      local text = out:read "*a"
      out:close()
      local kept = text:match "^lattice %d+ kept (%d+) of %d+ missing 0 extra 0 largest error [%d.e+-]+\nexit 0\n$"
      assert.is_truthy(kept, text)
      assert.is_true(tonumber(kept) > 100)
    end)
  end
end)
