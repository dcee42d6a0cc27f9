-- meshlib.lua - the mesh functions of libwhorl for specs: reads, views and writes as plain Lua tables.
-- The library is the one that WHORL_LIBRARY names.
local ffi = require "ffi"

local meshlib = {}

local function declarations()
  local here = debug.getinfo(1, "S").source:match("^@(.*)spec/support/meshlib%.lua$") or ""
  local file = assert(io.open(here .. "runtime/whorl.h"))
  local text = file:read("*a")
  file:close()
  return (text:match("/%* ffi%-begin.-%*/(.-)/%* ffi%-end"):gsub("WH_API ", ""))
end

if not pcall(ffi.typeof, "wh_view") then
  ffi.cdef(declarations())
end
ffi.cdef "int mkdir(const char *, unsigned); int chmod(const char *, unsigned);"

local C = ffi.load(assert(os.getenv("WHORL_LIBRARY"), "WHORL_LIBRARY must name libwhorl"))
meshlib.C = C
meshlib.OK, meshlib.ARGUMENT, meshlib.IO = 0, 1, 6

local counter = 0

--- A new name for a file that the spec will write, in a folder of its own.
function meshlib.temporary(name)
  if not meshlib.folder then
    meshlib.folder = os.tmpname()
    os.remove(meshlib.folder)
    assert(ffi.C.mkdir(meshlib.folder, 448) == 0)
  end
  counter = counter + 1
  return ("%s/%d-%s"):format(meshlib.folder, counter, name)
end

--- Removes what the spec wrote.
function meshlib.clean()
  if meshlib.folder then
    os.execute("rm -rf '" .. meshlib.folder .. "'")
    meshlib.folder = nil
  end
end

function meshlib.save(path, bytes)
  os.remove(path) -- to shorten a file that is there makes some file systems wait for the disk
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

function meshlib.load(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("*a")
  file:close()
  return bytes
end

--- Reads a file: a handle that frees itself, or nil, the message, the status.
function meshlib.read(path)
  local out = ffi.new("wh_mesh *[1]")
  local status = tonumber(C.wh_mesh_read(path, out))
  if status ~= 0 then
    return nil, ffi.string(C.wh_last_error()), status
  end
  return ffi.gc(out[0], C.wh_mesh_free)
end

--- Everything about a mesh as tables: position, triangle (0-based), attribute by name, note.
function meshlib.describe(mesh)
  local view = ffi.new("wh_view")
  view.size = ffi.sizeof(view)
  assert(tonumber(C.wh_mesh_view(mesh, view)) == 0)
  local d = { position = {}, triangle = {}, attribute = {}, names = {}, note = ffi.string(C.wh_mesh_note(mesh)) }
  for i = 0, view.point_count * 3 - 1 do
    d.position[#d.position + 1] = view.position[i]
  end
  for i = 0, view.triangle_count * 3 - 1 do
    d.triangle[#d.triangle + 1] = view.triangle[i]
  end
  for k = 0, view.attribute_count - 1 do
    local name, values = ffi.string(view.attribute[k].name), {}
    for i = 0, view.point_count - 1 do
      values[#values + 1] = view.attribute[k].value[i]
    end
    d.names[#d.names + 1], d.attribute[name] = name, values
  end
  d.cloud = view.triangle == nil
  return d
end

--- Writes bytes under a fresh name and reads them as a mesh: its description, or nil, the message without the folder,
-- and the status.
function meshlib.parse(name, bytes)
  local path = meshlib.temporary(name)
  meshlib.save(path, bytes)
  local mesh, message, status = meshlib.read(path)
  os.remove(path)
  if mesh then
    return meshlib.describe(mesh)
  end
  local first, last = message:find(path, 1, true)
  assert(first == 1, message)
  return nil, name .. message:sub(last + 1), status
end

--- The bytes of a number in either byte order: kind is a C type.
function meshlib.bytes(kind, value, big)
  local box = ffi.new(kind .. "[1]", value)
  local text = ffi.string(box, ffi.sizeof(box))
  return big and text:reverse() or text
end

return meshlib
