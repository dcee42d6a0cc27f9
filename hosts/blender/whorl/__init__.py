# SPDX-License-Identifier: MIT
"""whorl in Blender: fill any mesh with points, and deform it by a pipeline that stays editable
while it runs."""

bl_info = {
    "name": "whorl",
    "author": "The whorl authors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D View > Sidebar > whorl, and Object > Sample Object's Inside",
    "description": "Points inside any mesh, and deformers that reload as they are saved",
    "category": "Object",
}

import sys

import bpy

for name in [name for name in sys.modules if name.startswith(__name__ + ".")]:
    del sys.modules[name]  # Blender reloads this file alone when it changed

from . import fill, handlers, library, operators, panel, translations  # noqa: E402
from .fill import sample  # noqa: E402
from .library import WhorlError  # noqa: E402

__all__ = ["WhorlError", "sample"]


def register() -> None:
    translations.register()
    for cls in operators.CLASSES:
        bpy.utils.register_class(cls)
    panel.register()
    handlers.register()


def unregister() -> None:
    handlers.unregister()
    panel.unregister()
    for cls in reversed(operators.CLASSES):
        bpy.utils.unregister_class(cls)
    translations.unregister()
    fill.close()
    library.close()
