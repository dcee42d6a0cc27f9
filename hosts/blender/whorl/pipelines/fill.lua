-- What Object > Sample Object's Inside runs: the same sampler twice, with and without the mesh's attributes.
local values = {
  spacing = expose(0.1, "Spacing", { id = "spacing" }),
  lattice = expose("cubic", "Lattice", { id = "lattice" }),
  jitter = expose(0, "Jitter", { id = "jitter" }),
  count = expose(0, "Count", { id = "count" }),
  per_volume = expose(0, "Density", { id = "density" }),
  noise = expose("white", "Noise", { id = "noise" }),
  seed = expose(0, "Seed", { id = "seed" }),
  at_least = expose(0.5, "Winding number", { id = "at_least" }),
  winding = expose(true, "Give winding numbers", { id = "winding" }),
}

local function inside(name, attributes)
  local call = { name = name, attributes = attributes }
  for key, value in pairs(values) do call[key] = value end
  return sample.inside(call)
end

return pipeline "fill" {
  inside("points", false),
  inside("carried", true),
  fields = { around = field.winding { accuracy = expose(1e-3, "Accuracy", { id = "accuracy" }) } },
}
