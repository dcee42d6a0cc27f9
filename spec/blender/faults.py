"""What must not happen: a dead Blender, an exception in the console, memory that grows, a fault
that is hidden."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import (
    Project,
    bpy,
    check,
    cube,
    equal,
    finish,
    near,
    np,
    positions,
    skip,
    start,
)  # noqa: E402

CRASH = """
import ctypes, os, sys
sys.path.insert(0, {folder!r})
from support import bpy, cube, start
whorl = start()
cube()
bpy.ops.whorl.fill(spacing=0.5)
print("now", flush=True)
ctypes.string_at(1)
"""

whorl = start()
from whorl import handlers, live, sessions  # noqa: E402

SCALE = 'return pipeline "p" { deform.linear { factor = { 2, 1, %s } } }\n'


def deform(path):
    equal(bpy.ops.whorl.deform(filepath=path), {"FINISHED"})
    return bpy.context.object


def resident():
    line = next(
        text for text in open("/proc/self/status", encoding="ascii") if text.startswith("VmRSS")
    )
    return int(line.split()[1])


def maps():
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        return sum(1 for _ in file)


def wait(condition, seconds=10):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "nothing came"
        handlers.poll()


@check("a thousand reloads leave memory and maps as they were")
def _():
    project = Project()
    path = project.save("p.lua", SCALE % 1)
    cube()
    made = deform(path)

    def reload(number):
        project.save("p.lua", SCALE % (2 + number % 50))
        wait(lambda: abs(positions(made.data)[1, 2] - (2 + number % 50)) < 1e-4)

    for number in range(100):
        reload(number)
    before, mapped = resident(), maps()
    for number in range(1000):
        reload(number)
    grown = resident() - before
    print(f"1000 reloads: {grown} kB, {maps() - mapped} maps", flush=True)
    assert grown < 8000, f"{grown} kB more"
    assert maps() - mapped < 20, f"{maps() - mapped} more maps"


@check("two hundred saves while an animation plays: each frame is of one version, none is torn")
def _():
    project = Project()
    path = project.save("p.lua", SCALE % 1)
    cube()
    made = deform(path)
    seen = set()
    for number in range(200):
        value = 1 + number % 7
        project.save(
            "p.lua",
            'return pipeline "p" { deform.linear { '
            "factor = function(t) return { %d, %d, %d } end } }" % (value, value, value),
        )
        bpy.context.scene.frame_set(1 + number)
        shape = np.abs(positions(made.data))
        near(shape, np.full((8, 3), shape[0, 0]) if number else shape)
        seen.add(round(float(shape[0, 2])))
    assert len(seen) == 7, seen
    equal(handlers._told, set())


@check("NaN, infinite and huge vertices are passed on or said, and nothing falls over")
def _():
    source = cube()
    made = deform(
        Project().save("p.lua", 'return pipeline "p" { deform.twist { }, deform.smooth { } }')
    )
    for value in (float("nan"), float("inf"), 3e38, -1e-40):
        source.data.vertices[2].co = (value, value, value)
        source.data.update()
        bpy.context.view_layer.update()
    equal(len(made.data.vertices), 8)
    equal(handlers._told, set())


@check("an empty mesh is deformed to an empty mesh")
def _():
    source = cube()
    made = deform(Project().save("p.lua", SCALE % 1))
    source.data.clear_geometry()
    source.data.update()
    bpy.context.view_layer.update()
    equal((len(made.data.vertices), live.state_of(made).message), (0, ""))


@check("an endless loop in Lua ends with a message")
def _():
    project = Project()
    path = project.save("p.lua", SCALE % 1)
    cube()
    made = deform(path)
    project.save("p.lua", "while true do end")
    wait(lambda: sessions.of(made).messages, 20)
    assert "p.lua:1" in sessions.of(made).message, sessions.of(made).message
    near(positions(made.data)[4, 0], 2)


@check("an output, its points or its mesh removed at any moment")
def _():
    source = cube()
    path = Project().save(
        "p.lua",
        'return pipeline "p" { deform.linear { }, sample.inside { name = "f", spacing = 0.4 } }',
    )
    made = deform(path)
    bpy.data.objects.remove(made.children[0])
    source.data.vertices[0].co.x = -2
    source.data.update()
    bpy.context.view_layer.update()
    made.data.clear_geometry()
    for x in (-3, -4):
        source.data.vertices[0].co.x = x
        source.data.update()
        bpy.context.view_layer.update()
    near(positions(made.data)[0, 0], -4)
    bpy.data.objects.remove(made)
    source.data.update()
    bpy.context.view_layer.update()
    bpy.context.scene.frame_set(3)
    handlers.poll()
    equal(handlers._told, set())
    handlers.rescan()
    equal(sessions.all_open(), {})


def crashes_as_blender_does():
    folder = tempfile.mkdtemp()
    script = Path(folder, "crash.py")
    script.write_text(CRASH.format(folder=os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run(
        [bpy.app.binary_path, "-b", "--factory-startup", "--python", str(script)],
        timeout=100,
        capture_output=True,
        text=True,
        env=os.environ | {"TMPDIR": folder, "TEMP": folder},
    )
    assert "now" in done.stdout, done.stdout + done.stderr
    assert done.returncode not in (0, 1), done.returncode
    written = list(Path(folder).glob("*.crash.txt")) + list(Path("/tmp").glob("blender.crash.txt"))
    assert any(time.time() - file.stat().st_mtime < 60 for file in written), (
        done.stdout + done.stderr
    )


if bpy.app.binary_path:
    check("a fault that is not ours reaches Blender's own crash handler")(crashes_as_blender_does)
else:
    skip("Blender's own crash handler", "bpy is not the program")

finish(whorl)
