# SPDX-License-Identifier: MIT
"""whorl in Maya: what the buttons of the shelf and the Attribute Editor do. The work is the
plug-in's."""

import json

from maya import cmds, mel

PLUGIN = "whorl"
DEFORMER, SAMPLE = "whorlDeformer", "whorlSample"


def load():
    """The plug-in, loaded when it is first asked for."""
    if not cmds.pluginInfo(PLUGIN, query=True, loaded=True):
        cmds.loadPlugin(PLUGIN, quiet=True)


def ask_file():
    """A pipeline that the user chooses; None: the user thought better of it."""
    chosen = cmds.fileDialog2(fileMode=1, caption="Pipeline", fileFilter="Pipelines (*.lua)")
    return chosen[0] if chosen else None


# ---- the shelf ----


def deform(path=None):
    """Deforms what is selected by a pipeline. Returns the name of the deformer."""
    load()
    if not cmds.ls(selection=True):
        cmds.warning("whorl: nothing is selected (select what to deform)")
        return None
    path = path or ask_file()
    if not path:
        return None
    cmds.undoInfo(openChunk=True)
    try:
        node = cmds.deformer(type=DEFORMER)[0]
        cmds.setAttr(node + ".pipeline", path, type="string")
    finally:
        cmds.undoInfo(closeChunk=True)
    return node


def fill(**flags):
    """Fills the first selected mesh with points, instances of the object that is selected after it;
    flags are those of whorlFill. Returns the names of what was made."""
    load()
    selected = cmds.ls(selection=True, long=True)
    shown = {"dagObjects": True, "type": "mesh", "noIntermediate": True, "long": True}
    meshes = cmds.ls(selected[0], **shown) if selected else []
    if not meshes:
        cmds.warning("whorl: no mesh is selected (select what to fill, then what to put there)")
        return []
    if len(selected) > 1:
        flags.setdefault("instance", selected[1])
    return cmds.whorlFill(meshes[0], **flags)


def reload(seconds=0):
    """Takes over what was saved, where no timer does; waits so long for a compiler."""
    load()
    return cmds.whorlReload(wait=seconds)


def status(*node):
    """What whorlStatus says, as Python has it: a list of open pipelines, or that of a node."""
    load()
    return json.loads(cmds.whorlStatus(*node))


def show_status():
    """The same, in the Script Editor."""
    print(json.dumps(status(), indent=2))


# ---- the Attribute Editor ----


def node_of(plug):
    return plug.split(".")[0]


def control(plug, what):
    """The name of a control: the Attribute Editor has one for each type of node."""
    return "whorl{}{}".format(what, cmds.nodeType(node_of(plug)))


def file_new(plug):
    cmds.textFieldButtonGrp(control(plug, "File"), label="File", buttonLabel="Browse...")
    file_replace(plug)


def file_replace(plug):
    cmds.textFieldButtonGrp(
        control(plug, "File"),
        edit=True,
        text=cmds.getAttr(plug) or "",
        changeCommand=lambda text: set_file(plug, text),
        buttonCommand=lambda: set_file(plug, ask_file()),
    )


def set_file(plug, path):
    """None: nothing was chosen."""
    if path is not None:
        cmds.setAttr(plug, path, type="string")
        file_replace(plug)
        status_replace(plug)


def status_new(plug):
    cmds.columnLayout(control(plug, "Status"), adjustableColumn=True)
    cmds.setParent("..")
    status_replace(plug)


def status_replace(plug):
    """Fills the box again: what runs, what is wrong, a button for each weight map."""
    box = control(plug, "Status")
    for child in cmds.columnLayout(box, query=True, childArray=True) or ():
        cmds.deleteUI(child)
    cmds.setParent(box)
    for line in describe(plug):
        cmds.text(label=line, align="left", wordWrap=True)
    for name in maps_of(node_of(plug)):
        cmds.button(label="Paint " + name, command=lambda _, name=name: paint(plug, name))
    cmds.button(label="Reload", command=lambda _: (reload(), status_replace(plug)))
    cmds.setParent("..")


def describe(plug):
    """Lines on the pipeline of a node."""
    if not cmds.getAttr(plug):
        return ["No pipeline yet: choose a file"]
    pipeline = status(node_of(plug))
    stages = ["{kernel}: generation {generation}".format(**stage) for stage in pipeline["stages"]]
    return stages + [line for line in (pipeline["message"],) if line]


def maps_of(node):
    """The point attributes that the pipeline reads: weight maps of a deformer, to be painted."""
    if cmds.nodeType(node) != DEFORMER:
        return []
    lists = cmds.listAttr(node, category="whorlMap") or ()
    return [name[: -len("MapList")] for name in lists if name.endswith("MapList")]


def paint(plug, name):
    """The brush of Maya's Paint Attributes Tool, on a weight map."""
    node = node_of(plug)
    cmds.makePaintable(DEFORMER, name + "Map", attrType="multiFloat", shapeMode="deformer")
    mel.eval('artSetToolAndSelectAttr("artAttrCtx", "{}.{}.{}Map")'.format(DEFORMER, node, name))
