# SPDX-License-Identifier: MIT
"""The pipelines that came along. Each becomes a text block, to be edited where it is used."""

from __future__ import annotations

from pathlib import Path

import bpy

from .library import PACKAGE

FOLDERS = PACKAGE / "presets", PACKAGE.parents[2] / "examples"  # in the zip, in the source tree


def files() -> list[Path]:
    folder = next((folder for folder in FOLDERS if folder.is_dir()), None)
    return sorted(folder.glob("*.lua")) if folder else []


def title(path: Path) -> str:
    return path.stem.replace("_", " ").capitalize()


def summary(path: Path) -> str:
    """The comment that the file begins with."""
    with path.open(encoding="utf-8") as file:
        first = file.readline()
    return first.lstrip("- ").strip() if first.startswith("--") else ""


def as_text(path: Path):
    """A text block of its own, whatever is there by that name."""
    text = bpy.data.texts.new(path.name)
    text.write(path.read_text(encoding="utf-8"))
    text.current_line_index = 0
    return text
