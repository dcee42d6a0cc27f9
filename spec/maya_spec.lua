--- The plug-in of hosts/maya without Maya: its unmodified sources, built against the stand-in of spec/maya/standin, and
--- the scene of spec/maya/scenario.cpp, which prints "ok WHAT" or "not ok WHAT: why". Then the same under the
--- sanitizers of threads and of addresses, and a look at what must not be in the repository.
local command = require "spec.support.command"
local quote, shell = command.quote, command.shell
local root = os.getenv("WHORL_SOURCE") or "."
local preset = (os.getenv("WHORL_BUILD") or ""):match("[^/]+$")
local flags = "-std=c++17 -g -Wall -Wextra -Wshadow -Werror -I spec/maya/standin -I runtime"
local sanitizers = { asan = "-fsanitize=address,undefined", tsan = "-fsanitize=thread" }
local older = 20220000 -- the API before envelopeWeights
local needed = { attribute = true, linear = true, push = true, winding = true } -- kernels, by the scenario

local function has(name)
  return shell(root, "command -v " .. name) == 0
end

local function must(line)
  local status, said, complained = shell(root, line)
  assert(status == 0, line .. "\n" .. said .. complained)
end

--- Compiles sources side by side; returns their objects.
local function compile(compiler, how, sources, folder)
  local objects, lines = {}, {}
  for _, source in ipairs(sources) do
    local object = ("%s/%s.o"):format(folder, source:gsub("/", "_"))
    objects[#objects + 1] = object
    lines[#lines + 1] = ("%s %s %s -c %s -o %s"):format(compiler, flags, how, source, object)
  end
  command.write(folder .. "/lines", table.concat(lines, "\n") .. "\n")
  must(("xargs -d '\\n' -P 2 -I{} sh -c {} < %s/lines"):format(folder))
  return table.concat(objects, " ")
end

local function files(pattern)
  local _, said = shell(root, "ls " .. pattern)
  local list = {}
  for name in said:gmatch("[^\n]+") do list[#list + 1] = name end
  return list
end

--- The plug-in and the scenario for an older API, beside the whorl of build/PRESET; CMake builds those of the newer.
local function build_older(folder, how)
  local library = root .. "/build/" .. preset .. "/lib"
  local plug_in = compile("g++", how .. " -fPIC -fvisibility=hidden", files "hosts/maya/*.cpp", folder)
  must(("g++ %s -shared %s -o %s/whorl.so -L%s -lwhorl -Wl,-rpath,%s -Wl,--version-script=hosts/maya/whorl.map"):format(
    how, plug_in, folder, quote(library), quote(library)))
  local sources = files "spec/maya/standin/*.cpp"
  sources[#sources + 1] = "spec/maya/scenario.cpp"
  must(("g++ %s -rdynamic %s -o %s/scenario -ldl -lpthread"):format(how, compile("g++", how, sources, folder), folder))
end

--- Plays the scene with what is in a folder: status, lines that say ok, lines that say not ok, and everything.
local function play(programs, reloads)
  local project, remove = command.folder()
  local status, said, complained = shell(programs, ("LD_PRELOAD= ASAN_OPTIONS=detect_leaks=0 timeout 600 ./scenario "
    .. "%s/whorl.so %s %d"):format(quote(programs), project, reloads))
  remove()
  local good, bad = {}, {}
  for line in said:gmatch("[^\n]+") do
    local list = line:match("^ok ") and good or line:match("^not ok ") and bad
    if list then list[#list + 1] = line end
  end
  return status, good, bad, said .. complained
end

--- Builds whorl with a sanitizer, as far as the scenario needs it.
local function sanitized_whorl(name)
  must(("cmake --preset %s"):format(name))
  local _, help = shell(root, ("cmake --build --preset %s --target help"):format(name))
  local targets = { "whorl", "whorl_canary", "spec_maya_plugin", "spec_maya_scenario" }
  for kernel in help:gmatch("kernel_[%w_-]+") do
    if needed[kernel:match "^kernel_(%l+)"] then targets[#targets + 1] = kernel end
  end
  must(("cmake --build --preset %s -j 2 --target %s"):format(name, table.concat(targets, " ")))
end

describe("the Maya plug-in", function()
  if not has "g++" then
    pending "needs a C++ compiler (g++)"
    return
  end
  local folder, remove
  setup(function() folder, remove = command.folder() end)
  teardown(function() remove() end)

  local function expect_all_good(programs, reloads)
    local status, good, bad, all = play(programs, reloads)
    assert.are.same({}, bad)
    assert.is_true(status == 0 and #good > 145, all:sub(-3000))
  end

  it("does all that a scene asks of it, through 2 000 reloads under four threads", function()
    expect_all_good(("%s/build/%s/spec/maya"):format(root, preset), sanitizers[preset] and 100 or 2000)
  end)

  --- Figures are said, not asserted: they are a bench's (./dev bench maya), here of the build that is tested.
  it("loses no evaluation, and says what it costs", function()
    if sanitizers[preset] then return pending "figures under a sanitizer say nothing" end
    local lost
    require "bench.maya" {
      add = function(row)
        local unit = row.unit ~= "" and " " .. row.unit or ""
        local of = row.ratio and (" (%.2fx %s, target %g)"):format(row.ratio, row.basis, row.target) or ""
        print(("  %s: %s %.3g%s%s"):format(row.case, row.who, row.value, unit, of))
        if row.case == "evaluations that failed" then lost = row.value end
      end,
    }
    assert.are.equal(0, lost)
  end)

  it("does the same with weights that come one by one, as before Maya 2024", function()
    build_older(folder, (sanitizers[preset] or "-O1") .. " -DMAYA_API_VERSION=" .. older)
    expect_all_good(folder, 20)
  end)

  for name in pairs(sanitizers) do
    if name ~= preset then
      it("is clean under " .. name, function()
        sanitized_whorl(name)
        expect_all_good(("%s/build/%s/spec/maya"):format(root, name), name == "tsan" and 300 or 50)
      end)
    end
  end

  it("compiles without a warning under clang too", function()
    if not has "clang++" then return pending "needs clang++" end
    must("mkdir " .. folder .. "/clang")
    compile("clang++", "-fsyntax-only", files "hosts/maya/*.cpp", folder .. "/clang")
  end)

  it("brings nothing of the devkit: only the stand-in's own headers, each one line", function()
    for _, name in ipairs(files "spec/maya/standin/maya/*.h") do
      assert.are.equal('#include "../standin.h"\n', command.read(root .. "/" .. name))
    end
    local _, said = shell(root, "grep -rliE 'autodesk, inc|alias systems|all rights reserved' hosts/maya spec/maya")
    assert.are.equal("", said)
  end)
end)
