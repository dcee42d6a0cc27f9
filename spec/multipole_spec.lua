--- Multipoles of kernels/winding, held to a sum over all triangles in double, before points were rounded to float.
-- See spec/programs/multipole.c: closed and open meshes, soups, slivers, scales from 1 to 1e-5, a huge triangle among
-- small ones, thirty meshes in one place; queries at random, far away, on a lattice and 1e-2 .. 1e-6 off the surface;
-- accuracies 1e-1 .. 1e-5; many queries and single ones.
local command = require "spec.support.command"

local program = command.quote(os.getenv "WHORL_BUILD" .. "/spec/multipole")

--- The lines of `multipole check`: name, queries, accuracy, path, worst error over the accuracy and over its bound.
local function read(said)
  local list = {}
  local pattern = "\n([^\n]-)  +(%l+%s?%S*) +(%d+e[-+]%d+) (%a+) +worst +%S+ = +(%S+) accuracy, +(%S+) bound"
  for name, what, accuracy, path, worst, share in ("\n" .. said):gmatch(pattern) do
    list[#list + 1] = { name = name, what = what:match "^(.-) *$", accuracy = tonumber(accuracy), path = path,
                        worst = tonumber(worst), share = tonumber(share) }
  end
  return list
end

describe("multipoles", function()
  local list, status, said

  lazy_setup(function()
    local folder, remove = command.folder()
    local share = (os.getenv "WHORL_PRELOAD" or "") == "" and 0.2 or 0.02 -- sanitizers take ten times as long
    status, said = command.shell(folder, ("timeout 300 %s check %g"):format(program, share))
    remove()
    list = read(said)
  end)

  it("stay within the bounds that they tell", function()
    assert.are.equal("0 broken, 0 blocks live", said:match "([^\n]*)\n$")
    assert.are.equal(0, status)
  end)

  it("bound what no point of a box exceeds", function()
    local count = 0
    for share in said:gmatch "bound: largest share (%S+)," do
      count = count + 1
      assert.is_true(tonumber(share) <= 1)
    end
    assert.are.equal(10, count)
  end)

  it("are as accurate as they are asked to be", function()
    local count, far = 0, { random = true, outside = true, lattice = true, ["near 1e-2"] = true }
    for _, line in ipairs(list) do
      local rounded = line.accuracy < 1e-3 and not far[line.what] -- to float, which is felt so near
      if line.accuracy >= 1e-4 and not rounded and line.name ~= "ball 30 times" then
        count = count + 1
        assert.is_true(line.worst <= 1, line.name .. ", " .. line.what .. ", " .. line.path)
      end
    end
    assert.are.equal(9 * (8 * 2 * 3 + 4 * 2), count)
  end)

  it("are the same with any number of threads, and say when memory is short", function()
    local folder, remove = command.folder()
    local came, out = command.shell(folder, ("timeout 60 %s same"):format(program))
    remove()
    assert.are.same({ 0, "" }, { came, out })
  end)
end)
