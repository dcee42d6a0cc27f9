local lib = require "spec.support.meshlib"
local ffi = require "ffi"
local C = lib.C

local function lines(...)
  return table.concat({ ... }, "\n") .. "\n"
end

local function message(name, bytes)
  local mesh, text, status = lib.parse(name, bytes)
  assert.is_nil(mesh)
  assert.equal(lib.IO, status)
  return text
end

local square = lines("v 0 0 0", "v 1 0 0", "v 1 1 0", "v 0 1 0")

describe("reading OBJ", function()
  teardown(lib.clean)

  it("splits polygons into fans and keeps the order of points", function()
    local m = assert(lib.parse("a.obj", square .. "v 5 5 5\nf 1 2 3 4\nf 4 3 5\n"))
    assert.same({ 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 5, 5, 5 }, m.position)
    assert.same({ 0, 1, 2, 0, 2, 3, 3, 2, 4 }, m.triangle)
    assert.equal("", m.note)
  end)

  it("reads every line ending, comments, continued lines and unknown words alike", function()
    local text = "# a \\\no thing\ng a b \\\n  c\nv 0 0 0 # first\nv 1 0 \\\n 0\n  v 1 1 0\nvt 0 0\n"
      .. "usemtl f\n\nf 1 \\\n2 3"
    local expected = assert(lib.parse("a.obj", text))
    assert.same({ 0, 0, 0, 1, 0, 0, 1, 1, 0 }, expected.position)
    assert.same({ 0, 1, 2 }, expected.triangle)
    assert.same(expected, lib.parse("b.obj", (text:gsub("\n", "\r\n"))))
    assert.same(expected, lib.parse("c.obj", (text:gsub("\n", "\r"))))
  end)

  it("counts lines the same whatever their ending, also through continued lines", function()
    local text = "v 0 0 0\n\nv 1 0 \\\n0\nf 1 2 x"
    local expected = "a.obj:5: 'x' is not a corner (point, or point/texture/normal)"
    assert.equal(expected, message("a.obj", text))
    assert.equal(expected, message("a.obj", (text:gsub("\n", "\r\n"))))
    assert.equal(expected, message("a.obj", (text:gsub("\n", "\r"))))
  end)

  it("reads corners with textures and normals, and points counted backwards", function()
    local m = assert(lib.parse("a.obj", square .. "f 1/7 2/8/9 3//2\nf -4 -2/1 -1//\nv 2 2 2\nf -1 -2 -5"))
    assert.same({ 0, 1, 2, 0, 2, 3, 4, 3, 0 }, m.triangle)
  end)

  it("lets faces come before their points", function()
    local m = assert(lib.parse("a.obj", "f 1 2 3\nv 0 0 0\nv 1 0 0\nv 1 1 0\n"))
    assert.same({ 0, 1, 2 }, m.triangle)
  end)

  it("reads numbers to the last bit", function()
    local texts = {
      "1e-3", "+1", ".5", "5.", "-0.1", "1E+2", "0.333333343267440796", "16777217", "16777219", "3.4028235e38",
      "1.1754944e-38", "1e-45", "7.0e-46", "1e-400", "0.00000000000000000000000000000000000001234567",
      "123456789012345678901234567890", "0e999", "9007199254740993", "1.000000059604644775390625", "0.1e1",
      "33554435", "8.589973e9",
    }
    texts[#texts + 1] = "1.000000059604644775390625" .. ("0"):rep(150) .. "1"
    for k = 1, 3000 do
      local digits = "%." .. k % 18 + 1 .. "g"
      texts[#texts + 1] = digits:format((math.random() - 0.5) * 10 ^ math.random(-42, 37))
    end
    while #texts % 3 ~= 0 do
      texts[#texts + 1] = "0"
    end
    local rows, parsed = {}, {}
    for k = 1, #texts, 3 do
      rows[#rows + 1] = ("v %s %s %s"):format(texts[k], texts[k + 1], texts[k + 2])
    end
    ffi.cdef "float strtof(const char *, char **);"
    for k, text in ipairs(texts) do
      parsed[k] = ffi.C.strtof(text, nil)
    end
    assert.same(parsed, assert(lib.parse("a.obj", table.concat(rows, "\n"))).position)
  end)

  it("ignores w, and keeps colours when every point has one", function()
    assert.same({}, assert(lib.parse("a.obj", "v 1 2 3 1\nv 1 2 3 0.5")).attribute)
    assert.same({}, assert(lib.parse("a.obj", "v 1 2 3 1 1 1\nv 1 2 3")).attribute)
    local m = assert(lib.parse("a.obj", "v 1 2 3 0.25 0.5 0.75\nv 1 2 3 1 0 0 1\n"))
    assert.same({ "red", "green", "blue" }, m.names)
    assert.same({ red = { 0.25, 1 }, green = { 0.5, 0 }, blue = { 0.75, 0 } }, m.attribute)
    assert.is_true(m.cloud)
  end)

  it("notes points in no face", function()
    assert.equal("1 of 4 points are in no face", assert(lib.parse("a.obj", square .. "f 1 2 3")).note)
  end)

  it("refuses what it cannot read, with the line", function()
    local cases = {
      ["f 1 2 9"] = "a.obj:5: face uses point 9 but the file has 4 (points count from 1)",
      ["\nf 1 2 3 \\\n 99999999999999999999"] =
        "a.obj:7: '99999999999999999999' is not a corner (point, or point/texture/normal)",
      ["f 1 2 999999999999999999"] =
        "a.obj:5: face uses point 999999999999999999 but the file has 4 (points count from 1)",
      ["f 0 1 2"] = "a.obj:5: face uses point 0 (points count from 1)",
      ["f 1 2 -5"] = "a.obj:5: face uses point -5 but only 4 come before it",
      ["f 1 2"] = "a.obj:5: a face has 2 corners (at least 3 are needed)",
      ["f"] = "a.obj:5: a face has 0 corners (at least 3 are needed)",
      ["f\n"] = "a.obj:5: a face has 0 corners (at least 3 are needed)",
      ["f 1 2 3.5"] = "a.obj:5: '3.5' is not a corner (point, or point/texture/normal)",
      ["f 1 2 3/x"] = "a.obj:5: '3/x' is not a corner (point, or point/texture/normal)",
      ["f 1 2 3/1/1/1"] = "a.obj:5: '3/1/1/1' is not a corner (point, or point/texture/normal)",
      ["v 1 2"] = "a.obj:5: a point has fewer than 3 coordinates",
      ["v 1 nano 2"] = "a.obj:5: 'nano' is not a number",
      ["v 1 2 in"] = "a.obj:5: 'in' is not a number",
      ["v 1 2e 2"] = "a.obj:5: '2e' is not a number",
      ["v 1 1.2.3 2"] = "a.obj:5: '1.2.3' is not a number",
      ["v 1 1,2 2"] = "a.obj:5: '1,2' is not a number",
      ["v 1 2 3 " .. ("\1"):rep(60)] = "a.obj:5: '" .. ("?"):rep(37) .. "...' is not a number",
    }
    for tail, expected in pairs(cases) do
      assert.equal(expected, message("a.obj", square .. tail))
    end
  end)

  it("refuses files without points", function()
    assert.equal("a.obj:1: there are no points in it", message("a.obj", "# nothing\n"))
    assert.equal("a.obj:1: the file is empty", message("a.obj", ""))
  end)

  it("steps over the mark of UTF-8", function()
    local m = assert(lib.parse("a.obj", "\239\187\191" .. square .. "f 1 2 3\n"))
    assert.same({ 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0 }, m.position)
    assert.equal("a.obj:1: 'x' is not a number", message("a.obj", "\239\187\191v x"))
    assert.equal("a.obj:1: there are no points in it", message("a.obj", "\239\187\191"))
  end)
end)

-- A tetrahedron in PLY: format is ascii, little or big; more goes before, tail is the elements after the points.
local corners = { { 0, 0, 0 }, { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }

local function header(kind, ...)
  local formats = { ascii = "ascii", little = "binary_little_endian", big = "binary_big_endian" }
  return lines("ply", ("format %s 1.0"):format(formats[kind]), ...)
end

local function pack(kind, types, values)
  local parts = {}
  for k, value in ipairs(values) do
    parts[k] = kind == "ascii" and tostring(value) or lib.bytes(types[(k - 1) % #types + 1], value, kind == "big")
  end
  return kind == "ascii" and table.concat(parts, " ") .. "\n" or table.concat(parts)
end

local function tetrahedron(kind)
  local parts = {
    header(kind, "comment made by hand", "obj_info nothing", "element vertex 4", "property uchar tag",
      "property double z", "property float x", "property list uint8 int16 extra", "property float32 y",
      "element camera 1", "property list ushort double pose", "property char end", "element face 3",
      "property float area", "property list uchar int vertex_indices", "end_header"),
  }
  for i, c in ipairs(corners) do
    local types = { "uint8_t", "double", "float", "uint8_t", "int16_t", "int16_t", "float" }
    parts[#parts + 1] = pack(kind, types, { 200 + i, c[3], c[1], 2, -7, 8, c[2] })
  end
  parts[#parts + 1] = pack(kind, { "uint16_t", "double", "double", "int8_t" }, { 2, 0.5, 1.5, -1 })
  for _, f in ipairs { { 0, 2, 1 }, { 0, 1, 3 }, { 0, 3, 2, 1 } } do
    local values, types = { 0.5, #f }, { "float", "uint8_t", "int32_t", "int32_t", "int32_t", "int32_t" }
    for _, i in ipairs(f) do
      values[#values + 1] = i
    end
    parts[#parts + 1] = pack(kind, types, values)
  end
  return table.concat(parts)
end

local simple = header("little", "element vertex 1", "property float x", "property float y", "property float z",
  "element face 1", "property list uchar int vertex_indices", "end_header")

local function ascii(count, body, faces)
  return header("ascii", "element vertex " .. count, "property float x", "property float y", "property float z",
    faces and "element face " .. faces or "comment", faces and "property list uchar int vertex_indices" or "comment",
    "end_header") .. body
end

describe("reading PLY", function()
  teardown(lib.clean)

  it("reads text and both byte orders alike, with any properties around", function()
    for _, kind in ipairs { "ascii", "little", "big" } do
      local m = assert(lib.parse("a.ply", tetrahedron(kind)))
      assert.same({ 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1 }, m.position)
      assert.same({ 0, 2, 1, 0, 1, 3, 0, 3, 2, 0, 2, 1 }, m.triangle)
      assert.same({ tag = { 201, 202, 203, 204 } }, m.attribute)
      assert.equal("", m.note)
    end
  end)

  it("reads every spelling of every type", function()
    local types = {
      { "char", "int8", "int8_t", -100 }, { "uchar", "uint8", "uint8_t", 200 }, { "short", "int16", "int16_t", -30000 },
      { "ushort", "uint16", "uint16_t", 60000 }, { "int", "int32", "int32_t", -16777216 },
      { "uint", "uint32", "uint32_t", 4294967040 }, { "float", "float32", "float", 0.1 },
      { "double", "float64", "double", -1e300 },
    }
    for _, t in ipairs(types) do
      for spelling = 1, 2 do
        for _, big in ipairs { false, true } do
          local text = header(big and "big" or "little", "element vertex 1", "property float x", "property float y",
            "property float z", "property " .. t[spelling] .. " q", "end_header")
          local m = assert(lib.parse("a.ply", text .. ("\0"):rep(12) .. lib.bytes(t[3], t[4], big)))
          assert.equal(ffi.new("float[1]", t[4])[0], m.attribute.q[1])
        end
      end
    end
  end)

  it("reads headers with any line ending, before binary data that begins with one", function()
    local data = "\n\r\n\r" .. ("\0"):rep(8) .. "\3" .. ("\0"):rep(12)
    local expected = assert(lib.parse("a.ply", simple .. data))
    assert.same({ 0, 0, 0 }, expected.triangle)
    assert.is_true(expected.position[1] > 0)
    assert.same(expected, lib.parse("a.ply", simple:gsub("\n", "\r\n") .. data))
    assert.same(expected, lib.parse("a.ply", simple:gsub("\n", "\r") .. data))
  end)

  it("reads text with any line ending and blank lines", function()
    local text = ascii(3, "0 0 0\n\n 1 0 0 \n0 1 0\n3 0 1 2", 1)
    for _, ending in ipairs { "\n", "\r\n", "\r" } do
      assert.same({ 0, 1, 2 }, assert(lib.parse("a.ply", (text:gsub("\n", ending)))).triangle)
    end
  end)

  it("unrolls triangle strips: every second one turned, -1 begins anew, stitches dropped", function()
    local strip = { 0, 1, 2, 3, -1, 3, 2, 1, 1, 0 }
    for _, kind in ipairs { "ascii", "little", "big" } do
      local parts = {
        header(kind, "element vertex 4", "property float x", "property float y", "property float z",
          "element tristrips 1", "property list int int vertex_indices", "end_header"),
      }
      for _, c in ipairs(corners) do
        parts[#parts + 1] = pack(kind, { "float" }, c)
      end
      parts[#parts + 1] = pack(kind, { "int32_t" }, { #strip, unpack(strip) })
      assert.same({ 0, 1, 2, 2, 1, 3, 3, 2, 1 }, assert(lib.parse("a.ply", table.concat(parts))).triangle)
    end
  end)

  it("lets attributes be nan or infinite", function()
    local text = header("ascii", "element vertex 2", "property float x", "property float y", "property float z",
      "property float q", "end_header")
    local q = assert(lib.parse("a.ply", text .. "1 2 3 nan\n1 2 3 -inf\n")).attribute.q
    assert.is_true(q[1] ~= q[1])
    assert.equal(-math.huge, q[2])
  end)

  it("refuses wrong headers, with the line", function()
    local function with(...)
      return message("a.ply", lines("ply", "format ascii 1.0", ...))
    end
    assert.equal("a.ply:1: a PLY file begins with the line 'ply'", message("a.ply", "plx\nformat ascii 1.0\n"))
    assert.equal("a.ply:3: the file ends in the header (is it complete?)", with())
    assert.equal("a.ply:2: unknown format 'asci' (ascii, binary_little_endian or binary_big_endian)",
      message("a.ply", "ply\nformat asci 1.0\n"))
    assert.equal("a.ply:2: the format must be 'ascii', 'binary_little_endian' or 'binary_big_endian' 1.0",
      message("a.ply", "ply\nformat ascii 2.0\n"))
    assert.equal("a.ply:2: the header has no format", message("a.ply", "ply\nend_header\n"))
    assert.equal("a.ply:3: unknown word 'elephant' in the header", with("elephant 1"))
    assert.equal("a.ply:1: a PLY file begins with the line 'ply'", message("a.ply", "\239\187\191ply\n"))
    assert.equal("a.ply:3: an element needs a name and a count", with("element vertex"))
    assert.equal("a.ply:3: '-1' is not a count", with("element vertex -1"))
    assert.equal("a.ply:3: '12345678901234567890123' is not a count", with("element vertex 12345678901234567890123"))
    assert.equal("a.ply:3: 4294967296 are more than 4294967295", with("element vertex 4294967296"))
    assert.equal("a.ply:4: element vertex is declared twice", with("element vertex 1", "element vertex 1"))
    assert.equal("a.ply:3: a property stands before the first element", with("property float x"))
    assert.equal("a.ply:4: unknown type 'half'", with("element vertex 1", "property half x"))
    assert.equal("a.ply:4: unknown type 'half'", with("element vertex 1", "property list half int x"))
    assert.equal("a.ply:4: the length of a list cannot be a float",
      with("element vertex 1", "property list float int x"))
    assert.equal("a.ply:4: a property is 'property TYPE NAME' or 'property list TYPE TYPE NAME'",
      with("element vertex 1", "property float"))
    assert.equal("a.ply:5: property x is declared twice",
      with("element vertex 1", "property float x", "property float x"))
    assert.equal("a.ply:3: too many or too long words after 'element'", with("element " .. ("v"):rep(64) .. " 1"))
    assert.equal("a.ply:3: element vertex has no property z",
      with("element vertex 1", "property float x", "property float y", "end_header", "1 2"))
    assert.equal("a.ply:3: element vertex has no property x", with("element vertex 4000000000", "end_header"))
    assert.equal("a.ply:3: element face stands before element vertex",
      with("element face 1", "property list uchar int vertex_indices", "end_header", "3 0 1 2"))
    assert.equal("a.ply:3: element face has no list of integers vertex_indices",
      with("element face 1", "property list uchar float vertex_indices", "end_header", "3 0 1 2"))
    assert.equal("a.ply:1: there are no points in it", with("end_header"))
  end)

  it("refuses wrong text, with the line", function()
    assert.equal("a.ply:10: 'x' is not a number of the right type", message("a.ply", ascii(2, "1 2 x\n1 2 3\n")))
    assert.equal("a.ply:10: the line has too few values for element vertex",
      message("a.ply", ascii(2, "1 2 \n1 2 3\n")))
    assert.equal("a.ply:10: the line has more values than element vertex",
      message("a.ply", ascii(2, "1 2 3 4\n1 2 3")))
    assert.equal("a.ply:11: the file ends in element vertex, number 1 of 2 (is it complete?)",
      message("a.ply", ascii(2, "1.00000000 2 3\n")))
    assert.equal("a.ply:10: 9 of element vertex do not fit into the rest of the file (is it complete?)",
      message("a.ply", ascii(9, "1 2 3\n")))
    assert.equal("a.ply:11: face 0 uses point 1 but the file has 1 (both count from 0)",
      message("a.ply", ascii(1, "1 2 3\n3 0 1 0\n", 1)))
    assert.equal("a.ply:11: face 0 uses point -1 but the file has 1 (both count from 0)",
      message("a.ply", ascii(1, "1 2 3\n3 0 -1 0\n", 1)))
    assert.equal("a.ply:11: '0.5' is not a number of the right type",
      message("a.ply", ascii(1, "1 2 3\n3 0 0.5 0\n", 1)))
    assert.equal("a.ply:11: face 0 (counted from 0) has 2 corners (at least 3 are needed)",
      message("a.ply", ascii(1, "1 2 3\n2 0 0\n", 1)))
    assert.equal("a.ply:11: a list of 4000000000 does not fit into the rest of the file (is it complete?)",
      message("a.ply", ascii(1, "1 2 3\n4000000000 0 0\n", 1)))
    assert.equal("a.ply:11: a list has a length of -1", message("a.ply", ascii(1, "1 2 3\n-1 0 0\n", 1)))
  end)

  it("refuses wrong binary data, with the byte", function()
    local start, point = #simple, ("\0"):rep(12)
    local function at(offset, text)
      return ("a.ply: byte %d: %s"):format(start + offset, text)
    end
    assert.equal(at(0, "1 of element vertex do not fit into the rest of the file (is it complete?)"),
      message("a.ply", simple .. ("\0"):rep(5)))
    local late = header("little", "element vertex 1", "property float x", "property float y", "property float z",
      "element face 1", "property list uchar char vertex_indices", "property int q", "end_header")
    assert.equal(("a.ply: byte %d: the file ends in element face, number 0 of 1 (is it complete?)"):format(#late + 18),
      message("a.ply", late .. point .. "\3\0\0\0\0\0"))
    assert.equal(at(12, "1 of element face do not fit into the rest of the file (is it complete?)"),
      message("a.ply", simple .. point))
    assert.equal(at(12, "a list of 255 does not fit into the rest of the file (is it complete?)"),
      message("a.ply", simple .. point .. "\255" .. point))
    assert.equal(at(17, "face 0 uses point 16777216 but the file has 1 (both count from 0)"),
      message("a.ply", simple .. point .. "\3\0\0\0\0\0\0\0\1\0\0\0\0"))
    local huge = header("big", "element vertex 4294967295", "property float x", "property float y", "property float z",
      "end_header")
    assert.equal(("a.ply: byte %d: 4294967295 of element vertex do not fit into the rest of the file (is it complete?)")
      :format(#huge), message("a.ply", huge .. point))
  end)

  it("notes bytes after the end", function()
    assert.equal("3 bytes after the last element were not read",
      assert(lib.parse("a.ply", simple .. ("\0"):rep(12) .. "\3" .. ("\0"):rep(12) .. "end")).note)
  end)
end)

local function binary_stl(title, triangles)
  local parts = { title .. ("\0"):rep(80 - #title), lib.bytes("uint32_t", #triangles) }
  for _, t in ipairs(triangles) do
    parts[#parts + 1] = ("\0"):rep(12)
    for _, x in ipairs(t) do
      parts[#parts + 1] = lib.bytes("float", x)
    end
    parts[#parts + 1] = "\0\0"
  end
  return table.concat(parts)
end

local two = { { 0, 0, 0, 1, 0, 0, 1, 1, 0 }, { 1, 1, 0, 0, 1, 0, -0.0, 0, -0.0 } }

local function text_stl(triangles)
  local out = { "solid a part" }
  for _, t in ipairs(triangles) do
    out[#out + 1] = " facet normal nan 0 1e5\n  outer loop"
    for k = 1, 9, 3 do
      out[#out + 1] = ("   vertex %g %g %g"):format(t[k], t[k + 1], t[k + 2])
    end
    out[#out + 1] = "  endloop\n endfacet"
  end
  return lines(table.concat(out, "\n"), "endsolid a part")
end

describe("reading STL", function()
  teardown(lib.clean)

  it("joins corners at the same place, -0 being 0, in order of appearance", function()
    local position, triangle = { 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0 }, { 0, 1, 2, 2, 3, 0 }
    local text = text_stl(two)
    local forms = {
      binary_stl("solid but binary", two), binary_stl("", two), text, text:gsub("\n", "\r\n"), text:gsub("\n", "\r"),
      text:upper(), (text:gsub("\n ", " ")), text_stl { two[1] } .. text_stl { two[2] },
    }
    for k = 1, #forms do
      local m = assert(lib.parse("a.stl", forms[k]))
      assert.same(position, m.position)
      assert.same(triangle, m.triangle)
      assert.equal("", m.note)
    end
  end)

  it("goes by content, not by name", function()
    for _, bytes in ipairs { binary_stl("", two), text_stl(two), tetrahedron("big") } do
      assert.is_truthy(lib.parse("a.bin", bytes))
    end
  end)

  it("leaves out triangles that have lost their area, with a note", function()
    local m = assert(lib.parse("a.stl", binary_stl("", { two[1], { 0, 0, 0, 0, 0, 0, 1, 1, 0 } })))
    assert.same({ 0, 1, 2 }, m.triangle)
    assert.equal("1 of 2 triangles have two corners at one place and were left out", m.note)
  end)

  it("refuses broken files, with the byte or the line", function()
    local binary = binary_stl("", two)
    assert.equal("a.stl: byte 40: the file ends in the header of 84 bytes (is it complete?)",
      message("a.stl", binary:sub(1, 40)))
    assert.equal("a.stl: byte 150: the file ends in triangle 1 of 2 (is it complete?)",
      message("a.stl", binary:sub(1, 150)))
    assert.equal("a.stl: byte 150: the file ends in triangle 1 of 2 (is it complete?)",
      message("a.stl", binary_stl("solid part", two):sub(1, 150)))
    assert.equal("5 bytes after the last triangle were not read", assert(lib.parse("a.stl", binary .. "hello")).note)
    assert.equal("a.stl:1: there are no points in it", message("a.stl", binary_stl("", {})))
    local text = text_stl(two)
    assert.same(lib.parse("a.stl", text), lib.parse("a.stl", "\239\187\191" .. text))
    assert.equal("a.stl:6: 'vortex' stands where 'vertex' should",
      message("a.stl", (text:gsub("vertex 1 1", "vortex 1 1", 1))))
    assert.equal("a.stl:4: '1e9x' is not a number", message("a.stl", (text:gsub("vertex 0", "vertex 1e9x", 1))))
    assert.equal("a.stl:16: the file ends where 'endsolid' should stand (is it complete?)",
      message("a.stl", (text:gsub("endsolid.*", ""))))
    assert.equal("a.stl:5: the file ends in a vertex (is it complete?)",
      message("a.stl", (text:gsub("vertex 1 0 0.*", "vertex 1"))))
  end)
end)

describe("reading any file", function()
  teardown(lib.clean)

  local function is_finite(v)
    return v - v == 0
  end

  local function lost(first)
    return ("1 of 4 points are not finite, the first is point %d, counted from 0 (samplers and fields leave their "
      .. "triangles out)"):format(first)
  end

  it("keeps points that are not finite, in their place, and says so", function()
    local body = "0 0 0\n1 0 0\n1 %s 0\n0 1 0\n3 0 1 2\n3 0 2 3\n"
    local head = header("ascii", "element vertex 4", "property float x", "property float y", "property float z",
      "element face 2", "property list uchar int vertex_indices", "end_header")
    for _, value in ipairs { "nan", "-NaN", "inf", "-Infinity", "1e39" } do
      for name, text in pairs {
        ["a.obj"] = "v " .. body:gsub("\n3 0 1 2.*", "\n"):gsub("\n(.)", "\nv %1") .. "f 1 2 3\nf 1 3 4\n",
        ["a.ply"] = head .. body,
      } do
        local m = assert(lib.parse(name, text:format(value)))
        assert.equal(lost(2), m.note)
        assert.same({ 0, 1, 2, 0, 2, 3 }, m.triangle)
        for i, v in ipairs(m.position) do
          assert.equal(i ~= 8, is_finite(v))
        end
      end
    end
    local bad = { { 0, 0, 0, 1, 0, 0, 0 / 0, 1, 0 }, { 1, 0, 0, 0 / 0, 1, 0, 1, 1, 0 } }
    for _, text in ipairs { binary_stl("", bad), text_stl(bad), (text_stl(bad):gsub("nan 1", "1e99 1")) } do
      local m = assert(lib.parse("a.stl", text))
      assert.equal(lost(2), m.note)
      assert.same({ 0, 1, 2, 1, 2, 3 }, m.triangle)
    end
  end)

  it("writes what it was read with, and nothing that became so", function()
    local from = lib.temporary("from.obj")
    lib.save(from, square .. "v nan 5 5\nf 1 2 3 4\n")
    local mesh = assert(lib.read(from))
    for _, ending in ipairs { ".obj", ".ply", ".usda" } do
      local to = lib.temporary("to" .. ending)
      assert.equal(0, tonumber(C.wh_mesh_write(mesh, to)))
      if ending == ".usda" then
        assert.is_truthy(lib.load(to):find("extent = [(0, 0, 0), (1, 5, 5)]", 1, true))
      else
        assert.same(lib.describe(mesh).note, lib.describe(assert(lib.read(to))).note)
      end
    end
    local values = ffi.new("float[15]", 0, 0, 0 / 0)
    values[13] = 0 / 0
    C.wh_mesh_set_positions(mesh, values)
    local to = lib.temporary("to.obj")
    assert.are_not.equal(0, tonumber(C.wh_mesh_write(mesh, to)))
    assert.equal(to .. ": point 4 is not finite (nan); nothing was written (points count from 0; look for the stage "
      .. "that makes it)", ffi.string(C.wh_last_error()))
  end)

  it("refuses a file in which no point is finite", function()
    assert.equal("a.obj: none of its 3 points is finite (is it damaged?)",
      message("a.obj", "v nan 0 0\nv 0 inf 0\nv 0 0 nan\nf 1 2 3\n"))
  end)

  it("says what is wrong with a path", function()
    local _, text, status = lib.read("no/such/file.obj")
    assert.equal("no/such/file.obj: cannot be read: No such file or directory", text)
    assert.equal(lib.IO, status)
    _, text = lib.read("spec")
    assert.equal("spec: cannot be read: Is a directory", text)
    _, text = lib.read("/dev/null")
    assert.equal("/dev/null: cannot be read: not a regular file", text)
    local pipe = lib.temporary("pipe.obj")
    assert.equal(0, os.execute(("mkfifo '%s'"):format(pipe)))
    _, text = lib.read(pipe)
    assert.equal(pipe .. ": cannot be read: not a regular file", text)
    _, text, status = lib.read(nil)
    assert.equal("wh_mesh_read: path is NULL", text)
    assert.equal(lib.ARGUMENT, status)
  end)

  it("refuses views of another size", function()
    local path = lib.temporary("a.obj")
    lib.save(path, square)
    local mesh, view = assert(lib.read(path)), ffi.new("wh_view")
    assert.equal(lib.ARGUMENT, tonumber(C.wh_mesh_view(mesh, view)))
    assert.equal("wh_mesh_view: view.size is 0 (set it to sizeof(wh_view), " .. ffi.sizeof(view) .. ")",
      ffi.string(C.wh_last_error()))
  end)

  it("gives every mesh a topology of its own", function()
    local path = lib.temporary("a.obj")
    lib.save(path, square)
    local seen = {}
    for _ = 1, 3 do
      local mesh, view = assert(lib.read(path)), ffi.new("wh_view")
      view.size = ffi.sizeof(view)
      C.wh_mesh_view(mesh, view)
      local topology = tostring(view.topology)
      assert.is_nil(seen[topology])
      assert.not_equal("0ULL", topology)
      seen[topology] = true
    end
  end)

  it("survives every cut and every flipped bit of a valid file", function()
    local obj = square .. "v 1 1 1 0.5 0.5 0.5\nf 1//1 2/2/2 -3 \\\n4\nf 1 2 5\n"
    local files = {
      { "a.obj", obj }, { "a.stl", binary_stl("", two) }, { "b.stl", text_stl(two) },
      { "a.ply", tetrahedron("ascii") }, { "b.ply", tetrahedron("little") }, { "c.ply", tetrahedron("big") },
    }
    for _, file in ipairs(files) do
      local name, bytes = file[1], file[2]
      assert.is_truthy(lib.parse(name, bytes))
      local path, refused, read = lib.temporary(name), 0, 0
      local function try(changed)
        lib.save(path, changed)
        local mesh, text = lib.read(path)
        if not mesh then
          refused = refused + 1
          assert.equal(1, text:find(path, 1, true))
          assert.is_nil(text:find("\n", 1, true))
          return
        end
        read = read + 1
        local m = lib.describe(mesh)
        for _, i in ipairs(m.triangle) do
          assert.is_true(i < #m.position / 3)
        end
        local finite = true
        for _, x in ipairs(m.position) do
          finite = finite and is_finite(x)
        end
        assert.equal(finite, not m.note:find("not finite", 1, true))
      end
      for n = 0, #bytes - 1 do
        try(bytes:sub(1, n))
      end
      for n = 1, #bytes do
        local flipped = bit.bxor(bytes:byte(n), bit.lshift(1, n % 8))
        try(bytes:sub(1, n - 1) .. string.char(flipped) .. bytes:sub(n + 1))
      end
      assert.is_true(refused > 0 and read > 0, name)
    end
  end)
end)

describe("writing", function()
  teardown(lib.clean)

  local function write_mesh(bytes, ending)
    local from, to = lib.temporary("from.ply"), lib.temporary("to" .. ending)
    lib.save(from, bytes)
    local mesh = assert(lib.read(from))
    assert.equal(0, tonumber(C.wh_mesh_write(mesh, to)), ffi.string(C.wh_last_error()))
    return to, lib.describe(mesh)
  end

  -- Positions that no short decimal hits, and polygons.
  local function awkward()
    local rows = {}
    for k = 1, 999 do
      local x = math.random() * 10 ^ math.random(-6, 10)
      rows[k] = ("%.17g %.17g %.9g"):format(x, -1 / (k + 2), k * 1e6)
    end
    rows[1000] = "1.17549435e-38 -3.4028235e38 1e-45"
    return ascii(1000, table.concat(rows, "\n") .. "\n5 0 1 2 3 4\n3 7 8 9\n4 4 3 2 1\n", 3)
  end

  it("gives back the same mesh from PLY and OBJ, polygons included", function()
    for _, ending in ipairs { ".ply", ".obj" } do
      local path, before = write_mesh(awkward(), ending)
      assert.same(before, lib.describe(lib.read(path)))
    end
    assert.same({ "f 1 2 3 4 5", "f 8 9 10", "f 5 4 3 2" },
      { lib.load((write_mesh(awkward(), ".OBJ"))):match("(f [^\n]*)\n(f [^\n]*)\n(f [^\n]*)\n$") })
  end)

  it("keeps attributes in PLY, and colours in OBJ", function()
    local text = header("ascii", "element vertex 2", "property float x", "property float y", "property float z",
      "property uchar red", "property uchar green", "property uchar blue", "property float heat", "end_header")
    local path, before = write_mesh(text .. "0 0 0 1 2 3 0.5\n1 2 3 4 5 6 -0.1\n", ".ply")
    assert.same(before, lib.describe(lib.read(path)))
    assert.equal("v 0 0 0 1 2 3\nv 1 2 3 4 5 6\n",
      lib.load((write_mesh(text .. "0 0 0 1 2 3 0.5\n1 2 3 4 5 6 -0.1\n", ".obj"))))
  end)

  it("writes polygons of more than 255 corners", function()
    local rows, face = {}, { "300" }
    for k = 0, 299 do
      rows[#rows + 1] = ("%d %d 0"):format(k, k * k)
      face[#face + 1] = k
    end
    local path, before = write_mesh(ascii(300, table.concat(rows, "\n") .. "\n" .. table.concat(face, " "), 1)
      :gsub("list uchar", "list ushort"), ".ply")
    assert.equal(298 * 3, #before.triangle)
    assert.same(before, lib.describe(lib.read(path)))
  end)

  it("writes USD meshes", function()
    local path = write_mesh(ascii(4, "0 0 0\n1 0 0\n1 1.5 0\n0 1 -2\n4 0 1 2 3\n", 1), ".usda")
    assert.equal([[
#usda 1.0
(
    defaultPrim = "mesh"
    metersPerUnit = 1
    upAxis = "Y"
)

def Mesh "mesh"
{
    float3[] extent = [(0, 0, -2), (1, 1.5, 0)]
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 2, 3]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1.5, 0), (0, 1, -2)]
    uniform token subdivisionScheme = "none"
}
]], lib.load(path))
  end)

  local function points()
    local p = ffi.new("wh_points")
    p.size, p.count = ffi.sizeof(p), 2
    local keep = { ffi.new("float[6]", 0, 0.1, -0.7, 1, 2, 1e-7), ffi.new("uint64_t[2]", 5, 0xfffffffffffffffeULL),
      ffi.new("float[2]", 1, 0.75) }
    p.position, p.id, p.value = keep[1], keep[2], keep[3]
    return p, keep
  end

  local function write_points(ending)
    local path, p, keep = lib.temporary("p" .. ending), points()
    assert.equal(0, tonumber(C.wh_points_write(p, path)), ffi.string(C.wh_last_error()))
    assert.equal(3, #keep)
    return path
  end

  it("writes points as PLY, CSV and OBJ", function()
    local m = lib.describe(assert(lib.read(write_points(".ply"))))
    local exact = ffi.new("float[3]", 0.1, -0.7, 1e-7)
    assert.same({ 0, exact[0], exact[1], 1, 2, exact[2] }, m.position)
    assert.same({ id_low = { 5, 4294967296 }, id_high = { 0, 4294967296 }, winding = { 1, 0.75 } }, m.attribute)
    assert.equal("x,y,z,id,winding\n0,0.1,-0.7,5,1\n1,2,1.00000001e-07,18446744073709551614,0.75\n",
      lib.load(write_points(".csv")))
    assert.equal("v 0 0.1 -0.7\nv 1 2 1.00000001e-07\n", lib.load(write_points(".obj")))
  end)

  it("writes points as USD points and instances", function()
    local text = lib.load(write_points(".usda"))
    assert.is_truthy(text:find('defaultPrim = "points"\n    metersPerUnit = 1\n    upAxis = "Y"\n', 1, true))
    assert.is_truthy(text:find('def Points "points"\n{\n    float3[] extent = [(', 1, true))
    assert.is_truthy(text:find("    point3f[] points = [(0, 0.1, -0.7), (1, 2, 1.00000001e-07)]\n", 1, true))
    assert.is_truthy(text:find("    int64[] ids = [5, -2]\n", 1, true))
    assert.is_truthy(text:find('    float[] primvars:winding = [1, 0.75] (\n', 1, true))
    text = lib.load(write_points(".instancer.usda"))
    assert.is_truthy(text:find('def PointInstancer "points"\n', 1, true))
    assert.is_truthy(text:find("    point3f[] positions = [(0, 0.1, -0.7), (1, 2, 1.00000001e-07)]\n", 1, true))
    assert.is_truthy(text:find("    int[] protoIndices = [0, 0]\n", 1, true))
    assert.is_truthy(text:find("    rel prototypes = </points/prototypes/sphere>\n", 1, true))
    assert.is_truthy(text:find('def Sphere "sphere"\n        {\n            double radius = ', 1, true))
  end)

  it("writes the same whatever the decimal point of the locale", function()
    ffi.cdef "char *setlocale(int, const char *);"
    local before = lib.load(write_points(".csv"))
    local found = ffi.C.setlocale(1, "de_DE.UTF-8") ~= nil
    local after = lib.load(write_points(".csv"))
    ffi.C.setlocale(1, "C")
    if not found then
      pending("no German locale on this machine")
    end
    assert.equal(before, after)
  end)

  it("writes through links, keeps the mode, and leaves nothing beside", function()
    local path = write_points(".csv")
    local link = lib.temporary("link.csv")
    lib.save(path, "old")
    ffi.C.chmod(path, tonumber("640", 8))
    os.execute(("ln -s '%s' '%s'"):format(path, link))
    local p, keep = points()
    assert.equal(0, tonumber(C.wh_points_write(p, link)))
    assert.equal(3, #keep)
    assert.equal(0, os.execute(("test -L '%s'"):format(link)))
    assert.is_truthy(lib.load(path):find("^x,y,z"))
    local pipe = io.popen(("stat -c %%a '%s'; ls -A '%s' | grep -c tmp"):format(path, lib.folder))
    assert.equal("640\n0\n", pipe:read("*a"))
    pipe:close()
  end)

  it("refuses positions that are not finite, and writes nothing", function()
    local from, advice = lib.temporary("from.obj"),
      "; nothing was written (points count from 0; look for the stage that makes it)"
    lib.save(from, square)
    local mesh, values = assert(lib.read(from)), ffi.new("float[12]")
    for text, value in pairs { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge } do
      values[7] = value
      C.wh_mesh_set_positions(mesh, values)
      for _, ending in ipairs { ".ply", ".obj", ".usda" } do
        local to = lib.temporary("to" .. ending)
        assert.equal(lib.ARGUMENT, tonumber(C.wh_mesh_write(mesh, to)))
        assert.equal(("%s: point 2 is not finite (%s)%s"):format(to, text, advice), ffi.string(C.wh_last_error()))
        assert.is_nil((io.open(to)))
      end
      local p, keep = points()
      keep[1][5] = value
      local to = lib.temporary("p.csv")
      assert.equal(lib.ARGUMENT, tonumber(C.wh_points_write(p, to)))
      assert.equal(("%s: point 1 is not finite (%s)%s"):format(to, text, advice), ffi.string(C.wh_last_error()))
      assert.is_nil((io.open(to)))
    end
  end)

  it("says what cannot be written", function()
    local p, keep = points()
    local function refused(path, status)
      assert.equal(status, tonumber(C.wh_points_write(p, path)))
      return ffi.string(C.wh_last_error())
    end
    assert.equal("no/such/p.csv: cannot be written: No such file or directory", refused("no/such/p.csv", lib.IO))
    assert.equal("p.xyz: points are written as .ply, .obj, .csv, .usda or .instancer.usda (change the ending)",
      refused("p.xyz", lib.ARGUMENT))
    local folder = lib.temporary("folder.csv")
    os.execute(("mkdir '%s'"):format(folder))
    assert.equal(folder .. ": cannot be written: Is a directory", refused(folder, lib.IO))
    local pipe = lib.temporary("pipe.csv")
    assert.equal(0, os.execute(("mkfifo '%s'"):format(pipe)))
    assert.equal(pipe .. ": cannot be written: not a regular file", refused(pipe, lib.IO))
    p.size = 1
    assert.equal("wh_points_write: points.size is 1 (set it to sizeof(wh_points), " .. ffi.sizeof(p) .. ")",
      refused("p.csv", lib.ARGUMENT))
    assert.equal(3, #keep)
    local path = lib.temporary("a.obj")
    lib.save(path, square)
    assert.equal(lib.ARGUMENT, tonumber(C.wh_mesh_write(lib.read(path), "m.csv")))
    assert.equal("m.csv: meshes are written as .ply, .obj or .usda (change the ending)",
      ffi.string(C.wh_last_error()))
  end)
end)
