--- A picture of a plane through the mesh: winding numbers as colours, the cut, and the mesh's boundary.
local ffi = require "ffi"
local boundaries = require "whorl.boundary"
local picture = require "whorl.picture"
local support = require "whorl.cli_support"
local whorl = require "whorl"

local slicing = {}

slicing.options = {
  { name = "slice", value = "AXIS=M", check = "plane",
    doc = "draw the winding numbers on a plane, such as z=0.1, to -o FILE.png" },
  { name = "size", value = "N", check = "pixels", doc = "pixels on the longer side of the drawing; default 1024" },
  { name = "field", value = "NAME", doc = "draw this field of the pipeline, not the winding number" },
}

slicing.where = [[
With --slice, -o gets a picture: blue where the winding number is below 0, white at 0, orange
from 0.5, red at 1, purple where the mesh overlaps itself. A thin dark line is the mesh, yellow its
boundary (edges without an opposite one) at the plane, grey the rest of it. See man whorl.]]

--- Seen from the positive end of the axis, y up: which coordinates grow to the right and up, and their signs.
local views = {
  x = { axis = 0, right = 2, right_sign = -1, up = 1, up_sign = 1 },
  y = { axis = 1, right = 0, right_sign = 1, up = 2, up_sign = -1 },
  z = { axis = 2, right = 0, right_sign = 1, up = 1, up_sign = 1 },
}

local margin = 0.04 -- around the mesh, of its longer side
local near = 0.01   -- a boundary is at the plane up to this distance, of the picture's longer side

-- Line radii at a size of 1024, and colours.
local styles = {
  far = { radius = 0.5, colour = { 96, 96, 96 }, opacity = 0.55 },
  cut = { radius = 0.5, colour = { 32, 32, 32 }, opacity = 0.85 },
  rim = { radius = 2.5, colour = { 16, 16, 16 }, opacity = 1 },
  mark = { radius = 1.25, colour = { 255, 221, 0 }, opacity = 1 },
}
local order = { "far", "cut", "rim", "mark" }
local dot = 3.5 -- radius of a crossing, in that of a line

--- Ends the command when options are there that say nothing without others.
function slicing.check_options(options)
  if options.slice and not options.out then
    support.misuse("run", "--slice draws a picture, and wants a file for it: -o FILE.png")
  end
  for _, name in ipairs { "size", "field" } do
    if options[name] and not options.slice then
      support.misuse("run", "--%s is about the picture of --slice, which is not there", name)
    end
  end
end

--- Why no slice can be drawn here, or nil.
function slicing.missing(options)
  if options.slice and not whorl.build_info():match("\npng: yes") then
    return "whorl: --slice: this whorl was built without libpng (apt-get install libpng-dev, and build whorl again)"
  end
end

-- What is seen --------------------------------------------------------------------------------------------------------

--- The box of the triangles that count, or of all points where there is no triangle; least[0] is inf when it is empty.
local function box_of(view)
  local least, most = ffi.new("double[3]", { 1 / 0, 1 / 0, 1 / 0 }), ffi.new("double[3]", { -1 / 0, -1 / 0, -1 / 0 })
  local position, triangle = view.position, view.triangle
  local function include(i)
    for k = 0, 2 do
      local p = position[3 * i + k]
      least[k], most[k] = math.min(least[k], p), math.max(most[k], p)
    end
  end
  for t = 0, view.triangle_count - 1 do
    if boundaries.counts(view, t) then
      include(triangle[3 * t])
      include(triangle[3 * t + 1])
      include(triangle[3 * t + 2])
    end
  end
  for i = 0, view.triangle_count == 0 and view.point_count - 1 or -1 do
    include(i)
  end
  return least, most
end

--- Where each pixel of the picture is: { view, at, width, height, pixel (metres), left, top }.
local function window_of(plane, size, least, most)
  local v = views[plane.axis]
  local wide, high = most[v.right] - least[v.right], most[v.up] - least[v.up]
  local longer = math.max(wide, high)
  longer = longer > 0 and longer or 1 -- all of it is one line along the axis
  local room = 2 * margin * longer
  local pixel = (longer + room) / size
  local function pixels(side)
    return math.min(size, math.ceil((side + room) / pixel - 1e-6))
  end
  local w = { view = v, at = plane.at, pixel = pixel, width = pixels(wide), height = pixels(high) }
  w.left = v.right_sign * (least[v.right] + most[v.right]) / 2 - w.width * pixel / 2
  w.top = v.up_sign * (least[v.up] + most[v.up]) / 2 + w.height * pixel / 2
  return w
end

--- Pixels for a point: to the right and down.
local function place(w, p)
  local v = w.view
  return (v.right_sign * p[v.right] - w.left) / w.pixel, (w.top - v.up_sign * p[v.up]) / w.pixel
end

--- The centres of all pixels, xyz each.
local function queries(w)
  local v, out = w.view, ffi.new("float[?]", 3 * w.width * w.height)
  for row = 0, w.height - 1 do
    local up = v.up_sign * (w.top - (row + 0.5) * w.pixel)
    for column = 0, w.width - 1 do
      local q = 3 * (row * w.width + column)
      out[q + v.axis], out[q + v.up] = w.at, up
      out[q + v.right] = v.right_sign * (w.left + (column + 0.5) * w.pixel)
    end
  end
  return out
end

-- Lines over it -------------------------------------------------------------------------------------------------------

--- Where the plane meets an edge whose ends are at heights h and k over it, one of them at or below, the other above.
local function crossing(x0, y0, h, x1, y1, k)
  local share = h / (h - k)
  return x0 + share * (x1 - x0), y0 + share * (y1 - y0)
end

--- The line along which the plane cuts the mesh.
local function draw_cut(w, view, layer, radius)
  local axis, position, triangle = w.view.axis, view.position, view.triangle
  local function cut(p, q, r) -- p is alone on its side
    local h = p[axis] - w.at
    local x, y = place(w, p)
    local qx, qy = place(w, q)
    local rx, ry = place(w, r)
    local ax, ay = crossing(x, y, h, qx, qy, q[axis] - w.at)
    local bx, by = crossing(x, y, h, rx, ry, r[axis] - w.at)
    picture.line(layer, ax, ay, bx, by, radius)
  end
  for t = 0, view.triangle_count - 1 do
    local p, q, r = position + 3 * triangle[3 * t], position + 3 * triangle[3 * t + 1],
      position + 3 * triangle[3 * t + 2]
    local a, b, c = p[axis] > w.at, q[axis] > w.at, r[axis] > w.at
    if (a ~= b or b ~= c) and boundaries.counts(view, t) then
      if b == c then
        cut(p, q, r)
      elseif c == a then
        cut(q, r, p)
      else
        cut(r, p, q)
      end
    end
  end
end

--- The part of an edge with heights h and k that is at most `most` from the plane, as shares of its length; nil: none.
local function part_near(h, k, most)
  if math.max(h, k) < -most or math.min(h, k) > most then
    return nil
  elseif h == k then
    return 0, 1
  end
  local from, to = (-most - h) / (k - h), (most - h) / (k - h)
  if from > to then
    from, to = to, from
  end
  return math.max(0, from), math.min(1, to)
end

--- One edge of the boundary: all of it dim, what is at the plane marked. True when something is.
local function draw_edge(w, layers, unit, p, q)
  local x0, y0 = place(w, p)
  local x1, y1 = place(w, q)
  local h, k = p[w.view.axis] - w.at, q[w.view.axis] - w.at
  picture.line(layers.far, x0, y0, x1, y1, styles.far.radius * unit)
  local from, to = part_near(h, k, near * w.pixel * math.max(w.width, w.height))
  if not from then
    return false
  end
  local crosses, x, y = (h > 0) ~= (k > 0), nil, nil
  if crosses then
    x, y = crossing(x0, y0, h, x1, y1, k)
  end
  local ax, ay, bx, by = x0 + from * (x1 - x0), y0 + from * (y1 - y0), x0 + to * (x1 - x0), y0 + to * (y1 - y0)
  for _, name in ipairs { "rim", "mark" } do
    local radius = styles[name].radius * unit
    picture.line(layers[name], ax, ay, bx, by, radius)
    if crosses then
      picture.line(layers[name], x, y, x, y, radius + (dot - 1) * styles.mark.radius * unit)
    end
  end
  return true
end

--- Draws the boundary; returns how many loops it has, and how many of them are at the plane. nil: interrupted.
local function draw_boundary(w, view, layers, unit)
  local found, marked, count = boundaries.of(view), {}, 0
  for e = 0, found.count - 1 do
    if e % 16384 == 0 and support.system.interrupted() then
      return nil -- a soup of a million triangles takes seconds
    end
    local loop = found.loop[e]
    if draw_edge(w, layers, unit, view.position + 3 * found.from[e], view.position + 3 * found.to[e])
      and not marked[loop] then
      marked[loop], count = true, count + 1
    end
  end
  return found.loops, count
end

-- The picture ---------------------------------------------------------------------------------------------------------

local Slice = {}
Slice.__index = Slice

function Slice:write(path)
  return whorl.write_image({ width = self.width, height = self.height, channels = 3, pixel = self.bytes }, path)
end

local function draw(w, view, value)
  local unit, layers = math.max(1, math.max(w.width, w.height) / 1024), {}
  for _, name in ipairs(order) do
    layers[name] = picture.layer(w.width, w.height)
  end
  draw_cut(w, view, layers.cut, styles.cut.radius * unit)
  local loops, marked = draw_boundary(w, view, layers, unit)
  if not loops then
    return nil
  end
  local bytes = picture.paint(value, w.width * w.height)
  for _, name in ipairs(order) do
    picture.lay_over(bytes, layers[name], styles[name].colour, styles[name].opacity)
  end
  return bytes, loops, marked
end

--- The least and the greatest of the finite values; nil when there is none.
local function range_of(value, count)
  local least, most = 1 / 0, -1 / 0
  for i = 0, count - 1 do
    if value[i] - value[i] == 0 then
      least, most = math.min(least, value[i]), math.max(most, value[i])
    end
  end
  if least <= most then
    return least, most
  end
end

--- What is wrong with a plane, or nil.
local function outside(plane, least, most)
  local axis = views[plane.axis].axis
  if least[axis] > most[axis] then
    return ("whorl: --slice %s: the mesh has no points"):format(plane.text)
  elseif plane.at < least[axis] or plane.at > most[axis] then
    return ("whorl: --slice %s: the plane misses the mesh, which is at %s = %.9g .. %.9g (choose a plane between)")
      :format(plane.text, plane.axis, least[axis], most[axis])
  end
end

--- Draws a slice of a mesh as it is given: cook first. Returns nil and why when it cannot be drawn.
function slicing.draw(session, mesh, options)
  local view, plane = mesh:view(), options.slice
  local least, most = box_of(view)
  local why = outside(plane, least, most)
  if why then
    return nil, why
  end
  local w = window_of(plane, options.size or 1024, least, most)
  local query, count, value = queries(w), w.width * w.height
  if support.system.interrupted() then
    return nil -- Ctrl-C ends what is cooking, not what begins after it
  end
  value, why = session:field(options.field or "winding", view, options.time, query, count)
  if not value then
    return nil, why
  end
  local bytes, loops, marked = draw(w, view, value)
  if not bytes then
    return nil
  end
  least, most = range_of(value, count)
  return setmetatable({ plane = plane, field = options.field or "winding", width = w.width, height = w.height,
                        pixel = w.pixel, least = least, most = most, loops = loops, marked = marked, bytes = bytes },
                      Slice)
end

--- What the picture shows, for programs.
function Slice:summary()
  return { axis = self.plane.axis, at = self.plane.at, field = self.field, width = self.width, height = self.height,
           pixel = self.pixel, least = self.least, most = self.most, loops = self.loops,
           loops_at_plane = self.marked }
end

--- The same in one line.
function Slice:line()
  local loops = self.loops == 0 and "no boundary"
    or ("%d boundary loop%s, %d at the plane"):format(self.loops, self.loops == 1 and "" or "s", self.marked)
  local range = self.least and ("%.3g .. %.3g"):format(self.least, self.most) or "without a finite value"
  return ("slice %s: %d x %d pixels of %.3g m, %s %s, %s"):format(self.plane.text, self.width, self.height, self.pixel,
    self.field, range, loops)
end

return slicing
