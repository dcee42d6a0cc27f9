"""What the scripts share: the add-on from the source tree, whorl from the build folder, one line a
result."""

import os
import sys
import tempfile
import traceback

SOURCE = os.environ.get("WHORL_SOURCE", ".")
sys.path.insert(0, os.path.join(SOURCE, "hosts", "blender"))
os.environ.setdefault("WHORL_ROOT", os.environ.get("WHORL_BUILD", ""))
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(
    prefix="whorl-blender-"
)  # no kernels of an earlier run

import bpy  # noqa: E402
import numpy as np  # noqa: E402


# A kernel: its parameters, and how far it moves.
SHIFT = """#include "whorl_kernel.h"
WH_PARAMS(deform_shift, %s)
static void deform_shift_run(const wh_block *b)
{
    const deform_shift *p = b->params;
    for (uint32_t i = 0; i < b->count; i++)
        b->x[i] += %s;
}
WH_KERNEL(deform_shift, .doc = "Shift along x", .run = deform_shift_run);
"""


def fresh():
    """The scene that Blender starts with, without its cube."""
    bpy.ops.wm.read_factory_settings(use_empty=True)


def start():
    import whorl

    fresh()
    whorl.register()
    return whorl


def check(what):
    """Runs a function at once, in a fresh scene, and says how it went."""
    only = os.environ.get("WHORL_ONLY", "")

    def run(function):
        if only and only not in what:
            return function
        try:
            fresh()
            function()
            print(f"ok {what}", flush=True)
        except BaseException as problem:
            place = traceback.extract_tb(problem.__traceback__)[-1]
            where = f"{os.path.basename(place.filename)}:{place.lineno}"
            why = f"{type(problem).__name__}: {problem} ({where})"
            print(f"not ok {what}: " + " ".join(why.split()), flush=True)
            traceback.print_exc()
        return function

    return run


def skip(what, why):
    print(f"skip {what}: {why}", flush=True)


def equal(a, b, what=""):
    assert a == b, f"{what} {a!r} is not {b!r}".strip()


def near(a, b, tolerance=1e-5, what=""):
    far = (
        float(np.max(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))))
        if np.size(a)
        else 0.0
    )
    assert (
        np.shape(a) == np.shape(b) and far <= tolerance
    ), f"{what} {far} apart, {np.shape(a)} {np.shape(b)}".strip()


def raises(kind, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except kind as problem:
        return str(problem)
    raise AssertionError(f"no {kind.__name__}")


def link(obj):
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    return obj


def mesh_object(name, vertices, faces):
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    mesh.update()
    return link(bpy.data.objects.new(name, mesh))


CUBE = (
    [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)],
    [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)],
)


def cube(name="Cube", size=1.0):
    """From -size to size, six quads whose normals point outwards."""
    return mesh_object(name, [tuple(size * v for v in p) for p in CUBE[0]], CUBE[1])


def sphere(rings=32, segments=64, radius=1.0, name="Sphere"):
    bpy.ops.mesh.primitive_uv_sphere_add(segments=segments, ring_count=rings, radius=radius)
    bpy.context.object.name = name
    return bpy.context.object


def positions(mesh):
    out = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", out)
    return out.reshape(-1, 3)


def content(mesh):
    """Bytes that change with anything that a mesh is made of."""
    loops = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", loops)
    names = ",".join(a.name for a in mesh.attributes if not a.name.startswith("."))
    return positions(mesh).tobytes() + loops.tobytes() + names.encode()


class Project:
    """A folder with pipelines and kernels."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="whorl-project-")

    def path(self, name):
        return os.path.join(self.folder, name)

    def save(self, name, text):
        """As editors do: beside, and renamed."""
        with open(self.path(name) + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.path(name) + ".new", self.path(name))
        return self.path(name)


def finish(addon):
    """Blender 4.2 as a module may fall over after Python's end, with or without an add-on: none of
    our business."""
    fresh()
    addon.unregister()
    sys.stdout.flush()
    if not bpy.app.binary_path:
        os._exit(0)
