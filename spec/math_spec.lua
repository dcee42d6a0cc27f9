-- The math of whorl_kernel.h: near the exact values, and the same bits under every compiler.
local ffi = require("ffi")
local kernel = require("spec.support.kernel")

local NAMES = { "sin", "cos", "sine_of_turns", "cosine_of_turns", "exp", "floor", "min", "max", "clamp", "mix", "step",
                "smoothstep", "noise" }
local COUNT = 65536

local INF, NAN = math.huge, 0 / 0

pcall(ffi.cdef, "void spec_noise_at(const float *, float *, uint32_t);")
for _, name in ipairs(NAMES) do
  pcall(ffi.cdef, "void spec_" .. name .. "(const float *, float *, uint32_t);")
end

local function build(options)
  return kernel.compile("'" .. kernel.root .. "/spec/support/math.c'", options)
end

local function bits_of(x)
  return ffi.cast("uint32_t *", x)
end

-- LuaJIT keeps its types in the payloads of NaNs, so a float from C is only read when its bits are not such a NaN.
local function is_nan(bits)
  return bits % 2 ^ 31 > 0x7f800000
end

-- Every 65537th pattern of bits: all exponents, both signs, NaNs and infinities.
local function all_floats()
  local x = ffi.new("float[?]", COUNT)
  for i = 0, COUNT - 1 do
    bits_of(x)[i] = i * 65537
  end
  x[0], x[1], x[2], x[3] = 0, -0.0, INF, -INF
  return x
end

local function evaluate(library, name, x, count)
  local y = ffi.new("float[?]", count or COUNT)
  library["spec_" .. name](x, y, count or COUNT)
  return y
end

local function evaluate_one(library, name, value)
  return evaluate(library, name, ffi.new("float[1]", value), 1)[0]
end

-- Distance from the float y to the exact value, in units in the last place of a float there.
local function ulps(y, exact)
  local _, exponent = math.frexp(exact)
  return math.abs(y - exact) / math.ldexp(1, math.max(exponent, -125) - 24)
end

local function worst(library, name, exact, inside)
  local x, most = all_floats(), 0
  local y = evaluate(library, name, x)
  for i = 0, COUNT - 1 do
    if not is_nan(bits_of(x)[i]) and inside(x[i]) then
      local off = ulps(y[i], exact(x[i]))
      most = (off <= most or most ~= most) and most or off -- a NaN stays
    end
  end
  return most
end

local function small(x)
  return math.abs(x) < 2 ^ 31
end

describe("the math of whorl_kernel.h", function()
  local library

  setup(function()
    library = build()
  end)

  it("has sines and cosines within 0.501 ulp up to 2^31", function()
    assert.is_true(worst(library, "sin", math.sin, small) < 0.501)
    assert.is_true(worst(library, "cos", math.cos, small) < 0.501)
  end)

  it("keeps that bound close to multiples of pi / 2, where most digits cancel", function()
    local x = ffi.new("float[?]", COUNT)
    for i = 0, COUNT - 1 do
      x[i] = (i * 9973) * math.pi / 2 -- to 1e9
    end
    local sines, cosines = evaluate(library, "sin", x), evaluate(library, "cos", x)
    local most = 0
    for i = 1, COUNT - 1 do
      most = math.max(most, ulps(sines[i], math.sin(x[i])), ulps(cosines[i], math.cos(x[i])))
    end
    assert.is_true(most < 0.501)
  end)

  it("takes far angles as 0, and has no sine of infinity", function()
    assert.equal(0, evaluate_one(library, "sin", 3e38))
    assert.equal(1, evaluate_one(library, "cos", -3e38))
    for _, x in ipairs({ INF, -INF, NAN }) do
      local s, c = evaluate_one(library, "sin", x), evaluate_one(library, "cos", x)
      assert.is_true(s ~= s and c ~= c)
    end
  end)

  it("has sines and cosines of turns within 1.7 ulp and 9e-8, and takes far ones as 0", function()
    local x = ffi.new("float[?]", COUNT)
    for i = 0, COUNT - 1 do
      x[i] = (i - COUNT / 2) * 0.000977 -- about 32 turns either way, and near every quarter
    end
    local sines, cosines = evaluate(library, "sine_of_turns", x), evaluate(library, "cosine_of_turns", x)
    local most, farthest = 0, 0
    for i = 0, COUNT - 1 do
      local whole = x[i] - math.floor(x[i] * 4 + 0.5) / 4 -- exact: what is left of quarters
      local quarter, s, c = math.floor(x[i] * 4 + 0.5) % 4, math.sin(2 * math.pi * whole), math.cos(2 * math.pi * whole)
      local sine = ({ [0] = s, c, -s, -c })[quarter]
      local cosine = ({ [0] = c, -s, -c, s })[quarter]
      most = math.max(most, ulps(sines[i], sine), ulps(cosines[i], cosine))
      farthest = math.max(farthest, math.abs(sines[i] - sine), math.abs(cosines[i] - cosine))
    end
    assert.is_true(most < 1.7)
    assert.is_true(farthest < 9e-8)
    for _, far in ipairs { 2 ^ 20, -3e38, INF, NAN } do
      assert.are.same({ 0, 1 }, { evaluate_one(library, "sine_of_turns", far),
                                  evaluate_one(library, "cosine_of_turns", far) })
    end
  end)

  it("has an exponential within 0.54 ulp that never overflows", function()
    assert.is_true(worst(library, "exp", math.exp, function(x)
      return x > -87.3365 and x < 88.7228
    end) < 0.54)
    assert.equal(1, evaluate_one(library, "exp", 0))
    assert.equal(0, evaluate_one(library, "exp", -INF))
    assert.equal(0, evaluate_one(library, "exp", -88))
    local top = evaluate_one(library, "exp", INF)
    assert.is_true(top > 3.4e38 and top < INF)
    assert.equal(top, evaluate_one(library, "exp", 100))
    local nan = evaluate_one(library, "exp", NAN)
    assert.is_true(nan ~= nan)
  end)

  it("has an exact floor", function()
    local x = all_floats()
    local y, wrong = evaluate(library, "floor", x), 0
    for i = 0, COUNT - 1 do
      wrong = wrong + ((is_nan(bits_of(x)[i]) or y[i] == math.floor(x[i])) and 0 or 1)
    end
    assert.equal(0, wrong)
    for _, value in ipairs({ -0.5, 0.5, -1, 8388607.5, -8388607.5, -8388608 }) do
      assert.equal(math.floor(value), evaluate_one(library, "floor", value))
    end
  end)

  it("gives the second operand of min and max, and the low end of a clamp, for a NaN", function()
    assert.equal(2, evaluate_one(library, "min", NAN))
    assert.equal(2, evaluate_one(library, "max", NAN))
    assert.equal(-1, evaluate_one(library, "clamp", NAN))
    assert.equal(-1, evaluate_one(library, "clamp", -INF))
    assert.equal(2, evaluate_one(library, "clamp", INF))
    assert.equal(1.5, evaluate_one(library, "clamp", 1.5))
  end)

  it("mixes within 2 ulp and meets both ends", function()
    assert.equal(3, evaluate_one(library, "mix", 0))
    assert.equal(-7, evaluate_one(library, "mix", 1))
    for i = 0, 1024, 16 do
      local x = i / 1024
      assert.is_true(math.abs(evaluate_one(library, "mix", x) - (3 - 10 * x)) <= 2 * 2 ^ -21)
    end
  end)

  it("eases within 3e-7, and steps where both ends are one", function()
    for i = -3000, 3000, 50 do
      local x = i / 1024
      local t = math.min(math.max((x + 1.5) / 3.75, 0), 1)
      assert.is_true(math.abs(evaluate_one(library, "smoothstep", x) - t * t * (3 - 2 * t)) < 3e-7)
    end
    assert.equal(0, evaluate_one(library, "smoothstep", NAN))
    assert.equal(0, evaluate_one(library, "step", 2))
    assert.equal(1, evaluate_one(library, "step", 2.0000002384185791))
    assert.equal(0, evaluate_one(library, "step", NAN))
  end)

  describe("noise", function()
    local function noise(points)
      local count = #points / 3
      local y = ffi.new("float[?]", count)
      library.spec_noise_at(ffi.new("float[?]", #points, points), y, count)
      return y, count
    end

    local function scatter(count, seed)
      local points, state = {}, seed
      for i = 1, count * 3 do
        state = (state * 1103515245 + 12345) % 2 ^ 31
        points[i] = state / 2 ^ 31 * 200 - 100
      end
      return points
    end

    it("fills -1 .. 1 evenly around 0", function()
      local y, count = noise(scatter(50000, 1))
      local low, high, sum, squares = 0, 0, 0, 0
      for i = 0, count - 1 do
        low, high = math.min(low, y[i]), math.max(high, y[i])
        sum, squares = sum + y[i], squares + y[i] * y[i]
      end
      assert.is_true(low > -1.04 and low < -0.75)
      assert.is_true(high < 1.04 and high > 0.75)
      assert.is_true(math.abs(sum / count) < 0.01)
      assert.is_true(math.abs(math.sqrt(squares / count) - 0.27) < 0.02)
    end)

    it("is 0 at whole coordinates and continuous across them", function()
      local step, points = 1 / 4096, {}
      for i = 1, 300 do
        local x, y, z = i % 17 - 8, i % 7 + 0.3, i % 5 - 0.6
        for _, v in ipairs({ x - step, y, z, x + step, y, z, x, i % 7, i % 5 }) do
          table.insert(points, v)
        end
      end
      local value, count = noise(points)
      for i = 0, count - 1, 3 do
        assert.is_true(math.abs(value[i] - value[i + 1]) < 4 * step)
        assert.equal(0, value[i + 2])
      end
    end)

    it("does not resemble itself under another seed", function()
      local points = scatter(2000, 7) -- the first thousand has seed 0, the second seed 1
      for i = 1, 3000 do
        points[3000 + i] = points[i]
      end
      local y = noise(points)
      local product, squares = 0, 0
      for i = 0, 999 do
        product, squares = product + y[i] * y[i + 1000], squares + y[i] * y[i]
      end
      assert.is_true(math.abs(product / squares) < 0.15)
    end)

    it("gives a NaN for what is not a number, and a number for what is far", function()
      local y = noise({ NAN, 0, 0, 0, NAN, 0, 0, 0, INF, -INF, 0.5, 0.5, 1e30, 0.5, 0.5, 0.5, -3e38, 3e38 })
      for i = 0, 3 do
        assert.is_true(y[i] ~= y[i])
      end
      assert.is_true(math.abs(y[4]) < 1.04 and math.abs(y[5]) < 1.04)
    end)
  end)

  local function check_same_bits(options)
    if not kernel.has(options.compiler) then
      return pending("the compiler " .. options.compiler .. " is not installed")
    end
    local other, x = build(options), all_floats()
    for _, name in ipairs(NAMES) do
      local ours, theirs = evaluate(library, name, x), evaluate(other, name, x)
      for i = 0, COUNT - 1 do
        local a, b = bits_of(ours)[i], bits_of(theirs)[i]
        if a ~= b and not (is_nan(a) and is_nan(b)) then
          error(("%s of the float 0x%08x is 0x%08x and 0x%08x"):format(name, bits_of(x)[i], a, b))
        end
      end
    end
  end

  local function cpu_has(flag)
    local file = io.open("/proc/cpuinfo")
    local text = file and file:read("*a") or ""
    return (file and file:close() and text:find("%s" .. flag .. "%s")) ~= nil
  end

  for _, compiler in ipairs({ "gcc", "clang", "tcc" }) do
    it("gives the same bits under " .. compiler, function()
      check_same_bits({ compiler = compiler })
    end)
  end
  for _, compiler in ipairs({ "gcc", "clang" }) do
    it("gives the same bits under " .. compiler .. " without optimisation", function()
      check_same_bits({ compiler = compiler, flags = "-O0" })
    end)
    for level, flag in pairs({ ["x86-64-v3"] = "avx2", ["x86-64-v4"] = "avx512vl" }) do
      it("gives the same bits under " .. compiler .. " for " .. level, function()
        if not cpu_has(flag) then
          return pending("this processor has no " .. flag)
        end
        check_same_bits({ compiler = compiler, flags = "-march=" .. level })
      end)
    end
  end
end)
