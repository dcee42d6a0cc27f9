--- Meshes and raw results of spec/same_points_spec.lua: binary PLY files of floats, and arrays as bytes.
local ffi = require "ffi"
local bit = require "bit"
local command = require "spec.support.command"

local M = {}

local size_of = { float = 4, uint = 4 }

--- The vertices of a binary PLY file as a string of records, their number, where each property lies in a record, the
--- length of a record, and what follows them.
local function split(path)
  local text = assert(command.read(path), path)
  local head, body = text:match("^(.-end_header\n)(.*)$")
  local count = tonumber(head:match("element vertex (%d+)"))
  local at, length = {}, 0
  for kind, name in head:gmatch("property (%a+) ([%w_]+)\n") do
    at[name], length = length, length + size_of[kind]
  end
  return body:sub(1, count * length), count, at, length, body:sub(count * length + 1)
end

--- The bytes of neighbouring properties, from `first` on, size bytes of each record.
local function column(records, count, offset, length, size)
  local out, from = ffi.new("char[?]", math.max(count * size, 1)), ffi.cast("const char *", records)
  for i = 0, count - 1 do
    ffi.copy(out + i * size, from + i * length + offset, size)
  end
  return ffi.string(out, count * size)
end

--- xyz of each point as floats, and its id when it has one, as bytes.
function M.read(path)
  local records, count, at, length = split(path)
  return column(records, count, at.x, length, 12), at.id_low and column(records, count, at.id_low, length, 8)
end

local function triangles_of(bytes, keep)
  local list, number = {}, 0
  for i = 1, #bytes, 13 do
    number = number + 1
    if keep(number) then list[#list + 1] = bytes:sub(i, i + 12) end
  end
  return list
end

--- Writes the mesh of a PLY file that whorl has written again: with a point attribute, hold, of weight(index), and only
--- the triangles whose number is kept.
function M.rewrite(from, to, weight, keep)
  local records, count, _, length, rest = split(from)
  local points = ffi.new("float[?]", count * 4)
  for i = 0, count - 1 do
    ffi.copy(points + i * 4, ffi.cast("const char *", records) + i * length, 12)
    points[i * 4 + 3] = weight(i)
  end
  local kept = triangles_of(rest, keep)
  local head = "ply\nformat binary_little_endian 1.0\nelement vertex %d\nproperty float x\nproperty float y\n" ..
    "property float z\nproperty float hold\nelement face %d\nproperty list uchar int vertex_indices\nend_header\n"
  command.write(to, head:format(count, #kept) .. ffi.string(points, count * 16) .. table.concat(kept))
end

local function word(bytes, i)
  local a, b, c, d = bytes:byte(4 * i + 1, 4 * i + 4)
  return bit.bor(a, bit.lshift(b, 8), bit.lshift(c, 16), bit.lshift(d, 24))
end

--- nil when both are the same bytes, else how they differ, in words of four bytes.
function M.difference(a, b)
  if a == b then return nil end
  if not a or not b then return "one of them is not there" end
  if #a ~= #b then return ("%d bytes and %d"):format(#a, #b) end
  local count, first = 0, nil
  for i = 0, #a / 4 - 1 do
    if word(a, i) ~= word(b, i) then
      count, first = count + 1, first or i
    end
  end
  return ("%d of %d words differ, the first is number %d: %s and %s"):format(count, #a / 4, first,
    bit.tohex(word(a, first)), bit.tohex(word(b, first)))
end

return M
