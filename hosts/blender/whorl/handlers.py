# SPDX-License-Identifier: MIT
"""When outputs are cooked: as Blender says that something changed, and, in a window, when a timer
finds a save.

No exception leaves a handler. An output's names are kept, never the object; nothing is cooked
while nothing changes.
"""

from __future__ import annotations

import time
import traceback

import bpy
from bpy.app.handlers import persistent

from . import live, params, sessions
from .library import WhorlError
from .live import Moment

# Seconds from look to look: a look takes 20 microseconds, and a reload is several steps.
EVERY, STIRRING, NOTHING_OPEN = 0.02, 0.005, 0.25
STIRS_FOR = 1  # seconds after the last step
ANY = frozenset({"*"})


class _Now:
    """What goes on."""

    busy = False  # handlers are called by what handlers do
    rendering = False
    stale = False  # outputs are to be looked for again
    rendered = False  # a render left outputs as it saw them
    names: set = set()  # of outputs


def reports(function):
    """A fault of ours is printed once, and stops neither Blender nor the timer."""

    def guarded(*arguments):
        try:
            return function(*arguments)
        except Exception:
            text = traceback.format_exc()
            if text not in _told:
                _told.add(text)
                print(f"whorl: this is a mistake in the add-on, please report it\n{text}")
            return None

    guarded.__name__ = function.__name__
    return guarded


_told: set = set()


# ---- outputs ----


def rescan() -> None:
    """Looks for outputs among all objects, and closes the pipelines that none has."""
    _Now.stale = False
    _Now.names = {obj.name for obj in bpy.data.objects if live.is_output(obj)}
    used = set()
    for obj in outputs():
        try:
            used.add(sessions.path_of(obj))
        except WhorlError:
            pass
    sessions.keep_only(used)


def outputs() -> list:
    found = [bpy.data.objects.get(name) for name in sorted(_Now.names)]
    if any(obj is None for obj in found):
        _Now.stale = True
    return [obj for obj in found if obj is not None and obj.library is None and live.is_output(obj)]


def note(obj) -> None:
    """An output that was made just now."""
    _Now.names.add(obj.name)


# ---- cooks ----


def cook(moment: Moment, which=None) -> int:
    """Cooks those outputs (None: all); returns how many were written."""
    if _Now.busy:
        return 0
    _Now.busy = True
    try:
        chosen = outputs() if which is None else which
        return sum(live.cook(obj, moment) for obj in chosen if live.is_live(obj))
    finally:
        _Now.busy = False


def cook_now(context=None, which=None, touched=ANY) -> int:
    """For operators, scripts and the timer: with the dependency graph of the window."""
    context = context or bpy.context
    if _Now.busy:
        return 0
    _Now.busy = True
    try:
        graph = context.evaluated_depsgraph_get()
    finally:
        _Now.busy = False
    return cook(Moment(context.scene, graph, _Now.rendering, touched), which)


def poll(force: bool = False) -> bool:
    """Takes over what was saved, and cooks what it changes. Never while Blender renders."""
    if _Now.rendering or bpy.app.is_job_running("RENDER"):
        return False
    if _Now.stale:
        rescan()
    if _Now.rendered:
        _Now.rendered = False
        cook_now()
    changed = []
    for obj in outputs():
        _renew_text(obj)
    for path, session in list(sessions.all_open().items()):
        if session.poll() or force:
            changed.append(path)
    if changed:
        which = [obj for obj in outputs() if _uses(obj, changed)]
        for obj in which:
            live.refresh(obj)
        cook_now(which=which, touched=ANY if force else frozenset())
        redraw()
    return bool(changed)


def _renew_text(obj) -> None:
    """A text that was typed in since: its file is written when its path is asked for."""
    if params.TEXT in obj:
        sessions.find(obj)


def _uses(obj, paths) -> bool:
    try:
        return sessions.path_of(obj) in paths
    except WhorlError:
        return False


def redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "PROPERTIES"}:
                _redraw(area)


def _redraw(area) -> None:
    for region in area.regions:
        if region.type in {"WINDOW", "UI"}:
            region.tag_redraw()


# ---- what Blender calls ----


@persistent
@reports
def _depsgraph_updated(scene, depsgraph):
    if _Now.busy or not _Now.names and not _may_be_new(depsgraph):
        return
    which, touched = _concerned(depsgraph)
    if which:
        cook(Moment(scene, depsgraph, _Now.rendering, touched), which)


def _may_be_new(depsgraph) -> bool:
    return any(isinstance(update.id, bpy.types.Object) for update in depsgraph.updates)


def _concerned(depsgraph):
    """The outputs that these updates are about, and the names of the meshes that were edited."""
    objects, touched = set(), set()
    for update in depsgraph.updates:
        original = update.id.original
        if isinstance(original, bpy.types.Object):
            objects.add(original)
            if live.is_output(original):
                _Now.names.add(original.name)  # a copy, say
        elif update.is_updated_geometry:
            touched.add(original.name_full)
    which = [obj for obj in outputs() if obj in objects or live.source_of(obj) in objects]
    return which, frozenset(touched)


@persistent
@reports
def _frame_changed(scene, depsgraph):
    if bpy.app.background and not _Now.rendering:
        for session in sessions.all_open().values():
            session.poll()
    if _Now.names:
        cook(Moment(scene, depsgraph, _Now.rendering))


@persistent
@reports
def _render_begins(*_):
    if not _Now.rendering and not bpy.app.background:
        _warn_of_interface()
    _Now.rendering = True


@persistent
@reports
def _render_ended(*_):
    _Now.rendering = False
    _Now.rendered = bool(_Now.names)
    live.forget_topology()  # the render may have seen other levels of the modifiers


def _warn_of_interface() -> None:
    scene = bpy.context.scene
    if _Now.names and scene is not None and not scene.render.use_lock_interface:
        print(
            "whorl: Render > Lock Interface is off: the window and the render may change a mesh "
            "at the same time, and crash Blender"
        )


@persistent
@reports
def _replaced(*_):
    """Undone, redone or loaded: other objects, the same or other pipelines."""
    live.forget()
    rescan()
    if _Now.names:
        cook_now()


@reports
def _look():
    poll()


def _tick():
    _look()
    return _until_next()


def _until_next() -> float:
    opened = sessions.all_open().values()
    if not opened:
        return NOTHING_OPEN
    last = max(session.stirred for session in opened)
    return STIRRING if time.monotonic() - last < STIRS_FOR else EVERY


HANDLERS = (
    ("depsgraph_update_post", _depsgraph_updated),
    ("frame_change_post", _frame_changed),
    ("render_init", _render_begins),
    ("render_complete", _render_ended),
    ("render_cancel", _render_ended),
    ("undo_post", _replaced),
    ("redo_post", _replaced),
    ("load_post", _replaced),
)


def register() -> None:
    for name, handler in HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)
    if not bpy.app.background:
        bpy.app.timers.register(_tick, first_interval=EVERY, persistent=True)
    _Now.stale = True
    bpy.app.timers.register(_start, first_interval=0)


def _start():
    """When the add-on is enabled in an open file: bpy.data is out of reach while it registers."""
    _replaced()


def unregister() -> None:
    for timer in (_tick, _start):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    for name, handler in HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
    _Now.names = set()
    _Now.busy = _Now.rendering = False
    live.forget()
    sessions.close()
