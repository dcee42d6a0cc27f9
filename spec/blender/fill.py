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


DENSITY = 200000


def volume(mesh):
    """Of a closed one: by the divergence theorem."""
    a, b, c = np.moveaxis(
        positions(mesh)[whorl.transfer.read_triangles(mesh)].astype(np.float64), 1, 0
    )
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def winding_number(mesh, query):
    """By its definition: the solid angles of all triangles (van Oosterom, Strackee 1983)."""
    corner = positions(mesh)[whorl.transfer.read_triangles(mesh)].astype(np.float64)
    a, b, c = np.moveaxis(corner[None] - query[:, None, None].astype(np.float64), 2, 0)
    la, lb, lc = (np.linalg.norm(v, axis=2) for v in (a, b, c))
    triple = np.einsum("qti,qti->qt", a, np.cross(b, c))
    below = la * lb * lc + lc * np.einsum("qti,qti->qt", a, b)
    below += la * np.einsum("qti,qti->qt", b, c) + lb * np.einsum("qti,qti->qt", c, a)
    return np.arctan2(triple, below).sum(axis=1) / (2 * np.pi)


def ball(keep=lambda face: True, shifts=(0,)):
    """Unit spheres of 64 rings, without the faces that keep refuses."""
    whole = sphere(64, 128).data
    faces = [tuple(face.vertices) for face in whole.polygons if keep(face)]
    count, points = len(whole.vertices), positions(whole).tolist()
    return mesh_object(
        "Ball",
        [(x + shift, y, z) for shift in shifts for x, y, z in points],
        [tuple(v + k * count for v in face) for k in range(len(shifts)) for face in faces],
    )


def plate(thickness):
    """Aslant: else its box would be all of it."""
    made = mesh_object("Plate", [(x, y, z * thickness / 2) for x, y, z in CUBE[0]], CUBE[1])
    made.rotation_euler = (0.6, 0.5, 0.3)
    made.data.transform(Euler((0.3, 0.7, 0.2)).to_matrix().to_4x4())
    update()
    return made


def holds(obj, bulk, seeds=1):
    """As many random points as the density and the volume say; few points are a matter of luck."""
    found = 0
    for seed in range(seeds):
        points = whorl.sample(obj, density=DENSITY, seed=seed, attributes=False)
        found += len(points.position)
    near(found / seeds / (DENSITY * bulk), 1, 0.01)


@check("closed spheres hold what their volume says, by density and by lattice")
def _():
    made = ball()
    holds(made, volume(made.data))
    for lattice, packing in whorl.fill.PACKING.items():
        spacing = (packing / DENSITY) ** (1 / 3)
        found = whorl.sample(made, spacing=spacing, lattice=lattice, attributes=False)
        near(len(found.position) / DENSITY / volume(made.data), 1, 0.01)


@check("thin plates hold what their volume says")
def _():
    for thickness in (0.02, 0.008):
        holds(plate(thickness), 4 * thickness, seeds=20)


@check("a sphere with a hole on top is filled as far as the flat lid over it")
def _():
    lowest = np.cos(np.pi * 10 / 64)
    cap = np.pi * (1 - lowest) ** 2 * (2 + lowest) / 3
    made = ball(lambda face: face.center.z < lowest)
    holds(made, volume(sphere(64, 128).data) - cap)


@check("a sphere without a seventh of its faces is filled")
def _():
    made = ball(lambda face: face.index % 7)
    holds(made, volume(sphere(64, 128).data))
    some = whorl.sample(made, density=20, attributes=False).position
    assert len(some) > 50 and winding_number(made.data, some).min() > 0.5


@check("two spheres that overlap are filled once")
def _():
    apart = 1.0
    lens = np.pi * (4 + apart) * (2 - apart) ** 2 / 12  # what the two have in common
    made = ball(shifts=(0, apart))
    holds(made, 2 * volume(sphere(64, 128).data) - lens)


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


@check("a guess of how many is near what comes, on thin things too")
def _():
    graph = bpy.context.evaluated_depsgraph_get
    shape = whorl.fill.read_shape(sphere(), graph())
    for lattice in whorl.fill.LATTICES:
        wanted = whorl.fill.Settings(spacing=0.02, lattice=lattice)
        near(whorl.fill.guess(shape, wanted) / len(whorl.fill.run(shape, wanted).position), 1, 0.05)
    shape = whorl.fill.read_shape(plate(0.001), graph())
    near(whorl.fill.guess(shape, whorl.fill.Settings(density=1e9)) / 4e6, 1, 0.1)


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
