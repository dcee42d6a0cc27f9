--- No way of the winding engine takes a point for inside that is outside, or the other way round. spec/programs/
-- answers.c asks it on meshes that are whole, torn, flipped, halved, doubled, and soups.
-- WHORL_ANSWERS="1000000 1000000 256" asks for so many random and near points and so large a lattice: minutes a mesh.
local command = require "spec.support.command"
local project = require "spec.support.project"

local meshes = os.getenv "WHORL_MESHES" or "../shared/meshes"
local counts = os.getenv "WHORL_ANSWERS" or "5000 5000 32 40"

local function answers(path)
  local program = os.getenv "WHORL_BUILD" .. "/spec/answers"
  local pipe = assert(io.popen(("%s %s %s 2>&1; echo exit $?"):format(program, command.quote(path), counts)))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function assert_right(path)
  local text, lines = answers(path), 0
  for line in text:gmatch "[^\n]+" do
    assert.matches(line:find "^exit" and "^exit 0$" or ": 0 wrong of %d+$", line)
    lines = lines + 1
  end
  assert.is_true(lines >= 37, text)
end

describe("inside and outside are right", function()
  it("for a torus", function()
    local p = project.new()
    p:write("torus.lua", 'return pipeline "torus" { mesh.torus {} }')
    local run = ("%s run %s -o %s"):format(command.quote(os.getenv "WHORL_BIN"), command.quote(p:path "torus.lua"),
      command.quote(p:path "torus.obj"))
    assert.are.equal(0, os.execute(run .. " >/dev/null 2>&1"))
    assert_right(p:path "torus.obj")
    p:close()
  end)

  for _, name in ipairs { "spot.obj", "suzanne.obj", "cow.obj", "fandisk.obj", "teapot.obj" } do
    it("for " .. name, function()
      local path = meshes .. "/" .. name
      local file = io.open(path)
      if not file then
        pending("there is no " .. path)
        return
      end
      file:close()
      assert_right(path)
    end)
  end
end)
