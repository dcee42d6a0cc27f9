-- A kernel of one's own: deform.ripple is ripple.c beside this file. Edit either while whorl live runs.
return pipeline "pond" {
  mesh.grid { divisions = { 200, 200 } },
  deform.ripple { height = expose(0.05, "Height"), mask = 1 - field.ball { radius = 0.1, falloff = 0.2 } },
}
