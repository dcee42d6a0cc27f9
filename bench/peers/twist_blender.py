"""Blender's Simple Deform, twist, on a grid of vertices with quads.

Timed is the evaluation of the object after it was tagged as changed, as when a slider of the modifier moves; making the
object, and reading the result, are not.
"""
import peer

try:
    import bpy
    import numpy as np
except ImportError as why:
    peer.missing(why)

points = np.fromfile("points", dtype=np.float32)
side = round((len(points) / 3) ** 0.5)


def make_mesh():
    corner = np.arange(side * side, dtype=np.int32).reshape(side, side)
    quads = np.stack((corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]), axis=-1).reshape(-1)
    mesh = bpy.data.meshes.new("grid")
    mesh.vertices.add(side * side)
    mesh.vertices.foreach_set("co", points)
    mesh.loops.add(len(quads))
    mesh.loops.foreach_set("vertex_index", quads)
    mesh.polygons.add(len(quads) // 4)
    mesh.polygons.foreach_set("loop_start", np.arange(0, len(quads), 4, dtype=np.int32))
    mesh.update(calc_edges=True)
    return mesh


bpy.ops.wm.read_factory_settings(use_empty=True)
grid = bpy.data.objects.new("grid", make_mesh())
bpy.context.scene.collection.objects.link(grid)
modifier = grid.modifiers.new("twist", "SIMPLE_DEFORM")
modifier.deform_method = "TWIST"
modifier.deform_axis = "Y"
modifier.angle = np.radians(90.0)
view_layer = bpy.context.view_layer


def twist():
    grid.update_tag()
    view_layer.update()


def write():
    mesh = grid.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    result = np.empty(len(points), dtype=np.float32)
    mesh.attributes["position"].data.foreach_get("vector", result)
    result.tofile("blender")


peer.serve({"twist": twist, "write": write, "version": lambda: {"version": float("%d.%d" % bpy.app.version[:2])}})
