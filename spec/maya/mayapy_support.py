"""What scripts in a real Maya share; mayapy.sh runs them."""

import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import maya.standalone  # noqa: E402

maya.standalone.initialize(name="python")

import support  # noqa: E402
from maya import OpenMaya as om1  # noqa: E402
from maya import cmds  # noqa: E402
from maya.api import OpenMaya as om  # noqa: E402


def start():
    cmds.loadPlugin("whorl")


def fresh():
    cmds.file(new=True, force=True)
    cmds.undoInfo(state=True, infinity=True)


def cube():
    """(transform, shape) of a cube from -1 to 1."""
    transform = cmds.polyCube(width=2, height=2, depth=2, constructionHistory=False)[0]
    return transform, shape_of(transform)


def shape_of(transform):
    return cmds.listRelatives(transform, shapes=True, noIntermediate=True)[0]


def deformer(transform, path):
    node = cmds.deformer(transform, type="whorlDeformer")[0]
    cmds.setAttr(node + ".pipeline", path, type="string")
    return node


def float_points(shape):
    """xyz of each point, as the mesh has them once it is evaluated."""
    mesh = om.MSelectionList().add(shape + ".outMesh").getPlug(0).asMObject()
    return [(p.x, p.y, p.z) for p in om.MFnMesh(mesh).getFloatPoints(om.MSpace.kObject)]


def evaluated(shape):
    return om.MFnMesh(om.MSelectionList().add(shape + ".outMesh").getPlug(0).asMObject())


def normals(shape):
    """Of each point of the mesh that is drawn, as Maya has them."""
    return [(n.x, n.y, n.z) for n in evaluated(shape).getVertexNormals(False)]


def normals_of_points(shape):
    """The same of a mesh that is made anew of its points."""
    mesh, data = evaluated(shape), om.MFnMeshData()
    made = om.MFnMesh()
    made.create(mesh.getPoints(), *mesh.getVertices(), parent=data.create())
    return [(n.x, n.y, n.z) for n in made.getVertexNormals(False)]


def flat(points):
    return [value for point in points for value in point]


def packed(points):
    """As floats, in bytes."""
    values = flat(points)
    return struct.pack("<{}f".format(len(values)), *values)


def sampled(node):
    """(positions, ids) of a whorlSample."""
    selection, plug = om1.MSelectionList(), om1.MPlug()
    selection.add(node + ".outPoints")
    selection.getPlug(0, plug)
    arrays = om1.MFnArrayAttrsData(plug.asMObject())
    position = arrays.vectorArray("position")
    low, high = arrays.doubleArray("idLow"), arrays.doubleArray("idHigh")
    points = [(position[i].x, position[i].y, position[i].z) for i in range(position.length())]
    return points, [int(high[i]) << 32 | int(low[i]) for i in range(low.length())]


def finish():
    """Unloads the plug-in, and ends without what Maya does at the end of Python."""
    fresh()
    cmds.flushUndo()
    cmds.unloadPlugin("whorl")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if support.failed else 0)
