--- One pipeline, one mesh: the same points, bit for bit, from the command line, from Blender, and through the plug-in
--- for Maya. Each host writes OUT.deformed (xyz of each point, floats), OUT.SAMPLER (the same) and OUT.SAMPLER.id (64
--- bits each), and the bytes are compared.
local blenders = require "spec.support.blenders"
local command = require "spec.support.command"
local maya = require "spec.support.maya"
local same = require "spec.support.same"
local quote = command.quote

local seconds = "0.5" -- frame 12 at 24 a second
local parts = { "deformed", "fill", "fill.id", "skin", "skin.id" }

--- A closed mesh, and the same with every 37th triangle gone.
local meshes = {
  { name = "closed", keep = function() return true end },
  { name = "torn", keep = function(number) return number % 37 ~= 0 end },
}

local function write_meshes(folder)
  command.write(folder .. "/knot.lua",
    'return pipeline "knot" { mesh.torus_knot { radius = 0.5, tube = 0.12, segments = 300, sides = 24 } }\n')
  local status, _, complained = command.run(folder, "run knot.lua -o knot.ply")
  assert(status == 0, complained)
  for _, mesh in ipairs(meshes) do
    same.rewrite(folder .. "/knot.ply", folder .. "/" .. mesh.name .. ".ply", function(i) return i % 101 / 100 end,
      mesh.keep)
  end
  command.write(folder .. "/pipeline.lua", command.read(command.source .. "/spec/same_points/pipeline.lua"))
end

--- What the command line makes of a mesh: a table by part.
local function by_command(folder, mesh, more)
  local line = ("run pipeline.lua -i %s.ply -o cli.ply --time %s %s"):format(mesh.name, seconds, more or "")
  local status, _, complained = command.run(folder, line)
  assert(status == 0, complained)
  local result = { deformed = same.read(folder .. "/cli.mesh.ply") }
  result.fill, result["fill.id"] = same.read(folder .. "/cli.ply")
  result.skin, result["skin.id"] = same.read(folder .. "/cli.skin.ply")
  return result
end

--- What a program wrote beside OUT.
local function read_parts(out)
  local result = {}
  for _, part in ipairs(parts) do result[part] = command.read(out .. "." .. part) end
  return result
end

local function compare(wanted, result)
  for _, part in ipairs(parts) do
    assert.is_nil(same.difference(wanted[part], result[part]), part)
  end
end

describe("the same points", function()
  local folder, remove, wanted

  setup(function()
    folder, remove = command.folder()
    write_meshes(folder)
    wanted = {}
    for _, mesh in ipairs(meshes) do wanted[mesh.name] = by_command(folder, mesh) end
  end)

  teardown(function() remove() end)

  it("are worth comparing", function()
    local rest = same.read(folder .. "/closed.ply")
    local closed, torn = wanted.closed, wanted.torn
    assert.equal(7200 * 12, #rest)
    assert.truthy(same.difference(rest, closed.deformed))
    assert.is_true(#closed.fill > 2000 * 12, #closed.fill / 12)
    assert.equal(#closed.fill / 12 * 8, #closed["fill.id"])
    assert.equal(3000 * 12, #closed.skin)
    assert.truthy(same.difference(closed.fill, torn.fill))
    assert.truthy(same.difference(closed.deformed, by_command(folder, meshes[1], "--set bend.angle=41").deformed))
  end)

  for _, mesh in ipairs(meshes) do
    it("come from one thread as from many: " .. mesh.name, function()
      compare(wanted[mesh.name], by_command(folder, mesh, "--threads 1"))
      compare(wanted[mesh.name], by_command(folder, mesh, "--threads 7"))
    end)
  end

  local found = blenders.find()
  if #found == 0 then
    pending(blenders.missing)
  end
  for _, blender in ipairs(found) do
    for _, mesh in ipairs(meshes) do
      it(("come from %s: %s"):format(blender.name, mesh.name), function()
        local out = ("%s/%s"):format(folder, mesh.name)
        local variables = ("SAME_PIPELINE=%s SAME_MESH=%s SAME_OUT=%s SAME_SECONDS=%s"):format(
          quote(folder .. "/pipeline.lua"), quote(out), quote(out), seconds)
        local job = blenders.prepare(blender, command.source .. "/spec/same_points/blender.py", variables)
        blenders.run { job }
        local status, said, complained = blenders.result(job)
        assert(status == 0, said .. complained)
        compare(wanted[mesh.name], read_parts(out))
      end)
    end
  end

  if not maya.is_built() then
    pending(maya.missing)
  end
  for _, mesh in ipairs(maya.is_built() and meshes or {}) do
    it("come through the plug-in for Maya, on the stand-in: " .. mesh.name, function()
      local out = ("%s/standin-%s"):format(folder, mesh.name)
      local status, said, complained = command.shell(folder, ("%s %s pipeline.lua %s.ply %s %s fill skin"):format(
        quote(maya.programs .. "/dump"), quote(maya.plugin), mesh.name, quote(out), seconds))
      assert(status == 0, said .. complained)
      compare(wanted[mesh.name], read_parts(out))
    end)
  end

  if not maya.is_here() then
    pending(maya.absent)
  end
  for _, mesh in ipairs(maya.is_here() and meshes or {}) do
    it("come from Maya: " .. mesh.name, function()
      local out = ("%s/maya-%s"):format(folder, mesh.name)
      local variables = ("SAME_PIPELINE=%s SAME_MESH=%s SAME_OUT=%s SAME_SECONDS=%s"):format(
        quote(folder .. "/pipeline.lua"), quote(folder .. "/" .. mesh.name), quote(out), seconds)
      local status, said, complained = maya.run(command.source .. "/spec/same_points/maya.py", variables)
      assert(status == 0, said .. complained)
      compare(wanted[mesh.name], read_parts(out))
    end)
  end
end)
