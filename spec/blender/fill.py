"""Fill: what is sampled is what is seen, and nothing of the source is changed."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import (
    CUBE,
    bpy,
    check,
    content,
    cube,
    equal,
    finish,
    link,
    mesh_object,
    near,
    np,
    positions,  # noqa: E402
    raises,
    sphere,
    start,
)

whorl = start()
from mathutils import Euler, Matrix  # noqa: E402
from whorl import pointset  # noqa: E402


def in_world(obj):
    world = np.array(obj.matrix_world)
    return positions(obj.data) @ world[:3, :3].T + world[:3, 3]


def update():
    bpy.context.view_layer.update()


@check("points lie inside, a spacing apart, with ids and winding numbers")
def _():
    source = cube()
    equal(bpy.ops.whorl.fill(spacing=0.4), {"FINISHED"})
    made = bpy.context.object
    equal((made.name, len(made.data.vertices)), ("Cube Points", 125))
    assert made is not source and made["whorl_source"] == source
    points = positions(made.data)
    near((points.min(), points.max()), (-0.8, 0.8), 1e-6)
    winding = np.empty(125, np.float32)
    made.data.attributes["winding"].data.foreach_get("value", winding)
    near(winding, np.ones(125))
    ids = np.empty(125, np.int32)
    made.data.attributes["id"].data.foreach_get("value", ids)
    equal(len(set(ids.tolist())), 125)
    equal(pointset.read_ids(made.data).tolist(), whorl.sample(source, spacing=0.4).id.tolist())


@check("matrix_world counts: metres are metres, and points lie in the object wherever it is")
def _():
    source = cube()
    source.matrix_world = Matrix.LocRotScale((5, -3, 2), Euler((0.2, 0.4, 0.8)), (2, 1, 0.5))
    update()
    bpy.ops.whorl.fill(spacing=0.3)
    update()
    made = bpy.context.object
    inside = in_world(made) @ np.array(source.matrix_world.inverted())[:3, :3].T
    inside += np.array(source.matrix_world.inverted())[:3, 3]
    assert np.abs(inside).max() <= 1 + 1e-5
    near(len(made.data.vertices) * 0.3**3, 8, 1.5)
    source.location.x += 10  # points go along
    before = in_world(made)
    update()
    near(in_world(made) - before, np.tile([10, 0, 0], (len(before), 1)), 1e-4)


@check("a mirrored object is filled too")
def _():
    source = cube()
    source.scale = (-1, 1, 1)
    update()
    bpy.ops.whorl.fill(spacing=0.4)
    equal(len(bpy.context.object.data.vertices), 125)


@check("modifiers count")
def _():
    source = cube()
    array = source.modifiers.new("Array", "ARRAY")
    array.count, array.relative_offset_displace = 3, (1.5, 0, 0)
    bpy.ops.whorl.fill(spacing=0.4)
    near(len(bpy.context.object.data.vertices), 3 * 125, 60)
    assert positions(bpy.context.object.data)[:, 0].max() > 6


@check("a mesh of two users, and one in edit mode, with what was just edited")
def _():
    first = cube()
    second = link(bpy.data.objects.new("Second", first.data))
    second.location.x = 4
    bpy.ops.whorl.fill(spacing=0.4)
    equal(first.data.users, 2)
    equal(len(bpy.context.object.data.vertices), 125)
    bpy.context.view_layer.objects.active = first
    bpy.ops.object.mode_set(mode="EDIT")
    import bmesh

    edited = bmesh.from_edit_mesh(first.data)
    for vertex in edited.verts:
        vertex.co *= 2.1
    bmesh.update_edit_mesh(first.data)
    bpy.ops.whorl.fill(spacing=0.4)
    equal(len(bpy.context.object.data.vertices), 11**3)
    equal(bpy.context.object["whorl_source"], first)


@check("not a byte of the source changes")
def _():
    source = sphere()
    source.vertex_groups.new(name="Group").add(range(50), 0.5, "REPLACE")
    before = content(source.data)
    bpy.ops.whorl.fill(spacing=0.2)
    equal(content(source.data), before)
    equal((source.data.users, len(source.modifiers)), (1, 0))


@check("groups, colours and attributes are carried to the points")
def _():
    source = cube()
    source.vertex_groups.new(name="All").add(range(8), 0.75, "REPLACE")
    height = source.data.attributes.new("height", "FLOAT", "POINT")
    height.data.foreach_set("value", positions(source.data)[:, 2].copy())
    tint = source.data.attributes.new("tint", "FLOAT_COLOR", "POINT")
    tint.data.foreach_set("color", np.tile(np.float32([0.1, 0.2, 0.3, 1]), 8))
    bpy.ops.whorl.fill(spacing=0.4)
    made = bpy.context.object.data
    weights, colors = np.empty(125, np.float32), np.empty(500, np.float32)
    made.attributes["All"].data.foreach_get("value", weights)
    near(weights, np.full(125, 0.75))
    made.attributes["tint"].data.foreach_get("color", colors)
    near(colors.reshape(-1, 4), np.tile([0.1, 0.2, 0.3, 1], (125, 1)), 1e-5)
    far = np.empty(125, np.float32)
    made.attributes["surface_distance"].data.foreach_get("value", far)
    near(np.abs(far), 1 - np.abs(positions(made)).max(axis=1), 1e-5)


@check("holes, missing faces and overlaps are filled: the counts of the research table, within 1 %")
def _():
    spacing = 200000 ** (-1 / 3)
    radius = 1.0
    right = 200000 * 4 / 3 * np.pi * radius**3

    def count(obj):
        points = whorl.sample(obj, spacing=spacing, attributes=False)
        return len(points.position)

    ball = sphere(64, 128)
    bulk = count(ball)
    near(bulk / right, 1, 0.01)
    gone = sphere(64, 128, name="Hole")
    faces = [tuple(f.vertices) for f in gone.data.polygons if f.center.z < 0.9]
    near(count(mesh_object("Hole", [v.co[:] for v in gone.data.vertices], faces)) / right, 1, 0.02)
    faces = [tuple(f.vertices) for f in gone.data.polygons if f.index % 7]
    near(
        count(mesh_object("Seventh", [v.co[:] for v in gone.data.vertices], faces)) / right, 1, 0.01
    )
    apart = 1.0
    both = mesh_object(
        "Both",
        [(v[0] + apart * k, v[1], v[2]) for k in (0, 1) for v in positions(gone.data).tolist()],
        [
            tuple(i + k * len(gone.data.vertices) for i in f.vertices)
            for k in (0, 1)
            for f in gone.data.polygons
        ],
    )
    lens = np.pi * (4 + apart) * (2 - apart) ** 2 / 12  # what the two have in common
    near(count(both) / (2 * right - 200000 * lens), 1, 0.01)
    plate = mesh_object("Plate", [(x * 1.0, y * 1.0, z * 0.01) for x, y, z in CUBE[0]], CUBE[1])
    assert abs(count(plate) / (200000 * 4 * 0.02) - 1) < 0.35  # one or two layers of the lattice
    volume = len(whorl.sample(plate, count=1000).position)
    equal(volume, 1000)


@check("a number of points, white or blue, by seed")
def _():
    source = sphere()
    bpy.ops.whorl.fill(count=500, seed=3, noise="blue")
    first = positions(bpy.context.object.data)
    equal(len(first), 500)
    bpy.ops.whorl.fill(
        count=500, seed=3, noise="blue"
    )  # on the points: their source is filled again
    equal(bpy.context.object["whorl_source"], source)
    near(positions(bpy.context.object.data), first, 0)
    bpy.ops.whorl.fill(count=500, seed=4, noise="blue")
    assert not np.array_equal(positions(bpy.context.object.data), first)


@check("arrays without a trace in the scene")
def _():
    source = cube()
    source.location = (7, 0, 0)
    update()
    blocks = len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.node_groups)
    points = whorl.sample(source, spacing=0.4)
    equal(points.position.shape, (125, 3))
    near((points.position[:, 0].min(), points.position[:, 0].max()), (6.2, 7.8), 1e-5)
    equal((len(bpy.data.objects), len(bpy.data.meshes), len(bpy.data.node_groups)), blocks)
    near(whorl.sample(source, spacing=0.4, world=False).position.mean(axis=0), (0, 0, 0), 1e-5)


@check("instances of an object on the points")
def _():
    bead = cube("Bead", 0.05)
    cube()
    bpy.ops.whorl.fill(spacing=0.4, instance="Bead")
    update()
    graph = bpy.context.evaluated_depsgraph_get()
    shown = [
        i.matrix_world.translation.copy()
        for i in graph.object_instances
        if i.is_instance and i.instance_object.original == bead
    ]
    near(shown, in_world(bpy.context.object), 1e-5)


@check("points without an object are shown as points")
def _():
    cube()
    bpy.ops.whorl.fill(spacing=0.4)
    graph = bpy.context.evaluated_depsgraph_get()
    shown = (
        bpy.context.object.evaluated_get(graph).evaluated_geometry_set()
        if hasattr(bpy.types.Object, "evaluated_geometry_set")
        else None
    )
    if shown is not None:
        equal(len(shown.pointcloud.points), 125)
    equal(bpy.context.object.modifiers["Whorl"].node_group.name, "Whorl Points")


@check("curves and texts are filled")
def _():
    bpy.ops.object.text_add()
    bpy.context.object.data.extrude = 0.2
    bpy.ops.whorl.fill(spacing=0.05)
    assert len(bpy.context.object.data.vertices) > 500


@check("what cannot be filled is said in one line")
def _():
    mesh_object("Wire", [(0, 0, 0), (1, 0, 0)], [])
    said = raises(RuntimeError, bpy.ops.whorl.fill)
    assert "Wire has no faces (give it some, or a modifier that makes them)" in said, said
    broken = cube("Broken")
    broken.data.vertices[3].co.x = float("nan")
    said = raises(RuntimeError, bpy.ops.whorl.fill)
    assert "Broken: vertex 3 is not at a finite place (move or delete it)" in said, said
    bpy.context.view_layer.objects.active = cube("Dense")
    said = raises(RuntimeError, bpy.ops.whorl.fill, spacing=0.001)
    assert "and the limit is 5,000,000 (raise Spacing, or the Limit)" in said, said
    bpy.ops.object.empty_add()
    assert not bpy.ops.whorl.fill.poll()


@check("a guess of how many is near what comes")
def _():
    source = sphere()
    graph = bpy.context.evaluated_depsgraph_get()
    shape = whorl.fill.read_shape(source, graph)
    wanted = whorl.fill.Settings(spacing=0.02)
    near(whorl.fill.guess(shape, wanted) / len(whorl.fill.run(shape, wanted).position), 1, 0.05)


@check("undo takes the points away, and leaves the source")
def _():
    cube()
    bpy.ops.ed.undo_push(message="cube")
    bpy.ops.whorl.fill(spacing=0.4)
    bpy.ops.ed.undo_push(message="fill")
    bpy.ops.ed.undo()
    assert "Cube Points" not in bpy.data.objects
    assert "Cube" in bpy.data.objects


finish(whorl)
