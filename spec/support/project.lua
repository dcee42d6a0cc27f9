--- A project in a folder of its own: write files, open sessions on them, wait for what they say.
local ffi = require "ffi"
local whorl = require "whorl"

ffi.cdef "int usleep(unsigned); double difftime(long, long);"

local Project = {}
Project.__index = Project

local function run(command) assert(os.execute(command) == 0, command) end

local function quoted(path) return "'" .. path .. "'" end

local M = { ffi = ffi, whorl = whorl }

function M.new()
  local p = io.popen "mktemp -d"
  local folder = p:read "*l"
  p:close()
  return setmetatable({ folder = folder, sessions = {} }, Project)
end

function Project:path(name) return self.folder .. "/" .. name end

function Project:make_folder(name) run("mkdir -p " .. quoted(self:path(name))) end

--- Writes a file as an editor does that truncates and writes.
function Project:write(name, text)
  local f = assert(io.open(self:path(name), "wb"))
  f:write(text)
  f:close()
end

--- Writes a file as an editor does that saves beside and renames.
function Project:save(name, text)
  self:write(name .. ".new", text)
  assert(os.rename(self:path(name .. ".new"), self:path(name)))
end

function Project:remove(name) os.remove(self:path(name)) end

--- Opens name (nil: no pipeline) with the project's own cache. Returns what whorl.open returns.
function Project:open(name, options)
  local o = { cache_path = self:path "cache", threads = 2 }
  for key, value in pairs(options or {}) do o[key] = value end
  local session, message, status = whorl.open(name and self:path(name), o)
  if session then self.sessions[#self.sessions + 1] = session end
  return session, message, status
end

--- Texts of the waiting events of that kind (without one: all but steps and notes), less the project's folder.
function Project:events(session, kind)
  local texts = {}
  for e in session:events() do
    if kind == nil and e.kind ~= "step" and e.kind ~= "note" or e.kind == kind then
      texts[#texts + 1] = self:plain(e.text)
    end
  end
  return texts
end

function Project:plain(text)
  local folder = self.folder:gsub("%p", "%%%0")
  return (text:gsub(folder .. "/", ""))
end

--- Polls until an event of that kind comes; returns it, with its text plain. Fails after ten seconds.
function Project:wait(session, kind)
  local seen = {}
  for _ = 1, 1000 do
    session:poll()
    for e in session:events() do
      if e.kind == kind then
        e.text = self:plain(e.text)
        return e
      end
      seen[#seen + 1] = e.kind .. " " .. e.text
    end
    session:wait(10)
  end
  error(("no event '%s' came; there were: %s"):format(kind, table.concat(seen, "; ")), 2)
end

--- Polls for so many milliseconds; the texts of all events that came.
function Project:settle(session, milliseconds)
  local texts = {}
  for _ = 1, milliseconds / 10 do
    session:poll()
    for _, text in ipairs(self:events(session)) do texts[#texts + 1] = text end
    ffi.C.usleep(10000)
  end
  return texts
end

function Project:close()
  for _, session in ipairs(self.sessions) do session:close() end
  run("rm -rf " .. quoted(self.folder))
end

--- A point cloud from a list of { x, y, z }.
function M.cloud(points, attribute)
  local position = ffi.new("float[?]", #points * 3 + 1)
  for i, p in ipairs(points) do
    for k = 1, 3 do position[(i - 1) * 3 + k - 1] = p[k] end
  end
  return whorl.view { position = position, point_count = #points, attribute = attribute }
end

--- The axis-aligned unit cube from 0 to 1, twelve triangles.
function M.cube()
  local position = ffi.new("float[24]", 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1)
  local triangle = ffi.new("uint32_t[36]", 0, 2, 1, 0, 3, 2, 4, 5, 6, 4, 6, 7, 0, 1, 5, 0, 5, 4, 1, 2, 6, 1, 6, 5,
                           2, 3, 7, 2, 7, 6, 3, 0, 4, 3, 4, 7)
  return whorl.view { position = position, point_count = 8, triangle = triangle, triangle_count = 12 }
end

--- { x, y, z } of each of count packed points.
function M.points(position, count)
  local list = {}
  for i = 0, count - 1 do list[i + 1] = { position[i * 3], position[i * 3 + 1], position[i * 3 + 2] } end
  return list
end

--- C text of a deformer that adds to x: an expression of its parameters p.
function M.shift(parameters, expression)
  return ([[
#include "whorl_kernel.h"
WH_PARAMS(deform_shift, %s)
static void deform_shift_run(const wh_block *b)
{
    const deform_shift *p = b->params;
    for (uint32_t i = 0; i < b->count; i++)
        b->x[i] += %s;
}
WH_KERNEL(deform_shift, .doc = "Shift along x", .run = deform_shift_run);
]]):format(parameters, expression)
end

return M
