# SPDX-License-Identifier: MIT
"""The pipelines that are open: one session for each file, whoever uses it. A text block is a file
too, in a folder of its own that goes with this Blender."""

from __future__ import annotations

import os
import shutil
import tempfile

import bpy

from . import params
from .library import WhorlError
from .session import Session

_open: dict[str, Session] = {}
_folder = None  # of the text blocks' files
_written: dict[str, str] = {}  # path -> the text that is there


def path_of(obj) -> str:
    """The pipeline's file; WhorlError when the object names none."""
    text = obj.get(params.TEXT)
    if isinstance(text, bpy.types.Text):
        return _text_path(text)
    named = obj.get(params.FILE)
    if not isinstance(named, str) or not named:
        raise WhorlError(f"{obj.name} has no pipeline (choose a file or a text in the sidebar)")
    return os.path.normpath(bpy.path.abspath(named, library=obj.library))


def of(obj) -> Session:
    """The session of an object's pipeline, opened when it is first asked for."""
    path = path_of(obj)
    if path not in _open:
        kernels, compiler = preferences()
        text = obj.get(params.TEXT)
        if (
            isinstance(text, bpy.types.Text) and text.filepath
        ):  # kernels beside its file stay beside it
            beside = os.path.dirname(bpy.path.abspath(text.filepath, library=text.library))
            kernels = ":".join(filter(None, (kernels, beside)))
        _open[path] = Session(path, kernel_path=kernels, compiler=compiler)
    return _open[path]


def find(obj) -> Session | None:
    """The same, but opens nothing."""
    try:
        return _open.get(path_of(obj))
    except WhorlError:
        return None


def preferences() -> tuple[str, str]:
    """(folders of kernels, compiler) as the user set them."""
    addon = bpy.context.preferences.addons.get(__package__)
    chosen = getattr(addon, "preferences", None)
    if chosen is None:
        return "", ""
    return bpy.path.abspath(chosen.kernels) if chosen.kernels else "", chosen.compiler


def keep_only(paths: set) -> None:
    """Closes what nobody uses any more."""
    for path in [path for path in _open if path not in paths]:
        _open.pop(path).close()


def all_open() -> dict[str, Session]:
    return _open


def close() -> None:
    global _folder
    keep_only(set())
    _written.clear()
    if _folder:
        shutil.rmtree(_folder, ignore_errors=True)
        _folder = None


# ---- text blocks ----


def _text_path(text) -> str:
    global _folder
    _folder = _folder or tempfile.mkdtemp(prefix="whorl-texts-")
    name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in text.name)
    path = os.path.join(_folder, name if name.endswith(".lua") else name + ".lua")
    _write_text(path, text.as_string())
    return path


def _write_text(path: str, content: str) -> None:
    """Whole, as editors save: beside it, and renamed."""
    if _written.get(path) == content:
        return
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(path + ".new", path)
    _written[path] = content


def spell(message: str) -> str:
    """A message with files as seen from their pipeline, and text blocks by their names."""
    for folder in {os.path.dirname(path) for path in _open} | {_folder}:
        if folder:
            message = message.replace(folder + os.sep, "")
    return message
