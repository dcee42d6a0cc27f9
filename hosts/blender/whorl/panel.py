# SPDX-License-Identifier: MIT
"""The sidebar: what runs, how fast, what is wrong, and the sliders. Drawing asks, and never opens
or cooks."""

from __future__ import annotations

import textwrap

import bpy
from bpy.types import AddonPreferences, Menu, Panel

from . import library, live, params, presets, sessions
from .library import WhorlError

tr = bpy.app.translations.pgettext_iface


def wrapped(layout, context, message: str, icon: str) -> None:
    """A message of any length, broken where the sidebar ends."""
    scale = context.preferences.system.ui_scale
    width = max(20, int(context.region.width / (7.5 * scale)) - 6)
    column = layout.column(align=True)
    column.scale_y = 0.8
    lines = textwrap.wrap(message, width, break_long_words=True) or [""]
    for number, line in enumerate(lines[:12]):
        column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)


class Sidebar:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "whorl"


class OfOutput(Sidebar):
    """A panel that is there for outputs only."""

    @classmethod
    def poll(cls, context):
        obj = live.output_of(context.object)
        return obj is not None


class WHORL_PT_main(Sidebar, Panel):
    bl_label = "whorl"
    bl_description = "What is made of the active object, and what is wrong with it"
    bl_idname = "WHORL_PT_main"

    def draw(self, context):
        layout = self.layout
        try:
            library.get()
        except WhorlError as problem:
            wrapped(layout.box(), context, str(problem), "ERROR")
            return
        obj = live.output_of(context.object)
        if obj is None:
            self.draw_start(layout)
        else:
            self.draw_output(layout, context, obj)

    def draw_start(self, layout):
        column = layout.column(align=True)
        column.operator("whorl.fill", icon="POINTCLOUD_DATA")
        column.operator("whorl.deform", icon="MOD_SIMPLEDEFORM", text="Deform by Pipeline…")
        layout.menu("WHORL_MT_presets", icon="PRESET")

    def draw_output(self, layout, context, obj):
        row = layout.row(align=True)
        text = obj.get(params.TEXT)
        if isinstance(text, bpy.types.Text):
            row.label(text=text.name, icon="TEXT", translate=False)
        else:
            row.prop(obj, f'["{params.FILE}"]', text="")
            row.operator("whorl.deform", text="", icon="FILEBROWSER")
        row.operator("whorl.edit", text="", icon="GREASEPENCIL")
        row.menu("WHORL_MT_presets", text="", icon="PRESET")
        source = live.source_of(obj)
        row = layout.row(align=True)
        if params.LIVE in obj:
            row.prop(obj, f'["{params.LIVE}"]', text="Live")
        row.operator("whorl.reload", text="Reload", icon="FILE_REFRESH")
        if source is not None:
            row.operator("whorl.select_source", text="", icon="RESTRICT_SELECT_OFF")
        self.draw_state(layout, context, obj)

    def draw_state(self, layout, context, obj):
        state, session = live.state_of(obj), sessions.find(obj)
        messages = [state.message, *(session.messages.values() if session else ())]
        for message in dict.fromkeys(filter(None, messages)):
            box = layout.box()
            box.alert = True
            wrapped(box, context, sessions.spell(message), "ERROR")
        if state.cooks:
            column = layout.column(align=True)
            column.label(text=tr("{:,} points").format(state.points), translate=False)
            column.label(
                text=tr("{:.2f} ms, kernels {:.2f} ms").format(state.whole_ms, state.cook_ms),
                translate=False,
            )
        else:
            layout.label(
                text="Up to date" if not any(messages) else "The last good version is shown"
            )


class WHORL_PT_params(OfOutput, Panel):
    bl_label = "Parameters"
    bl_description = "What the pipeline exposes: keyed, driven and saved like any other property"
    bl_parent_id = "WHORL_PT_main"

    def draw(self, context):
        layout, obj = self.layout, live.output_of(context.object)
        layout.use_property_split = True
        session = sessions.find(obj)
        shown = [p for p in params.usable(session.params()) if p.id in obj] if session else []
        if not shown:
            layout.label(text="The pipeline exposes none", icon="INFO")
        for param in shown:
            unit = "°" if param.unit == "deg" else param.unit
            label = param.label + (f" ({unit})" if unit and unit != "m" else "")
            layout.column().prop(
                obj, f'["{bpy.utils.escape_identifier(param.id)}"]', text=label, translate=False
            )


class WHORL_PT_kernels(OfOutput, Panel):
    bl_label = "Kernels"
    bl_description = "What the last cook ran, for how long, and generations of your own kernels"
    bl_parent_id = "WHORL_PT_main"

    def draw(self, context):
        layout, session = self.layout, sessions.find(live.output_of(context.object))
        if session is None:
            layout.label(text="The pipeline is not open")
            return
        known = {kernel["id"]: kernel for kernel in session.kernels()}
        for stage in session.stages():
            self.draw_stage(layout, session, stage, known.get(stage["kernel"], {}))
        if session.way:
            wrapped(layout, context, sessions.spell(session.way).rsplit(": ", 1)[-1], "INFO")

    def draw_stage(self, layout, session, stage, kernel):
        row = layout.split(factor=0.68)
        name = f'{stage["name"]} ({stage["kernel"]})' if stage["name"] else stage["kernel"]
        icon = "CHECKMARK" if stage["enabled"] else "HIDE_ON"
        row.label(
            text=name,
            icon="ERROR" if stage["kernel"] in session.messages else icon,
            translate=False,
        )
        row.label(text=f'{stage["milliseconds"]:.2f} ms', translate=False)
        if kernel.get("builtin", True):
            return
        row = layout.row(align=True)
        words = tr("Gen. {}").format(stage["generation"]) + (
            " " + tr("(fast)") if kernel["fast"] else ""
        )
        latency = session.latency.get(stage["kernel"])
        row.label(
            text=words + (f", {latency:.0f} ms" if latency else ""),
            icon="PINNED" if kernel["pinned"] else "BLANK1",
            translate=False,
        )
        for step, icon in ((-1, "TRIA_LEFT"), (1, "TRIA_RIGHT")):
            button = row.operator("whorl.step", text="", icon=icon)
            button.kernel, button.step = stage["kernel"], step


class WHORL_PT_log(OfOutput, Panel):
    bl_label = "Messages"
    bl_description = "What happened last to the pipeline and its kernels"
    bl_parent_id = "WHORL_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        session = sessions.find(live.output_of(context.object))
        for event in list(session.events)[-8:] if session else ():
            wrapped(self.layout, context, sessions.spell(event.text), "DOT")


class WHORL_MT_presets(Menu):
    """Pipelines that came with whorl; each becomes a text block that can be edited"""

    bl_label = "Presets"
    bl_idname = "WHORL_MT_presets"

    def draw(self, context):
        for path in presets.files():
            self.layout.operator("whorl.preset", text=presets.title(path)).name = path.stem


class WhorlPreferences(AddonPreferences):
    bl_idname = __package__

    kernels: bpy.props.StringProperty(
        name="Kernels",
        description="Folder of kernels in C that every pipeline may use",
        subtype="DIR_PATH",
    )
    compiler: bpy.props.StringProperty(
        name="Compiler",
        description="What builds kernels; empty: $CC, then cc, gcc, clang",
    )

    def draw(self, context):
        self.layout.use_property_split = True
        self.layout.prop(self, "kernels")
        self.layout.prop(self, "compiler")


def object_menu(self, context):
    self.layout.separator()
    self.layout.operator("whorl.fill", icon="POINTCLOUD_DATA")
    self.layout.operator("whorl.deform", icon="MOD_SIMPLEDEFORM", text="Deform by Pipeline…")


CLASSES = [
    WhorlPreferences,
    WHORL_PT_main,
    WHORL_PT_params,
    WHORL_PT_kernels,
    WHORL_PT_log,
    WHORL_MT_presets,
]

if hasattr(bpy.types, "FileHandler"):

    class WHORL_FH_pipeline(bpy.types.FileHandler):
        """Deforms the active object by a pipeline that is dropped on the 3D view"""

        bl_idname = "WHORL_FH_pipeline"
        bl_label = "whorl Pipeline"
        bl_import_operator = "whorl.deform"
        bl_file_extensions = ".lua"

        @classmethod
        def poll_drop(cls, context):
            return context.area is not None and context.area.type == "VIEW_3D"

    CLASSES.append(WHORL_FH_pipeline)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.VIEW3D_MT_object.append(object_menu)


def unregister() -> None:
    bpy.types.VIEW3D_MT_object.remove(object_menu)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
