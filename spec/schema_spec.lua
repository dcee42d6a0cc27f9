local ffi = require "ffi"
local schema = require "whorl.schema"

local twist = [[float angle WH_UI(90, min = -720, max = 720, unit = "deg", doc = "Turn, (reached) one \"length\" up");]]
  .. [[ float length WH_UI(1, min = 1e-4, max = 1e4, unit = "m"); int axis WH_UI(1, choices = "x|y|z"); ]]
  .. [[bool clamp WH_UI(true, doc = "Stop; " "either end");]]

describe("schema.parse", function()
  it("reads the declared parameters in order", function()
    local params, size = assert(schema.parse(twist, "deform_twist"))
    assert.are.equal(16, size)
    assert.are.same({ name = "angle", type = "float", ctype = "float", count = 1, default = 90, min = -720, max = 720,
                      unit = "deg", doc = 'Turn, (reached) one "length" up', offset = 0, size = 4 }, params[1])
    assert.are.same({ name = "length", type = "float", ctype = "float", count = 1, default = 1, min = 1e-4, max = 1e4,
                      unit = "m", offset = 4, size = 4 }, params[2])
    assert.are.same({ name = "axis", type = "choice", ctype = "int", count = 1, default = 1, min = 0, max = 2,
                      choices = { "x", "y", "z" }, offset = 8, size = 4 }, params[3])
    assert.are.same({ name = "clamp", type = "bool", ctype = "bool", count = 1, default = true, min = 0, max = 1,
                      doc = "Stop; either end", offset = 12, size = 1 }, params[4])
  end)

  it("reads vectors, texts and open ranges", function()
    local params, size = assert(schema.parse([[bool on WH_UI(false); float center[3] WH_UI({ 0, -1.5, .5 });
      char weights[5] WH_UI("ab", attribute = true); int seed WH_UI(-7);]], "f"))
    assert.are.same({ 0, -1.5, 0.5 }, params[2].default)
    assert.are.same({ 3, 4, 12 }, { params[2].count, params[2].offset, params[2].size })
    assert.are.same({ "string", "char", 5, true, 16, 5 }, { params[3].type, params[3].ctype, params[3].count,
                    params[3].attribute, params[3].offset, params[3].size })
    assert.are.same({ -2147483648, 2147483647, 24 }, { params[4].min, params[4].max, params[4].offset })
    assert.are.equal(28, size)
    assert.are.equal(ffi.sizeof "struct { bool a; float b[3]; char c[5]; int d; }", size)
  end)

  it("reads former names", function()
    local params = assert(schema.parse("float a WH_UI(1, was = \"b\"); float c WH_UI(2, doc = \"d\");", "deform_t"))
    assert.are.same({ "b", nil }, { params[1].was, params[2].was })
    assert.are.equal("mask", assert(schema.parse("float a WH_UI(1, was = \"mask\");", "field_t"))[1].was)
  end)

  it("has none in an empty text", function()
    local params, size = schema.parse("", "deform_none")
    assert.are.same({}, params)
    assert.are.equal(0, size)
  end)

  for text, message in pairs {
    ["float a;"] = "parameter 'a': the default is missing: WH_UI(default, …) comes before the ;",
    ["float a WH_UI();"] = "parameter 'a': the default is missing: WH_UI(default, …)",
    ["float a WH_UI(min = 0);"] = "parameter 'a': the default is missing: it comes first, WH_UI(default, …)",
    ["float a WH_UI(3, max = 2);"] = "parameter 'a': the default = 3 is outside -3.4028234663852886e+38 .. 2",
    ["float a WH_UI(3, max = 2, min = 4);"] = "parameter 'a': min 4 is above max 2",
    ["float a WH_UI(3, mox = 2);"] = "parameter 'a': there is no key 'mox' (did you mean 'max'?)",
    ["float a WH_UI(3, max = 4, max = 5);"] = "parameter 'a': 'max' is given twice",
    ["float a WH_UI(3, max = \"4\");"] = "parameter 'a': max wants a number",
    ["float a WH_UI(true);"] = "parameter 'a': the default wants a number, not true",
    ["float a WH_UI(1e39);"] = "parameter 'a': the default = 1e+39 is outside "
      .. "-3.4028234663852886e+38 .. 3.4028234663852886e+38",
    ["float a WH_UI(1e999);"] = "parameter 'a': the default = inf is not finite",
    ["float a WH_UI(0.5f);"] = "parameters of deform_t: 0.5f is not a plain number, such as 0.5 or 1e-3",
    ["float a WH_UI(os.exit(1));"] = "parameters of deform_t: \".\" does not belong here",
    ["float a WH_UI(os);"] = "parameter 'a': \"os\" is not a value",
    ["float a WH_UI((1));"] = "parameter 'a': a default expected before \"(\"",
    ["float *a WH_UI(1);"] = "parameters of deform_t: a float * is a pointer, which a parameter cannot be",
    ["double a WH_UI(1);"] = "parameters of deform_t: there is no type 'double' (there are float, int, bool and char)",
    ["float a, b WH_UI(1);"] = "parameter 'a': one declaration is for one parameter",
    ["float a WH_UI(1) float b WH_UI(1);"] = "parameter 'a': ; expected before \"float\"",
    ["float a WH_UI(1); float a WH_UI(1);"] = "parameter 'a': it is declared twice",
    ["float mask WH_UI(1);"] = "parameter 'mask': its name is reserved",
    ["float end WH_UI(1);"] = "parameter 'end': its name is reserved",
    ["float _a WH_UI(1);"] = "parameter '_a': its name must begin with a letter",
    ["float a[5] WH_UI(1);"] = "parameter 'a': float [n] wants n = 2 .. 4",
    ["float a[2] WH_UI(1);"] = "parameter 'a': the default wants 2 numbers, { … }, not 1",
    ["float a[2] WH_UI({ 1, 2, 3 });"] = "parameter 'a': the default wants 2 numbers, { … }, not more",
    ["float a[2] WH_UI({ 1 });"] = "parameter 'a': the default wants 2 numbers, { … }, and has no number 2",
    ["bool a[2] WH_UI({ 1, 2 });"] = "parameter 'a': bool takes no [n]; only float, int and char do",
    ["int a[2] WH_UI({ 1, 2.5 });"] = "parameter 'a': the default[2] = 2.5 is not a whole number",
    ["int a WH_UI(1.5);"] = "parameter 'a': the default = 1.5 is not a whole number",
    ["int a WH_UI(0, max = 3e9);"] = "parameter 'a': min and max do not fit in int",
    ["int a WH_UI(3, choices = \"x|y\");"] = "parameter 'a': the default = 3 is none of x, y",
    ["int a WH_UI(\"x\", choices = \"x|y\");"] = "parameter 'a': the default of choices is a number, from 0",
    ["int a WH_UI(0, choices = \"x\");"] = "parameter 'a': choices wants 2 .. 64 words, \"x|y|z\"",
    ["int a WH_UI(0, choices = \"x||z\");"] = "parameter 'a': the choice \"\" is not a word",
    ["int a WH_UI(0, choices = \"x|x\");"] = "parameter 'a': the choice \"x\" is there twice",
    ["float a WH_UI(0, choices = \"x|y\");"] = "parameter 'a': only a single int has choices",
    ["bool a WH_UI(true, min = 0);"] = "parameter 'a': min is only for float and int without choices",
    ["float a WH_UI(0, attribute = true);"] = "parameter 'a': only a char [N] can name an attribute",
    ["char a WH_UI(\"\");"] = "parameter 'a': char wants a size, char name[N], N = 2 .. 1024",
    ["char a[3] WH_UI(\"abc\");"] = "parameter 'a': the default has 3 bytes, and takes 2 at most",
    ["char a[3] WH_UI(\"ab);"] = "parameters of deform_t: a string is not closed",
    ["char a[3] WH_UI(\"\\x41\");"] = "parameters of deform_t: \\x in a string is not one of \\n \\t \\\" \\\\",
    ["float a WH_UI(1); @"] = "parameters of deform_t: \"@\" does not belong here",
    ["float a WH_UI(1)"] = "parameter 'a': ; expected at the end",
    ["float a WH_UI(1, was = 3);"] = "parameter 'a': was wants a string",
    ["float a WH_UI(1, was = \"\");"] = "parameter 'a': was \"\" is not a word",
    ["float a WH_UI(1, was = \"b c\");"] = "parameter 'a': was \"b c\" is not a word",
    ["float a WH_UI(1, was = \"_b\");"] = "parameter 'a': was \"_b\" is not a word",
    ["float a WH_UI(1, was = \"" .. ("b"):rep(64) .. "\");"] = "parameter 'a': was is longer than 63 letters",
    ["float a WH_UI(1, was = \"mask\");"] = "parameter 'a': was \"mask\" is reserved",
    ["float a WH_UI(1, was = \"a\");"] = "parameter 'a': was \"a\" is its name now",
    ["float a WH_UI(1, was = \"b\", was = \"c\");"] = "parameter 'a': 'was' is given twice",
    ["float a WH_UI(1, was = \"b\"); float b WH_UI(1);"] =
      "parameter 'a': was \"b\" is the name of another parameter",
    ["float a WH_UI(1, was = \"c\"); float b WH_UI(1, was = \"c\");"] =
      "parameter 'b': was \"c\" is the former name of 'a' too",
    ["float"] = "parameters of deform_t: the name of a parameter expected at the end",
    [("{"):rep(70000)] = "parameters of deform_t: more than 65536 bytes of text",
    [("{"):rep(60000)] = "parameters of deform_t: a type expected before \"{\"",
  } do
    it("refuses " .. text:sub(1, 50), function()
      local params, problem = schema.parse(text, "deform_t")
      assert.is_nil(params)
      assert.are.equal(message, problem)
    end)
  end

  it("refuses more attributes than a kernel can have", function()
    local four = {}
    for i = 1, 4 do four[i] = ("char a%d[8] WH_UI(\"\", attribute = true); char t%d[8] WH_UI(\"\");"):format(i, i) end
    assert.are.equal(8, #assert(schema.parse(table.concat(four), "f")))
    assert.are.equal("parameter 'e': more than 4 parameters name attributes",
                     select(2, schema.parse(table.concat(four) .. 'char e[8] WH_UI("", attribute = true);', "f")))
  end)

  it("refuses too many parameters and too large a struct", function()
    local many, large = {}, {}
    for i = 1, 65 do many[i] = ("float p%d WH_UI(0);"):format(i) end
    for i = 1, 9 do large[i] = ("char p%d[1024] WH_UI(\"\");"):format(i) end
    assert.are.equal("parameter 'p65': more than 64 parameters", select(2, schema.parse(table.concat(many), "f")))
    assert.are.equal("parameters of f: the struct has 9216 bytes, more than 8192",
                     select(2, schema.parse(table.concat(large), "f")))
  end)

  it("never raises an error for any prefix or damage of a declaration", function()
    for i = 1, #twist do
      local cut, hole = twist:sub(1, i), twist:sub(1, i - 1) .. "\0" .. twist:sub(i + 1)
      assert.has_no.errors(function() schema.parse(cut, "t") end)
      assert.is_nil((schema.parse(hole:gsub("%s", ""), "t")))
    end
  end)
end)

describe("schema.check", function()
  it("is silent when the compiler agrees", function()
    assert.is_nil(schema.check(twist, 16, "deform_twist"))
    assert.is_nil(schema.check("", 0, "deform_none"))
  end)

  it("says how the layouts differ", function()
    assert.are.equal("layout of deform_twist differs: 16 bytes declared, 20 compiled "
                     .. "(rebuild it with the same whorl_kernel.h)", schema.check(twist, 20, "deform_twist"))
  end)

  it("says what is wrong with the text", function()
    assert.are.equal("parameter 'a': it is declared twice",
                     schema.check("float a WH_UI(1); float a WH_UI(1);", 8, "deform_t"))
  end)
end)
