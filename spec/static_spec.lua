--- The static build (-DWHORL_STATIC=ON): the same results as the modular one, and nothing in it that reloads.
local command = require "spec.support.command"
local source = assert(os.getenv "WHORL_SOURCE")
local build = source .. "/build/static_spec" -- not build/static: that one may be set up as somebody likes it

-- Programs of the static build know no sanitizer that the specs run with.
local clean = "unset LD_PRELOAD WHORL_LIBRARY; "

local pipelines = {
  deformers = [[
return pipeline "deformers" {
  mesh.torus_knot {},
  deform.linear { factor = { 1, 1.5, 0.7 } },
  deform.taper { },
  deform.bend { angle = 70, mask = field.ramp { axis = "x", from = -0.5, to = 0.5 } },
  deform.twist { angle = function(t) return 40 * t end },
  deform.wave {},
  deform.noise { amount = 0.05, mask = 0.25 + 0.5 * field.ball { radius = 0.5, falloff = 1 } },
  deform.push { distance = 0.02, envelope = 0.5 },
  deform.smooth { steps = 3 },
}]],
  samplers = [[
return pipeline "samplers" {
  mesh.torus { },
  deform.noise { amount = 0.1 },
  sample.inside { name = "coarse", across = 30, seed = 3 },
  sample.inside { name = "fine", spacing = 0.03, seed = 12345 },
}]],
  field = [[
return pipeline "field" {
  mesh.box { },
  deform.push { distance = 0.1, mask = 2 * field.noise { size = 0.3 } - 1 },
}]],
}

local script = [[
local whorl = require "whorl"
local function tell(what, ...) print(what, ...) end
local s = assert(whorl.open("p.lua"))
local before = s:poll()
for e in s:events() do tell(e.kind, e.text) end
local f = assert(io.open("p.lua", "a")) f:write("\nthis is no Lua\n") f:close()
for _ = 1, 60 do s:wait(10) if s:poll() ~= before then tell "moved" end end
tell("published", s:publish() == before)
for e in s:events() do tell(e.kind, e.text) end
tell(s:watch("p.lua"))
tell(s:use("deform.push", 1))
tell(s:compare("deform.push", 1, 2, s:source()))
tell("generations", #s:generations("deform.push"))
tell("pinned", s:kernels()[1].pinned, "builtin", s:kernels()[1].builtin)
s:wake()
s:wait(100000)
s:close()
for e in assert(whorl.open(nil, { kernel_path = "k" })):events() do tell(e.kind, e.text) end
tell(select(2, whorl.open("p.lua")))
tell(whorl.build_info():match("\nkernels: ([^\n]*)"))
]]

describe("a static build", function()
  local folder, remove

  local function shell(line)
    local status, out, err = command.shell(folder, line)
    if status ~= 0 then
      error(("%s\nended with %s\n%s%s"):format(line, status, out, err), 2)
    end
    return out
  end

  local function make(tree, options)
    shell(clean .. ("cd %s && cmake --preset static -B %s %s && cmake --build %s -j 2"):format(command.quote(source),
      command.quote(tree), options, command.quote(tree)))
  end

  setup(function()
    folder, remove = command.folder()
    make(build, "-DWHORL_STATIC_KERNELS=examples/pond/ripple.c -DBUILD_SHARED_LIBS=ON")
    for name, text in pairs(pipelines) do
      command.write(("%s/%s.lua"):format(folder, name), text)
    end
  end)

  teardown(function()
    remove()
  end)

  local function kernel_count()
    return tonumber(shell(command.quote(command.whorl) .. " kernels | grep -c '^[a-z]*\\.[a-z]'"))
  end

  --- What a pipeline makes of its mesh with that whorl, as the files' bytes by their names.
  local function results(whorl, name, options)
    shell("rm -rf out && mkdir out")
    shell(("%s run %s --time 0.7 -o out/r.ply %s"):format(whorl, name, options or ""))
    local list = {}
    for file in shell("ls out"):gmatch("[^\n]+") do
      list[file] = command.read(folder .. "/out/" .. file)
    end
    return list
  end

  local function same_results(name, options)
    local modular = results(command.quote(command.whorl), name, options)
    assert.is_truthy(next(modular))
    for threads = 1, 3, 2 do
      local more = ("--threads %d %s"):format(threads, options or "")
      local static = results(clean .. build .. "/bin/whorl", name, more)
      for file, bytes in pairs(modular) do
        assert.is_true(bytes == static[file], ("%s: %s differs"):format(name, file))
        static[file] = nil
      end
      assert.same({}, static)
    end
  end

  for _, example in ipairs { "tentacle.lua", "pond/pond.lua" } do
    it("gives the bits of the modular one: examples/" .. example, function()
      same_results(command.quote(source .. "/examples/" .. example))
    end)
  end

  it("gives the bits of the modular one: examples/fill.lua on a mesh that is read", function()
    local mesh = "deformers.lua -o mesh.ply"
    shell(("%s run %s"):format(command.quote(command.whorl), mesh))
    same_results(command.quote(source .. "/examples/fill.lua"), "-i mesh.ply")
  end)

  for name in pairs(pipelines) do
    it("gives the bits of the modular one: " .. name, function()
      same_results(name .. ".lua")
    end)
  end

  it("imports nothing that loads, watches, guards or starts, and shows nothing but its interface", function()
    local imports = shell(("nm -D --undefined-only %s/lib/libwhorl.so"):format(build))
    assert.matches("malloc", imports)
    for _, name in ipairs { "dlopen", "dlsym", "dlclose", "sigaction", "sigaltstack", "inotify_", "posix_spawn", "fork",
                            "exec", "memfd_create", "eventfd", "timer_create", "waitpid" } do
      assert.not_matches(" " .. name, imports)
    end
    for name in shell(("nm -D --defined-only %s/lib/libwhorl.so"):format(build)):gmatch("%x+ %a ([^\n]+)") do
      assert.matches("^wh_%a", name)
      assert.not_matches("^wh_kernel_%a+_", name)
    end
  end)

  it("loads its pipeline once, and says what it cannot do", function()
    command.write(folder .. "/p.lua", 'print "hello" return pipeline "p" { mesh.box {}, deform.push {}, ' ..
      'reload { kernels = "own/*.c" } }')
    shell("mkdir -p own k && touch own/mine.c")
    command.write(folder .. "/script.lua", script)
    local out = shell(clean .. ("export WHORL_LIBRARY=%s/lib/libwhorl.so LUA_PATH='%s/share/whorl/lua/?.lua;%s'; " ..
      "luajit script.lua"):format(build, build, build .. "/share/whorl/lua/?/init.lua"))
    local static = "this whorl was built with WHORL_STATIC: "
    assert.equal(table.concat({
      "log\tp.lua:1: hello",
      'log\tp.lua: reload.kernels = "own/*.c": these are not used: ' .. static .. "its kernels are linked in",
      "reloaded\tp.lua",
      "published\ttrue",
      "nil\tp.lua: " .. static .. "no file is watched\targument",
      "nil\tdeform.push: " .. static .. "a kernel has one generation\targument",
      "nil\tdeform.push: " .. static .. "a kernel has one generation\targument",
      "generations\t0",
      "pinned\tfalse\tbuiltin\ttrue",
      "rejected\tk: its kernels are not used: " .. static .. "they are linked in (WHORL_STATIC_KERNELS adds some)",
      "p.lua:2: '<eof>' expected near 'this'\tconfig",
      "linked in",
      "",
    }, "\n"), out)
  end)

  it("has a command that says so", function()
    local whorl = clean .. build .. "/bin/whorl "
    local status, _, err = command.shell(folder, whorl .. "live field.lua")
    assert.equal("this whorl was built with WHORL_STATIC: nothing is reloaded (use whorl run)\n", err)
    assert.equal(2, status)
    local count = kernel_count() + 1 -- with ripple
    assert.matches("\nok    kernels +" .. count .. ", static build: kernels are linked in\n", shell(whorl .. "doctor"))
    assert.equal("field.lua: nothing wrong\n", shell(whorl .. "check field.lua"))
    assert.matches("\ndeform%.ripple +%S", shell(whorl .. "kernels"))
  end)

  it("installs without kernels and the helper, and as an archive that other programs link", function()
    local archive = source .. "/build/static_spec_archive"
    shell(clean .. ("cmake --install %s --prefix shared"):format(build))
    assert.equal("cmake\nlibwhorl.so\n", shell("ls shared/lib | grep -v -e pkgconfig -e 'so\\.'"))
    make(archive, "-DBUILD_SHARED_LIBS=OFF -DCMAKE_INSTALL_PREFIX=" .. command.quote(folder .. "/prefix"))
    shell(clean .. ("cmake --install %s"):format(archive))
    command.write(folder .. "/host.c", [[
#include <stdio.h>
#include <whorl.h>
int main(void)
{
    wh_session *s = NULL;
    if (wh_open("field.lua", NULL, &s) != WH_OK)
        return puts(wh_last_error()), 1;
    printf("%u kernels, %u stages\n", wh_kernel_count(s), wh_stage_count(s));
    wh_close(s);
    return 0;
}
]])
    shell(clean .. "cc host.c -o host $(PKG_CONFIG_PATH=prefix/lib/pkgconfig pkg-config --cflags --libs whorl)")
    assert.equal(kernel_count() .. " kernels, 2 stages\n", shell(clean .. "./host"))
    command.write(folder .. "/CMakeLists.txt", [[
cmake_minimum_required(VERSION 3.25)
project(host C)
find_package(whorl CONFIG REQUIRED)
add_executable(host2 host.c)
target_link_libraries(host2 whorl::whorl)
]])
    shell(clean .. 'cmake -B b -DCMAKE_PREFIX_PATH="$PWD/prefix" && cmake --build b')
    assert.equal(kernel_count() .. " kernels, 2 stages\n", shell(clean .. "b/host2"))
    assert.equal("", shell("ldd host | grep whorl || true"))
    local moved = results(clean .. "prefix/bin/whorl", "deformers.lua")
    assert.is_true(moved["r.ply"] == results(command.quote(command.whorl), "deformers.lua")["r.ply"])
  end)
end)
