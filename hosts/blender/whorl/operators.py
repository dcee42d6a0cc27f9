# SPDX-License-Identifier: MIT
"""What the user does: each is in the Object menu or the sidebar, in F3, and a call of
bpy.ops.whorl."""

from __future__ import annotations

import os

from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy.types import Operator

import bpy

from . import fill, handlers, library, live, params, presets, sessions
from .library import WhorlError

tr = bpy.app.translations.pgettext_iface


def source_of(obj):
    """What a point object was made from, for whoever fills again; else the object itself."""
    source = obj.get(params.SOURCE) if obj is not None else None
    return source if isinstance(source, bpy.types.Object) else obj


# What still works while a long fill runs: looking around.
LOOKING = {"MIDDLEMOUSE", "MOUSEMOVE", "WHEELUPMOUSE", "WHEELDOWNMOUSE"}
PATIENCE = 0.3  # seconds that Blender stands still for a fill


def complain(operator, problem: Exception) -> set:
    operator.report({"ERROR"}, str(problem))
    return {"CANCELLED"}


class WHORL_OT_fill(Operator):
    bl_idname = "whorl.fill"
    bl_description = (
        "Fill the active object with points, wherever its surface winds around them: holes, "
        "overlaps and open parts are filled as one would expect"
    )
    bl_label = "Sample Object's Inside"
    bl_options = {"REGISTER", "UNDO", "PRESET"}

    spacing: FloatProperty(
        name="Spacing",
        description="Distance from each point to its nearest neighbours",
        default=0.1,
        min=1e-6,
        soft_min=1e-3,
        soft_max=10,
        subtype="DISTANCE",
        unit="LENGTH",
        precision=4,
    )
    count: IntProperty(
        name="Count",
        description="So many random points in place of a lattice; 0 for a lattice",
        default=0,
        min=0,
        max=100_000_000,
    )
    density: FloatProperty(
        name="Density",
        description="So many random points in each cubic metre in place of a lattice; 0 for a "
        "lattice",
        default=0,
        min=0,
        soft_max=1e6,
        precision=1,
    )
    seed: IntProperty(name="Seed", description="Other random points", default=0, min=0)
    at_least: FloatProperty(
        name="Winding Number",
        description="Keep points around which the surface winds this often or more: 1 inside a "
        "closed mesh, less near holes, more where parts overlap",
        default=0.5,
        min=-4,
        max=4,
        precision=3,
    )
    accuracy: FloatProperty(
        name="Accuracy",
        description="Largest error of the winding numbers that points carry; 0 for those that "
        "sampling finds. Which points are inside never depends on it",
        default=0,
        min=0,
        max=0.1,
        precision=5,
    )
    lattice: EnumProperty(
        name="Lattice",
        description="Where the points are",
        items=(
            ("cubic", "Cubic", "At the corners of cubes"),
            ("body-centred", "Body-Centred", "Cubes with one more point in their middle"),
            ("hexagonal", "Hexagonal", "The densest packing"),
        ),
    )
    jitter: FloatProperty(
        name="Jitter",
        description="How far points of the lattice are moved at random: 1 is half of the spacing",
        default=0,
        min=0,
        max=1,
        subtype="FACTOR",
    )
    noise: EnumProperty(
        name="Distribution",
        description="How random points lie",
        items=(
            ("white", "White", "Each wherever it happens to"),
            ("blue", "Blue", "Evenly spread, no two of them close"),
        ),
    )
    attributes: BoolProperty(
        name="Attributes",
        description="Give points the vertex groups, colours and attributes of the nearest place of "
        "the surface, and their distance to it",
        default=True,
    )
    instance: StringProperty(
        name="Instance",
        description="Object that is shown on each point; none for plain points",
        default="",
    )
    radius: FloatProperty(
        name="Radius",
        description="Of the points as they are shown; 0 for a quarter of the spacing",
        default=0,
        min=0,
        subtype="DISTANCE",
        unit="LENGTH",
    )
    limit: IntProperty(
        name="Limit",
        description="Make no more points than this: more are refused before they are made",
        default=5_000_000,
        min=1,
        options={"SKIP_SAVE"},
    )
    asked, work = False, None

    @classmethod
    def poll(cls, context):
        obj = source_of(context.object)
        if obj is None or obj.type not in fill.SOLID:
            if hasattr(cls, "poll_message_set"):
                cls.poll_message_set("Select an object that has a surface")
            return False
        return True

    def settings(self) -> fill.Settings:
        return fill.Settings(
            self.spacing,
            self.count,
            self.seed,
            self.at_least,
            self.accuracy,
            self.lattice,
            self.jitter,
            self.noise,
            self.attributes,
            self.density,
        )

    def invoke(self, context, event):
        """Asks before it makes a million points; scripts are held by the limit only."""
        try:
            shape = fill.read_shape(
                source_of(context.object), context.evaluated_depsgraph_get(), attributes=False
            )
            self.expected = fill.guess(shape, self.settings())
        except WhorlError as problem:
            return complain(self, problem)
        if self.expected <= fill.ASK_ABOVE:
            return self.begin(context)
        self.limit = max(self.limit, int(self.expected * 1.2))
        self.asked = True
        return context.window_manager.invoke_props_dialog(self, width=360)

    def execute(self, context):
        if self.asked:  # this is the dialog's OK
            self.asked = False
            return self.begin(context)
        try:
            work = self.work_for(source_of(context.object), context)
            work.do()
        except WhorlError as problem:
            return complain(self, problem)
        return self.finish(context, source_of(context.object), work)

    def work_for(self, source, context) -> fill.Work:
        shape = fill.read_shape(source, context.evaluated_depsgraph_get(), self.attributes)
        expected = fill.guess(shape, self.settings())
        if expected > self.limit:
            raise WhorlError(
                f"This makes about {expected:,} points, and the limit is {self.limit:,} "
                "(raise Spacing, or the Limit)"
            )
        return fill.Work(shape, self.settings())

    def finish(self, context, source, work):
        try:
            work.result()
            if source.mode != "OBJECT":
                bpy.ops.object.mode_set(mode="OBJECT")
            instance = bpy.data.objects.get(self.instance)
            made = fill.make(context, source, work, instance, self.radius)
        except WhorlError as problem:
            return complain(self, problem)
        text = tr("{:,} points inside {}").format(len(made.data.vertices), source.name)
        self.report({"INFO"}, text)
        return {"FINISHED"}

    # ---- beside what Blender does, when it takes long ----

    def begin(self, context):
        source = source_of(context.object)
        try:
            self.work = self.work_for(source, context)
        except WhorlError as problem:
            return complain(self, problem)
        self.work.start()
        if self.work.wait(PATIENCE):
            return self.finish(context, source, self.work)
        self.source_name = source.name
        manager = context.window_manager
        self.timer = manager.event_timer_add(0.1, window=context.window)
        manager.progress_begin(0, 100)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "ESC" and event.value == "PRESS":
            self.work.stop()
        if not self.work.wait(0):
            self.tell(context, self.work.opened.progress())
            return {"PASS_THROUGH"} if event.type in LOOKING else {"RUNNING_MODAL"}
        self.leave(context)
        if self.work.stopped:
            self.report({"INFO"}, "Stopped; nothing was made")
            return {"CANCELLED"}
        source = bpy.data.objects.get(self.source_name)
        if source is None:
            return complain(self, WhorlError(f"{self.source_name} is gone"))
        return self.finish(context, source, self.work)

    def tell(self, context, share: float):
        """By the mouse and at the lower edge. 1: the sampler cannot say, as while it thins out
        blue noise."""
        context.window_manager.progress_update(100 * share if share < 1 else 0)
        much = f": {100 * share:.0f} %" if share < 1 else ""
        context.workspace.status_text_set(f"Filling {self.source_name}{much} (Esc stops it)")

    def cancel(self, context):
        if self.work is not None:  # not of the dialog
            self.work.stop()
            self.leave(context)

    def leave(self, context):
        manager = context.window_manager
        manager.event_timer_remove(self.timer)
        manager.progress_end()
        context.workspace.status_text_set(None)

    def draw(self, context):
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        expected = getattr(self, "expected", 0)
        if expected > fill.ASK_ABOVE:
            text = tr("About {:,} points").format(expected)
            layout.label(text=text, icon="ERROR", translate=False)
        column = layout.column()
        column.prop(self, "count")
        if not self.count:
            column.prop(self, "density")
        if self.count or self.density:
            column.prop(self, "noise")
            column.prop(self, "seed")
        else:
            for name in ("spacing", "lattice", "jitter", *(("seed",) if self.jitter else ())):
                column.prop(self, name)
        for name in ("at_least", "accuracy", "attributes"):
            column.prop(self, name)
        column = layout.column()
        column.prop_search(self, "instance", bpy.data, "objects")
        if not self.instance:
            column.prop(self, "radius")
        column.prop(self, "limit")


class WHORL_OT_deform(Operator):
    bl_idname = "whorl.deform"
    bl_description = (
        "Deform the active object by a pipeline, live: a new object shows the result, and follows "
        "every change of the source, the sliders, the pipeline and its kernels. The source's data "
        "stays as it is"
    )
    bl_label = "Deform by Pipeline"
    bl_options = {"REGISTER", "UNDO"}

    # SKIP_SAVE: the menu asks anew each time.
    filepath: StringProperty(
        name="Pipeline",
        description="Lua file of the pipeline",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    text: StringProperty(
        name="Text",
        description="Text block that is the pipeline, in place of a file",
        options={"SKIP_SAVE"},
    )
    hide: BoolProperty(
        name="Hide Source",
        description="Hide the source, in renders too: its output stands there",
        default=True,
    )
    filter_glob: StringProperty(default="*.lua", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context, event):
        if self.filepath or self.text:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context):
        obj = context.object
        try:
            self._check()
            made = obj if obj is not None and live.is_output(obj) else self._make(context, obj)
            self._set(made)
            return self._cook(context, made)
        except WhorlError as problem:
            return complain(self, problem)

    def _make(self, context, source):
        if source is not None and source.type not in fill.SOLID:
            source = None
        if source is not None and source.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        return live.make(context, source, self.hide)

    def _check(self):
        library.get()
        if not self.text and not os.path.isfile(bpy.path.abspath(self.filepath)):
            raise WhorlError(
                f"{self.filepath or 'no file'}: there is no such pipeline (choose a Lua file)"
            )
        if self.text and self.text not in bpy.data.texts:
            raise WhorlError(f"{self.text}: there is no such text (choose one of the text editor)")

    def _set(self, obj):
        obj.pop(params.FILE, None)
        obj.pop(params.TEXT, None)
        if self.text:
            obj[params.TEXT] = bpy.data.texts[self.text]
        else:
            obj[params.FILE] = self.filepath
            words = {"description": "Lua file of the pipeline", "default": ""}
            obj.id_properties_ui(params.FILE).update(**words)  # 3.4 falls over where no default is

    def _cook(self, context, obj):
        sessions.of(obj)
        handlers.note(obj)
        live.refresh(obj)
        handlers.cook_now(context, [obj])
        message = live.state_of(obj).message or sessions.of(obj).message
        if message:  # the output is there: the first good save revives it
            self.report({"WARNING"}, sessions.spell(message))
        return {"FINISHED"}


class WHORL_OT_reload(Operator):
    """Take over what was saved, and cook every output again, whether it changed or not"""

    bl_idname = "whorl.reload"
    bl_label = "Reload Pipelines"

    def execute(self, context):
        handlers.rescan()
        handlers.poll(force=True)
        return {"FINISHED"}


class WHORL_OT_preset(Operator):
    """Use a pipeline that came with whorl, as a text block that can be edited"""

    bl_idname = "whorl.preset"
    bl_label = "Use Preset"
    bl_options = {"REGISTER", "UNDO"}

    name: StringProperty(name="Preset", description="Name of the preset")

    @classmethod
    def description(cls, context, properties):
        found = [path for path in presets.files() if path.stem == properties.name]
        return presets.summary(found[0]) if found else cls.__doc__

    def execute(self, context):
        found = [path for path in presets.files() if path.stem == self.name]
        if not found:
            return complain(self, WhorlError(f"{self.name}: there is no such preset"))
        return bpy.ops.whorl.deform(text=presets.as_text(found[0]).name)


class OfOutput:
    """Of an operator on the active object's pipeline."""

    @classmethod
    def poll(cls, context):
        return context.object is not None and live.output_of(context.object) is not None


class WHORL_OT_step(OfOutput, Operator):
    """Go back to an older generation of this kernel, or forward; it stays until the next save"""

    bl_idname = "whorl.step"
    bl_label = "Step Through Generations"

    kernel: StringProperty(name="Kernel", description="Such as deform.twist")
    step: IntProperty(
        name="Step",
        description="How far to go: -1 to the one before, 1 to the one after",
        default=-1,
    )

    def execute(self, context):
        try:
            obj = live.output_of(context.object)
            session = sessions.of(obj)
            session.use_generation(self.kernel, self._wanted(session))
        except WhorlError as problem:
            return complain(self, problem)
        handlers.poll(force=True)
        return {"FINISHED"}

    def _wanted(self, session) -> int:
        t = library.get().t
        usable = [g for g in session.generations(self.kernel) if g["state"] != t.WH_GENERATION_BAD]
        at = next((i for i, g in enumerate(usable) if g["state"] == t.WH_GENERATION_LIVE), None)
        if at is None or not 0 <= at + self.step < len(usable):
            word = "older" if self.step < 0 else "newer"
            raise WhorlError(f"{self.kernel} has no {word} generation that can run")
        return usable[at + self.step]["generation"]


class WHORL_OT_edit(OfOutput, Operator):
    """Open the pipeline in the text editor, at the line of its message"""

    bl_idname = "whorl.edit"
    bl_label = "Edit Pipeline"

    def execute(self, context):
        obj = live.output_of(context.object)
        text = obj.get(params.TEXT)
        try:
            if not isinstance(text, bpy.types.Text):
                text = self._load(sessions.path_of(obj))
        except (WhorlError, RuntimeError) as problem:
            return complain(self, problem)
        text.current_line_index = max(0, self._line(obj) - 1)
        self._show(context, text)
        return {"FINISHED"}

    @staticmethod
    def _load(path):
        known = [t for t in bpy.data.texts if t.filepath and bpy.path.abspath(t.filepath) == path]
        return known[0] if known else bpy.data.texts.load(path)

    @staticmethod
    def _line(obj) -> int:
        session = sessions.find(obj)
        start = f"{session.path}:" if session else ""
        for message in session.messages.values() if session else ():
            number = message[len(start) :].split(":")[0]
            if message.startswith(start) and number.isdigit():
                return int(number)
        return 1

    @staticmethod
    def _show(context, text):
        areas = [area for area in context.screen.areas if area.type == "TEXT_EDITOR"]
        if not areas:
            bpy.ops.wm.window_new()
            area = context.window_manager.windows[-1].screen.areas[0]
            area.type = "TEXT_EDITOR"
            areas = [area]
        areas[0].spaces.active.text = text


class WHORL_OT_select_source(OfOutput, Operator):
    """Show and select the object that this one is made from"""

    bl_idname = "whorl.select_source"
    bl_label = "Select Source"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context):
        source = live.source_of(live.output_of(context.object))
        if source is None or source.name not in context.view_layer.objects:
            return complain(self, WhorlError("The source is not in this view layer"))
        source.hide_set(False)
        for other in context.selected_objects:
            other.select_set(False)
        source.select_set(True)
        context.view_layer.objects.active = source
        return {"FINISHED"}


CLASSES = [
    WHORL_OT_fill,
    WHORL_OT_deform,
    WHORL_OT_reload,
    WHORL_OT_preset,
    WHORL_OT_step,
    WHORL_OT_edit,
    WHORL_OT_select_source,
]
