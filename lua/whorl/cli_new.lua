--- whorl new: a first file that works as it stands.
local support = require "whorl.cli_support"
local whorl = require "whorl"

local pipeline = [[
-- STEM.lua - a pipeline: a mesh, deformers in order, a sampler. Try it with
--   whorl run STEM.lua -o STEM.ply
-- or keep it open and edit this file while it runs:
--   whorl live STEM.lua -o STEM.ply
-- `whorl kernels` lists what there is; `whorl kernels twist` says what twist takes.

local upper = field.ramp { axis = "y", from = -1, to = 1 } -- 0 at the bottom, 1 at the top

return pipeline "STEM" {
  mesh.sphere { radius = 1 }, -- used when the host gives no mesh (-i MESH)
  deform.twist { angle = expose(45, "Twist"), mask = upper },
  deform.noise { amount = 0.05 },
  sample.inside { name = "fill", spacing = 0.1 },
}
]]

local kernel = [[
/* STEM.c - a kernel: a pipeline file in the same folder calls it deform.STEM { amount = 0.2 }; one elsewhere needs
 * --kernels FOLDER. While `whorl live` runs, it is built again whenever it is saved. */
#include "whorl_kernel.h"

WH_PARAMS(deform_STEM,
    float amount WH_UI(0.1, min = -10, max = 10, unit = "m", doc = "How far points move up at most");
    float waves  WH_UI(1, min = 0, max = 100, doc = "Waves in a metre along x");
)

static void deform_STEM_run(const wh_block *b)
{
    const deform_STEM *p = b->params;
    for (uint32_t i = 0; i < b->count; i++)
        b->y[i] += p->amount * wh_sin(6.2831853f * p->waves * b->x[i]);
}

WH_KERNEL(deform_STEM, .doc = "Move points up and down in waves", .run = deform_STEM_run);
]]

local kinds = {
  pipeline = { ending = ".lua", text = pipeline },
  kernel = { ending = ".c", text = kernel },
}

local function exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

local function is_builtin(id)
  local session = whorl.open(nil, { host = "cli", frozen = true })
  for _, known in ipairs(session and session:kernels() or {}) do
    if known.id == id then
      return known.builtin
    end
  end
  return false
end

local function run(_, rest)
  local kind, name = kinds[rest[1]], rest[2]
  if not kind or not name or #rest > 2 then
    support.misuse("new", "wanted: whorl new pipeline NAME, or whorl new kernel NAME")
  end
  if name:sub(-#kind.ending) == kind.ending then
    name = name:sub(1, -#kind.ending - 1)
  end
  local stem = name:match("[^/]*$")
  if not stem:match("^[%a_][%w_]*$") then
    support.misuse("new", "'%s' is no name: letters, digits and _, not a digit first", stem)
  end
  local path = name .. kind.ending
  if exists(path) then
    support.stop(1, path .. ": exists already, and was left as it is (choose another name)")
  end
  local file, why = io.open(path, "wb")
  if not file then
    support.stop(1, why)
  end
  file:write((kind.text:gsub("STEM", stem)))
  file:close()
  support.say("wrote %s", path)
  if kind == kinds.kernel and is_builtin("deform." .. stem) then
    support.complain(("whorl: deform.%s: it will take the place of the one that came with whorl"):format(stem))
  end
end

return {
  new = {
    summary = "write a first pipeline or kernel that works as it stands",
    usage = "pipeline|kernel NAME",
    doc = "Writes NAME.lua, a pipeline, or NAME.c, a kernel, with comments; both work as they stand. A file\n"
      .. "that is there already is never touched.",
    options = {},
    run = run,
  },
}
