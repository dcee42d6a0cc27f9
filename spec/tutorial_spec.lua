--- The baseline that whorl's plug-in for Maya is measured against really has the faults that are counted: what is the
--- same at every run. What happens on threads differs, and is only measured (bench/maya_baseline.lua).
local command = require "spec.support.command"
local tutorial = require "spec.support.tutorial"

local sanitized = (os.getenv("WHORL_PRELOAD") or "") ~= ""

describe("a deformer that reloads as tutorials do", function()
  if sanitized or not tutorial.is_built() then
    pending(sanitized and "has faults on purpose, which are not for sanitizers"
      or "needs a C++ compiler: the stand-in for Maya was not built")
    return
  end
  local folder, remove

  before_each(function() folder, remove = command.folder() end)
  after_each(function() remove() end)

  it("sees saves a second apart, when something else makes its node dirty", function()
    local counts = tutorial.play(folder, "apart", 5)
    assert.same({ 5, 5, 0, "with 0" }, { counts.saves, counts.seen, counts.failed, counts.ended })
  end)

  it("sees no save when nothing does", function()
    local counts = tutorial.play(folder, "untouched", 5)
    assert.same({ 5, 0 }, { counts.saves, counts.seen })
  end)

  it("loses saves within a second", function()
    local counts = tutorial.play(folder, "quick", 20) -- from 0.1 s to 2 s: those at 1 s and 2 s are seen
    assert.same({ 20, 2 }, { counts.saves, counts.seen })
  end)

  it("fails with half of a library, or dies of it", function()
    local counts = tutorial.play(folder, "half") -- as the linker has laid it out
    assert.is_true(counts.failed == 3 or counts.ended == "by SIGBUS", counts.failed .. " " .. counts.ended)
  end)

  it("fails with a library that lacks the function", function()
    local counts = tutorial.play(folder, "wrong")
    assert.same({ 3, "with 0" }, { counts.failed, counts.ended })
  end)

  it("takes one setting for another when they changed places, and says nothing", function()
    local counts = tutorial.play(folder, "swapped")
    assert.same({ 0, 4 }, { counts.failed, counts.got }) -- an envelope of 1 and an amount of 2 make 3
  end)

  it("dies of a library that crashes", function()
    assert.equal("by SIGSEGV", tutorial.play(folder, "crash").ended)
  end)

  it("dies when cp writes over the library, or fails", function()
    local counts = tutorial.play(folder, "overwritten") -- as there is something left to run when it is closed, or not
    assert.is_true(counts.failed == 1 or counts.ended == "by SIGBUS", counts.failed .. " " .. counts.ended)
  end)
end)
