# SPDX-License-Identifier: MIT
"""The interface in other languages.

A translator adds a language to WORDS, by Blender's code of it, with the English words in the
context that Blender looks for them in: "Operator" for the names of operators, "*" for all else.
What is not there stays English, and what Blender itself translates need not be there.

    WORDS = {"de_DE": {("*", "Jitter"): "Streuung", ("Operator", "Use Preset"): "Vorlage nutzen"}}
"""

from __future__ import annotations

import bpy

WORDS: dict = {}


def register() -> None:
    bpy.app.translations.register(__package__, WORDS)


def unregister() -> None:
    bpy.app.translations.unregister(__package__)
