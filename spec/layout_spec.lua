--- How values cross from one declaration of a kernel's parameters to another, and how it is said. The answers are
--- worked out by hand from the rules in runtime/layout.h. See spec/programs/layout.c.
local schema = require "whorl.schema"
local command = require "spec.support.command"

local program = command.quote(assert(os.getenv "WHORL_BUILD") .. "/spec/layout")

--- Runs the program on two declarations; sizes may be given in place of those that the declarations have.
local function layout(from, to, values, from_size, to_size, readings)
  local folder, remove = command.folder()
  command.write(folder .. "/from", from)
  command.write(folder .. "/to", to)
  local function size(text) return select(2, assert(schema.parse(text, "deform_t"))) end
  local status, out, err = command.shell(folder, ("%s %d from %d to %d %s"):format(
    program, readings or 1, from_size or size(from), to_size or size(to), values or ""))
  remove()
  assert.are.equal("", err)
  local lines = {}
  for line in out:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines, status
end

local function value(kind, default, more) return ("%s WH_UI(%s%s);"):format(kind, default, more or "") end

describe("values cross from one declaration to the next", function()
  --- One parameter becomes one other: how the two differ, and the new value.
  local function check(from, to, given, difference, result)
    local lines, status = layout(from, to, given)
    assert.are.equal(0, status)
    assert.are.same({ difference, result }, { lines[1], lines[#lines] })
  end

  it("as they are", function()
    local text = 'float a WH_UI(1); int b[2] WH_UI({ 2, 3 }); bool c WH_UI(false); char d[9] WH_UI("x"); '
      .. 'int e WH_UI(0, choices = "p|q");'
    assert.are.same({ "", "a -> a", "b -> b", "c -> c", "d -> d", "e -> e",
                      "a = 0.100000001", "b = -5 7", "c = 1", "d = words", "e = 1" },
                    (layout(text, text, "a=0.1 b=-5,7 c=1 d=words e=1")))
  end)

  it("to wherever they are declared now, others having their defaults", function()
    assert.are.same({ "added more, added words, removed far", "near -> near", "far -> nothing", "axis -> axis",
                      "axis = 2", "more = 4", "near = 8.5", "words = two" },
      (layout("float near WH_UI(1); float far WH_UI(2); int axis WH_UI(1, choices = \"x|y|z\");",
              'int axis WH_UI(1, choices = "x|y|z"); float more WH_UI(4); float near WH_UI(1); '
                .. 'char words[8] WH_UI("two");', "near=8.5 far=9 axis=2")))
  end)

  it("by their former name, forwards and back", function()
    local old, new = value("float amount", 1), value("float distance", 1, ', was = "amount"')
    assert.are.same({ "renamed amount to distance", "amount -> distance", "distance = 7" },
                    (layout(old, new, "amount=7")))
    assert.are.same({ "renamed distance to amount", "distance -> amount", "amount = 7" },
                    (layout(new, old, "distance=7")))
  end)

  it("by a former name for one step only", function()
    assert.are.same({ "added c, removed a", "a -> nothing", "c = 3" },
                    (layout(value("float a", 1), value("float c", 3, ', was = "b"'), "a=7")))
  end)

  it("by their own name before a former one", function()
    assert.are.same({ "added b", "a -> a", "b = 2", "a = 7" },
                    (layout(value("float a", 1, ', was = "b"'), value("float b", 2) .. value("float a", 1), "a=7")))
    assert.are.same({ "removed a", "a -> b", "b -> b", "b = 8" },
                    (layout(value("float a", 1) .. value("float b", 2), value("float b", 2, ', was = "a"'),
                            "a=7 b=8")))
  end)

  for name, case in pairs {
    ["a smaller range"] = { value("float a", 1), value("float a", 1, ", min = 0, max = 10"), "a=55.5",
                            "new range of a 0 .. 10", "a = 10" },
    ["a range from below"] = { value("int a", 1), value("int a", 4, ", min = 3"), "a=-9",
                               "new range of a from 3, new default of a", "a = 3" },
    ["a range up to"] = { value("float a", 1), value("float a", 1, ", max = 2.5"), "a=1e30",
                          "new range of a up to 2.5", "a = 2.5" },
    ["no range any more"] = { value("float a", 1, ", max = 2"), value("float a", 1), "a=1.5", "no range of a",
                              "a = 1.5" },
    ["another default"] = { value("float a", 1), value("float a", 2), "a=1", "new default of a", "a = 1" },
    ["float to int"] = { value("float a", 1), value("int a", 1), "a=2.5", "retyped a from float to int", "a = 3" },
    ["float to int, below"] = { value("float a", 1), value("int a", 1), "a=-1e20", "retyped a from float to int",
                                "a = -2147483648" },
    ["infinity to int"] = { value("float a", 1), value("int a", 1), "a=inf", "retyped a from float to int",
                            "a = 2147483647" },
    ["int to float"] = { value("int a", 1), value("float a", 1), "a=-16777217", "retyped a from int to float",
                         "a = -16777216" },
    ["float to bool"] = { value("float a", 1), value("bool a", "false"), "a=-0.25", "retyped a from float to bool",
                          "a = 1" },
    ["zero to bool"] = { value("int a", 1), value("bool a", "true"), "a=0", "retyped a from int to bool", "a = 0" },
    ["bool to int"] = { value("bool a", "false"), value("int a", 5), "a=1", "retyped a from bool to int", "a = 1" },
    ["bool to float, clamped"] = { value("bool a", "false"), value("float a", 5, ", min = 2"), "a=1",
                                   "retyped a from bool to float", "a = 2" },
    ["NaN"] = { value("float a", 1), value("float a", 6), "a=nan", "new default of a", "a = 6" },
    ["NaN to int"] = { value("float a", 1), value("int a", 6), "a=nan", "retyped a from float to int", "a = 6" },
    ["NaN in a vector"] = { value("float a[3]", "{ 1, 2, 3 }"), value("float a[3]", "{ 4, 5, 6 }"), "a=7,nan,9",
                            "new default of a", "a = 7 5 9" },
    ["fewer components"] = { value("float a[3]", "{ 1, 2, 3 }"), value("float a", "0"), "a=7,8,9",
                             "retyped a from float[3] to float", "a = 7" },
    ["more components"] = { value("int a[2]", "{ 1, 2 }"), value("float a[4]", "{ 3, 4, 5, 6 }"), "a=7,8",
                            "retyped a from int[2] to float[4]", "a = 7 8 5 6" },
    ["a choice by its word"] = { value("int a", 0, ', choices = "x|y|z"'), value("int a", 0, ', choices = "z|xy|y"'),
                                 "a=1", "new choices of a, new default of a", "a = 2" },
    ["a choice that is gone"] = { value("int a", 0, ', choices = "x|y"'), value("int a", 1, ', choices = "z|x"'),
                                  "a=1", "new choices of a", "a = 1" },
    ["a choice that was none"] = { value("int a", 0, ', choices = "x|y"'), value("int a", 1, ', choices = "x|y"'),
                                   "a=9", "new default of a", "a = 1" },
    ["a choice to a number"] = { value("int a", 0, ', choices = "x|y"'), value("int a", 5), "a=1",
                                 "retyped a from choice to int", "a = 5" },
    ["a number to a choice"] = { value("int a", 0), value("int a", 1, ', choices = "x|y|z"'), "a=2",
                                 "retyped a from int to choice", "a = 1" },
    ["a text that fits"] = { value("char a[16]", '"one"'), value("char a[5]", '"two"'), "a=four",
                             "retyped a from char[16] to char[5]", "a = four" },
    ["a text that does not"] = { value("char a[16]", '"one"'), value("char a[4]", '"two"'), "a=four",
                                 "retyped a from char[16] to char[4]", "a = two" },
    ["a text without an end"] = { value("char a[4]", '"one"'), value("char a[6]", '"two"'), "a=1234567",
                                  "retyped a from char[4] to char[6]", "a = 1234" },
    ["a text for an attribute"] = { value("char a[4]", '"one"'), value("char a[4]", '"two"', ", attribute = true"),
                                    "a=uv", "retyped a from char[4] to attribute char[4]", "a = uv" },
    ["a text to a number"] = { value("char a[4]", '"1"'), value("float a", 3), "a=2",
                               "retyped a from char[4] to float", "a = 3" },
    ["renamed, retyped and clamped at once"] = {
      value("int a", 1), value("float b", 1, ', max = 4, was = "a"'), "a=6",
      "renamed a to b, retyped b from int to float", "b = 4" },
  } do
    it("for " .. name, function() check(unpack(case)) end)
  end

  it("to and from nothing", function()
    assert.are.same({ "added a", "a = 1" }, (layout("", value("float a", 1))))
    assert.are.same({ "removed a", "a -> nothing" }, (layout(value("float a", 1), "")))
  end)

  it("without a description longer than its place", function()
    local old, new, expected = {}, {}, {}
    for i = 1, 60 do
      old[i] = ("float %s%02d WH_UI(0);"):format(("x"):rep(18), i)
      new[i] = ("float %s%02d WH_UI(0);"):format(("y"):rep(18), i)
      if i <= 36 then expected[i] = ("added %s%02d"):format(("y"):rep(18), i) end
    end
    assert.are.equal(table.concat(expected, ", ") .. ", …", layout(table.concat(old), table.concat(new))[1])
  end)
end)

describe("a declaration that is read", function()
  it("often is read the same, long after the first is forgotten", function()
    local text = value("float a", 1) .. value("char b[4]", '"one"') .. value("int c", 1, ', choices = "x|y"')
    assert.are.same({ "", "a -> a", "b -> b", "c -> c", "a = 1", "b = one", "c = 1" },
                    (layout(text, text, nil, nil, nil, 300)))
  end)
end)

describe("a declaration that does not hold", function()
  it("is refused with the reader's words", function()
    local good = value("float a", 1)
    assert.are.same({ "layout of deform_t0 differs: 4 bytes declared, 8 compiled (rebuild it with the same "
                      .. "whorl_kernel.h)" }, (layout(good, good, nil, 8)))
    assert.are.same({ "parameter 'a': it is declared twice" }, (layout(good, good .. good, nil, nil, 8)))
    assert.are.equal(1, (select(2, layout(good, good .. good, nil, nil, 8))))
  end)
end)
