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


def milliseconds(seconds):
    return " ".join(f"{s * 1e3:.0f}" for s in seconds)


def until(condition, seconds=10):
    """Steps until it is so; nothing is polled here: the timer of the add-on is to do that."""
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            raise AssertionError("it did not come")
        yield 0.005


def save(project, name, text, saved):
    """At any moment, as somebody else's editor does."""
    project.save(name, text)
    saved.append(time.time())


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
        lambda: drawn.append((time.time(), float(width().mean()))), (), "WINDOW", "POST_PIXEL"
    )
    written, write = [], live._write

    def stamped(obj, state, moved):
        write(obj, state, moved)
        written.append(time.time())

    live._write = stamped
    latencies, pictures = [], []
    for number in range(5):
        before = width().mean()
        target = 1.5 + 0.3 * number  # each is a build: nothing is found in the cache
        saved = []
        text = SHIFT % (BY % 1, f"p->by * {target}f")
        threading.Timer(0.3 + 0.013 * number, save, (project, "shift.c", text, saved)).start()
        yield from until(lambda: saved)
        began = saved[0]
        yield from until(lambda: abs(width().mean() - before) > 0.1)
        yield from until(lambda: drawn and abs(drawn[-1][1] - before) > 0.1)
        pictures.append(next(t for t, x in drawn if t > began and abs(x - before) > 0.1) - began)
        latencies.append(next(t for t in written if t > began) - began)
        yield 0.6
    print("kernel saved, ms to the mesh: " + milliseconds(latencies), flush=True)
    print("kernel saved, ms to the picture: " + milliseconds(pictures), flush=True)
    done("a saved kernel shows in the viewport, the mouse still")
    latencies = []
    for number in range(5):
        before, saved = width().copy(), []
        text = PIPELINE % ("", 10 + number * 10)  # the slider was not moved: it follows
        threading.Timer(0.3 + 0.013 * number, save, (project, "p.lua", text, saved)).start()
        yield from until(lambda: saved and np.abs(width() - before).max() > 1e-4)
        latencies.append(next(t for t in written if t > saved[0]) - saved[0])
        yield 0.3
    print("pipeline saved, ms to the mesh: " + milliseconds(latencies), flush=True)
    live._write = write
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
    yield from filled(window, area)


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
