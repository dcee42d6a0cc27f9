"""What a real Maya makes of $SAME_MESH.ply by $SAME_PIPELINE at $SAME_SECONDS: as raw arrays beside
$SAME_OUT. spec/maya/mayapy.sh runs it."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.environ["WHORL_SOURCE"], "spec", "maya"))
from mayapy_support import (  # noqa: E402
    cmds,
    deformer,
    finish,
    float_points,
    fresh,
    om,
    packed,
    sampled,
    shape_of,
    start,
)

OUT, PIPELINE = os.environ["SAME_OUT"], os.environ["SAME_PIPELINE"]


def read_ply(path):
    """(x y z hold of each vertex, corners of each triangle) of a binary PLY file."""
    with open(path, "rb") as file:
        head, body = file.read().split(b"end_header\n", 1)
    lines = [line.split() for line in head.decode().splitlines()]
    points, faces = [int(words[2]) for words in lines if words[0] == "element"]
    vertices = list(struct.iter_unpack("<4f", body[: 16 * points]))
    corners = [face[1:] for face in struct.iter_unpack("<B3I", body[16 * points :])]
    assert len(corners) == faces
    return vertices, corners


def make_mesh(vertices, corners):
    points = om.MFloatPointArray([om.MFloatPoint(*vertex[:3]) for vertex in vertices])
    fn = om.MFnMesh()
    made = fn.create(points, [3] * len(corners), [c for face in corners for c in face])
    return om.MFnDagNode(made).fullPathName()


def write(name, data):
    with open(OUT + "." + name, "wb") as file:
        file.write(data)


start()
fresh()
vertices, corners = read_ply(os.environ["SAME_MESH"] + ".ply")
transform = make_mesh(vertices, corners)
node = deformer(transform, PIPELINE)
hold = [vertex[3] for vertex in vertices]
weights = "{}.holdMapList[0].holdMap[0:{}]".format(node, len(hold) - 1)
cmds.setAttr(weights, *hold, size=len(hold))
cmds.currentUnit(time="film")
cmds.currentTime(24 * float(os.environ["SAME_SECONDS"]))
shape = shape_of(transform)
write("deformed", packed(float_points(shape)))
rest = cmds.ls(transform, dagObjects=True, type="mesh", intermediateObjects=True)[0]
for sampler in ("fill", "skin"):
    made = cmds.whorlFill(shape, pipeline=PIPELINE, sampler=sampler)[0]
    cmds.connectAttr(rest + ".outMesh", made + ".restMesh")
    positions, ids = sampled(made)
    write(sampler, packed(positions))
    write(sampler + ".id", struct.pack("<{}Q".format(len(ids)), *ids))
finish()
