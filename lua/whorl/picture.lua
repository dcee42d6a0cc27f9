--- Pictures of numbers: colours for winding numbers, and lines and dots over them.
--
-- Places are in pixels from the upper left corner; the centre of the first pixel is at 0.5, 0.5.
local ffi = require "ffi"

local picture = {}

-- Colours -------------------------------------------------------------------------------------------------------------

--- Value and colour (sRGB), ascending; linear in between. Two entries at one value are a step: the value above which
--- rounding gives the next whole number changes the colour at once, and noise around a whole number does not.
picture.colours = {
  { -2, 8, 29, 88 },
  { -1, 34, 94, 168 }, { -0.5, 99, 160, 206 },
  { -0.5, 196, 221, 240 }, { 0, 255, 255, 255 }, { 0.5, 254, 224, 178 },
  { 0.5, 253, 164, 92 }, { 1, 204, 51, 36 }, { 1.5, 150, 0, 32 },
  { 1.5, 178, 121, 196 }, { 2, 123, 50, 148 }, { 3, 64, 0, 75 },
}

local function between(below, above, value)
  local share = (value - below[1]) / (above[1] - below[1])
  return below[2] + share * (above[2] - below[2]), below[3] + share * (above[3] - below[3]),
    below[4] + share * (above[4] - below[4])
end

--- Red, green and blue, 0 .. 255, of a value.
function picture.colour(value)
  if value ~= value then
    return 128, 128, 128
  end
  local list = picture.colours
  local first, last = list[1], list[#list]
  for i = 2, #list do
    if value < list[i][1] then
      return between(list[i - 1], list[i], math.max(value, first[1]))
    end
  end
  return last[2], last[3], last[4]
end

-- Layers: how much of each pixel is covered, 0 .. 255. What is drawn twice covers as much as if it were drawn once ----

function picture.layer(width, height)
  return { width = width, height = height, cover = ffi.new("uint8_t[?]", width * height) }
end

local function clamp(x, least, most)
  return math.max(least, math.min(most, x))
end

--- A line with round ends; a dot when the ends are one place. It takes steps along its longer side, and looks at those
--- pixels of a row or column that it can cover.
function picture.line(layer, x0, y0, x1, y1, radius)
  local steps, rows, along, across = layer.width, layer.height, 1, layer.width
  if math.abs(y1 - y0) > math.abs(x1 - x0) then
    x0, y0, x1, y1, steps, rows, along, across = y0, x0, y1, x1, rows, steps, across, along
  end
  if x0 > x1 then
    x0, y0, x1, y1 = x1, y1, x0, y0
  end
  local dx, dy, reach, cover = x1 - x0, y1 - y0, radius + 0.5, layer.cover
  local slope = dx > 0 and dy / dx or 0
  local inverse = dx > 0 and 1 / (dx * dx + dy * dy) or 0
  local spread = reach * math.sqrt(1 + slope * slope)
  for i = math.max(0, math.floor(x0 - reach)), math.min(steps - 1, math.floor(x1 + reach)) do
    local x = i + 0.5
    local centre = y0 + slope * (clamp(x, x0, x1) - x0)
    for j = math.max(0, math.floor(centre - spread)), math.min(rows - 1, math.floor(centre + spread)) do
      local y = j + 0.5
      local share = clamp(((x - x0) * dx + (y - y0) * dy) * inverse, 0, 1)
      local ex, ey = x - x0 - share * dx, y - y0 - share * dy
      local covered = math.floor(255 * clamp(reach - math.sqrt(ex * ex + ey * ey), 0, 1) + 0.5)
      local at = i * along + j * across
      if covered > cover[at] then
        cover[at] = covered
      end
    end
  end
end

-- Pictures ------------------------------------------------------------------------------------------------------------

--- RGB bytes of the values, one for each pixel, row by row.
function picture.paint(value, count)
  local pixel = ffi.new("uint8_t[?]", 3 * count)
  for i = 0, count - 1 do
    local r, g, b = picture.colour(value[i])
    pixel[3 * i], pixel[3 * i + 1], pixel[3 * i + 2] = r + 0.5, g + 0.5, b + 0.5
  end
  return pixel
end

--- Lays a layer in one colour over a picture; opacity: of a pixel that it covers all over.
function picture.lay_over(pixel, layer, colour, opacity)
  local cover = layer.cover
  for i = 0, layer.width * layer.height - 1 do
    if cover[i] > 0 then
      local share = cover[i] / 255 * opacity
      for k = 0, 2 do
        local below = pixel[3 * i + k]
        pixel[3 * i + k] = below + share * (colour[k + 1] - below) + 0.5
      end
    end
  end
end

return picture
