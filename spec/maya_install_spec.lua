--- What CMake makes of a devkit: a module for Maya, which is found where it was moved to. The devkit is made up, of the
--- headers of the stand-in; the plug-in that comes out is played by the scenario of spec/maya_spec.lua.
local command = require "spec.support.command"
local maya = require "spec.support.maya"
local quote, shell = command.quote, command.shell

local function must(folder, line)
  local status, said, complained = shell(folder, line)
  assert(status == 0, line .. "\n" .. said .. complained)
  return said
end

--- The headers of the stand-in as a devkit of a year has them.
local function make_devkit(folder, year)
  must(folder, "mkdir -p devkit/include")
  must(command.source .. "/spec/maya/standin", ("cp -R maya standin.h %s/devkit/include"):format(folder))
  command.write(folder .. "/devkit/include/maya/MTypes.h",
    ('#define MAYA_API_VERSION %d0000\n#include "../standin.h"\n'):format(year))
end

local function configure(folder, devkit)
  return shell(folder, ("cmake -S %s -B build -DWHORL_BUILD_TESTS=OFF -DCMAKE_BUILD_TYPE=Debug "
    .. "-DWHORL_MAYA_DEVKIT=%s"):format(quote(command.source), quote(devkit)))
end

local files = [[
./LICENSE
./icons/out_whorlDeformer.png
./icons/out_whorlDeformer_200.png
./icons/out_whorlSample.png
./icons/out_whorlSample_200.png
./icons/whorl_deform.png
./icons/whorl_deform_200.png
./icons/whorl_fill.png
./icons/whorl_fill_200.png
./icons/whorl_reload.png
./icons/whorl_reload_200.png
./icons/whorl_status.png
./icons/whorl_status_200.png
./licenses/LGPL-2.1.txt
./licenses/THIRD-PARTY.txt
./pipelines/fill.lua
./plug-ins/2026/whorl.so
./scripts/AEwhorlDeformerTemplate.mel
./scripts/AEwhorlPipeline.mel
./scripts/AEwhorlSampleTemplate.mel
./scripts/whorl_maya.py
./shelves/shelf_whorl.mel
./whorl-2026.mod
]]
local module = "+ MAYAVERSION:2026 PLATFORM:linux whorl 0.1.0 .\nplug-ins: plug-ins/2026\nMAYA_SHELF_PATH+:=shelves\n"

describe("an install for Maya", function()
  if not maya.is_built() or maya.sanitized then
    pending(maya.sanitized and "is the same under sanitizers" or maya.missing)
    return
  end
  local folder, remove
  setup(function()
    folder, remove = command.folder()
    make_devkit(folder, 2026)
    local status, said, complained = configure(folder, folder .. "/devkit")
    assert(status == 0, said .. complained)
    must(folder, "cmake --build build -j 2 && cmake --install build --prefix there && mv there here")
  end)
  teardown(function() remove() end)

  it("is one folder of scripts, icons and a module of its year", function()
    local maya_folder = folder .. "/here/lib/whorl/maya"
    assert.are.equal(files, must(maya_folder, "find . -type f | LC_ALL=C sort"))
    assert.are.equal(module, command.read(maya_folder .. "/whorl-2026.mod"))
  end)

  it("brings LuaJIT, and finds its libraries where it was moved to", function()
    local list = must(folder, "env -u LD_LIBRARY_PATH ldd here/lib/whorl/maya/plug-ins/2026/whorl.so")
    for _, name in ipairs { "libwhorl", "libluajit" } do
      local path = list:match(name .. "%S+ => (%S+)")
      assert.are.equal(must(folder, "realpath here/lib"), must(folder, "dirname $(realpath " .. quote(path) .. ")"))
    end
  end)

  it("does all that a scene asks of it, the fill that comes along included", function()
    must(folder, "mkdir project")
    local status, said, complained = shell(folder, ("timeout 600 %s/scenario %s/here/lib/whorl/maya/plug-ins/2026/%s "
      .. "project 5"):format(quote(maya.programs), folder, "whorl.so"))
    assert.is_nil(said:match "not ok [^\n]*")
    assert(status == 0, said:sub(-2000) .. complained)
    assert.is_truthy(said:find("ok the fill that comes along makes points too\n", 1, true))
  end)

  it("says what is wrong with a devkit", function()
    local status, _, complained = configure(folder, folder .. "/nowhere")
    assert.are.equal(1, status)
    local wanted = folder .. "/nowhere/include/maya/MTypes.h is not there (WHORL_MAYA_DEVKIT is a folder that has "
      .. "include/maya in it)"
    assert.is_truthy(complained:gsub("%s+", " "):find(wanted, 1, true), complained)
  end)
end)
