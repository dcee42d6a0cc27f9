--- Reads PNG files of 8-bit RGB and RGBA, from the specification (ISO/IEC 15948) and with no code that whorl writes
--- them with: chunks and their checksums, filters, and zlib, which every libpng needs, for the rest.
local bit = require "bit"
local ffi = require "ffi"

local png = {}
local loaded, zlib = pcall(ffi.load, "libz.so.1")
png.missing = not loaded
if not pcall(ffi.typeof, "struct wh_spec_png") then
  ffi.cdef [[
    struct wh_spec_png { int unused; };
    int uncompress(uint8_t *to, unsigned long *to_size, const char *from, unsigned long size);
    unsigned long crc32(unsigned long crc, const char *from, unsigned size);
  ]]
end

local function number(text, at)
  local a, b, c, d = text:byte(at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

--- name -> content; the parts of IDAT joined.
local function chunks_of(text)
  assert(text:sub(1, 8) == "\137PNG\r\n\26\n", "no PNG")
  local chunks, at, last = {}, 9, nil
  while at <= #text do
    local size, name = number(text, at), text:sub(at + 4, at + 7)
    local sum = tonumber(zlib.crc32(0, text:sub(at + 4, at + 7 + size), size + 4))
    assert(sum == number(text, at + 8 + size), name .. ": wrong checksum")
    chunks[name] = (name == "IDAT" and chunks[name] or "") .. text:sub(at + 8, at + 7 + size)
    at, last = at + 12 + size, name
  end
  assert(last == "IEND" and at == #text + 1, "it does not end with IEND")
  return chunks
end

local function paeth(a, b, c)
  local pa, pb, pc = math.abs(b - c), math.abs(a - c), math.abs(a + b - 2 * c)
  return pa <= pb and pa <= pc and a or pb <= pc and b or c
end

local predictors = {
  [0] = function() return 0 end,
  function(left) return left end,
  function(_, up) return up end,
  function(left, up) return math.floor((left + up) / 2) end,
  paeth,
}

--- { width, height, channels, chunks, at(column, row) -> bytes of that pixel }
function png.read(path)
  local file = assert(io.open(path, "rb"))
  local chunks = chunks_of(file:read("*a"))
  file:close()
  local head = chunks.IHDR
  local width, height, channels = number(head, 1), number(head, 5), ({ [2] = 3, [6] = 4 })[head:byte(10)]
  assert(head:sub(9, 9) == "\8" and channels and head:sub(11) == "\0\0\0", "a PNG of another kind")
  local row_size = width * channels
  local size = ffi.new("unsigned long[1]", height * (row_size + 1))
  local bytes = ffi.new("uint8_t[?]", size[0])
  assert(zlib.uncompress(bytes, size, chunks.IDAT, #chunks.IDAT) == 0 and size[0] == height * (row_size + 1),
    "IDAT is not the picture")
  for row = 0, height - 1 do
    local first = row * (row_size + 1) + 1
    local predict = predictors[bytes[first - 1]]
    for i = 0, row_size - 1 do
      local here, above = first + i, first + i - row_size - 1
      local inside = i >= channels
      local left = inside and bytes[here - channels] or 0
      local up = row > 0 and bytes[above] or 0
      local corner = inside and row > 0 and bytes[above - channels] or 0
      bytes[here] = bit.band(bytes[here] + predict(left, up, corner), 255)
    end
  end
  local function at(column, row)
    assert(column >= 0 and column < width and row >= 0 and row < height, "not in the picture")
    local first = row * (row_size + 1) + 1 + column * channels
    return bytes[first], bytes[first + 1], bytes[first + 2], channels == 4 and bytes[first + 3] or nil
  end
  return { width = width, height = height, channels = channels, chunks = chunks, at = at }
end

return png
