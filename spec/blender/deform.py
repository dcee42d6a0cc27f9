"""Deform live: what moves the output, and what leaves it alone."""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import (
    SHIFT,
    Project,
    bpy,
    check,
    content,
    cube,
    equal,
    finish,
    link,
    near,
    np,
    positions,
    raises,  # noqa: E402
    start,
)

whorl = start()
from whorl import handlers, live, sessions  # noqa: E402

SCALE = 'return pipeline "p" { deform.linear { factor = { 2, 1, %s } } }\n'
BY = 'float by WH_UI(1, min = -10, max = 10, unit = "m", doc = "How far"); '


def deform(text=None, path=None, **more):
    """The output of a pipeline of that text on the active object."""
    path = path or Project().save("p.lua", text)
    equal(bpy.ops.whorl.deform(filepath=path, **more), {"FINISHED"})
    return bpy.context.object


def update():
    bpy.context.view_layer.update()


def cooks(obj):
    return live.state_of(obj).cooks


def wait(condition, seconds=10):
    """Polls as the timer of a window does."""
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "nothing came: " + repr(
            [s.messages for s in sessions.all_open().values()]
        )
        handlers.poll()
        time.sleep(0.01)


@check("the output is the source's mesh, moved; the source is as it was")
def _():
    source = cube()
    before = content(source.data)
    made = deform(SCALE % 3)
    near(positions(made.data), positions(source.data) * [2, 1, 3])
    equal(content(source.data), before)
    equal((len(made.data.polygons), made.parent), (6, source))
    assert source.hide_get() and source.hide_render and bpy.context.object == made
    seen = made.evaluated_get(bpy.context.evaluated_depsgraph_get())
    near(positions(seen.data), positions(made.data), 0)


@check("an edit of the source, hidden as it is, moves the output")
def _():
    source = cube()
    made = deform(SCALE % 1)
    source.data.vertices[0].co.x = -5
    source.data.update()
    update()
    near(positions(made.data)[0], (-10, -1, -1))


@check("modifiers count, their sliders too")
def _():
    source = cube()
    subdivided = source.modifiers.new("Subdivision", "SUBSURF")
    made = deform(SCALE % 1)
    equal(len(made.data.vertices), 26)
    subdivided.levels = 2
    update()
    equal(len(made.data.vertices), 98)
    source.modifiers.clear()
    update()
    equal(len(made.data.vertices), 8)


@check("faces that change while their number stays are noticed")
def _():
    source = cube()
    made = deform(SCALE % 1)
    first = [tuple(f.vertices) for f in made.data.polygons]
    source.data.flip_normals()
    source.data.update()
    update()
    assert [tuple(f.vertices) for f in made.data.polygons] != first
    equal(
        [tuple(f.vertices) for f in made.data.polygons],
        [tuple(f.vertices) for f in source.data.polygons],
    )


@check("edits in edit mode show at once")
def _():
    source = cube()
    made = deform(SCALE % 1, hide=False)
    made.select_set(False)
    bpy.context.view_layer.objects.active = source
    bpy.ops.object.mode_set(mode="EDIT")
    import bmesh

    edited = bmesh.from_edit_mesh(source.data)
    edited.verts.ensure_lookup_table()
    edited.verts[0].co.x = -3
    bmesh.update_edit_mesh(source.data)
    update()
    near(positions(made.data)[0], (-6, -1, -1))
    bpy.ops.object.mode_set(mode="OBJECT")


@check("scale counts, place and turn come by the parent")
def _():
    source = cube()
    source.scale, source.location = (2, 2, 2), (5, 0, 0)
    update()
    made = deform(SCALE % 1)
    update()
    world = (
        positions(made.data) @ np.array(made.matrix_world)[:3, :3].T
        + np.array(made.matrix_world)[:3, 3]
    )
    near((world.min(axis=0), world.max(axis=0)), ((1, -2, -2), (9, 2, 2)), 1e-5)
    source.location.x = 0
    update()
    near(made.matrix_world.translation, (0, 0, 0))


@check("vertex groups and colours are masks")
def _():
    source = cube()
    group = source.vertex_groups.new(name="Root")
    group.add([0, 1], 0.5, "REPLACE")
    text = (
        'return pipeline "p" { deform.linear { factor = { 3, 1, 1 }, '
        'mask = field.attribute { name = "%s" } } }'
    )
    made = deform(text % "Root")
    near(positions(made.data)[:4, 0], (-2, -2, -1, -1))
    group.add([0], 1, "REPLACE")
    source.data.update()
    update()
    near(positions(made.data)[0, 0], -3)
    bpy.context.view_layer.objects.active = source
    tint = source.data.color_attributes.new("Paint", "FLOAT_COLOR", "POINT")
    tint.data.foreach_set("color", np.repeat(np.float32([1, 1, 1, 1, 0, 0, 0, 0]), 4))
    made = deform(text % "Paint")
    near(positions(made.data)[:, 0], (-3, -3, -3, -3, 1, 1, 1, 1), 1e-4)


@check("exposed parameters are sliders with range and tooltip, and held to their range")
def _():
    cube()
    made = deform(
        'return pipeline "p" { deform.linear { factor = expose({ 1, 1, 1 }, "F", { id = "f" }) },\n'
        'deform.twist { angle = expose(0, "Turn", { id = "turn", min = -90, max = 90 }) } }'
    )
    equal((list(made["f"]), made["turn"]), ([1, 1, 1], 0.0))
    ui = made.id_properties_ui("turn").as_dict()
    equal((ui["min"], ui["max"], ui["default"]), (-90, 90, 0))
    assert "deg" in ui["description"], ui["description"]
    made["f"] = (2.0, 1.0, 1.0)
    made.update_tag()
    update()
    near(positions(made.data)[:, 0], np.repeat([-2, 2], 4), 1e-5)
    made["turn"] = 4000.0
    made.update_tag()
    update()
    equal(live.state_of(made).message, "")
    held = positions(made.data)
    made["turn"] = 90.0
    made.update_tag()
    update()
    near(positions(made.data), held, 0)


@check("a slider that nobody moved follows the file, one that was moved stays")
def _():
    project = Project()
    text = (
        'return pipeline "p" { deform.linear { factor = expose({ %d, 1, 1 }, "F", { id="f" }) },\n'
        'deform.twist { angle = expose(%d, "Turn", { id = "turn" }), axis = "z" } }'
    )
    path = project.save("p.lua", text % (1, 0))
    cube()
    made = deform(path=path)
    project.save("p.lua", text % (2, 0))
    wait(lambda: abs(positions(made.data)[4, 0] - 2) < 1e-5)
    equal(list(made["f"]), [2, 1, 1])
    made["turn"] = 30.0
    project.save("p.lua", text % (3, 5))
    wait(lambda: made["f"][0] == 3)
    equal(made["turn"], 30.0)


@check("keyframes and drivers drive sliders")
def _():
    source = cube()
    source["wind"] = 0.0
    made = deform(
        'return pipeline "p" { deform.linear { factor = expose({ 1, 1, 1 }, "F", { id = "f" }) },\n'
        'deform.linear { factor = expose({ 1, 1, 1 }, "G", { id = "g" }) } }'
    )
    for frame, value in ((1, 1.0), (11, 3.0)):
        made["f"][0] = value
        made.keyframe_insert('["f"]', frame=frame)
    bpy.context.scene.frame_set(1)
    near(positions(made.data)[4, 0], 1)
    bpy.context.scene.frame_set(11)
    near(positions(made.data)[4, 0], 3)
    bpy.context.scene.frame_set(6)
    assert 1 < positions(made.data)[4, 0] < 3
    driver = made.driver_add('["g"]', 2).driver
    variable = driver.variables.new()
    variable.type, variable.targets[0].id, variable.targets[0].data_path = (
        "SINGLE_PROP",
        source,
        '["wind"]',
    )
    driver.expression = "var"
    update()
    for wind in (2.0, 3.0):
        source["wind"] = wind
        source.update_tag()
        update()
        near(positions(made.data)[1, 2], wind)


@check("functions of time follow the frame")
def _():
    cube()
    made = deform(
        'return pipeline "p" { deform.linear { factor = function(t) return { 1 + t, 1, 1 } end } }'
    )
    for frame in (24, 48, 24):
        bpy.context.scene.frame_set(frame)
        near(positions(made.data)[4, 0], 1 + frame / 24, 1e-5)


@check("nothing changes, nothing is cooked")
def _():
    source, other = cube(), cube("Other")
    bpy.context.view_layer.objects.active = source
    made = deform(SCALE % 1)
    update()
    count = cooks(made)
    for _ in range(5):
        update()
        handlers.poll()
    other.location.x = 3
    other.select_set(True)
    update()
    source.location.x = 1
    update()
    equal(cooks(made), count)


@check("a saved pipeline changes the mesh; a wrong one says its line, and the last good one stays")
def _():
    project = Project()
    path = project.save("p.lua", SCALE % 1)
    cube()
    made = deform(path=path)
    project.save("p.lua", SCALE % 4)
    wait(lambda: abs(positions(made.data)[1, 2] - 4) < 1e-6)
    project.save("p.lua", 'return pipeline "p" {\n  deform.linaer { } }\n')
    wait(lambda: sessions.of(made).message)
    equal(sessions.of(made).message, f"{path}:2: no kernel deform.linaer (did you mean 'linear'?)")
    near(positions(made.data)[1, 2], 4)
    project.save("p.lua", SCALE % 5)
    wait(lambda: abs(positions(made.data)[1, 2] - 5) < 1e-6)
    equal(sessions.of(made).message, "")


@check("a kernel that gains a parameter gains a slider; values, keyframes and drivers stay")
def _():
    project = Project()
    project.save("shift.c", SHIFT % (BY, "p->by"))
    path = project.save(
        "p.lua", 'return pipeline "p" { deform.shift { by = expose(1, "By", { id = "by" }) } }'
    )
    cube()
    made = deform(path=path)
    near(positions(made.data)[4, 0], 2)
    made["by"] = 3.0
    made.keyframe_insert('["by"]', frame=1)
    made.update_tag()
    update()
    near(positions(made.data)[4, 0], 4)
    more = BY + 'float more WH_UI(0, min = -10, max = 10, unit = "m", doc = "Further"); '
    project.save("shift.c", SHIFT % (more, "p->by + p->more"))
    project.save(
        "p.lua",
        'return pipeline "p" { deform.shift { by = expose(1, "By", { id = "by" }), '
        'more = expose(0.5, "More", { id = "more" }) } }',
    )
    wait(lambda: "more" in made)
    equal(made["by"], 3.0)
    wait(lambda: abs(positions(made.data)[4, 0] - 4.5) < 1e-5)
    equal(
        (
            len(made.animation_data.action.fcurves)
            if hasattr(made.animation_data.action, "fcurves")
            else 1
        ),
        1,
    )


@check("a kernel that does not compile says its line in C, and the old one runs on")
def _():
    project = Project()
    project.save("shift.c", SHIFT % (BY, "p->by"))
    path = project.save("p.lua", 'return pipeline "p" { deform.shift { } }')
    cube()
    made = deform(path=path)
    project.save("shift.c", SHIFT % (BY, "p->yb"))
    wait(lambda: sessions.of(made).message)
    assert "shift.c:7" in sessions.of(made).message, sessions.of(made).message
    near(positions(made.data)[4, 0], 2)
    project.save("shift.c", SHIFT % (BY, "p->by"))
    wait(lambda: not sessions.of(made).messages)
    near(positions(made.data)[4, 0], 2)


@check("a kernel that crashes or never ends is contained, and said")
def _():
    for fault, word in (
        ("*(volatile float *)0", "SIGSEGV"),
        ("0; for (volatile int k = 0;; k++) b->x[0] += (float)k", "ran longer"),
    ):
        project = Project()
        project.save("shift.c", SHIFT % (BY, "p->by"))
        path = project.save(
            "p.lua",
            'return pipeline "p" { deform.shift { }, '
            "reload { canary = false, time_limit = 1 } }",
        )
        bpy.context.view_layer.objects.active = cube()
        made = deform(path=path)
        near(positions(made.data)[4, 0], 2)
        project.save("shift.c", SHIFT % (BY, fault))
        wait(lambda: sessions.of(made).message, 20)
        assert word in sessions.of(made).message, sessions.of(made).message
        near(positions(made.data)[4, 0], 2)


@check("a pipeline in a text block is taken over as it is typed, and messages name the text")
def _():
    text = bpy.data.texts.new("Bend.lua")
    text.write(SCALE % 2)
    source = cube()
    equal(bpy.ops.whorl.deform(text="Bend.lua"), {"FINISHED"})
    made = bpy.context.object
    near(positions(made.data)[1, 2], 2)
    text.clear()
    text.write(SCALE % 7)
    wait(lambda: abs(positions(made.data)[1, 2] - 7) < 1e-6)
    text.clear()
    text.write("return pipeline")
    wait(lambda: sessions.of(made).message)
    assert sessions.spell(sessions.of(made).message).startswith("Bend.lua:"), sessions.of(
        made
    ).message
    assert source is not None


@check("the presets that came along run, as texts that can be edited")
def _():
    from whorl import presets

    names = [path.stem for path in presets.files()]
    assert {"tentacle", "scatter", "fill"} <= set(names), names
    for name in names:
        bpy.context.view_layer.objects.active = cube()
        equal(bpy.ops.whorl.preset(name=name), {"FINISHED"})
        made = bpy.context.object
        equal(live.state_of(made).message, "")
        assert isinstance(made["whorl_text"], bpy.types.Text)
        equal(sessions.of(made).messages, {})


@check("a step back runs the generation before, and forward again")
def _():
    project = Project()
    project.save("shift.c", SHIFT % (BY, "p->by"))
    path = project.save("p.lua", 'return pipeline "p" { deform.shift { } }')
    cube()
    made = deform(path=path)
    project.save("shift.c", SHIFT % (BY, "p->by * 5"))
    wait(lambda: abs(positions(made.data)[4, 0] - 6) < 1e-5)
    wait(lambda: not any(k["fast"] for k in sessions.of(made).kernels()))
    equal(bpy.ops.whorl.step(kernel="deform.shift", step=-1), {"FINISHED"})
    near(positions(made.data)[4, 0], 2)
    said = raises(RuntimeError, bpy.ops.whorl.step, kernel="deform.shift", step=-1)
    assert "deform.shift has no older generation that can run" in said, said
    equal(bpy.ops.whorl.step(kernel="deform.shift", step=1), {"FINISHED"})
    near(positions(made.data)[4, 0], 6)


@check("undo brings values and the result back")
def _():
    cube()
    made = deform(
        'return pipeline "p" { deform.linear { factor = expose({ 1, 1, 1 }, "F", { id = "f" }) } }'
    )
    name = made.name
    bpy.ops.ed.undo_push(message="made")
    made["f"] = (5.0, 1.0, 1.0)
    made.update_tag()
    update()
    bpy.ops.ed.undo_push(message="slid")
    near(positions(bpy.data.objects[name].data)[4, 0], 5)
    bpy.ops.ed.undo()
    near(positions(bpy.data.objects[name].data)[4, 0], 1)
    equal(list(bpy.data.objects[name]["f"]), [1, 1, 1])
    bpy.ops.ed.redo()
    near(positions(bpy.data.objects[name].data)[4, 0], 5)


@check("saved and loaded it goes on; without the add-on the file opens and shows what it showed")
def _():
    project = Project()
    path = project.save(
        "p.lua", 'return pipeline "p" { deform.linear { factor = expose({ 2, 1, 1 }, "F") } }'
    )
    cube()
    made = deform(path=path)
    name = made.name
    made["linear.factor"][1] = 4.0
    made.update_tag()
    update()
    file = project.path("scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    whorl.unregister()
    bpy.ops.wm.open_mainfile(filepath=file)
    again = bpy.data.objects[name]
    near(positions(again.data)[7], (2, 4, 1))
    whorl.register()
    bpy.ops.wm.open_mainfile(filepath=file)
    again = bpy.data.objects[name]
    equal(list(again["linear.factor"]), [2, 4, 1])
    source = again["whorl_source"]
    source.data.vertices[7].co.x = 2
    source.data.update()
    update()
    near(positions(again.data)[7], (4, 4, 1))
    project.save(
        "p.lua",
        'return pipeline "p" { deform.linear { factor = expose({ 2, 1, 1 }, "F") }, '
        "deform.linear { factor = { 1, 1, 9 } } }",
    )
    wait(lambda: abs(positions(bpy.data.objects[name].data)[7, 2] - 9) < 1e-5)


@check("a copy of an output has sliders of its own")
def _():
    cube()
    made = deform(
        'return pipeline "p" { deform.linear { factor = expose({ 1, 1, 1 }, "F", { id = "f" }) } }'
    )
    copy = made.copy()
    copy.data = made.data.copy()
    link(copy)
    copy["f"] = (3.0, 1.0, 1.0)
    copy.update_tag()
    update()
    near(positions(copy.data)[4, 0], 3)
    near(positions(made.data)[4, 0], 1)


@check("a pipeline with a mesh of its own needs no source, and its samplers give points")
def _():
    bpy.context.view_layer.objects.active = None
    made = deform(
        'return pipeline "p" { mesh.box { size = { 2, 2, 2 } },\n'
        "deform.linear { factor = { 2, 1, 1 } },\n"
        'sample.inside { name = "fill", spacing = 0.4 } }'
    )
    near(np.abs(positions(made.data)).max(axis=0), (2, 1, 1), 1e-5)
    points = [child for child in made.children if child.get("whorl_sampler") == "fill"]
    equal(len(points), 1)
    inside = positions(points[0].data)
    assert len(inside) > 200 and np.abs(inside).max() <= 2, len(inside)


@check("what is wrong with the input is a message, and no exception")
def _():
    bpy.context.view_layer.objects.active = cube()
    said = raises(RuntimeError, bpy.ops.whorl.deform, filepath="/nowhere/p.lua")
    assert "/nowhere/p.lua: there is no such pipeline (choose a Lua file)" in said, said
    made = deform(
        'return pipeline "p" { deform.linear { mask = field.attribute { name = "Lost" } } }'
    )
    message = live.state_of(made).message
    assert "Lost" in message, message
    bpy.data.objects.remove(made["whorl_source"])
    update()
    bpy.ops.whorl.reload()
    assert "has no source object" in live.state_of(made).message, live.state_of(made).message
    equal(handlers._told, set())


@check("the background's render shows what the frames show, and reloads nothing meanwhile")
def _():
    project = Project()
    path = project.save(
        "p.lua",
        'return pipeline "p" { deform.linear { factor = function(t) return { 1 + t, 1, 1 } end } }',
    )
    cube()
    made = deform(path=path)
    scene = bpy.context.scene
    link(bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera")))
    scene.camera = bpy.data.objects["Camera"]
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.frame_start, scene.frame_end, scene.render.filepath = 1, 5, project.path("frame")
    shown = []
    for frame in range(1, 6):
        scene.frame_set(frame)
        shown.append(positions(made.data))
    seen, serial = [], sessions.of(made).serial

    def look(_, depsgraph):
        seen.append((depsgraph.mode, positions(made.evaluated_get(depsgraph).data)))
        if len(seen) == 1:
            project.save("p.lua", SCALE % 9)

    bpy.app.handlers.frame_change_post.append(look)
    written = []
    serials = set()
    bpy.app.handlers.render_post.append(
        lambda *_: (written.append(positions(made.data)), serials.add(sessions.of(made).serial))
    )
    bpy.ops.render.render(animation=True)
    bpy.app.handlers.frame_change_post.remove(look)
    bpy.app.handlers.render_post.clear()
    equal(len(written), 5)
    near(np.array(written), np.array(shown), 0)
    equal(serials, {serial})
    wait(lambda: abs(positions(made.data)[1, 2] - 9) < 1e-6)


finish(whorl)
