-- Points that keep their distance, in a mesh and on it, and that move with it. Every id is one point at every time.
local turn = field.ramp { axis = "y", from = 0, to = 1.5 }

return pipeline "scatter" {
  mesh.cylinder { radius = 0.3, height = 2, rings = 80, segments = 64 },

  deform.bend { angle = function(t) return 40 * math.sin(t) end, length = 2 },

  sample.inside {
    name = "filling", radius = expose(0.05, "Distance"), follow = true,
    density = 1 - 0.8 * turn, -- fewer towards the tip
  },
  sample.surface {
    name = "skin", count = expose(2000, "On the skin"), noise = "blue", follow = true, attributes = true,
  },
}
