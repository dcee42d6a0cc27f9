# window
"""In a real window: saves show by the timer alone, sliders are dragged, Ctrl+Z brings value and
result back."""

import os
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import SHIFT, Project, bpy, cube, equal, near, np, positions  # noqa: E402

whorl = None
PICTURES = os.environ.get("WHORL_PICTURES", "")
BY = 'float by WH_UI(%s, min = -10, max = 10, unit = "m", doc = "How far"); '
MORE = 'float more WH_UI(0, min = -10, max = 10, unit = "m", doc = "And further"); '
PIPELINE = """return pipeline "shifted" {
  deform.shift { by = expose(1, "By", { id = "by" })%s },
  deform.twist { angle = expose(%s, "Turn", { id = "turn" }), axis = "z", length = 2 },
}
"""


def done(what):
    print(f"ok {what}", flush=True)


def picture(name):
    if PICTURES:
        bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
        subprocess.run(
            ["import", "-window", "root", os.path.join(PICTURES, name + ".png")], check=False
        )


def xdo(*words):
    subprocess.run(["xdotool", *map(str, words)], check=True)


def view():
    window = bpy.context.window_manager.windows[0]
    area = next(a for a in window.screen.areas if a.type == "VIEW_3D")
    region = next(r for r in area.regions if r.type == "UI")
    return window, area, region


def until(condition, seconds=10):
    """Steps until it is so; nothing is polled here: the timer of the add-on is to do that."""
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            raise AssertionError("it did not come")
        yield 0.005


def script():
    global whorl
    import whorl as addon

    whorl = addon
    whorl.panel.Sidebar.bl_category = "Tool"  # the tab that is open
    whorl.register()
    from whorl import live, sessions

    yield 0.5
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    window, area, region = view()
    xdo("key", "Escape")  # what Blender welcomes its user with
    area.spaces.active.show_region_ui = True
    area.spaces.active.show_gizmo = False
    area.spaces.active.overlay.show_floor = False
    yield 0.3

    source = cube("Thing")
    bpy.ops.object.select_all(action="DESELECT")
    source.select_set(True)
    subdivide = source.modifiers.new("Subdivision", "SUBSURF")
    subdivide.levels = 4
    yield 0.3
    picture("1-start")
    done("the sidebar draws for an object that is no output")

    project = Project()
    project.save("shift.c", SHIFT % (BY % 1, "p->by"))
    path = project.save("p.lua", PIPELINE % ("", 0))
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.whorl.deform(filepath=path)
        made = bpy.context.object
    name = made.name
    yield 0.5
    picture("2-rest")
    done("the sidebar draws for an output")

    state = live.state_of(made)
    count = state.cooks
    end = time.time() + 2
    while time.time() < end:
        yield 0.05
    equal(live.state_of(bpy.data.objects[name]).cooks, count)
    done("two seconds of idling cook nothing")

    def width():
        return positions(bpy.data.objects[name].data)[:, 0]

    drawn = []
    handle = bpy.types.SpaceView3D.draw_handler_add(
        lambda: drawn.append(width().mean()), (), "WINDOW", "POST_PIXEL"
    )
    for name_of_file, text in (
        ("shift.c", SHIFT % (BY % 1, "p->by * 1.5f")),
        ("p.lua", PIPELINE % ("", 10)),  # the slider was not moved: it follows
    ):
        before = width().mean()
        threading.Timer(0.3, project.save, (name_of_file, text)).start()
        yield from until(lambda: drawn and abs(drawn[-1] - before) > 1e-5)
        yield 0.6
        done(f"{name_of_file}, saved, shows in the viewport, the mouse still")
    bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")

    project.save("shift.c", SHIFT % ((BY % 1) + MORE, "p->by + p->more"))
    project.save("p.lua", PIPELINE % (', more = expose(0.5, "More", { id = "more" })', 45))
    yield from until(lambda: "more" in bpy.data.objects[name])
    yield 0.6
    picture("3-new-slider")
    done("a parameter that is new shows as a slider")

    project.save("shift.c", SHIFT % ((BY % 1) + MORE, "p->by + p->mroe"))
    yield from until(lambda: sessions.of(bpy.data.objects[name]).messages)
    yield 0.6
    picture("4-error")
    assert "shift.c:7" in sessions.of(bpy.data.objects[name]).message
    done("a compiler's message is in the sidebar")
    project.save("shift.c", SHIFT % ((BY % 1) + MORE, "p->by + p->more"))
    yield from until(lambda: not sessions.of(bpy.data.objects[name]).messages)
    yield 0.3
    yield from drag(name)
    yield from dropped(window, area, path)
    yield from filled(window, area)
    yield from asked(window, area)
    yield from stopped(window, area)


def drag(name):
    """Drags the first slider by the mouse, and takes it back by Ctrl+Z. Where it is: looked for
    with the mouse."""
    bpy.ops.ed.undo_push(message="before")
    value, shape = bpy.data.objects[name]["by"], positions(bpy.data.objects[name].data)
    window, area, region = view()
    x = region.x + region.width * 0.7
    for y in range(480, 640, 6):  # below the panel's own title
        xdo("mousemove", int(x), y)
        yield 0.05
        xdo("mousedown", 1)
        for k in range(6):
            xdo("mousemove_relative", 6, 0)
            yield 0.03
        xdo("mouseup", 1)
        yield 0.2
        if bpy.data.objects[name]["by"] != value:
            break
        xdo("key", "Escape")
        yield 0.1
    print(f"by went from {value} to {bpy.data.objects[name]['by']}", flush=True)
    assert bpy.data.objects[name]["by"] != value, "no slider was found"
    assert np.abs(positions(bpy.data.objects[name].data) - shape).max() > 1e-4
    done("a slider that is dragged cooks")
    xdo(
        "mousemove", int(area.x + area.width * 0.4), int(window.height - area.y - area.height * 0.5)
    )
    yield 0.2
    xdo("key", "ctrl+z")
    yield 0.6
    near(bpy.data.objects[name]["by"], value)
    near(positions(bpy.data.objects[name].data), shape, 1e-5)
    done("Ctrl+Z brings value and result back")


def filled(window, area):
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=1, radius=0.04)
    bead = bpy.context.object
    bead.name = "Bead"
    bead.location = (0, 0, -9)
    bpy.ops.mesh.primitive_monkey_add(size=3)
    bpy.context.object.display_type = "WIRE"
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.whorl.fill(spacing=0.1, instance="Bead")
    yield 0.8
    picture("5-filled")
    done("a filled mesh with instances draws")


def dropped(window, area, path):
    """As Blender itself calls it when a file is let go of; a real drop needs a file manager."""
    kind = bpy.ops.whorl.deform.get_rna_type()
    assert kind.properties["filepath"].is_skip_save, "the menu would take the file before"
    if not hasattr(bpy.types, "FileHandler"):
        print("skip a pipeline that is dropped: this Blender has no FileHandler", flush=True)
        return
    handler = bpy.types.WHORL_FH_pipeline
    bpy.ops.mesh.primitive_cube_add()
    count = len(bpy.data.objects)
    folder, file = os.path.split(path)
    outliner = next(a for a in window.screen.areas if a.type == "OUTLINER")
    with bpy.context.temp_override(window=window, area=outliner):
        assert not handler.poll_drop(bpy.context)
    region = next(r for r in area.regions if r.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        assert handler.poll_drop(bpy.context)
        bpy.ops.wm.drop_import_file("INVOKE_DEFAULT", directory=folder, files=[{"name": file}])
        made = bpy.context.object
    yield 0.3
    equal((len(bpy.data.objects), made["whorl_file"]), (count + 1, path))
    done("a pipeline that is dropped on the view deforms the active object")


def in_the_view(window, area):
    """The mouse goes where dialogs come up, and keys are for the view."""
    xdo("mousemove", int(area.x + area.width * 0.3), int(window.height - area.y - area.height / 2))
    region = next(r for r in area.regions if r.type == "WINDOW")
    return bpy.context.temp_override(window=window, area=area, region=region)


def only_a_ball():
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    for mesh in list(bpy.data.meshes):
        bpy.data.meshes.remove(mesh)
    bpy.ops.mesh.primitive_uv_sphere_add()


def asked(window, area):
    """The question before many points; here a few are many."""
    whorl.fill.ASK_ABOVE = 1000
    for key, wanted in (("Escape", 1), ("Return", 2)):
        only_a_ball()
        with in_the_view(window, area):
            yield 0.3
            equal(bpy.ops.whorl.fill("INVOKE_DEFAULT", spacing=0.1), {"RUNNING_MODAL"})
        yield 0.8
        picture("6-question")
        equal(len(bpy.data.objects), 1)
        xdo("key", key)
        yield 1
        equal(len(bpy.data.objects), wanted, key)
    assert len(bpy.context.object.data.vertices) > 4000
    done("many points are asked about: Esc makes none, Enter makes them")


def filling():
    return any(thread.name == "whorl fill" for thread in threading.enumerate())


def stopped(window, area):
    """A fill that takes long goes on beside the window until Esc; one that is left alone comes."""
    whorl.fill.ASK_ABOVE = 10**9
    blue = dict(noise="blue", attributes=False)
    only_a_ball()
    with in_the_view(window, area):
        yield 0.3
        equal(bpy.ops.whorl.fill("INVOKE_DEFAULT", count=1_000_000, **blue), {"RUNNING_MODAL"})
    yield 1
    picture("7-long")
    assert filling()
    xdo("key", "Escape")
    yield from until(lambda: not filling())
    yield 0.5
    equal([obj.name for obj in bpy.data.objects], ["Sphere"])
    equal(len(bpy.data.meshes), 1)
    done("Esc ends a long fill, and nothing is made")
    with in_the_view(window, area):
        bpy.ops.whorl.fill("INVOKE_DEFAULT", count=30_000, **blue)
    yield from until(lambda: len(bpy.data.objects) == 2, 60)
    equal(len(bpy.context.object.data.vertices), 30_000)
    done("a long fill that is left alone makes its points")


def run():
    preferences = bpy.context.preferences
    preferences.view.show_splash = False
    preferences.view.smooth_view = 0
    preferences.system.viewport_aa = "OFF"
    steps = script()

    def step():
        try:
            return next(steps)
        except StopIteration:
            pass
        except BaseException as problem:
            place = traceback.extract_tb(problem.__traceback__)[-1]
            print(
                f"not ok the window: {type(problem).__name__}: {problem} (line {place.lineno})",
                flush=True,
            )
            traceback.print_exc()
            picture("failed")
        from whorl import handlers

        for text in handlers._told:
            print("not ok no exception in the console: " + text.replace("\n", " "), flush=True)
        whorl.unregister()
        sys.stdout.flush()
        os._exit(0)  # Blender 3.4 counts each key of xdotool as memory that was not freed
        return None

    bpy.app.timers.register(step, first_interval=1)


run()
