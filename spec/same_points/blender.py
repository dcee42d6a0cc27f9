"""What Blender makes of $SAME_MESH.ply by $SAME_PIPELINE at $SAME_SECONDS: as raw arrays beside
$SAME_OUT."""

import os
import sys

sys.path.insert(0, os.path.join(os.environ["WHORL_SOURCE"], "spec", "blender"))
from support import bpy, finish, link, np, positions, start  # noqa: E402

addon = start()
from whorl import pointset  # noqa: E402

OUT = os.environ["SAME_OUT"]


def read_ply(path):
    """(vertices, faces) of a binary PLY file of floats and triangles."""
    with open(path, "rb") as file:
        head, body = file.read().split(b"end_header\n", 1)
    lines = [line.split() for line in head.decode().splitlines()]
    counts = [int(words[2]) for words in lines if words[0] == "element"]
    names = [words[2] for words in lines if words[:2] == ["property", "float"]]
    vertices = np.frombuffer(body, [(name, "<f4") for name in names], counts[0])
    faces = np.frombuffer(
        body, [("n", "u1"), ("corner", "<u4", 3)], counts[1], offset=vertices.nbytes
    )
    return vertices, faces["corner"]


def make_object(vertices, faces):
    position = np.stack([vertices[axis] for axis in "xyz"], axis=1)
    mesh = bpy.data.meshes.new("Same")
    mesh.from_pydata(position.tolist(), [], faces.tolist())
    mesh.update()
    hold = mesh.attributes.new("hold", "FLOAT", "POINT")
    hold.data.foreach_set("value", np.ascontiguousarray(vertices["hold"]))
    return link(bpy.data.objects.new("Same", mesh))


def write(name, array):
    with open(f"{OUT}.{name}", "wb") as file:
        file.write(np.ascontiguousarray(array).tobytes())


make_object(*read_ply(os.environ["SAME_MESH"] + ".ply"))
scene = bpy.context.scene
scene.render.fps, scene.render.fps_base = 24, 1.0
scene.frame_set(round(24 * float(os.environ["SAME_SECONDS"])))
bpy.ops.whorl.deform(filepath=os.environ["SAME_PIPELINE"])
made = bpy.context.object
write("deformed", positions(made.data))
for child in made.children:
    name = child["whorl_sampler"]
    write(name, positions(child.data))
    write(name + ".id", pointset.read_ids(child.data))
finish(addon)
