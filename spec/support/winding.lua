--- Builds the winding kernels and runs them with no runtime in between; meshes to try them on; the plain sum over all
-- triangles to compare with. What enters C has the JIT off: kernels call back through wh_host.
local ffi = require "ffi"
local bit = require "bit"

local winding = {}
local root = os.getenv "WHORL_SOURCE" or "."

local function declared(name)
  return (pcall(ffi.typeof, name))
end

if not declared "wh_kernel" then
  local file = assert(io.open(root .. "/kernels/whorl_kernel.h"))
  ffi.cdef(file:read("*a"):match "/%* ffi%-begin.-%*/(.-)/%* ffi%-end")
  file:close()
end
if not declared "struct wh_spec_winding" then
  ffi.cdef [[
    struct wh_spec_winding { int unused; };
    typedef struct wh_tree wh_tree;
    wh_tree *wh__tree_build(const wh_host *host, const wh_geometry *mesh);
    void wh__tree_free(const wh_host *host, wh_tree *tree);
    double wh__tree_winding(const wh_tree *tree, float x, float y, float z);
    void wh__tree_winding_batch(const wh_tree *tree, uint32_t count, const float *x, const float *y, const float *z,
                                double *winding, uint64_t *scratch);
    extern const wh_kernel wh_kernel_field_winding, wh_kernel_sample_inside;
    void *aligned_alloc(size_t alignment, size_t size);
    void free(void *p);
  ]]
end

--- A kernel's parameter struct, from its own declaration.
local function params_type(source, kernel)
  local file = assert(io.open(root .. "/kernels/winding/" .. source))
  local body = assert(file:read("*a"):match("WH_PARAMS%(" .. kernel .. ",(.-)\n%)"))
  file:close()
  return ffi.typeof("struct {" .. body:gsub("WH_UI%b()", "") .. "}")
end
local inside = params_type("inside.c", "sample_inside")
local field = params_type("winding.c", "field_winding")

local libs, machine = {}, ""

--- What follows is compiled with these flags too: "-march=x86-64-v3", or "".
function winding.use(flags)
  machine = flags
end

--- The module, with every symbol visible.
function winding.lib()
  if libs[machine] then
    return libs[machine]
  end
  local base = os.tmpname()
  local command = "%s -std=gnu11 -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math -fPIC -shared "
    .. "%s -I '%s/kernels' '%s/kernels/winding/'*.c -o %s.so -lm"
  assert(os.execute(command:format(os.getenv "CC" or "cc", machine, root, root, base)) == 0,
    "the winding kernels do not build")
  local lib = ffi.load(base .. ".so")
  libs[machine] = lib
  os.remove(base .. ".so")
  os.remove(base)
  return lib
end

--- Host services that remember: said (warnings), failed (the first reason), live (blocks not freed yet).
-- refuse: the number of the allocation that fails.
function winding.host(refuse)
  local log = { said = {}, live = 0, asked = 0 }
  local host = ffi.new "wh_host"
  host.size = ffi.sizeof "wh_host"
  local keep = {
    alloc = function(_, bytes)
      log.asked = log.asked + 1
      if log.asked == refuse then
        return nil
      end
      log.live = log.live + 1
      return ffi.C.aligned_alloc(64, tonumber(bytes) + 64 - tonumber(bytes) % 64)
    end,
    free = function(_, p)
      if p ~= nil then
        log.live = log.live - 1
        ffi.C.free(p)
      end
    end,
    fail = function(_, reason)
      log.failed = log.failed or ffi.string(reason)
    end,
    warn = function(_, text)
      log.said[#log.said + 1] = ffi.string(text)
    end,
    note = function(_, text)
      log.noted = ffi.string(text)
    end,
    parallel_for = function(_, count, work, context)
      for i = 0, count - 1 do
        work(context, i)
      end
      return true
    end,
  }
  log.callbacks = {}
  for name, f in pairs(keep) do
    jit.off(f)
    host[name] = f
    log.callbacks[#log.callbacks + 1] = host[name]
  end
  log.host = host
  function log.close()
    for _, callback in ipairs(log.callbacks) do
      callback:free()
    end
  end
  return log
end

-- Meshes: { position = float[3n], triangle = uint32_t[3m], points = n, triangles = m }.

function winding.mesh(position, triangle)
  return {
    position = ffi.new("float[?]", #position + 1, position),
    triangle = ffi.new("uint32_t[?]", #triangle + 1, triangle),
    points = #position / 3,
    triangles = #triangle / 3,
  }
end

function winding.geometry(m)
  return ffi.new("wh_geometry", ffi.sizeof "wh_geometry", m.points, m.triangles, m.position, m.triangle)
end

--- A ball of radius 1: closed, welded; share < 1 keeps only the triangles near the top.
function winding.ball(rings, sides, share)
  local position, triangle = { 0, 0, 1, 0, 0, -1 }, {}
  local function at(ring, side)
    return ring == 0 and 0 or ring == rings and 1 or 2 + (ring - 1) * sides + side % sides
  end
  for ring = 1, rings - 1 do
    for side = 0, sides - 1 do
      local a, b = math.pi * ring / rings, 2 * math.pi * side / sides
      local n, r = #position, math.sin(a)
      position[n + 1], position[n + 2], position[n + 3] = r * math.cos(b), r * math.sin(b), math.cos(a)
    end
  end
  local function add(a, b, c)
    if a ~= b and b ~= c and c ~= a then
      local n = #triangle
      triangle[n + 1], triangle[n + 2], triangle[n + 3] = a, b, c
    end
  end
  for ring = 0, math.floor((rings - 1) * (share or 1)) do
    for side = 0, sides - 1 do
      add(at(ring, side), at(ring + 1, side), at(ring + 1, side + 1))
      add(at(ring, side), at(ring + 1, side + 1), at(ring, side + 1))
    end
  end
  return winding.mesh(position, triangle)
end

--- A wavy disc of radius 1 with so many triangles, all around one point: as long a boundary as there are triangles.
function winding.disc(sides)
  local position, triangle = { 0, 0, 0 }, {}
  for i = 0, sides - 1 do
    local n, a = 3 * i, 2 * math.pi * i / sides
    position[n + 4], position[n + 5], position[n + 6] = math.cos(a), math.sin(a), 0.1 * math.sin(5 * a)
    triangle[n + 1], triangle[n + 2], triangle[n + 3] = 0, i + 1, (i + 1) % sides + 1
  end
  return winding.mesh(position, triangle)
end

--- Numbers in 0 .. 1, the same on every machine.
function winding.random(seed)
  local state = seed
  return function()
    state = state * 16807 % 2147483647
    return state / 2147483647
  end
end

--- Triangles with nothing in common.
function winding.soup(count, size)
  local random, position, triangle = winding.random(11), {}, {}
  for i = 0, count - 1 do
    local o = { random() * 2 - 1, random() * 2 - 1, random() * 2 - 1 }
    for k = 0, 8 do
      position[9 * i + k + 1] = o[k % 3 + 1] + size * (random() - 0.5)
    end
    for k = 0, 2 do
      triangle[3 * i + k + 1] = 3 * i + k
    end
  end
  return winding.mesh(position, triangle)
end

local function lists(m)
  local position, triangle = {}, {}
  for i = 0, 3 * m.points - 1 do
    position[i + 1] = m.position[i]
  end
  for i = 0, 3 * m.triangles - 1 do
    triangle[i + 1] = m.triangle[i]
  end
  return position, triangle
end

--- A changed copy: position(x, y, z) -> x, y, z; triangle(a, b, c, i) -> a, b, c or nothing to drop it.
function winding.map(m, position, triangle)
  local p, t = lists(m)
  local kept = {}
  for i = 1, position and #p or 0, 3 do
    p[i], p[i + 1], p[i + 2] = position(p[i], p[i + 1], p[i + 2])
  end
  for i = 1, #t, 3 do
    local a, b, c = t[i], t[i + 1], t[i + 2]
    if triangle then
      a, b, c = triangle(a, b, c, (i - 1) / 3)
    end
    if a then
      local n = #kept
      kept[n + 1], kept[n + 2], kept[n + 3] = a, b, c
    end
  end
  return winding.mesh(p, kept)
end

--- Both in one.
function winding.join(m, other)
  local p, t = lists(m)
  local q, u = lists(other)
  for _, v in ipairs(q) do
    p[#p + 1] = v
  end
  for _, v in ipairs(u) do
    t[#t + 1] = v + m.points
  end
  return winding.mesh(p, t)
end

--- Every triangle with points of its own.
function winding.unweld(m)
  local position, triangle = {}, {}
  for i = 0, 3 * m.triangles - 1 do
    for k = 0, 2 do
      position[3 * i + k + 1] = m.position[3 * m.triangle[i] + k]
    end
    triangle[i + 1] = i
  end
  return winding.mesh(position, triangle)
end

--- Reads points and faces of an OBJ file; nil when there is none.
function winding.read_obj(path)
  local file = io.open(path)
  if not file then
    return nil
  end
  local position, triangle = {}, {}
  for line in file:lines() do
    local x, y, z = line:match "^v%s+(%S+)%s+(%S+)%s+(%S+)"
    if x then
      local n = #position
      position[n + 1], position[n + 2], position[n + 3] = tonumber(x), tonumber(y), tonumber(z)
    elseif line:sub(1, 2) == "f " then
      local first, last
      for index in line:gmatch "%s(%d+)" do
        local i = tonumber(index) - 1
        if last then
          local n = #triangle
          triangle[n + 1], triangle[n + 2], triangle[n + 3] = first, last, i
          last = i
        elseif first then
          last = i
        else
          first = i
        end
      end
    end
  end
  file:close()
  return winding.mesh(position, triangle)
end

--- The winding number by the sum over all triangles, one arctangent each.
function winding.sum(m, x, y, z)
  local p, t, total = m.position, m.triangle, 0
  local sqrt = math.sqrt
  for i = 0, 3 * m.triangles - 1, 3 do
    local a, b, c = 3 * t[i], 3 * t[i + 1], 3 * t[i + 2]
    local ax, ay, az = p[a] - x, p[a + 1] - y, p[a + 2] - z
    local bx, by, bz = p[b] - x, p[b + 1] - y, p[b + 2] - z
    local cx, cy, cz = p[c] - x, p[c + 1] - y, p[c + 2] - z
    local al, bl = sqrt(ax * ax + ay * ay + az * az), sqrt(bx * bx + by * by + bz * bz)
    local cl = sqrt(cx * cx + cy * cy + cz * cz)
    local det = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    local along = al * bl * cl + (ax * bx + ay * by + az * bz) * cl + (bx * cx + by * cy + bz * cz) * al
      + (cx * ax + cy * ay + cz * az) * bl
    if det ~= 0 then
      total = total + math.atan2(det, along)
    end
  end
  return total / (2 * math.pi)
end

-- Query points: { x = float[n], y, z, count = n }.

function winding.points(list)
  local q = { count = #list }
  for k, name in ipairs { "x", "y", "z" } do
    q[name] = ffi.new("float[?]", #list + 1)
    for i, point in ipairs(list) do
      q[name][i - 1] = point[k]
    end
  end
  return q
end

--- Calls use(tree, log) with the tree of a mesh; what was allocated must be free afterwards.
function winding.with_tree(m, use)
  local log = winding.host()
  local tree = winding.lib().wh__tree_build(log.host, winding.geometry(m))
  assert(tree ~= nil, log.failed)
  use(tree, log)
  winding.lib().wh__tree_free(log.host, tree)
  assert(log.live == 0, "memory was not freed")
  log.close()
end

function winding.batch(tree, q)
  local out, scratch = ffi.new("double[?]", q.count + 1), ffi.new("uint64_t[?]", 2 * q.count + 1)
  winding.lib().wh__tree_winding_batch(tree, q.count, q.x, q.y, q.z, out, scratch)
  return out
end

local function field_params(params)
  local p = field { accuracy = 1e-3 }
  for name, value in pairs(params or {}) do
    p[name] = value
  end
  return p
end

--- The field kernel's floats for all points at once. Also what it said of its way.
function winding.field_at_once(m, q, params)
  local k, log, geometry = winding.lib().wh_kernel_field_winding, winding.host(), winding.geometry(m)
  local p, position = field_params(params), ffi.new("float[?]", 3 * q.count + 1)
  local state, out = k.prepare(log.host, geometry, p), ffi.new("float[?]", q.count + 1)
  for i = 0, q.count - 1 do
    position[3 * i], position[3 * i + 1], position[3 * i + 2] = q.x[i], q.y[i], q.z[i]
  end
  k.field(ffi.new("wh_field_job", ffi.sizeof "wh_field_job", q.count, log.host, position, out, p, state, 0))
  k.release(log.host, state)
  log.close()
  return out, log.noted
end

--- The field kernel's floats, in blocks of 1024.
function winding.field(m, q, params)
  local k, log, geometry = winding.lib().wh_kernel_field_winding, winding.host(), winding.geometry(m)
  local p = field_params(params)
  local state = k.prepare(log.host, geometry, p)
  local out = ffi.new("float[?]", q.count + 1)
  for first = 0, q.count, 1024 do
    local b = ffi.new "wh_block"
    b.size, b.count, b.first = ffi.sizeof "wh_block", math.min(1024, q.count - first), first
    b.x, b.y, b.z, b.value, b.state = q.x + first, q.y + first, q.z + first, out + first, state
    b.params = p
    k.run(b)
  end
  k.release(log.host, state)
  log.close()
  return out
end

--- Runs the sampler as a host would, `block` candidates at a time (default: what it plans). Returns a list of
-- { x, y, z, value = , id = uint64_t, nx, ny, nz }, the plan, and the log; nil, nil, log when it failed.
function winding.sample(m, params, block)
  local k, log, geometry = winding.lib().wh_kernel_sample_inside, winding.host(), winding.geometry(m)
  local p = inside { spacing = 0.05, at_least = 0.5, winding = true }
  for name, value in pairs(params) do
    p[name] = value
  end
  local state, plan, kept = k.prepare(log.host, geometry, p), ffi.new "wh_sample_plan", {}
  local ok = k.plan(log.host, geometry, p, state, plan)
  local size = block or plan.block
  local b = ffi.new "wh_sample_block"
  local x, y, z = ffi.new("float[?]", size + 1), ffi.new("float[?]", size + 1), ffi.new("float[?]", size + 1)
  local value, id = ffi.new("float[?]", size + 1), ffi.new("uint64_t[?]", size + 1)
  b.size, b.x, b.y, b.z, b.value, b.id = ffi.sizeof "wh_sample_block", x, y, z, value, id
  b.host, b.mesh, b.params, b.state, b.plan = log.host, geometry, p, state, plan
  local first, candidates = 0, ok and tonumber(plan.candidates) or 0
  while first < candidates and plan.wanted > #kept do
    b.first, b.count = first, math.min(size, candidates - first)
    for i = 0, k.sample(b) - 1 do
      if plan.wanted > #kept then
        local index = {}
        for axis = 0, 2 do
          index[axis + 1] = tonumber(bit.band(bit.rshift(id[i], 21 * axis), 0x1fffffULL)) - 1048576
        end
        kept[#kept + 1] = { x[i], y[i], z[i], value = value[i], id = id[i] + 0ULL, index = index }
      end
    end
    first = first + size
  end
  k.release(log.host, state)
  assert(log.live == 0, "memory was not freed")
  log.close()
  if not ok then
    return nil, nil, log
  end
  return kept, plan, log
end

for _, f in pairs(winding) do
  if f ~= winding.sum then
    jit.off(f)
  end
end

return winding
