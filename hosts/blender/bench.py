"""What the add-on costs in this Blender, beside what Blender itself has: blender -b --python
hosts/blender/bench.py

Without -b, in a small window (-p 0 0 640 480): from the save of a pipeline or a kernel to the new
mesh, and to the first picture of it.

WHORL_SOURCE and WHORL_ROOT name the source and the build folder; the best of several turns
counts.
"""

import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ.get("WHORL_SOURCE", "."), "spec", "blender"))
from support import SHIFT, Project, bpy, cube, fresh, np, positions, start  # noqa: E402

whorl = start()
from whorl import handlers, live, pointset  # noqa: E402

TURNS = 5
SAVES = 30


def clock(function, turns=TURNS):
    best = float("inf")
    for _ in range(turns):
        began = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - began)
    return best * 1e3


def say(what, ms, note=""):
    print(f"{what:<58} {ms:10.2f} ms  {note}", flush=True)


def grid(count):
    """count x count vertices; triangles, as a scan has them."""
    line = np.linspace(-1, 1, count, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    points = np.stack([x, y, np.sin(9 * x) * 0.1], axis=2).reshape(-1, 3)
    i = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)[None]).reshape(-1)
    faces = np.concatenate(
        [np.stack([i, i + 1, i + count + 1], 1), np.stack([i, i + count + 1, i + count], 1)]
    )
    mesh = bpy.data.meshes.new("Grid")
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", points.reshape(-1))
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.reshape(-1).astype(np.int32))
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    if bpy.app.version < (4, 0, 0):
        mesh.polygons.foreach_set("loop_total", np.full(len(faces), 3, np.int32))
    mesh.update(calc_edges=True)
    obj = bpy.data.objects.new("Grid", mesh)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    return obj


def deforms():
    source = grid(1000)
    path = Project().save(
        "p.lua",
        'return pipeline "p" { deform.twist { angle = expose(10, "Angle", { id = "a" }), '
        'length = 2, axis = "z" } }',
    )
    bpy.ops.whorl.deform(filepath=path)
    made = bpy.context.object
    state = live.state_of(made)
    best, kernels, updates = float("inf"), 0, float("inf")
    for turn in range(3 * TURNS):
        made["a"] = 10.0 + turn
        made.update_tag()
        began = time.perf_counter()
        bpy.context.view_layer.update()
        if turn == 0:
            continue  # the slider stood there already
        updates = min(updates, time.perf_counter() - began)
        if state.whole_ms < best:
            best, kernels = state.whole_ms, state.cook_ms
    say(
        "deform 1.0 M vertices by twist, a cook",
        best,
        f"{kernels:.2f} of it in wh_deform, {best - kernels:.2f} beside",
    )
    say("the whole update of the scene with it", updates * 1e3)
    fresh()
    source = grid(1000)
    bpy.context.view_layer.update()
    plain = bpy.context.evaluated_depsgraph_get()
    modifier = source.modifiers.new("Twist", "SIMPLE_DEFORM")
    modifier.deform_method, modifier.deform_axis = "TWIST", "Z"

    def turned(on):
        def update():
            modifier.angle += 0.01
            modifier.show_viewport = on
            source.update_tag()
            bpy.context.view_layer.update()

        return update

    turned(True)()
    with_it = clock(turned(True))
    turned(False)()
    without = clock(turned(False))
    assert plain is not None
    say(
        "Blender's Simple Deform on the same mesh, an update",
        with_it,
        f"{without:.2f} without the modifier",
    )


def volume_group(voxel, density):
    group = bpy.data.node_groups.new("Volume", "GeometryNodeTree")
    pointset.add_socket(group, "Geometry", "NodeSocketGeometry")
    pointset.add_socket(group, "Geometry", "NodeSocketGeometry", is_input=False)
    nodes, links = group.nodes, group.links
    into, out = nodes.new("NodeGroupInput"), nodes.new("NodeGroupOutput")
    volume, points = nodes.new("GeometryNodeMeshToVolume"), nodes.new(
        "GeometryNodeDistributePointsInVolume"
    )
    vertices = nodes.new("GeometryNodePointsToVertices")
    if hasattr(volume, "resolution_mode"):
        volume.resolution_mode = "VOXEL_SIZE"
    else:
        volume.inputs["Resolution Mode"].default_value = "Size"
    volume.inputs["Voxel Size"].default_value = voxel
    if "Exterior Band Width" in volume.inputs:
        volume.inputs["Exterior Band Width"].default_value = 0
    points.inputs["Density"].default_value = density
    links.new(into.outputs[0], volume.inputs["Mesh"])
    links.new(volume.outputs[0], points.inputs["Volume"])
    links.new(points.outputs[0], vertices.inputs[0])
    links.new(vertices.outputs[0], out.inputs[0])
    return group


def fills():
    bpy.ops.mesh.primitive_uv_sphere_add(segments=502, ring_count=252)
    source = bpy.context.object
    triangles = sum(len(p.vertices) - 2 for p in source.data.polygons)
    for wanted, voxel in ((171_000, 0.02), (1_710_000, 0.01)):
        bulk = 4 / 3 * np.pi
        spacing = float((bulk / wanted) ** (1 / 3))
        graph = bpy.context.evaluated_depsgraph_get()
        count = len(whorl.sample(source, spacing=spacing, attributes=False).position)
        ms = clock(
            lambda: whorl.sample(source, spacing=spacing, attributes=False, depsgraph=graph), 3
        )
        say(f"fill {triangles} triangles, arrays", ms, f"{count} points, right {wanted}")
        ms = clock(lambda: whorl.sample(source, count=wanted, attributes=False, depsgraph=graph), 3)
        say(f"fill {triangles} triangles, random, arrays", ms, f"{wanted} points")

        def fill():
            bpy.context.view_layer.objects.active = source
            bpy.ops.whorl.fill(spacing=spacing, attributes=False)
            bpy.context.view_layer.update()

        ms = clock(fill, 2)
        say("the same as a point object, evaluated", ms)
        for obj in [obj for obj in bpy.data.objects if obj != source]:
            bpy.data.objects.remove(obj)
        modifier = source.modifiers.new("Volume", "NODES")
        modifier.node_group = volume_group(voxel, wanted / bulk)

        def evaluate():
            source.update_tag()
            bpy.context.view_layer.update()

        ms = clock(evaluate, 2)
        seen = source.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        found = positions(seen)
        outside = float((np.linalg.norm(found, axis=1) > 1).mean() * 100) if len(found) else 0.0
        say(
            f"Mesh to Volume {voxel} + Distribute Points",
            ms,
            f"{len(found)} points, {outside:.1f} % outside",
        )
        source.modifiers.clear()


# ---- in a window: from the save to the picture ----

BY = 'float by WH_UI(1, min = -10, max = 10, unit = "m", doc = "How far"); '
TURNED = """return pipeline "turned" {
  deform.shift { }, deform.twist { angle = %f, axis = "z", length = 2 }
}
"""


def plain_view():
    """The view that is drawn fastest, without a graphics card too."""
    window = bpy.context.window_manager.windows[0]
    area = next(a for a in window.screen.areas if a.type == "VIEW_3D")
    space = area.spaces.active
    space.shading.type, space.overlay.show_overlays, space.show_gizmo = "WIREFRAME", False, False
    space.show_region_toolbar = space.show_region_ui = False
    return window, area


def reloads():
    """Saves at any moment, as an editor does; what is drawn is noted by the view's own drawing."""
    window, area = plain_view()
    yield 1
    cube()
    project = Project()
    project.save("shift.c", SHIFT % (BY, "p->by"))
    path = project.save("p.lua", TURNED % 0)
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.whorl.deform(filepath=path)
        name = bpy.context.object.name
    shape = lambda: positions(bpy.data.objects[name].data).tobytes()  # noqa: E731
    written, drawn, write = [], [], live._write

    def stamped(*arguments):
        write(*arguments)
        written.append((time.time(), shape()))

    live._write = stamped
    bpy.types.SpaceView3D.draw_handler_add(
        lambda: drawn.append((time.time(), shape())), (), "WINDOW", "POST_PIXEL"
    )
    yield 2
    drawn.clear()
    began = time.time()
    for number in range(10):
        area.tag_redraw()
        yield from wait(lambda: len(drawn) > number)
    say("a redraw of this view", (drawn[-1][0] - began) * 100)
    for what, file, text, rest in (
        ("pipeline", "p.lua", lambda v: TURNED % (v * 10), 0.3),
        ("kernel", "shift.c", lambda v: SHIFT % (BY, f"p->by * {v}f"), 1.5),
    ):
        meshes, pictures = [], []
        for number in range(SAVES):
            before, saved = shape(), []
            written.clear(), drawn.clear()
            after = threading.Timer(0.1 + 0.1 * random.random(), save_at, (project, file, saved))
            after.args += (text(round(1.1 + number * 0.1, 2)),)
            after.start()
            yield from wait(lambda: any(s != before for _, s in drawn))
            meshes.append(next(t for t, s in written if s != before) - saved[0])
            pictures.append(next(t for t, s in drawn if s != before) - saved[0])
            yield rest  # the optimised build comes too
        for until, found in (("mesh", meshes), ("picture", pictures)):
            say(
                f"{what} saved, to the new {until}, median of {SAVES}",
                float(np.median(found)) * 1e3,
                f"{max(found) * 1e3:.0f} the longest",
            )
    turns = 2000
    say("a look with nothing to do", clock(lambda: [handlers.poll() for _ in range(turns)]) / turns)


def save_at(project, file, saved, text):
    project.save(file, text)
    saved.append(time.time())


def wait(condition):
    while not condition():
        yield 0.002


def leave():
    sys.stdout.flush()
    os._exit(0)


def in_window():
    bpy.context.preferences.view.show_splash = False
    steps = reloads()

    def step():
        try:
            return next(steps)
        except StopIteration:
            return leave()

    bpy.app.timers.register(step, first_interval=1)


print(f"Blender {bpy.app.version_string}", flush=True)
if bpy.app.background:
    deforms()
    fresh()
    fills()
    handlers.rescan()
    leave()
else:
    in_window()
