# SPDX-License-Identifier: MIT
"""Points inside an object. `sample` returns arrays and touches nothing, `fill` makes an object.

import whorl  # as an extension: from bl_ext.user_default import whorl
points = whorl.sample(bpy.context.object, spacing=0.05)
points.position, points.id, points.winding, points.attributes["Group"]
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import bpy
import numpy as np

from . import library, params, pointset, transfer
from .library import WhorlError
from .session import Points, Session, View

PIPELINE = library.PACKAGE / "pipelines" / "fill.lua"
SOLID = {"MESH", "CURVE", "SURFACE", "FONT", "META"}
LATTICES, NOISES = ("cubic", "body-centred", "hexagonal"), ("white", "blue")
PACKING = {"cubic": 1, "body-centred": 27**0.5 / 4, "hexagonal": 2**0.5}  # points in spacing³
ASK_ABOVE = 1_000_000  # points
GUESS_FROM = 20_000, 1_000_000  # random points that a guess is made with; more if few are inside
ENOUGH = 100  # of them inside

_session = None


@dataclass(frozen=True)
class Settings:
    spacing: float = 0.1
    count: int = 0
    seed: int = 0
    at_least: float = 0.5
    accuracy: float = 0.0  # 0: as the sampler finds them
    lattice: str = "cubic"
    jitter: float = 0.0
    noise: str = "white"
    attributes: bool = True
    density: float = 0.0  # 0: the lattice

    @property
    def per_volume(self) -> float:
        """Points in a cubic metre, where there is no count."""
        return self.density or PACKING[self.lattice] / self.spacing**3


@dataclass
class Shape:
    """An object as it is sampled: in a frame that neither scales nor shears."""

    view: View
    kinds: dict  # Blender's type of each attribute
    rigid: object
    rest: object


def session() -> Session:
    global _session
    if _session is None:
        _session = Session(str(PIPELINE), frozen=True)
        if _session.message:
            message = _session.message
            close()
            raise WhorlError(message)
    return _session


def close() -> None:
    global _session
    if _session is not None:
        _session.cancel()  # whoever closes waits for what runs
        _session.close()
        _session = None


# ---- what is sampled ----


def read_shape(source, depsgraph, attributes: bool = True) -> Shape:
    if source is None or source.type not in SOLID:
        raise WhorlError(
            "Select an object that has a surface: a mesh, a curve, a text or a metaball"
        )
    rigid, rest = transfer.split_frame(source.evaluated_get(depsgraph).matrix_world)
    with transfer.evaluated_mesh(source, depsgraph) as mesh:
        position = transfer.to_frame(transfer.read_positions(mesh), rest)
        triangle = transfer.read_triangles(mesh)
        carried, kinds = _read_attributes(source, mesh) if attributes else ({}, {})
    _check(source.name, position, triangle)
    if transfer.is_mirrored(rest):
        triangle = triangle[:, ::-1]
    return Shape(View(position, triangle, carried), kinds, rigid, rest)


def _read_attributes(source, mesh):
    carried, kinds = {}, {}
    groups = source.vertex_groups if source.type == "MESH" else {}
    for name in transfer.attribute_names(mesh, getattr(groups, "values", list)()):
        found = transfer.read_attribute(mesh, groups, name)
        if found is not None:
            carried.update(pointset.split(name, found[0]))
            kinds[name] = found[1]
    return carried, kinds


def _check(name: str, position: np.ndarray, triangle: np.ndarray) -> None:
    if not len(triangle):
        raise WhorlError(f"{name} has no faces (give it some, or a modifier that makes them)")
    wrong = ~np.isfinite(position).all(axis=1)
    if wrong.any():
        raise WhorlError(
            f"{name}: vertex {int(wrong.argmax())} is not at a finite place (move or delete it)"
        )


# ---- sampling ----


class Work:
    """A fill: it begins and ends in Blender's own thread, and is done in any."""

    def __init__(self, shape: Shape, settings: Settings):
        self.shape, self.settings, self.opened = shape, settings, session()
        self.points, self.problem, self.stopped = None, None, False
        self._thread = threading.Thread(target=self._guarded, name="whorl fill", daemon=True)
        _set(self.opened, settings)

    def do(self) -> None:
        view = self.shape.view
        points = self.opened.sample("carried" if view.attributes else "points", view)
        if self.settings.accuracy > 0 and len(points.position) and not self.stopped:
            points.winding = self.opened.field("around", view, points.position)
        self.points = points

    def result(self) -> Points:
        self.opened.poll()  # for what it says of the way it chose
        if self.problem is not None:
            raise self.problem
        return self.points

    def start(self) -> None:
        """Does it beside what Blender does."""
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stop(self) -> None:
        self.stopped = True
        self.opened.cancel()

    def _guarded(self) -> None:
        try:
            self.do()
        except Exception as problem:
            self.problem = problem


def run(shape: Shape, settings: Settings) -> Points:
    work = Work(shape, settings)
    work.do()
    return work.result()


def _set(opened: Session, settings: Settings) -> None:
    known = {param.id: param for param in opened.params()}
    wanted = {
        "spacing": settings.spacing,
        "count": settings.count,
        "density": settings.density,
        "seed": settings.seed,
        "at_least": settings.at_least,
        "jitter": settings.jitter,
        "lattice": LATTICES.index(settings.lattice),
        "noise": NOISES.index(settings.noise),
    }
    if settings.accuracy > 0:
        wanted["accuracy"] = settings.accuracy
    for name, value in wanted.items():
        opened.set_param(name, params.held(value, known[name]))


def guess(shape: Shape, settings: Settings) -> int:
    """About how many points there will be, found with a few at random: a coarse lattice may miss
    what is thin."""
    if settings.count:
        return settings.count
    low, high = shape.view.position.min(axis=0), shape.view.position.max(axis=0)
    box = float(np.prod((high - low).astype(np.float64)))
    most = box * settings.per_volume
    if most <= GUESS_FROM[0]:
        return int(most)
    bare = Shape(View(shape.view.position, shape.view.triangle), {}, None, None)
    for tries in GUESS_FROM:
        tries = min(tries, most)
        few = Settings(density=tries / box, seed=settings.seed, at_least=settings.at_least)
        found = len(run(bare, few).position)
        if found >= ENOUGH:
            break
    return int(found / tries * most)


def sample(source, *, depsgraph=None, world: bool = True, **settings) -> Points:
    """Points inside an object as arrays; the scene is not touched. Settings are those of
    bpy.ops.whorl.fill.

    world: positions in the world; False: in the object's frame without its scale. Raises
    WhorlError."""
    depsgraph = depsgraph or bpy.context.evaluated_depsgraph_get()
    wanted = Settings(**settings)
    shape = read_shape(source, depsgraph, wanted.attributes)
    points = run(shape, wanted)
    if world:
        points.position = transfer.to_frame(points.position, shape.rigid)
    points.attributes = {
        name: values if values.shape[1] > 1 else values[:, 0]
        for name, (values, _) in pointset.joined(points.attributes, shape.kinds).items()
    }
    return points


# ---- the point object ----


def make(context, source, work: Work, instance=None, radius: float = 0.0):
    """Makes a point object that is linked to its source, and selects it."""
    points, shape = work.result(), work.shape
    mesh = bpy.data.meshes.new(f"{source.name} Points")
    pointset.write(mesh, points, shape.kinds)
    obj = bpy.data.objects.new(f"{source.name} Points", mesh)
    obj[params.SOURCE] = source
    place(context, obj, source, shape)
    pointset.show(obj, radius or work.settings.per_volume ** (-1 / 3) * 0.25, instance)
    return obj


def place(context, obj, source, shape: Shape) -> None:
    """Beside its source, in its frame without the scale, and moving with it."""
    collections = source.users_collection or (context.scene.collection,)
    editable = [c for c in collections if c.library is None]
    (editable[0] if editable else context.scene.collection).objects.link(obj)
    obj.parent = source
    obj.matrix_parent_inverse = shape.rest.inverted_safe()
    for other in context.selected_objects:
        other.select_set(False)
    obj.select_set(True)
    context.view_layer.objects.active = obj
