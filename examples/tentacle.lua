-- Curl a tentacle, hold its root still, then fill it with points. Edit, save, watch.
local root = field.ramp { axis = "y", from = 0, to = 0.4 } -- 0 at the root, 1 above 40 cm

return pipeline "tentacle" {
  mesh.cylinder { radius = 0.25, tip_radius = 0.06, height = 2, rings = 120, segments = 64 },

  deform.bend { angle = expose(60, "Curl"), length = 2, mask = root },
  deform.twist { angle = function(t) return 30 * math.sin(t) end, length = 2 },
  deform.noise { amount = 0.02, size = 0.15, mask = root, enabled = host.name ~= "viewer" },

  sample.inside { name = "fill", spacing = 0.02, seed = 7, at_least = 0.5 },

  reload { kernels = "*.c", canary = true, publish = "between-frames", on_error = "keep-last" },
}
