-- What the hosts are compared by: deformers with masks, one of them painted, a function of time, and two samplers.
local low = field.ramp { axis = "y", from = 0.3, to = -0.3, curve = "smooth" } -- 1 below

return pipeline "same" {
  deform.bend { angle = expose(40, "Curl"), axis = "x", length = 1.5, mask = low },
  deform.twist { angle = function(t) return 90 * math.sin(t) end, length = 1.2, axis = "z" },
  deform.noise { amount = 0.04, size = 0.3, mask = field.attribute { name = "hold" } },
  deform.smooth { steps = 2 },
  sample.inside { name = "fill", spacing = 0.03, jitter = 0.5, seed = 7, at_least = 0.5 },
  sample.surface { name = "skin", count = 3000, seed = 3, follow = true },
}
