--- What it costs to reload a deformer in the way of tutorials, on the stand-in for Maya (spec/maya/tutorial.cpp): the
--- saves that are not seen, and those that end the host. The same saves to whorl's plug-in are in bench/maya.lua.
local command = require "spec.support.command"
local tutorial = require "spec.support.tutorial"

local function add(b, case, value, unit)
  b.add { case = case, who = "tutorial", value = value, unit = unit }
end

--- What became of the evaluations after one save; where all is well, x is 3.
local function fate(counts)
  if counts.ended ~= "with 0" then return counts.ended:match "SIG%u+" end
  return counts.failed > 0 and ("%d of 3 fail"):format(counts.failed) or ("x is %g, not 3"):format(counts.got)
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
  for _, case in ipairs { { "half", "half of a library" }, { "wrong", "a library without the function" },
                          { "swapped", "settings that changed places" }, { "crash", "a null pointer" },
                          { "overwritten", "cp over the library" } } do
    local counts = tutorial.play(folder, case[1])
    add(b, ("%s: %s"):format(case[2], fate(counts)), counts.ended == "with 0" and 0 or 1, "hosts lost")
  end
  for _ = 1, 3 do
    local counts = tutorial.play(folder, "threads", 1000)
    add(b, "8 nodes on 8 threads: " .. fate(counts), counts.saves, "saves lived")
  end
  remove()
end
