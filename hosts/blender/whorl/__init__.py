# SPDX-License-Identifier: MIT
"""whorl in Blender: fill any mesh with points, and deform it by a pipeline that stays editable while it runs."""

bl_info = {
    "name": "whorl",
    "author": "The whorl authors",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "3D View > Sidebar > whorl, and Object > Sample Object's Inside",
    "description": "Points inside any mesh, and deformers in Lua and C that are reloaded as they are saved",
    "category": "Object",
}

if "bpy" in locals():  # Blender reloads the scripts: the modules too
    import importlib
    for module in (header, library, session, transfer, params, pointset, fill, sessions,  # noqa: F821
                   live, handlers, presets, operators, panel):  # noqa: F821
        importlib.reload(module)

import bpy  # noqa: E402

from . import (header, library, session, transfer, params, pointset, fill, sessions,  # noqa: E402
               live, handlers, presets, operators, panel)
from .fill import sample  # noqa: E402
from .library import WhorlError  # noqa: E402

__all__ = ["WhorlError", "sample"]


def register() -> None:
    for cls in operators.CLASSES:
        bpy.utils.register_class(cls)
    panel.register()
    handlers.register()


def unregister() -> None:
    handlers.unregister()
    panel.unregister()
    for cls in reversed(operators.CLASSES):
        bpy.utils.unregister_class(cls)
    fill.close()
    library.close()
