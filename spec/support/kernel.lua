--- Builds kernels from source and runs them on lists of points, with no runtime in between.
-- Every call that enters C has the JIT off: kernels call back into Lua through wh_host.
local ffi = require("ffi")

local kernel = { root = os.getenv("WHORL_SOURCE") or "." }

local BLOCK = 1024
local FLAGS = "-std=gnu11 -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function declared(name)
  return pcall(ffi.typeof, name)
end

if not declared("wh_kernel") then
  local header = read(kernel.root .. "/kernels/whorl_kernel.h")
  ffi.cdef(header:match("/%* ffi%-begin.-%*/(.-)/%* ffi%-end"))
end
if not declared("struct wh_spec_aligned") then
  ffi.cdef([[
    struct wh_spec_aligned { int unused; };
    void *aligned_alloc(size_t alignment, size_t size);
    void free(void *p);
  ]])
end

--- Whether a compiler can be run.
function kernel.has(compiler)
  return os.execute("command -v " .. compiler .. " >/dev/null 2>&1") == 0
end

function kernel.compiler()
  for _, name in ipairs({ os.getenv("CC") or "cc", "cc", "gcc", "clang" }) do
    if kernel.has(name) then
      return name
    end
  end
  error("no C compiler found (install gcc or clang)")
end

--- Compiles C files into a library and loads it. The file is removed at once: what is mapped stays.
function kernel.compile(sources, options)
  options = options or {}
  local library, messages = os.tmpname(), os.tmpname()
  local command = table.concat({
    options.compiler or kernel.compiler(), FLAGS, options.flags or "", "-fPIC -shared",
    "-I'" .. kernel.root .. "/kernels'", "-o", library, sources, "-lm", ">" .. messages, "2>&1",
  }, " ")
  local built = os.execute(command) == 0
  local loaded, result = pcall(ffi.load, library)
  local said = read(messages)
  os.remove(library)
  os.remove(messages)
  assert(built, said)
  assert(loaded, result)
  return result
end

--- The parameters of a declaration: an array of { name, type, init, ui }, and by name.
local function parse_params(text)
  local list = {}
  for ctype, name, ui in text:gmatch("(%a+)%s+([%w_]+)%s*%b[]%s*WH_UI(%b())") do
    list[name] = { name = name, type = ctype, ui = ui }
  end
  for ctype, name, ui in text:gmatch("(%a+)%s+([%w_]+)%s*WH_UI(%b())") do
    list[name] = { name = name, type = ctype, ui = ui }
  end
  for _, param in pairs(list) do
    param.ui = assert(loadstring("return {" .. param.ui:sub(2, -2) .. "}"))()
    param.init = param.ui[1]
  end
  return list
end

local function choice_number(choices, word)
  local number = 0
  for name in choices:gmatch("[^|]+") do
    if name == word then
      return number
    end
    number = number + 1
  end
  error("no choice " .. word .. " in " .. choices)
end

local Kernel = {}
Kernel.__index = Kernel

--- A parameter struct: its defaults, then the given values; a choice may be given by its name.
function Kernel:params(values)
  if self.size == 0 then
    return nil
  end
  local struct = self.struct()
  local init = {}
  for name, param in pairs(self.declared) do
    init[name] = param.init
  end
  for name, value in pairs(values or {}) do
    assert(self.declared[name], "no parameter " .. name)
    init[name] = value
  end
  for name, value in pairs(init) do
    local choices = self.declared[name].ui.choices
    struct[name] = choices and type(value) == "string" and choice_number(choices, value) or value
  end
  return struct
end

--- A host for one call, its allocations counted in host.live; fails[1] is the first reason given to fail().
local function make_host()
  local host = { live = 0, fails = {}, cancelled = false }
  local struct = ffi.new("wh_host")
  struct.size = ffi.sizeof("wh_host")
  struct.alloc = function(_, bytes)
    if host.starved then
      return nil
    end
    host.live = host.live + 1
    return ffi.C.aligned_alloc(64, math.ceil(math.max(tonumber(bytes), 1) / 64) * 64)
  end
  struct.free = function(_, p)
    if p ~= nil then
      host.live = host.live - 1
      ffi.C.free(p)
    end
  end
  struct.parallel_for = function(_, count, work, context)
    if host.cancelled then
      return false
    end
    for i = count - 1, 0, -1 do -- any order must do
      work(context, i)
    end
    return true
  end
  struct.fail = function(_, reason)
    table.insert(host.fails, ffi.string(reason))
  end
  struct.warn = function() end
  host.struct = struct
  return host
end

local function free_host(host)
  for _, name in ipairs({ "alloc", "free", "parallel_for", "fail", "warn" }) do
    host.struct[name]:free()
  end
end

local function with_host(options, work)
  local host = make_host()
  host.starved, host.cancelled = options.starved, options.cancelled
  local ok, result = pcall(work, host)
  free_host(host)
  assert(ok, result)
  return result, host
end

-- BLOCK floats, 64-byte aligned; the memory belongs to the cdata kept in hold.
local function aligned(hold)
  local memory = ffi.new("float[?]", BLOCK + 16)
  table.insert(hold, memory)
  local address = tonumber(ffi.cast("uintptr_t", memory))
  return ffi.cast("float *", ffi.cast("char *", memory) + (64 - address % 64) % 64)
end

local function fill_block(block, hold, points, first, options)
  local count = math.min(BLOCK, #points - first)
  block.size, block.count, block.first, block.time = ffi.sizeof("wh_block"), count, first, options.time or 0
  for i = 0, count - 1 do
    local p = points[first + i + 1]
    block.x[i], block.y[i], block.z[i] = p[1], p[2], p[3]
  end
  if options.normals then
    local n = { aligned(hold), aligned(hold), aligned(hold) }
    for i = 0, count - 1 do
      for k = 1, 3 do
        n[k][i] = options.normals[first + i + 1][k]
      end
    end
    block.nx, block.ny, block.nz = n[1], n[2], n[3]
  end
  if options.attribute then
    local value, list = aligned(hold), ffi.new("const float *[1]")
    table.insert(hold, list)
    for i = 0, count - 1 do
      value[i] = options.attribute[first + i + 1]
    end
    list[0], block.attribute = value, list
  end
end

--- Runs a kernel with run() on points { { x, y, z } … } in blocks. Returns points for a deformer, numbers for a field.
-- options: time, normals, attribute (lists as long as points).
function Kernel:run(points, values, options)
  options = options or {}
  local result, first, params = {}, 0, self:params(values)
  repeat
    local hold, block = {}, ffi.new("wh_block")
    block.x, block.y, block.z = aligned(hold), aligned(hold), aligned(hold)
    if self.kind == "field" then
      block.value = aligned(hold)
    end
    block.params = params
    fill_block(block, hold, points, first, options)
    self.c.run(block)
    for i = 0, block.count - 1 do
      table.insert(result, self.kind == "field" and block.value[i] or { block.x[i], block.y[i], block.z[i] })
    end
    first = first + BLOCK
  until first >= #points
  return result
end

--- Runs a kernel with deform() on a mesh. Returns the points, and the host with what it was told.
-- options: starved (no memory), cancelled.
function Kernel:deform(points, triangles, values, options)
  return with_host(options or {}, function(host)
    local position = ffi.new("float[?]", #points * 3 + 1)
    local triangle = ffi.new("uint32_t[?]", #triangles * 3 + 1)
    for i, p in ipairs(points) do
      position[3 * i - 3], position[3 * i - 2], position[3 * i - 1] = p[1], p[2], p[3]
    end
    for i, t in ipairs(triangles) do
      triangle[3 * i - 3], triangle[3 * i - 2], triangle[3 * i - 1] = t[1], t[2], t[3]
    end
    local mesh = ffi.new("wh_geometry", ffi.sizeof("wh_geometry"), #points, #triangles, position, triangle)
    local params, out = self:params(values), ffi.new("float[?]", #points * 3 + 1)
    local state = self.c.prepare ~= nil and self.c.prepare(host.struct, mesh, params) or nil
    if self.c.prepare ~= nil and state == nil then
      return nil
    end
    local job = ffi.new("wh_deform_job", ffi.sizeof("wh_deform_job"), host.struct, mesh, out, params, state, 0)
    self.c.deform(job)
    if self.c.release ~= nil then
      self.c.release(host.struct, state)
    end
    local result = {}
    for i = 0, #points - 1 do
      result[i + 1] = { out[3 * i], out[3 * i + 1], out[3 * i + 2] }
    end
    return result
  end)
end

--- Runs make(). Returns { points, triangles } with indices from 0, or nil, and the host.
function Kernel:make(values, options)
  options = options or {}
  return with_host(options, function(host)
    local position, triangle, points, triangles
    local make = ffi.new("wh_make")
    local params = self:params(values)
    make.size, make.host, make.params = ffi.sizeof("wh_make"), host.struct, params
    make.begin = function(_, point_count, triangle_count, position_out, triangle_out)
      if options.starved then
        return false
      end
      points, triangles = point_count, triangle_count
      position, triangle = ffi.new("float[?]", points * 3), ffi.new("uint32_t[?]", triangles * 3)
      ffi.fill(position, points * 12, 0xff) -- a NaN in whatever is not written
      ffi.fill(triangle, triangles * 12, 0xff)
      position_out[0], triangle_out[0] = position, triangle
      return true
    end
    local made = self.c.make(make)
    make.begin:free()
    if not made then
      return nil
    end
    local mesh = { points = {}, triangles = {} }
    for i = 0, points - 1 do
      mesh.points[i + 1] = { position[3 * i], position[3 * i + 1], position[3 * i + 2] }
    end
    for i = 0, triangles - 1 do
      mesh.triangles[i + 1] = { triangle[3 * i], triangle[3 * i + 1], triangle[3 * i + 2] }
    end
    return mesh
  end)
end

for _, method in pairs(Kernel) do
  if type(method) == "function" then
    jit.off(method, true)
  end
end
jit.off(with_host, true)
jit.off(make_host, true)

local libraries = {} -- by source and options, each compiled once a run

--- Loads a kernel by its whole name, "deform_twist", from kernels/twist.c or what options.file says.
-- options: compiler, flags.
function kernel.load(name, options)
  options = options or {}
  local file = options.file or kernel.root .. "/kernels/" .. name:match("^%a+_(.+)$") .. ".c"
  local key = table.concat({ file, options.compiler or "", options.flags or "" }, "\n")
  libraries[key] = libraries[key] or kernel.compile("'" .. file .. "'", options)
  if not declared("struct wh_spec_has_" .. name) then
    ffi.cdef("struct wh_spec_has_" .. name .. " { int unused; }; extern const wh_kernel wh_kernel_" .. name .. ";")
  end
  local c = libraries[key]["wh_kernel_" .. name]
  local text = ffi.string(c.params)
  local self = { library = libraries[key], c = c, name = name, kind = name:match("^%a+"), size = c.param_size }
  if self.size > 0 then
    self.declared = parse_params(text)
    self.struct = ffi.typeof("struct { " .. text:gsub("WH_UI%b()", "") .. " }")
    assert(ffi.sizeof(self.struct) == self.size, name .. ": LuaJIT and the compiler disagree on the parameters")
  end
  return setmetatable(self, Kernel)
end

--- Whether two floats are the same bits, or both NaN.
local bits = ffi.typeof("union { float f[2]; uint32_t u[2]; }")
function kernel.same(a, b)
  local u = bits()
  u.f[0], u.f[1] = a, b
  return u.u[0] == u.u[1] or (a ~= a and b ~= b)
end

return kernel
