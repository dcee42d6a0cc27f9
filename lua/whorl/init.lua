--- whorl for LuaJIT: runtime/whorl.h as a Lua module. The header is the reference; this file adds Lua's manners.
--
--   local whorl = require "whorl"
--   local session = assert(whorl.open("tentacle.lua"))
--   local mesh = assert(whorl.read_mesh("bunny.obj"))
--   local position = assert(session:deform(mesh, 0))          -- float[3 * point_count]
--   local points = assert(session:sample("fill", whorl.moved(mesh, position)))
--   points:write("fill.ply")
--
-- What can fail returns nil, the message, and a status word: "argument", "config", "build", "kernel", "memory", "io" or
-- "cancelled". Handles are freed by the garbage collector, or at once by close() and free(). Memory that C reads during
-- a call is kept alive for that call; a view keeps what it points to. Only the thread of this Lua state may use it all.
--
-- The header and the library are found beside this file in an installed tree or a build folder; WHORL_HEADER and
-- WHORL_LIBRARY name others.
local ffi = require "ffi"

-- Not followed through links: the build folder links to the Lua files, and its library is the one that belongs to them.
local here = debug.getinfo(1, "S").source:sub(2)
local root = here:match("^(.*)share/whorl/lua/whorl/init%.lua$")
local source_root = here:match("^(.*)lua/whorl/init%.lua$")

local function read(path)
  local file, why = io.open(path, "rb")
  if not file then
    return nil, why
  end
  local text = file:read("*a")
  file:close()
  return text
end

local function declare()
  if pcall(ffi.typeof, "wh_session") then
    return -- this module was unloaded and is required again
  end
  local path = os.getenv("WHORL_HEADER") or (root and root .. "include/whorl.h" or source_root .. "runtime/whorl.h")
  local text = assert(read(path))
  local declarations = assert(text:match("ffi%-begin[^\n]*\n(.-)/%* ffi%-end"), path .. ": this is not whorl.h")
  ffi.cdef((declarations:gsub("WH_API ", "")))
end

local function load()
  if pcall(function() return ffi.C.wh_version end) then
    return ffi.C -- a program that is linked with whorl
  end
  local named = os.getenv("WHORL_LIBRARY")
  if named then
    return ffi.load(named)
  end
  for _, folder in ipairs(root and { "lib/", "lib64/" } or {}) do
    local found, library = pcall(ffi.load, root .. folder .. "libwhorl.so")
    if found then
      return library
    end
  end
  return ffi.load("whorl")
end

declare()
local C = load()
-- Finalizers call into the library, so it must outlast this module.
debug.getregistry()["whorl.library"] = C

local status_words = { "argument", "config", "build", "kernel", "memory", "io", "cancelled" }
local event_words = { "reloaded", "rejected", "params", "file", "log", "step", "diagnostic", "ready",
                      "note" }
local step_words = { "noticed", "built", "loaded", "checked", "canary", "published", "retired" }
local state_words = { "kept", "live", "ready", "bad" }
local type_words = { "float", "int", "bool", "choice" }

--- result when the status is fine, else nil, the message and the word for the status.
local function check(status, result)
  if status == C.WH_OK then
    return result
  end
  return nil, ffi.string(C.wh_last_error()), status_words[tonumber(status)] or tostring(status)
end

local function sized(name)
  local struct = ffi.new(name)
  struct.size = ffi.sizeof(struct)
  return struct
end

local function text_of(pointer)
  return pointer ~= nil and ffi.string(pointer) or ""
end

local anchors = setmetatable({}, { __mode = "k" }) -- view -> what must live as long as it

local Mesh, Points, Session = {}, {}, {}
Mesh.__index, Points.__index, Session.__index = Mesh, Points, Session

local function new_mesh(status, out)
  if status ~= C.WH_OK then
    return check(status)
  end
  return setmetatable({ handle = ffi.gc(out[0], C.wh_mesh_free) }, Mesh)
end

--- A wh_view of a mesh, or the view itself.
local function as_view(mesh)
  return getmetatable(mesh) == Mesh and mesh:view() or mesh
end

--- The same mesh with other positions, 3 floats a point: to sample what deform() gave. Samplers that follow take its
--- own as those before.
local function moved(mesh, position)
  local from, out = as_view(mesh), sized("wh_view")
  ffi.copy(out, from, ffi.sizeof("wh_view"))
  if out.rest == nil and (out.stride == 0 or out.stride == 12) then
    out.rest = out.position
  end
  out.position, out.stride, out.moves = position, 0, 0
  anchors[out] = { from, position }
  return out
end

--- The same mesh, with where its points were before they were deformed: for samplers that follow.
local function rested(mesh, rest)
  local from, out = as_view(mesh), sized("wh_view")
  ffi.copy(out, from, ffi.sizeof("wh_view"))
  out.rest = rest
  anchors[out] = { from, rest }
  return out
end

--- A wh_view from a table of its members; attribute = { name = float pointer, … }.
local function view(members)
  local out = sized("wh_view")
  local keep = { members.position, members.triangle, members.weight }
  for key, value in pairs(members) do
    if key ~= "attribute" then
      out[key] = value
    end
  end
  local names = {}
  for name in pairs(members.attribute or {}) do
    names[#names + 1] = name
  end
  if #names > 0 then
    table.sort(names)
    local list = ffi.new("wh_attribute[?]", #names)
    for i, name in ipairs(names) do
      list[i - 1].name, list[i - 1].value = name, members.attribute[name]
      keep[#keep + 1], keep[#keep + 2] = name, members.attribute[name]
    end
    keep[#keep + 1] = list
    out.attribute, out.attribute_count = list, #names
  end
  anchors[out] = keep
  return out
end

-- Meshes --------------------------------------------------------------------------------------------------------------

local function read_mesh(path)
  local out = ffi.new("wh_mesh *[1]")
  return new_mesh(C.wh_mesh_read(path, out), out)
end

function Mesh:view()
  local out = sized("wh_view")
  anchors[out] = self
  return check(C.wh_mesh_view(self.handle, out), out)
end

function Mesh:note()
  return ffi.string(C.wh_mesh_note(self.handle))
end

function Mesh:set_positions(position)
  C.wh_mesh_set_positions(self.handle, position)
end

function Mesh:write(path)
  return check(C.wh_mesh_write(self.handle, path), true)
end

function Mesh:free()
  C.wh_mesh_free(ffi.gc(self.handle, nil))
  self.handle = nil
end

-- Points: count, and position, id and value as C arrays that last as long as the object -------------------------------

--- The values of each point attribute by its name.
local function attributes_of(struct)
  local out = {}
  for i = 0, struct.attribute_count - 1 do
    out[ffi.string(struct.attribute[i].name)] = struct.attribute[i].value
  end
  return out
end

local function new_points(struct)
  local owner = ffi.gc(struct, C.wh_points_free)
  return setmetatable({ struct = owner, count = struct.count, position = struct.position, id = struct.id,
                        value = struct.value, triangle = struct.triangle, place = struct.place,
                        attribute = attributes_of(struct) }, Points)
end

function Points:write(path)
  return check(C.wh_points_write(self.struct, path), true)
end

function Points:free()
  C.wh_points_free(ffi.gc(self.struct, nil))
  for key in pairs(self) do
    self[key] = nil
  end
  self.count = 0
end

-- Pictures ------------------------------------------------------------------------------------------------------------

--- Writes a picture: { width =, height =, channels = 3 or 4, pixel = uint8_t array, stride = nil or bytes }.
local function write_image(image, path)
  local struct = sized("wh_image")
  for key, value in pairs(image) do
    struct[key] = value
  end
  return check(C.wh_image_write(struct, path), true)
end

-- Sessions ------------------------------------------------------------------------------------------------------------

--- Opens a pipeline. options: the members of wh_options. A wrong file gives a session and also the message and status.
-- place: nil, or a wh_session ** in which another thread looks for the session while its kernels are built.
local function open(path, options, place)
  local struct = sized("wh_options")
  for key, value in pairs(options or {}) do
    struct[key] = value
  end
  local out = place or ffi.new("wh_session *[1]")
  local status = C.wh_open(path, struct, out)
  if out[0] == nil then
    return check(status)
  end
  local session = setmetatable({ handle = ffi.gc(out[0], C.wh_close) }, Session)
  if status ~= C.WH_OK then
    return session, select(2, check(status))
  end
  return session
end

function Session:close()
  if self.handle then
    C.wh_close(ffi.gc(self.handle, nil))
    self.handle = nil
  end
end

function Session:poll()
  return tonumber(C.wh_poll(self.handle))
end

function Session:wait(milliseconds)
  C.wh_wait(self.handle, milliseconds)
end

--- Ends a wait of another thread.
function Session:wake()
  C.wh_wake(self.handle)
end

--- Publishes what waits for it; returns the revision.
function Session:publish()
  return tonumber(C.wh_publish(self.handle))
end

function Session:watch(path)
  return check(C.wh_watch(self.handle, path), true)
end

local function next_event(session)
  local e = sized("wh_event")
  if not C.wh_next_event(session.handle, e) then
    return nil
  end
  return { kind = event_words[e.kind], status = status_words[e.status] or "ok", line = e.line, column = e.column,
           subject = text_of(e.subject), text = text_of(e.text), saved = e.saved, milliseconds = e.milliseconds,
           revision = tonumber(e.revision), step = step_words[e.step], generation = e.generation, fast = e.fast }
end

--- for event in session:events() do: takes all that are waiting.
function Session:events()
  return next_event, self
end

local function components(values, count)
  local list = {}
  for i = 1, count do
    list[i] = values[i - 1]
  end
  return list
end

--- Calls at(handle, i, struct) for every i below count and collects what convert makes of each.
local function collect(session, count, struct_name, at, convert)
  local list = {}
  for i = 0, count(session.handle) - 1 do
    local struct = sized(struct_name)
    if at(session.handle, i, struct) == C.WH_OK then
      list[#list + 1] = convert(struct)
    end
  end
  return list
end

function Session:params()
  return collect(self, C.wh_param_count, "wh_param", C.wh_param_at, function(p)
    return { id = text_of(p.id), type = type_words[p.type], count = p.count, label = text_of(p.label),
             unit = text_of(p.unit), doc = text_of(p.doc), choices = text_of(p.choices), min = p.min, max = p.max,
             init = components(p.init, p.count), value = components(p.value, p.count) }
  end)
end

function Session:kernels()
  return collect(self, C.wh_kernel_count, "wh_kernel_info", C.wh_kernel_at, function(k)
    return { id = text_of(k.id), generation = k.generation, doc = text_of(k.doc), source = text_of(k.source),
             params = text_of(k.params), path = text_of(k.path), builtin = k.builtin, fast = k.fast, pinned = k.pinned }
  end)
end

--- The generations of a kernel's source, oldest first: { generation, state, fast, saved, note }.
function Session:generations(kernel)
  local list = {}
  for i = 0, C.wh_generation_count(self.handle, kernel) - 1 do
    local g = sized("wh_generation_info")
    if C.wh_generation_at(self.handle, kernel, i, g) == C.WH_OK then
      list[#list + 1] = { generation = g.generation, state = state_words[g.state], fast = g.fast, saved = g.saved,
                          note = text_of(g.note) }
    end
  end
  return list
end

--- Makes a generation live, until the next save or, pinned, for good; 0: the newest good one.
function Session:use(kernel, generation, pin)
  return check(C.wh_generation_use(self.handle, kernel, generation, pin or false), true)
end

--- How far two generations of a kernel are apart on a mesh: { points, largest, mean, largest_at, only_a, only_b }.
-- distance: nil, or room for one float for each point.
function Session:compare(kernel, a, b, mesh, seconds, distance)
  local d = sized("wh_difference")
  local status = C.wh_compare(self.handle, kernel, a, b, as_view(mesh), seconds or 0, d, distance)
  if status ~= C.WH_OK then
    return check(status)
  end
  return { points = d.point_count, largest = d.largest, mean = d.mean, largest_at = d.largest_at, only_a = d.only_a,
           only_b = d.only_b }
end

function Session:stages()
  return collect(self, C.wh_stage_count, "wh_stage_info", C.wh_stage_at, function(s)
    return { kernel = text_of(s.kernel), name = text_of(s.name), generation = s.generation, enabled = s.enabled,
             milliseconds = s.milliseconds }
  end)
end

--- Sets a parameter: session:set("noise.offset", 0, 1, 0). Booleans and the number of a choice are fine.
function Session:set(id, ...)
  local value = ffi.new("double[4]")
  for i = 1, math.min(select("#", ...), 4) do
    local v = select(i, ...)
    value[i - 1] = type(v) == "boolean" and (v and 1 or 0) or v
  end
  return check(C.wh_param_set(self.handle, id, value), true)
end

function Session:plan_json()
  return ffi.string(C.wh_plan_json(self.handle))
end

--- What is wrong now, or "", and the session at a glance.
function Session:message()
  return ffi.string(C.wh_message(self.handle))
end

function Session:status_json()
  return ffi.string(C.wh_status_json(self.handle))
end

--- Positions of the deformed mesh, 3 floats a point, in out or in a new array.
function Session:deform(mesh, seconds, out)
  local from = as_view(mesh)
  out = out or ffi.new("float[?]", 3 * from.point_count)
  return check(C.wh_deform(self.handle, from, seconds or 0, out), out)
end

--- Values of a field at count points (xyz each), in out or in a new array.
function Session:field(name, mesh, seconds, query, count, out)
  out = out or ffi.new("float[?]", count)
  return check(C.wh_field(self.handle, name, as_view(mesh), seconds or 0, query, count, out), out)
end

function Session:sample(name, mesh, seconds)
  local struct = sized("wh_points")
  local status = C.wh_sample(self.handle, name, as_view(mesh), seconds or 0, struct)
  if status ~= C.WH_OK then
    return check(status)
  end
  return new_points(struct)
end

function Session:source(seconds)
  local out = ffi.new("wh_mesh *[1]")
  return new_mesh(C.wh_source(self.handle, seconds or 0, out), out)
end

function Session:cancel()
  C.wh_cancel(self.handle)
end

--- Share of the work that is done, and the kernel at work.
function Session:progress()
  local what = ffi.new("const char *[1]")
  local share = C.wh_progress(self.handle, what)
  return share, text_of(what[0])
end

return {
  C = C, -- the library itself, for what is not wrapped
  open = open,
  view = view,
  moved = moved,
  rested = rested,
  read_mesh = read_mesh,
  write_image = write_image,
  version = function() return C.wh_version() end,
  build_info = function() return ffi.string(C.wh_build_info()) end,
  data_path = function() return ffi.string(C.wh_data_path()) end,
}
