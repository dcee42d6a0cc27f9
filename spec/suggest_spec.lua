local suggest = require "whorl.suggest"

describe("suggest", function()
  local known = { "twist", "bend", "noise", "smooth" }

  for written, meant in pairs { twsit = "twist", twits = "twist", twis = "twist", Bend = "bend", nois = "noise",
                                smoooth = "smooth" } do
    it("takes " .. written .. " for " .. meant, function()
      assert.are.equal(" (did you mean '" .. meant .. "'?)", suggest(written, known))
    end)
  end

  for _, written in ipairs { "", "x", "lattice", "bnoed", ("x"):rep(1e5) } do
    it("has nothing near " .. written:sub(1, 10), function()
      assert.are.equal("", suggest(written, known))
    end)
  end

  it("takes the first of two that are equally near", function()
    assert.are.equal(" (did you mean 'bat'?)", suggest("aat", { "cat", "bat" }))
  end)

  it("counts more slips in longer names", function()
    assert.are.equal(" (did you mean 'translate'?)", suggest("translation", { "translate", "rotate" }))
  end)
end)
