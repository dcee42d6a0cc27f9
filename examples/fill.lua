-- Fill any mesh with points, holes or not: whorl run examples/fill.lua -i bunny.obj -o fill.ply
return pipeline "fill" {
  sample.inside { name = "fill", across = expose(40, "Points across"), at_least = expose(0.5, "Winding number") },
}
