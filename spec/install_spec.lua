--- What cmake --install gives, used from a folder that it was moved to, with nothing of the build around it.
local command = require "spec.support.command"

local program = [[
#include <stdio.h>
#include <whorl.h>
int main(void)
{
    wh_session *s = NULL;
    if (wh_open(NULL, NULL, &s) != WH_OK)
        return puts(wh_last_error()), 1;
    printf("%s, %d\n", wh_kernel_count(s) > 5 ? "kernels" : "none", wh_version() == WH_VERSION);
    wh_close(s);
    return 0;
}
]]

local kernel = [[
#include "whorl_kernel.h"
WH_NO_PARAMS(deform_lift)
static void deform_lift_run(const wh_block *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        b->y[i] += 2;
}
WH_KERNEL(deform_lift, .doc = "Lift points", .run = deform_lift_run);
]]

describe("the installed tree", function()
  local folder, remove
  local tree = "moved here" -- a space, to see that nobody trips over it

  -- Without the variables of the specs, which point into the build.
  local clean = 'env -i PATH="$PATH" HOME="$PWD" LD_PRELOAD="$WHORL_PRELOAD" ASAN_OPTIONS="$ASAN_OPTIONS" '

  local function shell(line)
    local status, out, err = command.shell(folder, line)
    if status ~= 0 then
      error(("%s\nended with %s\n%s%s"):format(line, status, out, err), 2)
    end
    return out
  end

  -- Programs that are built without the build's sanitizer do not concern these specs.
  local function build(line)
    return shell("unset LD_PRELOAD; " .. line)
  end

  setup(function()
    folder, remove = command.folder()
    build(("cmake --install %s --prefix first"):format(command.quote(assert(os.getenv("WHORL_BUILD")))))
    shell(("mv first '%s'"):format(tree))
  end)

  teardown(function()
    remove()
  end)

  it("has the command, which finds its own files", function()
    assert.matches("^whorl %d+%.%d+%.%d+\n$", shell(clean .. ("'%s/bin/whorl' --version"):format(tree)))
    local out = shell(clean .. ("'%s/bin/whorl' doctor"):format(tree))
    local here = (folder .. "/" .. tree):gsub("%p", "%%%0")
    assert.matches("\nok    Lua files +" .. here .. "/share/whorl/lua\n", out)
    assert.matches("\nok    kernels +%d+, in " .. here .. "/lib/whorl/kernels[%w/-]*\n", out)
  end)

  it("runs a new pipeline, with a kernel that it builds", function()
    shell(clean .. ("'%s/bin/whorl' new pipeline first"):format(tree))
    shell(clean .. ("'%s/bin/whorl' run first.lua -o first.ply"):format(tree))
    assert.equal("ply\n", command.read(folder .. "/first.ply"):sub(1, 4))
    shell("mkdir -p with && cd with && " .. clean .. ("'../%s/bin/whorl' new kernel ripple"):format(tree))
    command.write(folder .. "/with/a.lua",
      'return pipeline "a" { mesh.sphere {}, deform.ripple {}, reload { kernels = "*.c" } }\n')
    assert.matches("deform%.ripple", shell(clean .. ("'%s/bin/whorl' run with/a.lua"):format(tree)))
  end)

  it("is a Lua module", function()
    local lua = ("%s/share/whorl/lua"):format(tree)
    local script = 'print(require("whorl").open(nil):kernels()[1].id)'
    local out = shell(clean .. ("LUA_PATH='%s/?.lua;%s/?/init.lua' luajit -e '%s'"):format(lua, lua, script))
    assert.equal("deform.", out:sub(1, 7))
  end)

  it("is a CMake package", function()
    command.write(folder .. "/main.c", program)
    command.write(folder .. "/lift.c", kernel)
    command.write(folder .. "/CMakeLists.txt", "cmake_minimum_required(VERSION 3.25)\nproject(user LANGUAGES C)\n"
      .. "find_package(whorl CONFIG REQUIRED)\nadd_executable(user main.c)\n"
      .. "target_link_libraries(user PRIVATE whorl::whorl)\nwhorl_add_kernel(lift lift.c)\n")
    build(("cmake -S . -B out -DCMAKE_PREFIX_PATH=\"$PWD/%s\" && cmake --build out"):format(tree))
    assert.equal("kernels, 1\n", shell(clean .. "out/user"))
    command.write(folder .. "/lift.obj", "v 0 0 0\nv 1 0 0\nv 0 0 1\nf 1 2 3\n")
    command.write(folder .. "/lift.lua", 'return pipeline "lift" { deform.lift {}, reload { kernels = "*.none" } }\n')
    shell(clean .. ("'%s/bin/whorl' run lift.lua -i lift.obj --kernels out -o lifted.obj"):format(tree))
    assert.matches("\nv 1 2 0\n", command.read(folder .. "/lifted.obj"))
  end)

  it("is a pkg-config package", function()
    command.write(folder .. "/main.c", program)
    build(("export PKG_CONFIG_PATH=\"$PWD/%s/lib/pkgconfig\"; eval cc main.c -o user "
      .. "$(pkg-config --cflags --libs whorl)"):format(tree))
    local out = shell(clean .. ("LD_LIBRARY_PATH='%s/lib' ./user"):format(tree))
    assert.equal("kernels, 1\n", out)
  end)
end)
