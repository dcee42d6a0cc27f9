--- The boundary of a mesh: the edges that no opposite edge matches, once points at one position count as one. A closed
-- mesh has none, and whole winding numbers everywhere; around a hole, and where faces are turned over, it has loops.
local bit = require "bit"
local ffi = require "ffi"

local bxor, rol, band, tobit = bit.bxor, bit.rol, bit.band, bit.tobit

--- Three 32-bit numbers to one: the last step of Bob Jenkins' lookup3 (2006, public domain).
local function mixed(a, b, c)
  c = tobit(bxor(c, b) - rol(b, 14))
  a = tobit(bxor(a, c) - rol(c, 11))
  b = tobit(bxor(b, a) - rol(a, 25))
  c = tobit(bxor(c, b) - rol(b, 16))
  a = tobit(bxor(a, c) - rol(c, 4))
  b = tobit(bxor(b, a) - rol(a, 14))
  return tobit(bxor(c, b) - rol(b, 24))
end

local function is_finite(position, i)
  local sum = position[3 * i] + position[3 * i + 1] + position[3 * i + 2] -- in double: finite floats do not overflow
  return sum - sum == 0
end

--- A power of two, at least twice the number of entries: a table that is half empty finds a place soon.
local function table_size(entries)
  local size = 16
  while size < 2 * entries do
    size = 2 * size
  end
  return size
end

--- For each point the first one at its position; 0 and -0 are the same position.
--- One that is not finite stays alone.
local function welded(position, count)
  local size = table_size(count)
  local first, taken = ffi.new("int32_t[?]", count), ffi.new("int32_t[?]", size) -- index + 1; 0: free
  local value = ffi.new("float[3]")
  local bits = ffi.cast("int32_t *", value)
  for i = 0, count - 1 do
    local x, y, z = position[3 * i] + 0, position[3 * i + 1] + 0, position[3 * i + 2] + 0
    value[0], value[1], value[2] = x, y, z
    local slot = band(mixed(bits[0], bits[1], bits[2]), size - 1)
    first[i] = i
    while is_finite(position, i) do
      local other = taken[slot] - 1
      if other < 0 then
        taken[slot] = i + 1
        break
      elseif position[3 * other] == x and position[3 * other + 1] == y and position[3 * other + 2] == z then
        first[i] = other
        break
      end
      slot = band(slot + 1, size - 1)
    end
  end
  return first
end

--- Whether a triangle counts: winding numbers leave out those with a corner that is not finite.
local function counts(view, t)
  local position, triangle = view.position, view.triangle
  return is_finite(position, triangle[3 * t]) and is_finite(position, triangle[3 * t + 1])
    and is_finite(position, triangle[3 * t + 2])
end

--- Every edge between two positions, and by how many more triangles it is used in one direction than in the other.
local function count_edges(view, first)
  local size = table_size(3 * view.triangle_count)
  local edges = { size = size, low = ffi.new("int32_t[?]", size), high = ffi.new("int32_t[?]", size), -- index + 1
                  surplus = ffi.new("int32_t[?]", size) }
  local low, high, surplus = edges.low, edges.high, edges.surplus
  local function add(from, to)
    local a, b, direction = from, to, 1
    if a == b then
      return
    elseif a > b then
      a, b, direction = to, from, -1
    end
    local slot = band(mixed(a, b, 0), size - 1)
    while low[slot] ~= 0 and (low[slot] ~= a + 1 or high[slot] ~= b + 1) do
      slot = band(slot + 1, size - 1)
    end
    low[slot], high[slot], surplus[slot] = a + 1, b + 1, surplus[slot] + direction
  end
  for t = 0, view.triangle_count - 1 do
    if counts(view, t) then
      local a, b, c = view.triangle[3 * t], view.triangle[3 * t + 1], view.triangle[3 * t + 2]
      a, b, c = first[a], first[b], first[c]
      add(a, b)
      add(b, c)
      add(c, a)
    end
  end
  return edges
end

--- Gives edges that hang together one number, from 0. Returns how many numbers there are.
local function number_loops(found, point_count)
  local parent = ffi.new("int32_t[?]", point_count)
  for i = 0, point_count - 1 do
    parent[i] = i
  end
  local function root(i)
    while parent[i] ~= i do
      parent[i] = parent[parent[i]]
      i = parent[i]
    end
    return i
  end
  for e = 0, found.count - 1 do
    parent[root(found.from[e])] = root(found.to[e])
  end
  local number, loops = {}, 0
  for e = 0, found.count - 1 do
    local r = root(found.from[e])
    if not number[r] then
      number[r], loops = loops, loops + 1
    end
    found.loop[e] = number[r]
  end
  return loops
end

--- The boundary of a wh_view whose positions are packed: { count, from, to, loop, loops }. Edge e, below count, runs
-- between points from[e] and to[e], and belongs to loop loop[e], below loops.
local function boundary(view)
  local edges = count_edges(view, welded(view.position, view.point_count))
  local count = 0
  for slot = 0, edges.size - 1 do
    count = count + (edges.surplus[slot] ~= 0 and 1 or 0)
  end
  local found = { count = 0, from = ffi.new("int32_t[?]", count), to = ffi.new("int32_t[?]", count),
                  loop = ffi.new("int32_t[?]", count) }
  for slot = 0, edges.size - 1 do
    if edges.surplus[slot] ~= 0 then
      found.from[found.count], found.to[found.count] = edges.low[slot] - 1, edges.high[slot] - 1
      found.count = found.count + 1
    end
  end
  found.loops = number_loops(found, view.point_count)
  return found
end

return { of = boundary, counts = counts }
