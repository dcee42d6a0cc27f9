"""The plug-in in a real Maya: deform, paint, slide, reload, fall, fill, undo, save."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mayapy_support import (  # noqa: E402
    cmds,
    cube,
    deformer,
    finish,
    flat,
    float_points,
    fresh,
    normals,
    normals_of_points,
    sampled,
    shape_of,
    start,
)
from support import Project, check, equal, near  # noqa: E402

SCALE = 'return pipeline "p" {{ deform.linear {{ factor = {{ 2, 1, {} }} }} }}\n'
SLIDERS = """return pipeline "p" {{
  deform.shift {{ by = expose({}, "By", {{ id = "by" }}) }},
  reload {{ canary = {}, publish = "at-once" }},
}}
"""
SHIFT = """#include "whorl_kernel.h"
WH_PARAMS(deform_shift, {}
    float by WH_UI(1, min = -100, max = 100, doc = "How far");
)
static void deform_shift_run(const wh_block *b)
{{
    const deform_shift *p = b->params;
    for (uint32_t i = 0; i < b->count; i++)
        b->x[i] += {};
}}
WH_KERNEL(deform_shift, .doc = "Shift along x", .run = deform_shift_run);
"""


def shift(project, expression="p->by", params=""):
    project.save("shift.c", SHIFT.format(params, expression))


def reload():
    """True: something was taken over, within half a minute."""
    return cmds.whorlReload(wait=30) == 1


def largest_x(shape):
    return max(x for x, _, _ in float_points(shape))


def shifted(canary="true"):
    """(project, shape, deformer) of a cube that a kernel of the project shifts."""
    fresh()
    project = Project()
    shift(project)
    transform, _ = cube()
    node = deformer(transform, project.save("p.lua", SLIDERS.format(1, canary)))
    return project, shape_of(transform), node


start()


@check("a deformer does what its pipeline says")
def _():
    fresh()
    transform, shape = cube()
    before = float_points(shape)
    deformer(transform, Project().save("p.lua", SCALE.format(3)))
    wanted = flat((2 * x, y, 3 * z) for x, y, z in before)
    near(flat(float_points(shape_of(transform))), wanted)


@check("Maya knows of points that are written in place: normals, box, and what came in")
def _():
    fresh()
    transform, shape = cube()
    before = float_points(shape)
    text = 'return pipeline "p" { deform.twist { angle = 40, length = 1 } }\n'
    deformer(transform, Project().save("p.lua", text))
    shape = shape_of(transform)
    shaded = normals(shape)
    near(flat(shaded), flat(normals_of_points(shape)))
    points = float_points(shape)
    assert points != before
    box = [min(axis) for axis in zip(*points)] + [max(axis) for axis in zip(*points)]
    near(cmds.exactWorldBoundingBox(transform, calculateExactly=True), box)
    original = cmds.ls(cmds.listHistory(shape), type="mesh", intermediateObjects=True)[0]
    equal(float_points(original), before)
    cmds.dgdirty(allPlugs=True)
    equal(float_points(shape), points)


@check("envelope and painted weights say how far")
def _():
    fresh()
    transform, shape = cube()
    before = float_points(shape)
    node = deformer(transform, Project().save("p.lua", SCALE.format(3)))
    cmds.setAttr(node + ".envelope", 0.5)
    cmds.setAttr(node + ".weightList[0].weights[0]", 0)
    after = float_points(shape_of(transform))
    near(after[0], before[0])
    near(after[1], (1.5 * before[1][0], before[1][1], 2 * before[1][2]))


@check("a point attribute that the pipeline reads is a weight map")
def _():
    fresh()
    text = 'return pipeline "p" { deform.linear { factor = { 2, 2, 2 }, mask = %s } }\n'
    transform, shape = cube()
    before = float_points(shape)
    path = Project().save("p.lua", text % 'field.attribute { name = "hold" }')
    node = deformer(transform, path)
    cmds.setAttr(node + ".holdMapList[0].holdMap[0:1]", 0, 1, size=2)
    after = float_points(shape_of(transform))
    near(after[0], before[0])
    near(after[1], [2 * value for value in before[1]])


@check("a saved pipeline is taken over, and the list of undo stays")
def _():
    fresh()
    project = Project()
    transform, _ = cube()
    deformer(transform, project.save("p.lua", SCALE.format(3)))
    shape = shape_of(transform)
    said = cmds.undoInfo(query=True, undoName=True)
    project.save("p.lua", SCALE.format(5))
    assert reload()
    equal(max(z for _, _, z in float_points(shape)), 5.0)
    equal(cmds.undoInfo(query=True, undoName=True), said)


@check("a wrong pipeline leaves the last good one, and says its line")
def _():
    fresh()
    project = Project()
    transform, _ = cube()
    node = deformer(transform, project.save("p.lua", SCALE.format(3)))
    shape = shape_of(transform)
    before = float_points(shape)
    project.save("p.lua", 'return pipeline "p" { deform.lineer {} }\n')
    reload()
    equal(float_points(shape), before)
    said = json.loads(cmds.whorlStatus(node))["message"]
    assert "p.lua:1: no kernel deform.lineer" in said, said


@check("a file that is not there passes points through, and is read when it comes")
def _():
    fresh()
    project = Project()
    transform, shape = cube()
    before = float_points(shape)
    deformer(transform, project.path("p.lua"))
    shape = shape_of(transform)
    equal(float_points(shape), before)
    project.save("p.lua", SCALE.format(3))
    assert reload()
    equal(max(z for _, _, z in float_points(shape)), 3.0)


@check("a saved kernel is taken over")
def _():
    project, shape, _ = shifted()
    equal(largest_x(shape), 2.0)
    shift(project, "3 * p->by")
    assert reload()
    equal(largest_x(shape), 4.0)


@check("a slider is keyed, and keys survive a kernel that gains a parameter")
def _():
    project, shape, node = shifted()
    cmds.setKeyframe(node, attribute="by", time=1, value=1)
    cmds.setKeyframe(node, attribute="by", time=11, value=11)
    cmds.currentTime(11)
    equal(largest_x(shape), 12.0)
    extra = 'float more WH_UI(0.5, min = 0, max = 1, doc = "More");'
    shift(project, "p->by + p->more", extra)
    assert reload()
    equal(largest_x(shape), 12.5)
    cmds.currentTime(1)
    equal(largest_x(shape), 2.5)


@check("keys survive a parameter that is renamed")
def _():
    fresh()
    project = Project()
    text = 'return pipeline "p" {{ deform.shift {{ {} = expose(1, "By") }} }}\n'
    shift(project)
    transform, _ = cube()
    node = deformer(transform, project.save("p.lua", text.format("by")))
    shape = shape_of(transform)
    cmds.setKeyframe(node, attribute="shift_by", time=1, value=3)
    equal(largest_x(shape), 4.0)
    renamed = SHIFT.replace("float by WH_UI(1,", 'float far WH_UI(1, was = "by",')
    project.save("shift.c", renamed.format("", "p->far"))
    project.save("p.lua", text.format("far"))
    while not cmds.attributeQuery("shift_far", node=node, exists=True):
        assert reload()
    equal(cmds.attributeQuery("shift_by", node=node, exists=True), False)
    equal(largest_x(shape), 4.0)


@check("a kernel that crashes is contained: the last good one runs on")
def _():
    project, shape, _ = shifted(canary="false")
    equal(largest_x(shape), 2.0)
    shift(project, "*(volatile float *)(uintptr_t)(b->count > 1e9f ? 16 : 8)")
    reload()
    equal(largest_x(shape), 2.0)


@check("generations are stepped back to, and forward")
def _():
    project, shape, node = shifted()
    shift(project, "3 * p->by")
    assert reload()
    live = json.loads(cmds.whorlStatus(node))["stages"][0]["generation"]
    cmds.whorlPin(node, kernel="deform.shift", generation=live - 1)
    equal(largest_x(shape), 2.0)
    cmds.whorlPin(node, kernel="deform.shift", generation=0)
    equal(largest_x(shape), 4.0)
    cmds.undo()
    equal(largest_x(shape), 2.0)
    cmds.redo()
    equal(largest_x(shape), 4.0)


@check("kernels are saved while eight deformers play in parallel")
def _():
    project, _, _ = shifted()
    cmds.evaluationManager(mode="parallel")
    shapes = []
    for i in range(8):
        transform, _ = cube()
        cmds.setKeyframe(transform, attribute="translateY", time=1, value=0)
        cmds.setKeyframe(transform, attribute="translateY", time=100, value=i)
        deformer(transform, project.path("p.lua"))
        shapes.append(shape_of(transform))
    published = {2.0}
    for frame in range(1, 101):
        if frame % 10 == 0:
            shift(project, "{} * p->by".format(frame))
            published.add(1.0 + frame)
        cmds.whorlReload()
        cmds.currentTime(frame)
        seen = {largest_x(shape) for shape in shapes}
        assert seen <= published, (frame, seen)
    assert reload() or largest_x(shapes[0]) == 101.0
    equal(largest_x(shapes[0]), 101.0)
    cmds.evaluationManager(mode="off")


@check("a mesh is filled, instances and all, and undo takes them away")
def _():
    fresh()
    transform, shape = cube()
    bead = cmds.polySphere(radius=0.02)[0]
    path = Project().save(
        "f.lua", 'return pipeline "f" { sample.inside { name = "fill", spacing = 0.25 } }\n'
    )
    node, instancer = cmds.whorlFill(shape, pipeline=path, instance=bead)
    points, ids = sampled(node)
    assert len(points) >= 343, len(points)
    equal(len(set(ids)), len(points))
    assert all(abs(value) <= 1 for value in flat(points))
    cmds.move(5, 0, 0, transform)
    moved, same = sampled(node)
    near(flat(moved), flat((x + 5, y, z) for x, y, z in points))
    equal(same, ids)
    cmds.undo()
    cmds.undo()
    equal((cmds.objExists(node), cmds.objExists(instancer)), (False, False))


@check("a scene is saved and opened again with its pipeline and its values")
def _():
    project, _, node = shifted()
    cmds.setAttr(node + ".by", 7)
    cmds.file(rename=project.path("scene.ma"))
    cmds.file(save=True, type="mayaAscii")
    fresh()
    cmds.file(project.path("scene.ma"), open=True, force=True)
    shape = [s for s in cmds.ls(type="mesh", noIntermediate=True)][0]
    equal((cmds.getAttr(node + ".by"), largest_x(shape)), (7, 8.0))


@check("copies have pipelines of their own to set")
def _():
    project, shape, _ = shifted()
    transform = cmds.listRelatives(shape, parent=True)[0]
    copy = cmds.duplicate(transform, upstreamNodes=True)[0]
    other = cmds.ls(cmds.listHistory(shape_of(copy)), type="whorlDeformer")[0]
    cmds.setAttr(other + ".by", 4)
    equal((largest_x(shape), largest_x(shape_of(copy))), (2.0, 5.0))


finish()
