--- The whorl command as a user meets it: its words, its exit statuses, its files.
local command = require "spec.support.command"

describe("the whorl command", function()
  local folder, remove

  before_each(function()
    folder, remove = command.folder()
  end)

  after_each(function()
    remove()
  end)

  local function file(name, text)
    command.write(folder .. "/" .. name, text)
  end

  local function check(arguments, status, out, err)
    local s, o, e = command.run(folder, arguments)
    assert.same({ status = status, out = out, err = err }, { status = s, out = o, err = e })
  end

  local function content(name)
    return command.read(folder .. "/" .. name)
  end

  describe("when it is used wrongly", function()
    it("ends with 2 and one line that says what was wanted", function()
      check("", 2, "", "whorl: which command? run, live, history, check, kernels, new, doctor (whorl --help)\n")
      check("rnu a.lua", 2, "", "whorl: unknown command 'rnu' (did you mean 'run'?) (whorl --help)\n")
      check("--versoin", 2, "", "whorl: unknown option '--versoin' (did you mean '--version'?) (whorl --help)\n")
      check("run", 2, "", "whorl: which file? a pipeline, such as tentacle.lua (whorl run --help)\n")
      check("live", 2, "", "whorl: which file? a pipeline, such as tentacle.lua (whorl live --help)\n")
      check("run a.lua b.lua", 2, "", "whorl: one file at a time, not also 'b.lua' (whorl run --help)\n")
      check("check a.lua b.lua", 2, "", "whorl: one file at a time, not also 'b.lua' (whorl check --help)\n")
      check("kernels a b", 2, "", "whorl: one name at a time, not also 'b' (whorl kernels --help)\n")
      check("doctor x", 2, "", "whorl: takes no arguments, such as 'x' (whorl doctor --help)\n")
      check("new shader x", 2, "",
        "whorl: wanted: whorl new pipeline NAME, or whorl new kernel NAME (whorl new --help)\n")
      check("new kernel 3x", 2, "",
        "whorl: '3x' is no name: letters, digits and _, not a digit first (whorl new --help)\n")
    end)

    it("knows its options, and what they want", function()
      check("run --treads 2 a.lua", 2, "",
        "whorl: unknown option '--treads' (did you mean '--threads'?) (whorl run --help)\n")
      check("run a.lua --threads 0", 2, "",
        "whorl: --threads wants a whole number, 1 .. 256, not '0' (whorl run --help)\n")
      check("run a.lua --threads=x", 2, "",
        "whorl: --threads wants a whole number, 1 .. 256, not 'x' (whorl run --help)\n")
      check("run a.lua --time soon", 2, "", "whorl: --time wants a number, not 'soon' (whorl run --help)\n")
      check("run a.lua --time nan", 2, "", "whorl: --time wants a number, not 'nan' (whorl run --help)\n")
      check("run a.lua --time=inf", 2, "", "whorl: --time wants a number, not 'inf' (whorl run --help)\n")
      check("run a.lua -o ''", 2, "", "whorl: -o wants a file, not '' (whorl run --help)\n")
      check("run a.lua --seed 1.5", 2, "",
        "whorl: --seed wants a whole number, 1 .. 2^53, not '1.5' (whorl run --help)\n")
      check("run a.lua -o", 2, "", "whorl: -o wants a value: FILE (whorl run --help)\n")
      check("run a.lua --quiet=yes", 2, "", "whorl: --quiet takes no value (whorl run --help)\n")
      check("live a.lua --json", 2, "", "whorl: unknown option '--json' (whorl live --help)\n")
    end)

    it("says so as JSON when that was asked for", function()
      check("run --json a.lua --time x", 2, '{"errors":[{"text":"whorl: --time wants a number, not \'x\' '
        .. '(whorl run --help)"}],"ok":false}\n', "")
      check("check a.lua b.lua --json", 2, '{"errors":[{"text":"whorl: one file at a time, not also \'b.lua\' '
        .. '(whorl check --help)"}],"ok":false}\n', "")
      check("kernels --json twsit", 1, '{"errors":[{"text":"whorl: no kernel \'twsit\' (did you mean \'twist\'?)"}],'
        .. '"ok":false}\n', "")
      check("run -- a.lua --json", 2, "", "whorl: one file at a time, not also '--json' (whorl run --help)\n")
    end)
  end)

  it("says its version and explains itself", function()
    local _, out = command.run(folder, "--version")
    assert.matches("^whorl %d+%.%d+%.%d+\n$", out)
    local status
    status, out = command.run(folder, "--help")
    assert.equal(0, status)
    for _, name in ipairs { "run", "live", "history", "check", "kernels", "new", "doctor" } do
      assert.matches("\n  " .. name .. " +%l", out)
      local s, text, err = command.run(folder, name .. " --help")
      assert.same({ 0, "" }, { s, err })
      assert.matches("^usage: whorl " .. name .. " ", text)
      for line in text:gmatch("[^\n]+") do
        assert.is_true(#line < 100, line)
      end
    end
  end)

  it("fails when what it has to say cannot be written", function()
    local whorl, why = command.quote(command.whorl), "whorl: what was to be said could not be written to stdout\n"
    for _, redirection in ipairs { ">/dev/full", ">&-" } do
      local status, _, err = command.shell(folder, whorl .. " kernels " .. redirection)
      assert.same({ 1, why }, { status, err })
    end
    file("a.lua", 'return pipeline "a" { mesh.sphere {} }\n')
    local status, _, err = command.shell(folder, whorl .. " run a.lua -o a.obj >&-")
    assert.same({ 1, why }, { status, err })
    assert.is_nil(content("a.obj"):find("generation", 1, true)) -- it did not become stdout
  end)

  describe("new", function()
    it("writes a pipeline that runs as it stands", function()
      check("new pipeline first", 0, "wrote first.lua\n", "")
      check("check first.lua", 0, "first.lua: nothing wrong\n", "")
      local status, out, err = command.run(folder, "run first.lua -o first.ply")
      assert.same({ 0, "" }, { status, err })
      assert.matches("^first%.lua: 1 986 points, 3 968 triangles, [%d.]+ ms\n", out)
      assert.matches("\n  deform%.twist +generation 1 ", out)
      assert.matches("\n  sample%.inside \"fill\" +generation 1 ", out)
      assert.matches("\n  fill: [%d ]+ points inside\n", out)
      assert.matches("\n  wrote first%.mesh%.ply, first%.ply\n$", out)
      assert.equal("ply\n", content("first.ply"):sub(1, 4))
      assert.equal("ply\n", content("first.mesh.ply"):sub(1, 4))
    end)

    it("writes a kernel that a pipeline beside it can use", function()
      check("new kernel ripple.c", 0, "wrote ripple.c\n", "")
      file("a.lua", 'return pipeline "a" { mesh.sphere {}, deform.ripple { amount = 0.2 }, reload {} }\n')
      check("check a.lua", 0, "a.lua: nothing wrong\n", "")
      local status, out = command.run(folder, "run a.lua")
      assert.equal(0, status)
      assert.matches("\n  deform%.ripple +generation 1 ", out)
      assert.matches("\n  nothing was written %(name a file with %-o%)\n$", out)
    end)

    it("warns of a kernel that hides one of whorl's", function()
      check("new kernel twist", 0, "wrote twist.c\n",
        "whorl: deform.twist: it will take the place of the one that came with whorl\n")
      check("new kernel ramp", 0, "wrote ramp.c\n", "") -- there is only a field of that name
    end)

    it("leaves a file that is there alone", function()
      file("mine.lua", "-- mine\n")
      check("new pipeline mine", 1, "",
        "mine.lua: exists already, and was left as it is (choose another name)\n")
      assert.equal("-- mine\n", content("mine.lua"))
    end)
  end)

  describe("run", function()
    local cube = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nv 1 0 1\nv 1 1 1\nv 0 1 1\n"
      .. "f 1 4 3 2\nf 5 6 7 8\nf 1 2 6 5\nf 3 4 8 7\nf 2 3 7 6\nf 1 5 8 4\n"

    it("writes the mesh when there is no sampler", function()
      file("cube.obj", cube)
      file("a.lua", 'return pipeline "a" { deform.linear { factor = { 2, 1, 1 } } }\n')
      check("run -i cube.obj --quiet a.lua -o out.obj", 0, "", "")
      assert.matches("\nv 2 1 1\n", content("out.obj"))
    end)

    it("sets what the pipeline exposes, and says what it does not", function()
      file("cube.obj", cube)
      file("a.lua", 'return pipeline "a" { deform.linear { factor = expose({ 1, 1, 1 }, "Factor") },\n'
        .. '  deform.twist { axis = expose("y", "Axis"), angle = 0 } }\n')
      check("run a.lua -i cube.obj -q -o out.obj --set linear.factor=3,1,1 --set=twist.axis=z", 0, "", "")
      assert.matches("\nv 3 1 1\n", content("out.obj"))
      check("run a.lua -i cube.obj --set linear.facto=1,1,1", 2, "", "whorl: --set linear.facto=1,1,1: the pipeline"
        .. " exposes no 'linear.facto' (did you mean 'linear.factor'?)" .. "\n")
      check("run a.lua -i cube.obj --set linear.factor=1,1", 2, "",
        "whorl: --set linear.factor=1,1: 2 values given, 3 wanted" .. "\n")
      check("run a.lua -i cube.obj --set linear.factor=1,x,1", 2, "",
        "whorl: --set linear.factor=1,x,1: 'x' is not a number" .. "\n")
      check("run a.lua -i cube.obj --set linear.factor=1,nan,1", 2, "",
        "whorl: --set linear.factor=1,nan,1: 'nan' is not a number\n")
      check("run a.lua -i cube.obj --json --set twist.axis=w", 2,
        '{"errors":[{"text":"whorl: --set twist.axis=w: \'w\' is none of x|y|z"}],"ok":false}\n', "")
      check("run a.lua -i cube.obj --set twist.axis=w", 2, "",
        "whorl: --set twist.axis=w: 'w' is none of x|y|z" .. "\n")
      check("run a.lua -i cube.obj --set factor", 2, "", "whorl: --set wants ID=VALUE, not 'factor'" .. "\n")
    end)

    it("names a file for every sampler", function()
      file("cube.obj", cube)
      file("a.lua", 'return pipeline "a" { sample.inside { name = "wide", spacing = 0.5 },\n'
        .. '  sample.inside { name = "fine", spacing = 0.25 } }\n')
      local status, out, err = command.run(folder, "run a.lua -i cube.obj -o out.csv --json")
      assert.same({ 0, "" }, { status, err })
      assert.matches('"files":%["out%.csv","out%.fine%.csv"%]', out)
      assert.matches('"ok":true,"points":8,', out)
      assert.matches('"triangles":12}\n$', out)
      assert.is_truthy(content("out.csv") and content("out.fine.csv"))
      assert.is_nil(content("out.mesh.ply")) -- it is the mesh that was read
    end)

    it("refuses, before it cooks, to write over what it reads", function()
      file("cube.obj", cube)
      command.shell(folder, "ln -s cube.obj link.obj")
      file("a.lua", 'return pipeline "a" { deform.linear { factor = { 2, 1, 1 } } }\n')
      check("run a.lua -i cube.obj -o cube.obj", 2, "",
        "whorl: -o cube.obj is the mesh that is read (name another file)\n")
      check("run a.lua -i link.obj --mesh-out ./cube.obj", 2, "",
        "whorl: --mesh-out ./cube.obj is the mesh that is read (name another file)\n")
      check("live a.lua -i cube.obj -o link.obj", 2, "",
        "whorl: -o link.obj is the mesh that is read (name another file)\n")
      check("run a.lua -i cube.obj -o a.lua", 2, "",
        "whorl: -o a.lua is the pipeline itself (name another file)\n")
      assert.equal(cube, content("cube.obj"))
    end)

    it("refuses, before it cooks, names that cannot be", function()
      file("a.lua", 'return pipeline "a" { mesh.sphere {}, sample.inside { name = "one", spacing = 0.5 },\n'
        .. '  sample.inside { name = "mesh", spacing = 0.5 } }\n')
      check("run a.lua -o out.ply", 2, "",
        "whorl: out.mesh.ply would be both the mesh and the points of 'mesh' (name another file)\n")
      check("run a.lua -o out.ply --mesh-out ./out.ply", 2, "",
        "whorl: -o out.ply would be both the mesh and the points of 'one' (name another file)\n")
      check("run a.lua -o out.xyz", 2, "",
        "whorl: -o out.xyz: points are written as .ply, .obj, .csv, .usda or .instancer.usda (change the ending)\n")
      check("run a.lua -o out.csv --mesh-out out.csv", 2, "",
        "whorl: --mesh-out out.csv: meshes are written as .ply, .obj or .usda (change the ending)\n")
      assert.equal("a.lua\n", select(2, command.shell(folder, "ls")))
      local status = command.run(folder, "run -q a.lua -o OUT.PLY --mesh-out m.ply")
      assert.equal(0, status)
      assert.is_truthy(content("OUT.PLY") and content("OUT.mesh.PLY") and content("m.ply"))
    end)

    it("says of which mesh it has something to say", function()
      file("a.lua", 'return pipeline "a" { deform.linear {} }\n')
      file("m.obj", "v 0 0 0\nv 1 0 0\nv 0 0 1\nv 5 5 5\nf 1 2 3\n")
      local _, out, err = command.run(folder, "run a.lua -i m.obj")
      assert.equal("m.obj: 1 of 4 points are in no face\n", err)
      assert.matches("^a%.lua: 4 points, 1 triangle, ", out)
    end)

    it("says the way of finding winding numbers with -v", function()
      file("a.lua", 'return pipeline "a" { mesh.torus {}, sample.inside { across = 10 } }\n')
      local status, _, err = command.run(folder, "run -v a.lua")
      assert.equal(0, status)
      assert.matches("^a%.lua:1: sample%.inside: winding: [%d ]+ triangles close: rays are counted\n$", err)
      assert.same({ 0, "" }, { status, select(3, command.run(folder, "run a.lua")) })
    end)

    it("does not run another kernel in the place of one that is broken", function()
      file("twist.c", "#include <whorl_kernel.h>\n#error broken\n")
      file("a.lua", 'return pipeline "a" { mesh.sphere {}, deform.twist {}, reload {} }\n')
      local status, out, err = command.run(folder, "run a.lua -o a.ply")
      assert.same({ 1, "" }, { status, out })
      assert.matches("^twist%.c:2: .*broken.* %(mend it, or take it away: the one that came with whorl would run in "
        .. "its place%)\n$", err)
      assert.is_nil(content("a.ply"))
      file("a.lua", 'return pipeline "a" { mesh.sphere {}, reload {} }\n')
      status, out, err = command.run(folder, "run a.lua") -- one that nobody asks for is told, and no more
      assert.equal(0, status)
      assert.matches("^a%.lua: ", out)
      assert.matches("^twist%.c:2: .*broken", err)
    end)

    it("says what is wrong with its files, and ends with 1", function()
      file("a.lua", 'return pipeline "a" { deform.linear {} }\n')
      local status, out, err = command.run(folder, "run a.lua -i none.obj")
      assert.same({ 1, "" }, { status, out })
      assert.matches("^none%.obj: .*No such file", err)
      status, out, err = command.run(folder, "run none.lua")
      assert.same({ 1, "" }, { status, out })
      assert.matches("none%.lua: ", err)
      status, out, err = command.run(folder, "run a.lua")
      assert.same({ 1, "" }, { status, out })
      assert.equal("the pipeline makes no mesh of its own (give one with -i MESH, or add mesh.sphere { … })\n", err)
      file("bad.lua", 'return pipeline "a" {\n  deform.twsit {} }\n')
      check("run bad.lua", 1, "", "bad.lua:2: no kernel deform.twsit (did you mean 'twist'?)\n")
      check("run bad.lua --json", 1, '{"errors":[{"file":"bad.lua","line":2,"text":"no kernel deform.twsit (did you '
        .. 'mean \'twist\'?)"}],"ok":false}\n', "")
    end)
  end)

  it("ends with 130 when it is interrupted, and writes nothing", function()
    file("slow.lua", 'return pipeline "a" { mesh.sphere {}, sample.inside { spacing = 0.003 } }\n')
    local status, out, err = command.shell(folder, ("%s run slow.lua -o slow.ply & sleep 1; kill -%s $!; wait $!")
      :format(command.quote(command.whorl), "INT"))
    assert.same({ 130, "", "whorl: interrupted, nothing was written\n" }, { status, out, err })
    assert.is_nil(content("slow.ply"))
  end)

  it("takes two signals at once for one", function()
    file("slow.lua", 'return pipeline "a" { mesh.sphere {}, sample.inside { spacing = 0.003 } }\n')
    local status, out, err = command.shell(folder, ("%s run slow.lua & sleep 1; kill -INT $!; kill -TERM $!; wait $!")
      :format(command.quote(command.whorl)))
    assert.same({ 130, "", "whorl: interrupted, nothing was written\n" }, { status, out, err })
  end)

  describe("check", function()
    local bad = 'return pipeline "a" {\n  deform.twsit {},\n  deform.twist { angle = 9999 },\n}\n'

    it("names every mistake with its line", function()
      file("bad.lua", bad)
      check("check bad.lua", 1, "", "bad.lua:2: no kernel deform.twsit (did you mean 'twist'?)\n"
        .. "bad.lua:3: deform.twist.angle = 9999 deg is outside -3600 .. 3600\n")
    end)

    it("says the same to programs", function()
      file("bad.lua", bad)
      check("check --json bad.lua", 1, '{"errors":[{"file":"bad.lua","line":2,"text":"no kernel deform.twsit (did you '
        .. 'mean \'twist\'?)"},{"file":"bad.lua","line":3,"text":"deform.twist.angle = 9999 deg is outside -3600 .. '
        .. '3600"}],"ok":false,"plan":null}\n', "")
      file("good.lua", 'return pipeline "good" { deform.twist {} }\n')
      local status, out = command.run(folder, "check --json good.lua")
      assert.equal(0, status)
      assert.matches('^{"errors":%[%],"ok":true,"plan":{.*"deform%.twist".*}%s*}\n$', out)
    end)
  end)

  describe("kernels", function()
    it("lists them, describes one, and suggests", function()
      local status, out = command.run(folder, "kernels")
      assert.equal(0, status)
      assert.matches("\ndeform%.twist +%u", out)
      status, out = command.run(folder, "kernels twist")
      assert.equal(0, status)
      assert.matches("^deform%.twist %- ", out)
      assert.matches("\n  angle += 90 +%-3600 %.%. 3600 deg +%u", out)
      assert.matches('\n  axis += "y" +x|y|z +%u', out)
      check("kernels twsit", 1, "", "whorl: no kernel 'twsit' (did you mean 'twist'?)\n")
      status, out = command.run(folder, "kernels --json deform.twist")
      assert.equal(0, status)
      assert.matches('^%[{"builtin":true,.*"id":"deform.twist",.*"choices":%["x","y","z"%]', out)
    end)
  end)

  describe("doctor", function()
    local here

    before_each(function()
      here = folder:gsub("%p", "%%%0")
    end)

    local function doctor(variables)
      return command.shell(folder, ("%s %s doctor"):format(variables, command.quote(command.whorl)))
    end

    it("finds what it needs here", function()
      local status, out, err = doctor("XDG_CACHE_HOME=$PWD/new")
      assert.same({ 0, "" }, { status, err })
      assert.matches("\nok    compiler +/", out)
      assert.matches("\nok    cache +" .. here .. "/new/whorl\n", out)
      assert.matches("\nok    kernels +%d+, in ", out)
      assert.matches("\nok    whorl%-canary +yes\n", out)
      assert.matches("\n%l+ +libtcc +%l+\n", out)
      assert.matches("\nok    reload +yes\n", out)
      assert.matches("\n%l+ +addr2line +%S+", out)
      assert.matches("\nok    inotify +saves are noticed at once\n", out)
      assert.matches("\nwhorl can work here\n$", out)
      assert.equal("", select(2, command.shell(folder, "ls -A"))) -- it makes nothing
    end)

    it("chooses as the library does", function()
      local _, out = doctor("XDG_CACHE_HOME=relative HOME=$PWD CC=no-such-compiler")
      assert.matches("\nok    cache +" .. here .. "/%.cache/whorl\n", out)
      assert.matches("\nnote  compiler +/%S+, because CC, 'no%-such%-compiler', cannot be found\n", out)
      _, out = doctor("CC='cc -DNOTHING'")
      assert.matches("\nok    compiler +/", out)
      file("m.txt", "")
      command.shell(folder, "mkdir -p kept/whorl && head -c 3000000 /dev/zero > kept/whorl/a.so")
      _, out = doctor("XDG_CACHE_HOME=$PWD/kept")
      assert.matches("\nok    cache +" .. here .. "/kept/whorl, 2%.9M\n", out)
      _, out = doctor("CC='false -x' XDG_CACHE_HOME=$PWD/m.txt")
      assert.matches("\nnote  compiler +%S*false cannot build kernels: it fails without a word\n", out)
      assert.matches("\nnote  cache +" .. here .. "/m%.txt/whorl cannot be written: ", out)
    end)
  end)

  describe("live", function()
    local function pipeline(factor)
      return ('return pipeline "a" {\n  mesh.sphere { rings = 2, segments = 3 },\n'
        .. '  deform.linear { factor = { %s, 1, 1 } },\n}\n'):format(factor)
    end

    it("follows the file, outlives its mistakes, and leaves on Ctrl-C", function()
      file("a.lua", pipeline("1"))
      local live = command.start(folder, "live a.lua -o out.obj")
      assert.matches("^a%.lua: %d+ points in [%d.]+ ms$", live:until_line("points in"))
      local first = content("out.obj")
      command.save(folder .. "/a.lua", pipeline("2"))
      assert.matches("points in [%d.]+ ms; changed: .*a%.lua; %d+ ms after the save$",
        live:until_line("after the save"))
      local second = content("out.obj")
      assert.not_equal(first, second)
      command.save(folder .. "/a.lua", pipeline("3 +"))
      live:until_line("a.lua:3: ")
      assert.equal(second, content("out.obj"))
      command.save(folder .. "/a.lua", pipeline("1"))
      live:until_line("after the save")
      assert.equal(first, content("out.obj"))
      assert.equal(0, live:interrupt())
      assert.equal("left", live.lines[#live.lines - 1])
    end)

    it("follows a kernel and the mesh", function()
      local kernel = '#include "whorl_kernel.h"\n\nWH_NO_PARAMS(deform_lift)\n\nstatic void run(const wh_block *b)\n{\n'
        .. "    for (uint32_t i = 0; i < b->count; i++)\n        b->y[i] += %s;\n}\n\n"
        .. 'WH_KERNEL(deform_lift, .doc = "Lift points", .run = run);\n'
      file("lift.c", kernel:format("1"))
      file("a.lua", 'return pipeline "a" { deform.lift {} }\n')
      file("m.obj", "v 0 0 0\nv 1 0 0\nv 0 0 1\nf 1 2 3\n")
      local live = command.start(folder, "live a.lua -i m.obj -o out.obj")
      live:until_line("points in")
      assert.matches("\nv 1 1 0\n", content("out.obj"))
      command.save(folder .. "/lift.c", kernel:format("5"))
      live:until_line("after the save")
      assert.matches("\nv 1 5 0\n", content("out.obj"))
      command.save(folder .. "/lift.c", kernel:format("oops"))
      live:until_line("lift.c:8:")
      command.save(folder .. "/m.obj", "v 0 0 0\nv 7 0 0\nv 0 0 1\nf 1 2 3\n")
      assert.matches("; changed: m%.obj; %d+ ms after the save$", live:until_line("after the save"))
      assert.matches("\nv 7 5 0\n", content("out.obj"))
      command.save(folder .. "/m.obj", "v 0 0\n")
      live:until_line("m.obj:1: ")
      command.save(folder .. "/m.obj", "v 0 0 0\nv 8 0 0\nv 0 0 1\nf 1 2 3\n")
      live:until_line("after the save")
      assert.matches("\nv 8 5 0\n", content("out.obj"))
      assert.equal(0, live:interrupt())
    end)

    it("only counts the kernels that it begins with", function()
      local names, stages = { "a", "b", "c", "d", "e", "f" }, {}
      command.shell(folder, "mkdir k")
      for i, name in ipairs(names) do
        check("new kernel k/lift_" .. name, 0, "wrote k/lift_" .. name .. ".c\n", "")
        stages[i] = ("deform.lift_%s { amount = expose(1, \"Amount\") }"):format(name)
      end
      file("a.lua", 'return pipeline "a" { mesh.sphere {}, ' .. table.concat(stages, ", ") .. " }\n")
      local live = command.start(folder, "live a.lua --kernels k")
      live:until_line("points in")
      if live.lines[1]:match("^building kernels") then
        table.remove(live.lines, 1) -- it took long
      end
      assert.equal("6 kernels built from k", live.lines[1])
      assert.equal(2, #live.lines)
      assert.equal(0, live:interrupt())
    end)

    it("ends with 2 when --set names nothing", function()
      file("a.lua", pipeline("1"))
      check("live a.lua --set x=1", 2, "", "whorl: --set x=1: the pipeline exposes no 'x'\n")
    end)

    it("ends with 1 without its mesh", function()
      file("a.lua", pipeline("1"))
      check("live a.lua -i none.obj", 1, "", "none.obj: no such file\n")
    end)

    it("waits for a file that is not there yet", function()
      local live = command.start(folder, "live a.lua")
      live:until_line("a.lua: ")
      command.save(folder .. "/a.lua", pipeline("1"))
      live:until_line("points in")
      assert.equal(0, live:interrupt())
    end)
  end)

  local function lift(expression)
    return '#include "whorl_kernel.h"\n\nWH_PARAMS(deform_lift, float amount WH_UI(1, doc = "How far");)\n\n'
      .. "static void run(const wh_block *b)\n{\n    const deform_lift *p = b->params;\n"
      .. "    for (uint32_t i = 0; i < b->count; i++)\n\t\tb->y[i] += " .. expression .. ";\n}\n\n"
      .. 'WH_KERNEL(deform_lift, .doc = "Lift points", .run = run);\n'
  end

  local function save_lift(expression)
    command.save(folder .. "/lift.c", lift(expression))
  end

  --- A triangle of which a kernel lifts the points, and what reload is told.
  local function lifted(settings)
    file("lift.c", lift("p->amount"))
    file("m.obj", "v 0 0 0\nv 1 0 0\nv 0 0 1\nf 1 2 3\n")
    file("a.lua", ('return pipeline "a" { deform.lift {}, reload { %s } }\n'):format(settings or ""))
  end

  local function height()
    return tonumber((content("out.obj") or ""):match("\nv 1 (%S+) 0\n"))
  end

  --- Where nothing is said.
  local function wait_for_result()
    for _ = 1, 200 do
      if height() then
        return
      end
      command.shell(folder, "sleep 0.05")
    end
  end

  describe("live, of kernels", function()
    it("shows what a compiler said as compilers do", function()
      lifted()
      local live = command.start(folder, "live a.lua -i m.obj -o out.obj")
      live:until_line("points in")
      save_lift("oops * p->amount")
      assert.matches("^lift%.c:9:%d+: error: .*oops", live:until_line("lift.c")) -- and not what was refused before it
      assert.equal("    9 | \t\tb->y[i] += oops * p->amount;", live:line())
      assert.equal("      | \t\t           ^", live:line())
      save_lift("a + c + d + e + f + g + h + p->amount")
      for _, caret in ipairs { "^", "    ^", "        ^", "            ^", "                ^" } do
        assert.matches("^lift%.c:9:%d+: error: ", live:line())
        live:line()
        assert.equal("      | \t\t           " .. caret, live:line())
      end
      assert.equal("and 2 more", live:line())
      save_lift("5 * p->amount; int unused")
      local named = live:until_line("unused variable")
      assert.matches("^lift%.c:9:%d+: warning: unused variable", named)
      assert.equal(0, live:interrupt())
      assert.equal(5, height())
    end)

    it("says nothing of warnings with --quiet, and of errors all", function()
      lifted()
      local live = command.start(folder, "live a.lua -i m.obj -o out.obj -q")
      wait_for_result()
      save_lift("3; int unused = oops")
      assert.matches("^lift%.c:9:%d+: error: .*oops", live:line())
      live:until_line("^")
      command.shell(folder, "sleep 0.3")
      save_lift("nope")
      assert.matches("^lift%.c:9:%d+: error: .*nope", live:line()) -- the warning did not come between
      live:until_line("^")
      command.save(folder .. "/lift.c", '#include "nowhere.h"\n' .. lift("1"))
      assert.matches("^lift%.c:1:%d+: fatal error: .*nowhere", live:line())
      assert.equal(0, live:interrupt())
    end)

    it("says why a compiler failed that names no line", function()
      lifted()
      file("cc.sh", '#!/bin/sh\ngrep -q broken lift.c && { echo "out of paper"; exit 1; }\nexec cc "$@"\n')
      command.shell(folder, "chmod +x cc.sh")
      local live = command.start(folder, "live a.lua -i m.obj -o out.obj", 'CC="$PWD/cc.sh"')
      live:until_line("points in")
      save_lift("broken * p->amount")
      assert.matches("^lift%.c: .*/cc%.sh failed: out of paper$", live:until_line("lift.c"))
      assert.equal(0, live:interrupt())
    end)

    it("says that it builds kernels where that takes long", function()
      lifted()
      file("cc.sh", '#!/bin/sh\nsleep 0.8\nexec cc "$@"\n')
      command.shell(folder, "chmod +x cc.sh")
      local live = command.start(folder, "live a.lua -i m.obj -o out.obj", 'CC="$PWD/cc.sh"')
      assert.equal("building kernels: the next start finds them in the cache", live:line())
      assert.equal("1 kernel built from .", live:line())
      assert.equal(0, live:interrupt())
      command.shell(folder, "rm out.obj")
      save_lift("2 * p->amount")
      live = command.start(folder, "live a.lua -i m.obj -o out.obj -q", 'CC="$PWD/cc.sh"')
      wait_for_result()
      assert.equal(0, live:interrupt())
      assert.equal(1, #live.lines) -- the exit status
    end)

    it("names the generation that runs, its build, and with -v each step", function()
      lifted()
      local live = command.start(folder, "live a.lua -i m.obj -o out.obj -v")
      assert.equal("lift.c: noticed", live:until_line("noticed")) -- how old the file is says nothing
      live:until_line("points in")
      save_lift("2 * p->amount")
      assert.matches("^lift%.c: noticed", live:line())
      for _, step in ipairs { "built", "loaded", "checked", "tried", "published" } do
        assert.matches("^deform%.lift generation 2[fast ()]*: " .. step .. " [%d.]+ ms$", live:until_line(step))
      end
      assert.matches("; changed: deform%.lift generation 2[fast ()]*; %d+ ms after the save$",
        live:until_line("points in"))
      assert.equal(0, live:interrupt())
      assert.equal(2, height())
    end)

    it("says where a kernel crashed, and goes on with the one before", function()
      lifted("canary = false")
      local live = command.start(folder, "live a.lua -i m.obj -o out.obj")
      live:until_line("points in")
      save_lift("*(volatile float *)0")
      assert.equal("lift.c:9: deform.lift generation 2: SIGSEGV: it touched address 0x0; generation 1 runs on",
        live:until_line("generation 2"))
      assert.equal("    9 | \t\tb->y[i] += *(volatile float *)0;", live:line())
      assert.matches("^a%.lua: 3 points in [%d.]+ ms$", live:until_line("points in")) -- not as if it had changed
      assert.equal(1, height())
      save_lift("3 * p->amount")
      assert.matches("changed: deform%.lift generation 3", live:until_line("points in"))
      assert.equal(3, height())
      assert.equal(0, live:interrupt())
    end)

    it("says why the trial of a kernel failed, and does not run it", function()
      lifted()
      local live = command.start(folder, "live a.lua -i m.obj -o out.obj")
      live:until_line("points in")
      save_lift("*(volatile float *)0")
      assert.matches("^lift%.c:9: deform%.lift: SIGSEGV on .*: it touched address 0x0$", live:until_line("SIGSEGV"))
      assert.equal("    9 | \t\tb->y[i] += *(volatile float *)0;", live:line())
      assert.equal(0, live:interrupt())
      assert.equal(1, height())
    end)
  end)

  describe("live, on a terminal", function()
    local function start(arguments, variables)
      return command.terminal(folder, ("%s exec %s live a.lua -i m.obj -o out.obj %s"):format(variables or "NO_COLOR=1",
        command.quote(command.whorl), arguments or ""))
    end

    --- Types one key and expects this line as the next.
    local function key(live, typed, line)
      live:type(typed)
      assert.equal(line, live:line())
    end

    local function cooked(live, change)
      local line = live:until_line("points in")
      assert.equal(change, line:match("; changed: (.-);") or line:match("; changed: (.*)"))
    end

    --- Saves, and waits until the optimised build has its place too: that is when `l` says no more that it is fast.
    local function save(live, expression, generation)
      save_lift(expression)
      assert.matches("changed: deform%.lift generation " .. generation, live:until_line("points in"))
      local listed
      for _ = 1, 100 do
        live:type("l")
        listed = live:until_line(("generation %-4d live"):format(generation))
        if not listed:find("fast", 1, true) then
          return
        end
        command.shell(folder, "sleep 0.05")
      end
      error(listed)
    end

    it("takes keys, one each, and leaves the terminal as it was", function()
      lifted()
      local live = start()
      live:until_line("? for keys")
      live:until_line("points in")
      key(live, "\1", "[keys]")
      key(live, "b", "deform.lift: there is no generation before 1")
      key(live, "f", "deform.lift: there is no generation after 1")
      key(live, "c", "deform.lift: there is no generation before 1")
      key(live, "s", "nothing waits to be published")
      key(live, "\t", "deform.lift generation 1")
      key(live, "x", "no key x (? for keys)")
      live:type("\27[20~")
      command.shell(folder, "sleep 0.3")
      live:type("?")
      assert.equal("l    list the generations of deform.lift", live:line())
      assert.equal("q    leave", live:until_line("q  "))
      live:type("r")
      cooked(live, nil)
      live:type("q")
      assert.equal("left", live:line())
      assert.same({ "lines", 0 }, { live:ends() })
    end)

    it("steps through the generations, compares them and pins one", function()
      lifted()
      local live = start()
      live:until_line("points in")
      save(live, "3 * p->amount", 2)
      key(live, "c", "deform.lift generation 1 to 2: 3 points, largest difference 2 m at point 0, mean 2 m")
      live:type("b")
      cooked(live, "deform.lift generation 1")
      assert.equal(1, height())
      live:type("l")
      assert.equal("deform.lift", live:line())
      assert.matches("^  generation 1    live   saved %d+%-%d%d%-%d%d %d%d:%d%d:%d%d$", live:line())
      assert.matches("^  generation 2    kept   saved ", live:line())
      live:type("f")
      cooked(live, "deform.lift generation 2")
      assert.equal(3, height())
      key(live, "p", "deform.lift generation 2 is pinned: it stays whatever is saved (p lets it go)")
      save_lift("4 * p->amount")
      assert.equal("lift.c: deform.lift generation 3 is ready; generation 2 is pinned (0 goes to it)",
        live:until_line("is ready"))
      assert.equal(3, height())
      key(live, "p", "deform.lift generation 2 is pinned no more: the next save replaces it (0 goes to the newest now)")
      live:type("0")
      assert.matches("; changed: deform%.lift generation 3", live:until_line("points in"))
      assert.equal(4, height())
      live:type("q")
      assert.same({ "lines", 0 }, { live:ends() })
    end)

    it("publishes by hand", function()
      lifted('publish = "by-hand"')
      local live = start()
      live:until_line("points in")
      save_lift("2 * p->amount")
      assert.equal("lift.c: deform.lift generation 2 is ready (s publishes it)", live:until_line("is ready"))
      assert.equal(1, height())
      live:type("s")
      assert.matches("^deform%.lift generation 2", live:until_line("points in"):match("; changed: (.*)"))
      assert.equal(2, height())
      live:type("q")
      assert.same({ "lines", 0 }, { live:ends() })
    end)

    it("shows colours there, and no hint with --quiet", function()
      lifted()
      local live = start("-q", "TERM=vt100")
      wait_for_result()
      save_lift("oops")
      assert.matches("^\27%[31mlift%.c:9:%d+: error: .*oops.*\27%[0m$", live:line())
      live:type("q")
      assert.same({ "lines", 0 }, { live:ends() })
    end)

    it("shows in place how many kernels are built", function()
      lifted()
      file("cc.sh", '#!/bin/sh\nsleep 0.8\nexec cc "$@"\n')
      command.shell(folder, "chmod +x cc.sh")
      local live = start("", 'CC="$PWD/cc.sh" NO_COLOR=1')
      assert.matches("^\27%[K  0 %%  building kernels.*\27%[K1 kernel built from %.$", live:line())
      live:until_line("points in")
      live:type("q")
      assert.same({ "lines", 0 }, { live:ends() })
    end)

    it("leaves the terminal as it was, however it ends", function()
      lifted()
      local ways = { { "\3", 0 }, { "\28", 128 + 3 }, { "TERM", 0 }, { "HUP", 128 + 1 }, { "ABRT", 128 + 6 } }
      for _, way in ipairs(ways) do
        command.shell(folder, "rm -f keyboard id")
        local live = command.terminal(folder, ("ulimit -c 0; echo $$ >id; NO_COLOR=1 exec %s live a.lua -i m.obj")
          :format(command.quote(command.whorl)))
        live:until_line("points in")
        key(live, "\1", "[keys]")
        if #way[1] == 1 then
          live:type(way[1])
        else
          command.shell(folder, ("kill -%s $(cat id)"):format(way[1]))
        end
        assert.same({ "lines", way[2] }, { live:ends() })
      end
    end)

    it("gives the terminal back while it is stopped", function()
      lifted()
      local live = command.terminal(folder, ("set -m; NO_COLOR=1 %s live a.lua -i m.obj; echo stopped; read word; fg")
        :format(command.quote(command.whorl)))
      live:until_line("points in")
      live:type("\26")
      live:until_line("stopped")
      key(live, "\1", "[lines]")
      live:type("go on\n")
      live:until_line("live a.lua") -- as fg says
      command.shell(folder, "sleep 0.2")
      key(live, "\1", "[keys]")
      live:type("q")
      assert.same({ "lines", 0 }, { live:ends() })
    end)
  end)

  describe("history", function()
    it("lists the generations, and compares the results of two", function()
      lifted()
      command.run(folder, "run a.lua -i m.obj")
      save_lift("1 + p->amount * b->x[i]")
      command.run(folder, "run a.lua -i m.obj")
      local status, out, err = command.run(folder, "history a.lua")
      assert.same({ 0, "" }, { status, err })
      assert.matches("^deform%.lift\n  generation 1    kept   saved %d+%-%d%d%-%d%d %d%d:%d%d:%d%d\n"
        .. "  generation 2    live   saved %d+%-%d%d%-%d%d %d%d:%d%d:%d%d\n$", out)
      status, out, err = command.run(folder, "history a.lua lift --json")
      assert.same({ 0, "" }, { status, err })
      assert.matches('^%[{"generations":%[{"fast":false,"generation":1,"note":"","saved":[%d.]+,"state":"kept"},'
        .. '{"fast":false,"generation":2,"note":"","saved":[%d.]+,"state":"live"}%],"kernel":"deform%.lift"}%]\n$', out)
      check("history a.lua deform.lift --compare 1 2 -i m.obj", 0,
        "deform.lift generation 1 to 2: 3 points, largest difference 1 m at point 1, mean 0.333333 m\n", "")
      check("history a.lua lift --compare 2 2 -i m.obj --json", 0, '{"a":2,"b":2,"kernel":"deform.lift","largest":0,'
        .. '"largest_at":0,"mean":0,"only_a":0,"only_b":0,"points":3}\n', "")
    end)

    it("says what is wrong", function()
      lifted()
      check("history", 2, "", "whorl: which file? a pipeline, such as tentacle.lua (whorl history --help)\n")
      check("history a.lua b c", 2, "", "whorl: one kernel at a time, not also 'c' (whorl history --help)\n")
      check("history a.lua --compare 1 2", 2, "",
        "whorl: --compare: generations of which kernel? such as deform.twist (whorl history --help)\n")
      check("history a.lua lift --compare 1", 2, "", "whorl: --compare wants values: A B (whorl history --help)\n")
      check("history a.lua lift --compare 1 x", 2, "",
        "whorl: --compare wants the number of a generation, not 'x' (whorl history --help)\n")
      check("history a.lua lfit", 1, "", "whorl: no kernel 'lfit' (did you mean 'lift'?)\n")
      check("history a.lua twist", 1, "", "whorl: deform.twist came with whorl: it has no generations\n")
      check("history a.lua lift --compare 1 7 -i m.obj", 1, "", "deform.lift has no generation 7\n")
      check("history a.lua lift --compare 1 1", 1, "",
        "the pipeline makes no mesh of its own (give one with -i MESH, or add mesh.sphere { … })\n")
      file("b.lua", 'return pipeline "b" {\n  deform.twsit {} }\n')
      check("history b.lua", 1, "", "b.lua:2: no kernel deform.twsit (did you mean 'twist'?)\n")
      file("c.lua", 'return pipeline "c" { deform.twist {}, reload { kernels = "none*.c" } }\n')
      check("history c.lua", 0,
        "no kernel that is loaded has generations (those that came with whorl never change)\n", "")
    end)

    it("knows what runs in place of a source that is broken", function()
      lifted()
      command.run(folder, "run a.lua -i m.obj")
      save_lift("oops")
      local status, out, err = command.run(folder, "history a.lua")
      assert.equal(0, status)
      assert.matches("^lift%.c:9: .*oops", err)
      assert.matches("^deform%.lift\n  generation 1    live ", out)
    end)
  end)
end)
