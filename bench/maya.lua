--- What the plug-in for Maya adds to the library, in the stand-in (spec/maya/bench.cpp): deform() of a million points
--- against wh_deform of the same, in turns; from a save to the new result, by the timer; evaluations that failed.
-- The stand-in copies points as Maya's interface makes a deformer do it: raw floats in, MPointArray out.
local command = require "spec.support.command"
local measure = require "bench.support.measure"

local programs = assert(os.getenv "WHORL_BUILD", "use ./dev bench") .. "/spec/maya/"
local points, turns = 1000000, 21
local pipelines = {
  { "twist", "  deform.twist { angle = 90, length = 2 },\n" },
  { "bend, twist, noise, masked", "  deform.bend { angle = 60, length = 2, mask = root },\n"
    .. "  deform.twist { angle = 90, length = 2 },\n  deform.noise { amount = 0.02, size = 0.15, mask = root },\n" },
}

local function play(text)
  local folder, remove = command.folder()
  command.write(folder .. "/p.lua", ('local root = field.ramp { axis = "y", from = 0, to = 0.4 }\n'
    .. 'return pipeline "p" {\n%s  reload { canary = false, publish = "at-once" },\n}\n'):format(text))
  local line = ("XDG_CACHE_HOME=%s/cache timeout 300 %s %s p.lua %d %d"):format(folder,
    command.quote(programs .. "bench"), command.quote(programs .. "whorl.so"), points, turns)
  local status, said, complained = command.shell(folder, line)
  remove()
  assert(status == 0, said .. complained)
  local found = {}
  for word, value in said:gmatch("(%l+) ([%d.]+)\n") do
    found[word] = found[word] or {}
    table.insert(found[word], tonumber(value))
  end
  return found
end

return function(b)
  if not command.read(programs .. "bench") then
    b.absent("the stand-in for Maya", "a C++ compiler")
    return
  end
  local failed, saves = 0, {}
  for _, pipeline in ipairs(pipelines) do
    local found = play(pipeline[2])
    local case = pipeline[1] .. ", 1 M points"
    local alone, plug_in = measure.median(found.alone), measure.median(found.plugin)
    b.add { case = case, who = "wh_deform", value = alone, unit = "ms" }
    b.add { case = case, who = "plug-in", value = plug_in, unit = "ms", ratio = plug_in / alone, target = 1.5,
            met = plug_in <= 1.5 * alone, basis = "of wh_deform" }
    failed = failed + found.failed[1]
    for _, value in ipairs(found.save) do saves[#saves + 1] = value end
  end
  table.sort(saves)
  b.add { case = "from a save to the new result, median", who = "plug-in", value = measure.median(saves), unit = "ms" }
  b.add { case = "from a save to the new result, longest", who = "plug-in", value = saves[#saves], unit = "ms" }
  b.add { case = "evaluations that failed", who = "plug-in", value = failed, unit = "", target = 0, met = failed == 0 }
end
