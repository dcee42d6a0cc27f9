--- whorl run --slice: the pixels against closed forms of the winding number, the marks of the boundary, its words.
local command = require "spec.support.command"
local ffi = require "ffi"
local png = require "spec.support.png"
local project = require "spec.support.project"

local whorl = project.whorl
local without_png = png.missing or not whorl.build_info():match("\npng: yes")

-- Colours, as docs/slice.md lists them --------------------------------------------------------------------------------

local function documented_colours()
  local list = {}
  for value, r, g, b in command.read(command.source .. "/docs/slice.md")
    :gmatch("\n| (%-?[%d.]+)[%a, ]* | (%d+) (%d+) (%d+),") do
    list[#list + 1] = { tonumber(value), tonumber(r), tonumber(g), tonumber(b) }
  end
  return list
end
local colours = documented_colours()

local function colour(value)
  local below = colours[1]
  for _, above in ipairs(colours) do
    if value < above[1] then
      local share = above == below and 0 or (value - below[1]) / (above[1] - below[1])
      return below[2] + share * (above[2] - below[2]), below[3] + share * (above[3] - below[3]),
        below[4] + share * (above[4] - below[4])
    end
    below = above
  end
  return below[2], below[3], below[4]
end

-- Meshes as OBJ -------------------------------------------------------------------------------------------------------

local function obj(positions, faces)
  local lines = {}
  for _, p in ipairs(positions) do
    lines[#lines + 1] = ("v %.9g %.9g %.9g"):format(p[1], p[2], p[3])
  end
  for _, f in ipairs(faces) do
    lines[#lines + 1] = "f " .. table.concat(f, " ")
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Corner i of the cube -1 .. 1 has its coordinates in the bits of i - 1; quads are counter-clockwise from outside.
local cube_faces = { ["+x"] = { 2, 4, 8, 6 }, ["-x"] = { 1, 5, 7, 3 }, ["+y"] = { 3, 7, 8, 4 }, ["-y"] = { 1, 2, 6, 5 },
                     ["+z"] = { 5, 6, 8, 7 }, ["-z"] = { 1, 3, 4, 2 } }

--- A cube without a face; welded: its faces share their corners.
local function cube(without, welded)
  local corners, positions, faces = {}, {}, {}
  for i = 0, 7 do
    corners[i + 1] = { i % 2 * 2 - 1, math.floor(i / 2) % 2 * 2 - 1, math.floor(i / 4) * 2 - 1 }
  end
  for _, name in ipairs { "+x", "-x", "+y", "-y", "+z", "-z" } do
    local face = {}
    for k, corner in ipairs(name ~= without and cube_faces[name] or {}) do
      positions[#positions + 1], face[k] = corners[corner], welded and corner or #positions + 1
    end
    faces[#faces + 1] = name ~= without and face or nil
  end
  return obj(welded and corners or positions, faces)
end

local sides, rings = 96, 48

--- Spheres: { x, y, z, radius, turned = inside out }.
local function spheres(list)
  local positions, faces = {}, {}
  for _, s in ipairs(list) do
    local first = #positions
    for ring = 0, rings do
      for side = 0, sides - 1 do
        local a, b = math.pi * ring / rings, 2 * math.pi * side / sides
        local r = ring % rings == 0 and 0 or math.sin(a)
        positions[#positions + 1] = { s[1] + s[4] * r * math.cos(b), s[2] + s[4] * r * math.sin(b),
                                      s[3] + s[4] * math.cos(a) }
      end
    end
    for ring = 0, rings - 1 do
      for side = 0, sides - 1 do
        local next_side = (side + 1) % sides
        local f = { first + ring * sides + side + 1, first + (ring + 1) * sides + side + 1,
                    first + (ring + 1) * sides + next_side + 1, first + ring * sides + next_side + 1 }
        faces[#faces + 1] = s.turned and { f[4], f[3], f[2], f[1] } or f
      end
    end
  end
  return obj(positions, faces)
end

-- Closed forms --------------------------------------------------------------------------------------------------------

--- The winding number of spheres; nil where a facet may lie on the other side.
local function of_spheres(list, p)
  local sum = 0
  for _, s in ipairs(list) do
    local r = math.sqrt((p[1] - s[1]) ^ 2 + (p[2] - s[2]) ^ 2 + (p[3] - s[3]) ^ 2) / s[4]
    if math.abs(r - 1) < 0.05 then
      return nil
    end
    sum = sum + (r < 1 and (s.turned and -1 or 1) or 0)
  end
  return sum
end

--- The solid angle, over that of a sphere, of a rectangle u0 .. u1, v0 .. v1 at distance d.
local function share_of_rectangle(u0, u1, v0, v1, d)
  local function corner(u, v)
    return math.atan(u * v / (d * math.sqrt(u * u + v * v + d * d)))
  end
  return (corner(u1, v1) - corner(u0, v1) - corner(u1, v0) + corner(u0, v0)) / (4 * math.pi)
end

--- The winding number of the cube without a face: what the face would add is gone.
local function of_cube(without, p)
  local whole = math.max(math.abs(p[1]), math.abs(p[2]), math.abs(p[3])) < 1 and 1 or 0
  local k = ({ x = 1, y = 2, z = 3 })[without:sub(2)]
  local u, v = p[k % 3 + 1], p[(k + 1) % 3 + 1]
  local sign = without:sub(1, 1) == "+" and 1 or -1
  local d = 1 - sign * p[k] -- positive: on the inner side of the face
  return whole - share_of_rectangle(-1 - u, 1 - u, -1 - v, 1 - v, d)
end

-- The picture, as docs/slice.md describes it --------------------------------------------------------------------------

local seen = { x = { right = 3, right_sign = -1, up = 2, up_sign = 1 },
               y = { right = 1, right_sign = 1, up = 3, up_sign = -1 },
               z = { right = 1, right_sign = 1, up = 2, up_sign = 1 } }
local axes = { x = 1, y = 2, z = 3 }

--- Where pixels are in a picture of a mesh whose box is known.
local function frame(axis, at, size, least, most)
  local v, f = seen[axis], {}
  local wide, high = most[v.right] - least[v.right], most[v.up] - least[v.up]
  f.pixel = math.max(wide, high) * 1.08 / size
  function f.point(picture, column, row)
    local p = {}
    p[axes[axis]] = at
    p[v.right] = (least[v.right] + most[v.right]) / 2 + v.right_sign * f.pixel * (column + 0.5 - picture.width / 2)
    p[v.up] = (least[v.up] + most[v.up]) / 2 - v.up_sign * f.pixel * (row + 0.5 - picture.height / 2)
    return p
  end
  function f.pixel_of(picture, p)
    return math.floor(picture.width / 2 + v.right_sign * (p[v.right] - (least[v.right] + most[v.right]) / 2) / f.pixel),
      math.floor(picture.height / 2 - v.up_sign * (p[v.up] - (least[v.up] + most[v.up]) / 2) / f.pixel)
  end
  return f
end

local function is_yellow(r, g, b)
  return r > 240 and g > 200 and b < 40
end

local function yellow_pixels(picture)
  local count = 0
  for row = 0, picture.height - 1 do
    for column = 0, picture.width - 1 do
      count = count + (is_yellow(picture.at(column, row)) and 1 or 0)
    end
  end
  return count
end

--- Compares every pixel whose value is known; returns how many were.
local function check_pixels(picture, f, value_at)
  local compared = 0
  for row = 0, picture.height - 1 do
    for column = 0, picture.width - 1 do
      local p = f.point(picture, column, row)
      local value = value_at(p)
      if value then
        local r, g, b = picture.at(column, row)
        local wr, wg, wb = colour(value)
        if math.max(math.abs(r - wr), math.abs(g - wg), math.abs(b - wb)) > 1 then
          error(("pixel %d, %d at %g %g %g is %d %d %d, and not %.1f %.1f %.1f for %g"):format(column, row, p[1], p[2],
            p[3], r, g, b, wr, wg, wb, value), 2)
        end
        compared = compared + 1
      end
    end
  end
  return compared
end

describe("a slice", function()
  local folder, remove

  before_each(function()
    folder, remove = command.folder()
    command.write(folder .. "/p.lua", 'return pipeline "p" { deform.linear {} }\n')
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

  --- Runs whorl, and reads the picture; more: what it said as JSON about it.
  local function slice(arguments)
    if without_png then
      return pending("libpng is not there")
    end
    local status, out, err = command.run(folder, "run p.lua --json -o out.png " .. arguments)
    assert.same({ 0, "" }, { status, err })
    local more = {}
    for key, value in out:match('"slice":(%b{})'):gmatch('"([%a_]+)":([^,}]+)') do
      more[key] = tonumber(value) or value:match('^"(.*)"$')
    end
    return png.read(folder .. "/out.png"), more
  end

  it("has the documented colours", function()
    assert.equal(12, #colours)
    assert.same({ 255, 255, 255 }, { colour(0) })
    assert.same({ 8, 29, 88 }, { colour(-7) })
    assert.same({ 64, 0, 75 }, { colour(3) })
  end)

  it("of a sphere is red inside and white outside, and says what it shows", function()
    local ball = { { 0, 0, 0, 1 } }
    file("m.obj", spheres(ball))
    local picture, more = slice("-i m.obj --slice z=0.3 --size 160")
    assert.same({ 160, 160 }, { picture.width, picture.height })
    assert.equal(0, picture.chunks.sRGB:byte())
    local f = frame("z", 0.3, 160, { -1, -1, -1 }, { 1, 1, 1 })
    local compared = check_pixels(picture, f, function(p) return of_spheres(ball, p) end)
    assert.is_true(compared > 0.8 * 160 * 160)
    assert.equal(0, yellow_pixels(picture))
    assert.is_true(math.abs(more.least) < 1e-5 and math.abs(more.most - 1) < 1e-5)
    assert.near(f.pixel, more.pixel, 1e-9)
    more.least, more.most, more.pixel, more.at = nil, nil, nil, nil
    assert.same({ axis = "z", field = "winding", width = 160, height = 160, loops = 0, loops_at_plane = 0 }, more)
  end)

  it("draws the cut in a thin line", function()
    file("m.obj", spheres { { 0, 0, 0, 1 } })
    local picture = slice("-i m.obj --slice z=0 --size 400")
    local f = frame("z", 0, 400, { -1, -1, -1 }, { 1, 1, 1 })
    for step = 0, 47 do
      local a = 2 * math.pi * step / 48 -- a corner of the polygon
      local dark, across = false, 0
      for i = -6, 6 do
        local r = 1 + i * f.pixel / 2
        local red, green, blue = picture.at(f.pixel_of(picture, { r * math.cos(a), r * math.sin(a), 0 }))
        across = across + (math.max(red, green, blue) < 170 and 1 or 0)
        dark = dark or math.max(red, green, blue) < 170
      end
      assert.is_true(dark, "no line at " .. step)
      assert.is_true(across <= 6, "a broad line at " .. step) -- of steps that are half a pixel
    end
  end)

  it("shows overlaps in purple, and what is inside out in blue", function()
    local list = { { 0, 0, 0, 1 }, { 1, 0, 0, 1 }, { -0.7, 0, 0, 0.6, turned = true } }
    file("m.obj", spheres(list))
    local picture, more = slice("-i m.obj --slice y=0.2 --size 200")
    local f = frame("y", 0.2, 200, { -1.3, -1, -1 }, { 2, 1, 1 })
    assert.same({ 200, math.ceil(200 * (2 / 3.3 + 0.08) / 1.08) }, { picture.width, picture.height })
    local met = {}
    check_pixels(picture, f, function(p)
      local value = of_spheres(list, p)
      met[value or "unknown"] = true
      return value
    end)
    assert.same({ [-1] = true, [0] = true, [1] = true, [2] = true, unknown = true }, met)
    assert.equal(0, more.loops)
  end)

  -- Each face is seen at another side of the picture: a mirrored or turned one would not pass.
  for _, case in ipairs { { "z", "+x" }, { "z", "-y" }, { "y", "+z" }, { "y", "-x" }, { "x", "+z" }, { "x", "+y" } } do
    local axis, without = case[1], case[2]
    it(("at %s = 0.25 of a cube without its face %s is what the closed form says"):format(axis, without), function()
      file("m.obj", cube(without, without:sub(1, 1) == "+")) -- some welded, some not
      local picture, more = slice(("-i m.obj --slice %s=0.25 --size 144"):format(axis))
      assert.same({ 1, 1 }, { more.loops, more.loops_at_plane })
      local f = frame(axis, 0.25, 144, { -1, -1, -1 }, { 1, 1, 1 })
      local k = axes[without:sub(2)]
      local compared = check_pixels(picture, f, function(p)
        for i = 1, 3 do
          if i ~= axes[axis] and math.abs(math.abs(p[i]) - 1) < 8 * f.pixel then
            return nil -- lines
          end
        end
        local value = of_cube(without, p)
        return math.abs(value - 0.5) > 1e-3 and value or nil
      end)
      assert.is_true(compared > 0.5 * picture.width * picture.height)
      -- The rim goes through the plane at two places, and projects to the line between them.
      local other = 6 - k - axes[axis]
      local point = {}
      point[axes[axis]], point[k] = 0.25, without:sub(1, 1) == "+" and 1 or -1
      for side = -1, 1, 2 do
        point[other] = side
        assert.is_true(is_yellow(picture.at(f.pixel_of(picture, point))), "no mark")
      end
      assert.is_true(yellow_pixels(picture) < 200)
      point[other] = 0.1
      local r, g, b = picture.at(f.pixel_of(picture, point))
      assert.is_true(math.max(r, g, b) < 230 and not is_yellow(r, g, b), "no line for the rest of the rim")
    end)
  end

  it("marks a boundary that lies in the plane, and dims one that is far from it", function()
    file("m.obj", cube("+z", true))
    local picture, more = slice("-i m.obj --slice z=0.985 --size 400") -- 0.015 of 2.16 m
    assert.same({ 1, 1 }, { more.loops, more.loops_at_plane })
    assert.is_true(yellow_pixels(picture) > 4 * 340)
    picture, more = slice("-i m.obj --slice z=0.97 --size 400")
    assert.same({ 1, 0 }, { more.loops, more.loops_at_plane })
    assert.equal(0, yellow_pixels(picture))
  end)

  it("counts loops, and knows faces that are turned over", function()
    file("m.obj", "v -1 -1 -1\nv 1 -1 -1\nv 0 1 -1\nv -1 -1 1\nv 1 -1 1\nv 0 1 1\nf 1 2 3\nf 4 5 6\nf 4 5 6\n")
    local _, more = slice("-i m.obj --slice y=0 --size 64")
    assert.equal(2, more.loops)
    file("m.obj", (cube(nil, true):gsub("f 2 4 8 6", "f 6 8 4 2")))
    _, more = slice("-i m.obj --slice z=0 --size 64")
    assert.equal(1, more.loops)
  end)

  it("is drawn of the deformed mesh, at a time", function()
    file("p.lua", 'return pipeline "p" { mesh.box { }, deform.linear { factor = { 3, 1, 1 } },\n'
      .. '  sample.inside { name = "never" } }\n')
    local picture, more = slice("--slice z=0 --size 108 --mesh-out m.obj")
    assert.same({ 108, math.ceil(108 * (1 / 3 + 0.08) / 1.08) }, { picture.width, picture.height })
    assert.equal("v ", command.read(folder .. "/m.obj"):match("\n(v )"))
    assert.equal(0, more.loops)
  end)

  it("of a field of the pipeline has that field's values", function()
    file("p.lua", 'return pipeline "p" { mesh.box { size = { 2, 2, 2 } },\n'
      .. '  fields = { slope = 2 * field.ramp { axis = "x", from = -1, to = 1 } - 0.5 } }\n')
    local picture, more = slice("--slice z=0.5 --size 108 --field slope")
    assert.equal("slope", more.field)
    local f = frame("z", 0.5, 108, { -1, -1, -1 }, { 1, 1, 1 })
    local session = assert(whorl.open(folder .. "/p.lua", { frozen = true }))
    local mesh = assert(session:source())
    local value, query = ffi.new("float[1]"), ffi.new("float[3]")
    check_pixels(picture, f, function(p)
      if math.abs(math.abs(p[1]) - 1) < 0.05 or math.abs(math.abs(p[2]) - 1) < 0.05 then
        return nil
      end
      query[0], query[1], query[2] = p[1], p[2], p[3]
      assert(session:field("slope", mesh, 0, query, 1, value))
      return math.abs(value[0] % 1 - 0.5) > 1e-3 and value[0] or nil
    end)
    session:close()
    check("run p.lua --slice z=0.5 -o a.png --field slpoe", 1, "",
      "the pipeline has no field 'slpoe' (it has slope, winding)\n")
  end)

  it("is the same file whatever the threads", function()
    file("m.obj", cube("+x", true))
    slice("-i m.obj --slice z=0.1 --size 100 --threads 1")
    local one = command.read(folder .. "/out.png")
    slice("-i m.obj --slice z=0.1 --size 100 --threads 3")
    assert.is_true(one == command.read(folder .. "/out.png"))
  end)

  it("is told in a line", function()
    if without_png then
      return pending("libpng is not there")
    end
    file("p.lua", 'return pipeline "p" { mesh.box { size = { 2, 2, 2 } }, sample.inside { } }\n')
    local status, out, err = command.run(folder, "run p.lua --slice z=0.5 -o a.png --size 108")
    assert.same({ 0, "" }, { status, err })
    assert.matches("\n  sample%.inside \"inside\" +generation 1 +not used\n", out)
    assert.matches("\n  slice z=0%.5: 108 x 108 pixels of 0%.02 m, winding 0 %.%. 1, no boundary\n"
      .. "  wrote a%.png\n$", out)
  end)

  it("has nothing to draw in a mesh without points, and little in one of points", function()
    file("m.obj", "v 0 0 0\nv 1 2 0\n")
    file("p.lua", 'return pipeline "p" { deform.linear {}, fields = { one = field.ball { radius = 9 } } }\n')
    local picture, more = slice("-i m.obj --slice z=0 --size 32 --field one")
    assert.same({ 18, 32, 0 }, { picture.width, picture.height, more.loops })
    check("run p.lua -i m.obj --slice z=1 -o a.png", 1, "",
      "whorl: --slice z=1: the plane misses the mesh, which is at z = 0 .. 0 (choose a plane between)\n")
  end)

  describe("that cannot be drawn", function()
    before_each(function()
      file("p.lua", 'return pipeline "p" { mesh.sphere {} }\n')
    end)

    it("is refused with what was wanted", function()
      local plane = "a plane, x, y or z = metres, such as z=0.1"
      for _, text in ipairs { "w=1", "z", "z=", "z=soon", "z=nan", "z=1e39", "xy=1", "Z=1" } do
        check("run p.lua -o a.png --slice " .. text, 2, "",
          ("whorl: --slice wants %s, not '%s' (whorl run --help)\n"):format(plane, text))
      end
      check("run p.lua --slice z=0", 2, "",
        "whorl: --slice draws a picture, and wants a file for it: -o FILE.png (whorl run --help)\n")
      check("run p.lua --size 64", 2, "",
        "whorl: --size is about the picture of --slice, which is not there (whorl run --help)\n")
      check("run p.lua --field winding", 2, "",
        "whorl: --field is about the picture of --slice, which is not there (whorl run --help)\n")
      check("run p.lua --slice z=0 -o a.png --size 5000", 2, "",
        "whorl: --size wants a whole number, 16 .. 4096, not '5000' (whorl run --help)\n")
      check("live p.lua --slice z=0 -o a.png", 2, "",
        "whorl: unknown option '--slice' (whorl live --help)\n")
    end)

    it("is refused before anything is cooked when its file is wrong", function()
      if without_png then
        return pending("libpng is not there")
      end
      check("run p.lua --slice z=0 -o a.ply", 2, "",
        "whorl: -o a.ply: pictures are written as .png (change the ending)\n")
      check("run p.lua --slice z=0 -o a.png --mesh-out a.png", 2, "",
        "whorl: --mesh-out a.png: meshes are written as .ply, .obj or .usda (change the ending)\n")
      check("run p.lua --slice z=0 -o p.lua", 2, "", "whorl: -o p.lua is the pipeline itself (name another file)\n")
      file("m.png", "")
      check("run p.lua -i m.png --slice z=0 -o m.png", 2, "",
        "whorl: -o m.png is the mesh that is read (name another file)\n")
    end)

    it("is refused where the plane misses the mesh", function()
      if without_png then
        return pending("libpng is not there")
      end
      check("run p.lua --slice y=1.5 -o a.png", 1, "",
        "whorl: --slice y=1.5: the plane misses the mesh, which is at y = -1 .. 1 (choose a plane between)\n")
      check("run p.lua --slice y=1.5 -o a.png --json", 1, '{"errors":[{"text":"whorl: --slice y=1.5: the plane misses '
        .. 'the mesh, which is at y = -1 .. 1 (choose a plane between)"}],"ok":false}\n', "")
      file("far.obj", "v 0 0 1000000\nv 1 0 1000000.5\nv 0 1 1000001\nf 1 2 3\n")
      check("run p.lua -i far.obj --slice z=0 -o a.png", 1, "", "whorl: --slice z=0: the plane misses the mesh, which "
        .. "is at z = 1000000 .. 1000001 (choose a plane between)\n")
    end)

    it("leaves nothing behind", function()
      if without_png then
        return pending("libpng is not there")
      end
      check("run p.lua --slice y=0 -o none/a.png --size 16", 1, "",
        "none/a.png: cannot be written: No such file or directory\n")
      check("run p.lua --slice y=0 -o a.png --size 16 >&-", 1, "",
        "whorl: what was to be said could not be written to stdout\n")
      os.remove(folder .. "/a.png")
      local status, _, err = command.shell(folder, ("trap '' XFSZ; ulimit -f 0; exec 2>&-; timeout 60 %s run p.lua "
        .. "--slice y=0 -q -o a.png"):format(command.quote(command.whorl)))
      assert.same({ 1, "" }, { status, err })
      local _, names = command.shell(folder, "ls -A")
      assert.equal("p.lua\n", names)
    end)

    it("is given up on Ctrl-C", function()
      if without_png then
        return pending("libpng is not there")
      end
      file("p.lua", 'return pipeline "p" { mesh.torus_knot { segments = 1024, sides = 128 } }\n')
      local status, out, err = command.shell(folder, ("%s run p.lua --slice y=0 --size 4096 -o a.png & sleep 1;"
        .. " kill -INT $!; wait $!"):format(command.quote(command.whorl)))
      assert.same({ 130, "", "whorl: interrupted, nothing was written\n" }, { status, out, err })
      local _, names = command.shell(folder, "ls -A")
      assert.equal("p.lua\n", names)
    end)

    it("says what to install when whorl was built without libpng", function()
      file("host.lua", [[
        local whorl = require "whorl"
        whorl.build_info = function() return "version: 1\npng: no\n" end
        local function no() return false end
        os.exit(require "whorl.cli"({ "run", "p.lua", "--slice", "z=0", "-o", "a.png" },
                                    { is_terminal = no, interrupted = no }))
      ]])
      local status, out, err = command.shell(folder, "LD_PRELOAD=$WHORL_PRELOAD luajit host.lua")
      assert.same({ 1, "", "whorl: --slice: this whorl was built without libpng (apt-get install libpng-dev, and build "
        .. "whorl again)\n" }, { status, out, err })
    end)
  end)
end)

describe("wh_image_write", function()
  local folder, remove

  before_each(function()
    folder, remove = command.folder()
  end)

  after_each(function()
    remove()
  end)

  --- A picture whose bytes all differ from their neighbours'.
  local function image(width, height, channels, stride)
    local pixel = ffi.new("uint8_t[?]", height * math.max(stride, width * channels))
    for i = 0, ffi.sizeof(pixel) - 1 do
      pixel[i] = (i * 37 + math.floor(i / 7) * 11) % 256
    end
    return { width = width, height = height, channels = channels, pixel = pixel, stride = stride }
  end

  it("writes the pixels that it is given", function()
    if without_png then
      return pending("libpng is not there")
    end
    for _, case in ipairs { { 1, 1, 3, 0 }, { 7, 5, 3, 0 }, { 16, 9, 4, 0 }, { 13, 6, 3, 50 }, { 3, 4, 4, 12 } } do
      local from = image(unpack(case))
      assert(whorl.write_image(from, folder .. "/a.PNG"))
      local picture = png.read(folder .. "/a.PNG")
      assert.same({ from.width, from.height, from.channels }, { picture.width, picture.height, picture.channels })
      assert.is_string(picture.chunks.sRGB)
      local stride = from.stride > 0 and from.stride or from.width * from.channels
      for row = 0, from.height - 1 do
        for column = 0, from.width - 1 do
          for k, byte in ipairs { picture.at(column, row) } do
            assert.equal(from.pixel[row * stride + column * from.channels + k - 1], byte)
          end
        end
      end
    end
  end)

  it("says what is wrong with a picture", function()
    local function refuse(why, change, path)
      local from = image(4, 4, 3, 0)
      for key, value in pairs(change) do
        from[key] = value
      end
      local ok, text, status = whorl.write_image(from, path or folder .. "/a.png")
      assert.same({ nil, why, "argument" }, { ok, text, status })
    end
    refuse("wh_image_write: an image of 0 x 4 pixels (each side is 1 .. 1000000)", { width = 0 })
    refuse("wh_image_write: an image of 4 x 1000001 pixels (each side is 1 .. 1000000)", { height = 1000001 })
    refuse("wh_image_write: image.channels is 2 (3 for RGB, 4 for RGBA)", { channels = 2 })
    refuse("wh_image_write: image.pixel is NULL", { pixel = ffi.cast("uint8_t *", nil) })
    refuse("wh_image_write: image.stride is 11, less than a row of pixels", { stride = 11 })
    refuse(("wh_image_write: image.size is 1 (set it to sizeof(wh_image), %d)"):format(ffi.sizeof("wh_image")),
      { size = 1 })
    refuse("a.jpg: images are written as .png (change the ending)", {}, "a.jpg")
    refuse(".png: images are written as .png (change the ending)", {}, ".png")
    assert.equal(6, tonumber(ffi.cast("int", whorl.C.wh_image_write(nil, "a.png"))) + 5)
  end)
end)
