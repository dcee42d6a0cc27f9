"""The files beside the plug-in, as far as they can be tried without Maya: what they name is there,
and the Python calls the commands that it means to."""

import ast
import glob
import json
import os
import re
import sys
import types
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from support import SOURCE, check, equal, failed  # noqa: E402

HOST = os.path.join(SOURCE, "hosts", "maya")
cmds, mel = mock.MagicMock(), mock.MagicMock()
sys.modules["maya"] = types.ModuleType("maya")
sys.modules["maya"].cmds, sys.modules["maya"].mel = cmds, mel
sys.path.insert(0, os.path.join(HOST, "scripts"))
sys.dont_write_bytecode = True
import whorl_maya  # noqa: E402


def read(*names):
    with open(os.path.join(HOST, *names), encoding="utf-8") as file:
        return file.read()


def fresh(**answers):
    """A Maya that has been asked nothing yet."""
    cmds.reset_mock(return_value=True, side_effect=True)
    mel.reset_mock(return_value=True, side_effect=True)
    for name, answer in answers.items():
        getattr(cmds, name).configure_mock(
            **{"side_effect" if callable(answer) else "return_value": answer}
        )


def mel_files():
    return [
        read(os.path.relpath(path, HOST)) for path in glob.glob(os.path.join(HOST, "*", "*.mel"))
    ]


@check("all Python is that of Maya 2022, 3.7")
def _():
    paths = glob.glob(os.path.join(HOST, "**", "*.py"), recursive=True)
    paths += glob.glob(os.path.join(SOURCE, "spec", "maya", "*.py"))
    assert len(paths) >= 4, paths
    for path in paths:
        with open(path, encoding="utf-8") as file:
            ast.parse(file.read(), path, feature_version=(3, 7))


@check("what MEL calls in Python is there")
def _():
    called = re.findall(r"whorl_maya\.(\w+)\(", "".join(mel_files()))
    assert len(called) >= 8, called
    equal([name for name in called if not callable(getattr(whorl_maya, name, None))], [])


@check("what the Attribute Editor calls in MEL is there")
def _():
    text = "".join(mel_files())
    defined = re.findall(r"global proc (\w+)", text)
    called = sum(re.findall(r'-callCustom "(\w+)" "(\w+)"', text), ())
    called += tuple(re.findall(r"^    (AEwhorl\w+);", text, re.M))
    assert len(called) >= 6, called
    equal([name for name in called if name not in defined], [])


@check("the templates are called like the types of nodes, and name attributes that they have")
def _():
    code = "".join(read(name) for name in os.listdir(HOST) if name.endswith(".cpp"))
    types_of_nodes = re.findall(r'registerNode\(\s*"(\w+)"', code)
    equal(sorted(types_of_nodes), [whorl_maya.DEFORMER, whorl_maya.SAMPLE])
    for kind in types_of_nodes:
        assert "global proc AE{0}Template(".format(kind) in read(
            "scripts", "AE{0}Template.mel".format(kind)
        )
    known = re.findall(r'create\("(\w+)"', code) + ["envelope"]
    named = re.findall(r'-addControl "(\w+)"', "".join(mel_files()))
    named += re.findall(r'-callCustom "\w+" "\w+" "(\w+)"', "".join(mel_files()))
    assert len(named) >= 5, named
    equal([name for name in named if name not in known], [])


@check("every icon of the shelf is there, for both densities of screens")
def _():
    icons = re.findall(r'-image1? "icons/(\w+)\.png"', read("shelves", "shelf_whorl.mel"))
    assert len(icons) == 8, icons
    for icon in icons:
        for suffix in ("", "_200"):
            path = os.path.join(HOST, "icons", icon + suffix + ".png")
            assert os.path.isfile(path), path


@check("the module file is for one year, and has no empty line")
def _():
    lines = read("whorl.mod.in").splitlines()
    assert lines[0].startswith("+ MAYAVERSION:@WHORL_MAYA_YEAR@ PLATFORM:linux whorl "), lines[0]
    assert all(lines) and lines[0].endswith(" ."), lines


@check("the shelf's Deform makes a deformer of the chosen file, in one step of undo")
def _():
    fresh(
        ls=["ball"], pluginInfo=False, fileDialog2=["/a/b.lua"], deformer=["whorlDeformer1", "set"]
    )
    equal(whorl_maya.deform(), "whorlDeformer1")
    cmds.loadPlugin.assert_called_once_with("whorl", quiet=True)
    cmds.setAttr.assert_called_once_with("whorlDeformer1.pipeline", "/a/b.lua", type="string")
    equal(cmds.undoInfo.call_args_list, [mock.call(openChunk=True), mock.call(closeChunk=True)])


@check("Deform does nothing where nothing is selected, or no file chosen")
def _():
    fresh(ls=[], pluginInfo=True)
    equal(whorl_maya.deform("/a/b.lua"), None)
    fresh(ls=["ball"], pluginInfo=True, fileDialog2=None)
    equal(whorl_maya.deform(), None)
    equal((cmds.deformer.called, cmds.loadPlugin.called), (False, False))


@check("an error of Maya's in Deform closes the step of undo")
def _():
    fresh(ls=["ball"], deformer=mock.Mock(side_effect=RuntimeError("no")))
    try:
        whorl_maya.deform("/a/b.lua")
    except RuntimeError:
        pass
    cmds.undoInfo.assert_called_with(closeChunk=True)


@check("the shelf's Fill takes the shape of what is selected first, and instances the second")
def _():
    def ls(*names, **flags):
        return ["|ballShape"] if names else ["|ball", "|bead"]

    fresh(ls=ls)
    whorl_maya.fill()
    cmds.whorlFill.assert_called_once_with("|ballShape", instance="|bead")
    fresh(ls=[])
    equal(whorl_maya.fill(), [])
    equal((cmds.whorlFill.called, cmds.warning.called), (False, True))


STATUS = {"message": "a.lua:2: no", "stages": [{"kernel": "deform.twist", "generation": 3}]}


@check("the Attribute Editor shows what runs and what is wrong, and paints the maps")
def _():
    fresh(
        getAttr="/a.lua",
        nodeType="whorlDeformer",
        whorlStatus=json.dumps(STATUS),
        listAttr=["holdMapList", "holdMap"],
    )
    cmds.columnLayout.side_effect = lambda *a, **k: ["old"] if k.get("query") else None
    whorl_maya.status_replace("n.pipeline")
    cmds.deleteUI.assert_called_once_with("old")
    labels = [call[1]["label"] for call in cmds.text.call_args_list + cmds.button.call_args_list]
    equal(labels, ["deform.twist: generation 3", "a.lua:2: no", "Paint hold", "Reload"])
    cmds.button.call_args_list[0][1]["command"](False)
    mel.eval.assert_called_once_with(
        'artSetToolAndSelectAttr("artAttrCtx", "whorlDeformer.n.holdMap")'
    )


@check("a file that is chosen is set, none is not")
def _():
    fresh(getAttr="", nodeType="whorlDeformer")
    cmds.columnLayout.return_value = None
    whorl_maya.file_new("n.pipeline")
    browse = cmds.textFieldButtonGrp.call_args[1]["buttonCommand"]
    cmds.fileDialog2.return_value = None
    browse()
    equal(cmds.setAttr.called, False)
    cmds.fileDialog2.return_value = ["/b.lua"]
    browse()
    cmds.setAttr.assert_called_once_with("n.pipeline", "/b.lua", type="string")


sys.exit(1 if failed else 0)
