# SPDX-License-Identifier: MIT
"""Deform live: a source object, a pipeline, and an output object that is written whenever one of
the three changed.

Nothing here holds an object from one call to the next: undo and loading replace them all. What
is remembered of an output lies under its name, and is thrown away with them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import bpy
import numpy as np

from . import params, pointset, sessions, transfer
from .library import WhorlError
from .session import Session, View

MODIFIER, GROUP = "Whorl Source", "Whorl Source"
# These move points, and leave faces, groups and colours as they are.
MOVERS = {
    "ARMATURE",
    "CAST",
    "CORRECTIVE_SMOOTH",
    "CURVE",
    "DISPLACE",
    "HOOK",
    "LAPLACIANDEFORM",
    "LAPLACIANSMOOTH",
    "LATTICE",
    "MESH_DEFORM",
    "SHRINKWRAP",
    "SIMPLE_DEFORM",
    "SMOOTH",
    "SURFACE_DEFORM",
    "VOLUME_DISPLACE",
    "WARP",
    "WAVE",
    "CLOTH",
    "SOFT_BODY",
    "MESH_CACHE",
}


@dataclass
class State:
    """What was cooked last, to know what changed, and what the panel says of it."""

    owner: int = 0  # address of the object, only to know it again
    key: tuple = ()
    position: np.ndarray | None = None
    corners: np.ndarray | None = None
    faces: np.ndarray | None = None
    triangle: np.ndarray | None = None
    topology: int = 0
    attributes: dict = field(default_factory=dict)
    described: int = -1  # the session's serial when the sliders were made
    message: str = ""
    cooks: int = 0
    points: int = 0
    cook_ms: float = 0.0  # of the kernels
    whole_ms: float = 0.0  # with reading and writing


@dataclass(frozen=True)
class Moment:
    """When and for whom is cooked."""

    scene: object
    depsgraph: object
    rendering: bool = False
    touched: frozenset = frozenset()  # names of meshes that were edited; {"*"}: any may have been

    @property
    def seconds(self) -> float:
        render = self.scene.render
        return self.scene.frame_current_final * render.fps_base / render.fps


_states: dict[str, State] = {}
_topologies = 0


def forget() -> None:
    """After undo and loading: every object is another one."""
    _states.clear()


def forget_topology() -> None:
    """The next cook compares faces again."""
    for state in _states.values():
        state.corners = None


def refresh(obj) -> None:
    """After a reload: sliders for what is new, a point object for a new sampler. Not for handlers
    of a render."""
    try:
        session = sessions.of(obj)
        params.sync(obj, session.params())
        state_of(obj).described = session.serial
        for collection in obj.users_collection[:1]:
            add_points(obj, session, collection)
    except WhorlError as problem:
        _say(obj, state_of(obj), sessions.spell(str(problem)))


def state_of(obj) -> State:
    state = _states.get(obj.name_full)
    if state is None or state.owner != obj.as_pointer():  # another object took the name
        state = _states[obj.name_full] = State(owner=obj.as_pointer())
    return state


def is_output(obj) -> bool:
    return (params.FILE in obj or params.TEXT in obj) and obj.library is None


def is_live(obj) -> bool:
    return bool(obj.get(params.LIVE, True))


def source_of(obj):
    source = obj.get(params.SOURCE)
    return source if isinstance(source, bpy.types.Object) else None


def output_of(obj):
    """The output that an object is, or gives points of, or is shown by; None: it has to do with
    none."""
    if obj is None or is_output(obj):
        return obj
    owner = obj.get(params.OUTPUT)
    if isinstance(owner, bpy.types.Object) and is_output(owner):
        return owner
    return next((child for child in obj.children if is_output(child)), None)


# ---- a cook ----


def cook(obj, moment: Moment) -> bool:
    """Brings an output up to date. True when something was written; what is wrong is the state's
    message."""
    state, began = state_of(obj), time.perf_counter()
    try:
        written = _cook(obj, state, moment)
        _say(obj, state, "")
    except WhorlError as problem:
        _say(obj, state, sessions.spell(str(problem)))
        return False
    if written:
        state.cooks += 1
        state.whole_ms = (time.perf_counter() - began) * 1e3
    return written


def _say(obj, state: State, message: str) -> None:
    if message and message != state.message:
        print(f"whorl: {obj.name}: {message}")  # who renders on a farm has no panel
    state.message = message


def _cook(obj, state: State, moment: Moment) -> bool:
    if obj.mode == "EDIT":
        raise WhorlError(f"{obj.name} is in edit mode (leave it; edits belong on the source)")
    session = sessions.of(obj)
    if state.described != session.serial and not moment.rendering:
        params.sync(obj, session.params())
        state.described = session.serial
    values = tuple(params.values(obj.evaluated_get(moment.depsgraph), session.params()))
    same = _read(obj, state, session, moment)
    key = (session.path, session.serial, moment.seconds, values)
    if same and key == state.key:
        return False
    for name, components in values:
        session.set_param(name, components)
    view = View(state.position, state.triangle, state.attributes, state.topology)
    moved = session.deform(view, moment.seconds)
    _write(obj, state, moved)
    _write_points(
        obj,
        session,
        View(moved, state.triangle, state.attributes, state.topology, state.position),
        moment.seconds,
    )
    state.key, state.cook_ms = key, session.cook_ms
    return True


def _read(obj, state: State, session: Session, moment: Moment) -> bool:
    """Looks at the source. True: as it was."""
    source = source_of(obj)
    if source is None:
        return _read_made(obj, state, session, moment)
    _depend(obj, source)
    rest = _frame(obj, source, moment.depsgraph)
    with transfer.evaluated_mesh(source, moment.depsgraph) as mesh:
        same = _read_topology(obj, state, source, mesh, rest, moment)
        position = transfer.to_frame(transfer.read_positions(mesh), rest)
        same = _read_attributes(state, session, source, mesh, same, moment) and same
    if same and state.position is not None and np.array_equal(position, state.position):
        return True
    state.position, state.points = position, len(position)
    return False


def _frame(obj, source, depsgraph):
    """Source's scale goes into the points, so that metres are metres; its place and turn into the
    parent's."""
    _, rest = transfer.split_frame(source.evaluated_get(depsgraph).matrix_world)
    inverse = rest.inverted_safe()
    if obj.parent == source and not np.allclose(
        np.array(obj.matrix_parent_inverse), np.array(inverse), atol=1e-6
    ):
        obj.matrix_parent_inverse = inverse
    return rest


def _read_topology(obj, state: State, source, mesh, rest, moment: Moment) -> bool:
    """Faces are compared only where something may have changed them: on large meshes that is not
    free."""
    known = (
        state.corners is not None and len(obj.data.vertices) == len(mesh.vertices) == state.points
    )
    edited = _is_touched(source, moment)
    if known and len(mesh.loops) == len(state.corners) and not edited and _only_moved(source):
        return True
    corners, faces = transfer.read_corners(mesh), transfer.read_faces(mesh)
    if known and np.array_equal(corners, state.corners) and np.array_equal(faces, state.faces):
        return True
    triangle = transfer.read_triangles(mesh, corners)
    _copy_mesh(obj, source, transfer.is_mirrored(rest), moment)
    _new_topology(
        state, corners, faces, triangle[:, ::-1] if transfer.is_mirrored(rest) else triangle
    )
    return False


def _new_topology(state: State, corners, faces, triangle) -> None:
    global _topologies
    _topologies += 1
    state.corners, state.faces, state.triangle, state.topology = (
        corners,
        faces,
        triangle,
        _topologies,
    )
    state.attributes, state.position = {}, None


def _is_touched(source, moment: Moment) -> bool:
    return "*" in moment.touched or source.data.name_full in moment.touched


def _only_moved(source) -> bool:
    return (
        source.type == "MESH"
        and source.mode != "EDIT"
        and all(m.type in MOVERS for m in source.modifiers)
    )


def _copy_mesh(obj, source, mirrored: bool, moment: Moment) -> None:
    """The source as it is seen becomes the output's mesh: faces, groups, materials, maps."""
    seen = source.evaluated_get(moment.depsgraph)
    if source.mode == "EDIT":
        mesh = bpy.data.meshes.new_from_object(seen)
    else:
        mesh = bpy.data.meshes.new_from_object(
            seen, preserve_all_data_layers=True, depsgraph=moment.depsgraph
        )
    if mirrored:
        mesh.flip_normals()
    _swap_mesh(obj, mesh)


def _swap_mesh(obj, mesh) -> None:
    old, name = obj.data, obj.data.name
    if any(old.materials):  # those that the user gave the output
        mesh.materials.clear()
        for material in old.materials:
            mesh.materials.append(material)
    obj.data = mesh
    if old.users == 0:
        bpy.data.meshes.remove(old)
    mesh.name = name


def _read_made(obj, state: State, session: Session, moment: Moment) -> bool:
    """Without a source, the mesh is the one that the pipeline makes."""
    if not session.has_mesh():
        raise WhorlError(f"{obj.name} has no source object, and its pipeline makes no mesh")
    position, triangle = session.source(moment.seconds)
    same = (
        state.position is not None
        and len(obj.data.vertices) == len(position)
        and np.array_equal(triangle, state.triangle)
        and np.array_equal(position, state.position)
    )
    if same:
        return True
    if (
        state.triangle is None
        or not np.array_equal(triangle, state.triangle)
        or len(obj.data.vertices) != len(position)
    ):
        mesh = bpy.data.meshes.new(obj.data.name)
        mesh.from_pydata(position.tolist(), [], triangle.tolist())
        _swap_mesh(obj, mesh)
        _new_topology(state, None, None, triangle)
    state.position, state.points = position, len(position)
    return False


def _read_attributes(
    state: State, session: Session, source, mesh, same: bool, moment: Moment
) -> bool:
    """Those that the pipeline names. Weights are read only where they may have changed: Blender
    hands them out one by one."""
    named = session.attributes()
    if (
        same
        and set(state.attributes) == named
        and not _is_touched(source, moment)
        and _only_moved(source)
    ):
        return True
    groups = source.vertex_groups if source.type == "MESH" else {}
    found = {name: transfer.read_attribute(mesh, groups, name) for name in named}
    values = {
        name: transfer.one_number(read[0]) for name, read in found.items() if read is not None
    }
    same = set(values) == set(state.attributes) and all(
        np.array_equal(v, state.attributes[name]) for name, v in values.items()
    )
    state.attributes = values
    return same


def _write(obj, state: State, moved: np.ndarray) -> None:
    if len(obj.data.vertices) != len(moved):
        state.corners = state.triangle = None
        raise WhorlError(f"{obj.name}: its mesh was changed (it is made anew at the next change)")
    transfer.write_positions(obj.data, moved)


# ---- points of the pipeline's samplers ----


def _write_points(obj, session: Session, view: View, seconds: float) -> None:
    for child in obj.children:
        name = child.get(params.SAMPLER)
        if isinstance(name, str) and child.get(params.OUTPUT) == obj and child.type == "MESH":
            points = session.sample(name, view, seconds)
            pointset.write(
                child.data, points, {n: "FLOAT" for n in points.attributes if n in view.attributes}
            )


def add_points(obj, session: Session, collection) -> list:
    """A point object for each sampler of the pipeline that has none yet."""
    have = {child.get(params.SAMPLER) for child in obj.children}
    made = []
    for sampler in session.samplers():
        if sampler not in have:
            child = bpy.data.objects.new(
                f"{obj.name} {sampler}", bpy.data.meshes.new(f"{obj.name} {sampler}")
            )
            child[params.OUTPUT], child[params.SAMPLER] = obj, sampler
            child.parent = obj
            collection.objects.link(child)
            pointset.show(child, 0.01)
            made.append(child)
    if made:
        state_of(obj).key = ()  # they want to be filled
    return made


# ---- making an output ----


def make(context, source, hide: bool):
    """An output object beside its source, without a pipeline yet."""
    name = f"{source.name} Deformed" if source else "Whorl"
    obj = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    collection = _collection(context, source)
    collection.objects.link(obj)
    obj[params.LIVE] = True
    obj.id_properties_ui(params.LIVE).update(**_live_words(obj))
    if source:
        obj[params.SOURCE] = source
        obj.parent = source
        _depend(obj, source)
        if hide:
            source.hide_render = True
            if source.name in context.view_layer.objects:
                source.hide_set(True)
    for other in context.selected_objects:
        other.select_set(False)
    obj.select_set(True)
    context.view_layer.objects.active = obj
    return obj


def _live_words(obj) -> dict:
    words = {"description": "Follow the source, the sliders and the pipeline"}
    return words if isinstance(obj[params.LIVE], bool) else words | {"min": 0, "max": 1}


def _collection(context, source):
    usable = [c for c in (source.users_collection if source else ()) if c.library is None]
    return usable[0] if usable else context.collection


def _depend(obj, source) -> None:
    """Makes Blender evaluate a hidden source, and before its output: a modifier that does nothing
    and names it."""
    modifier = obj.modifiers.get(MODIFIER)
    if modifier is None:
        modifier = obj.modifiers.new(MODIFIER, "NODES")
        modifier.show_expanded = False
        modifier.node_group = _source_group()
    pointset.set_input(modifier, "Source", source)


def _source_group():
    group = bpy.data.node_groups.get(GROUP)
    if group is not None and group.library is None:
        return group
    group = bpy.data.node_groups.new(GROUP, "GeometryNodeTree")
    pointset.add_socket(group, "Geometry", "NodeSocketGeometry")
    pointset.add_socket(group, "Source", "NodeSocketObject")
    pointset.add_socket(group, "Geometry", "NodeSocketGeometry", is_input=False)
    into, out = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    out.location = (200, 0)
    group.links.new(into.outputs[0], out.inputs[0])
    return group
