--- What it costs to reload a deformer in the way of tutorials, on the stand-in for Maya (spec/maya/tutorial.cpp): the
--- saves that are not seen, and those that end the host. The same saves to whorl's plug-in are in bench/maya.lua.
local command = require "spec.support.command"
local tutorial = require "spec.support.tutorial"

local function add(b, case, value, unit)
  b.add { case = case, who = "tutorial", value = value, unit = unit }
end

return function(b)
  if not tutorial.is_built() then
    b.absent("the stand-in for Maya", "a C++ compiler")
    return
  end
  local folder, remove = command.folder()
  for _, case in ipairs { { "untouched", "a second apart, scene untouched" }, { "apart", "a second apart" },
                          { "quick", "ten a second" } } do
    local counts = tutorial.play(folder, case[1], 20)
    add(b, "lost of 20 saves, " .. case[2], counts.saves - counts.seen, "saves")
  end
  for _, mode in ipairs { "half", "wrong", "swapped", "crash", "overwritten" } do
    local counts = tutorial.play(folder, mode)
    local fate = counts.ended ~= "with 0" and "ended " .. counts.ended or ("x is %g, 3 is right"):format(counts.got)
    add(b, ("%s: %s"):format(mode, fate), counts.failed, "of 3 failed")
  end
  for _ = 1, 3 do
    local counts = tutorial.play(folder, "threads", 1000)
    add(b, "8 nodes on 8 threads: ended " .. counts.ended, counts.saves, "saves lived")
  end
  remove()
end
