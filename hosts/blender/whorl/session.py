# SPDX-License-Identifier: MIT
"""A pipeline file that is open: what it says, what runs, what it makes of meshes. Knows nothing of
bpy."""

from __future__ import annotations

import ctypes
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from . import library
from .library import WhorlError, text

MOST_EVENTS = 40


@dataclass(frozen=True)
class Event:
    kind: int
    subject: str
    text: str
    milliseconds: float
    generation: int
    line: int


@dataclass(frozen=True)
class Param:
    id: str
    type: int
    count: int
    label: str
    unit: str
    doc: str
    choices: tuple
    init: tuple
    min: float
    max: float


@dataclass
class View:
    """A mesh for whorl: arrays, kept alive for as long as whorl looks at them."""

    position: np.ndarray
    triangle: np.ndarray | None = None
    attributes: dict = field(default_factory=dict)  # name -> float32 for each point
    topology: int = 0
    rest: np.ndarray | None = None

    def __post_init__(self):
        self.position = np.ascontiguousarray(self.position, np.float32)
        if self.triangle is not None:
            self.triangle = np.ascontiguousarray(self.triangle, np.uint32)

    def struct(self, lib):
        count = len(self.attributes)
        self._kept = [
            (name.encode(), np.ascontiguousarray(v, np.float32))
            for name, v in self.attributes.items()
        ]
        self._list = (lib.t.wh_attribute * max(count, 1))()
        for entry, (name, values) in zip(self._list, self._kept):
            entry.name, entry.value = name, values.ctypes.data
        has_triangles = self.triangle is not None and len(self.triangle) > 0
        return lib.new(
            "wh_view",
            point_count=len(self.position),
            position=self.position.ctypes.data,
            triangle_count=len(self.triangle) if has_triangles else 0,
            triangle=self.triangle.ctypes.data if has_triangles else None,
            attribute_count=count,
            attribute=(
                ctypes.cast(self._list, ctypes.POINTER(lib.t.wh_attribute)) if count else None
            ),
            topology=self.topology,
            rest=None if self.rest is None else self.rest.ctypes.data,
        )


@dataclass
class Points:
    """A sample: a row for each point."""

    position: np.ndarray  # (n, 3) float32
    id: np.ndarray  # uint64, stable from cook to cook
    winding: np.ndarray  # float32
    attributes: dict = field(default_factory=dict)  # name -> float32


class Session:
    """One thread at a time; a lock sees to that, since renders cook in a thread of their own."""

    def __init__(
        self,
        path: str | None,
        *,
        frozen=False,
        threads=0,
        kernel_path="",
        cache_path="",
        compiler="",
    ):
        self.lib = library.get()
        self.path = path
        self.lock = threading.RLock()
        self.serial = 0  # changes when results may
        self.stirred = 0.0  # when something was last said, by time.monotonic
        self.events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self.messages: dict[str, str] = {}  # what is wrong now, by file or kernel
        self.latency: dict[str, float] = {}  # milliseconds of the last reload, by file or kernel
        self.way = ""  # how a kernel goes about its work
        self.cook_ms = 0.0
        self._facts_of = -1
        self._facts_now: dict = {}
        self._handle = ctypes.c_void_p()
        self._revision = 0
        self._values: dict[str, tuple] = {}  # that were set
        options = self.lib.new(
            "wh_options",
            host=b"blender",
            frozen=frozen,
            threads=threads,
            kernel_path=kernel_path.encode() or None,
            cache_path=cache_path.encode() or None,
            compiler=compiler.encode() or None,
        )
        name = path.encode() if path is not None else None
        status = self.lib.wh_open(name, ctypes.byref(options), ctypes.byref(self._handle))
        if not self._handle:
            raise WhorlError(self.lib.last_error())
        if status != self.lib.t.WH_OK:
            self.messages[path or ""] = self.lib.last_error()
        self.poll()

    def close(self) -> None:
        with self.lock:
            handle, self._handle = self._handle, None
            if handle:
                self.lib.wh_close(handle)

    # ---- what changed ----

    def poll(self) -> bool:
        """Takes over what was saved. True when something happened."""
        with self.lock:
            return self._taken(self.lib.wh_poll(self._handle))

    def publish(self) -> bool:
        """Takes over what waits to be published by hand."""
        with self.lock:
            return self._taken(self.lib.wh_publish(self._handle))

    def _taken(self, revision: int) -> bool:
        changed = revision != self._revision
        self._revision = revision
        told, reloaded = self._drain()
        self.serial += changed or reloaded
        if changed or reloaded:
            self._values.clear()
        return told or changed

    def _drain(self) -> tuple[bool, bool]:
        """(something was said, results may have changed)"""
        t, event = self.lib.t, self.lib.new("wh_event")
        told = reloaded = False
        while self.lib.wh_next_event(self._handle, ctypes.byref(event)):
            self._note(
                Event(
                    event.kind,
                    text(event.subject),
                    text(event.text),
                    event.milliseconds,
                    event.generation,
                    event.line,
                )
            )
            told = told or event.kind != t.WH_EV_STEP
            reloaded = reloaded or event.kind in (t.WH_EV_RELOADED, t.WH_EV_PARAMS)
        return told, reloaded

    def _note(self, event: Event) -> None:
        t = self.lib.t
        if event.kind == t.WH_EV_NOTE:
            self.way = event.text
        elif event.kind == t.WH_EV_REJECTED:
            self.messages[event.subject] = event.text
        elif event.kind == t.WH_EV_RELOADED:
            self._forget(event.subject)
            self.latency[event.subject] = event.milliseconds
        if event.kind != t.WH_EV_STEP:
            self.events.append(event)
        self.stirred = time.monotonic()

    def _forget(self, subject: str) -> None:
        """A file or kernel that was taken over has nothing wrong with it; a pipeline that runs
        needs all that it has. Before a source first builds, it is told of by its word alone."""
        if subject == self.path:
            self.messages.clear()
        else:
            self.messages.pop(subject, None)
            self.messages.pop(subject.rpartition(".")[2], None)

    @property
    def message(self) -> str:
        return next(iter(self.messages.values()), "")

    # ---- what there is ----

    def params(self) -> list[Param]:
        lib, found, param = self.lib, [], self.lib.new("wh_param")
        with self.lock:
            for index in range(lib.wh_param_count(self._handle)):
                lib.check(lib.wh_param_at(self._handle, index, ctypes.byref(param)))
                found.append(self._param(param))
        return found

    @staticmethod
    def _param(p) -> Param:
        choices = tuple(text(p.choices).split("|")) if p.choices else ()
        return Param(
            text(p.id),
            p.type,
            p.count,
            text(p.label),
            text(p.unit),
            text(p.doc),
            choices,
            tuple(p.init[: p.count]),
            p.min,
            p.max,
        )

    def set_param(self, name: str, values) -> None:
        """Sets all components; the caller holds them to the range. Not a change of its own: the
        caller knows."""
        with self.lock:
            if self._values.get(name) == values:
                return
            padded = (ctypes.c_double * 4)(*values)
            self.lib.check(self.lib.wh_param_set(self._handle, name.encode(), padded))
            self._values[name] = values
            self._revision += 1

    def kernels(self) -> list:
        """Copies of wh_kernel_info as plain dictionaries; only those that did not come with whorl,
        or run."""
        return self._list("wh_kernel_info", self.lib.wh_kernel_count, self.lib.wh_kernel_at)

    def stages(self) -> list:
        return self._list("wh_stage_info", self.lib.wh_stage_count, self.lib.wh_stage_at)

    def _list(self, kind, count, at) -> list:
        found, info = [], self.lib.new(kind)
        with self.lock:
            for index in range(count(self._handle)):
                if at(self._handle, index, ctypes.byref(info)) == self.lib.t.WH_OK:
                    found.append(as_dict(info))
        return found

    def generations(self, kernel: str) -> list:
        lib, name = self.lib, kernel.encode()
        return self._list(
            "wh_generation_info",
            lambda s: lib.wh_generation_count(s, name),
            lambda s, index, out: lib.wh_generation_at(s, name, index, out),
        )

    def use_generation(self, kernel: str, generation: int, pin: bool = False) -> None:
        with self.lock:
            self.lib.check(
                self.lib.wh_generation_use(self._handle, kernel.encode(), generation, pin)
            )
            self.serial += 1

    def plan(self) -> dict:
        """The pipeline as plain data; {} without one."""
        with self.lock:
            return json.loads(text(self.lib.wh_plan_json(self._handle))) or {}

    def _facts(self) -> dict:
        """What hosts ask of the plan at every cook; read again only when it may be another."""
        if self._facts_of != self.serial:
            plan = self.plan()
            self._facts_now = {
                "attributes": frozenset(_named_attributes(plan)),
                "samplers": [
                    s["name"] or s["kernel"]
                    for s in plan.get("samples", [])
                    if s.get("enabled", True)
                ],
                "mesh": bool(plan.get("mesh")),
            }
            self._facts_of = self.serial
        return self._facts_now

    def attributes(self) -> frozenset:
        """Names of the point attributes that the pipeline reads."""
        return self._facts()["attributes"]

    def samplers(self) -> list[str]:
        return self._facts()["samplers"]

    def has_mesh(self) -> bool:
        return self._facts()["mesh"]

    # ---- cooks ----

    def deform(self, view: View, seconds: float, out: np.ndarray | None = None) -> np.ndarray:
        out = np.empty_like(view.position) if out is None else out
        with self.lock:
            began = time.perf_counter()
            struct = view.struct(self.lib)
            self.lib.check(
                self.lib.wh_deform(self._handle, ctypes.byref(struct), seconds, out.ctypes.data)
            )
            self.cook_ms = (time.perf_counter() - began) * 1e3
        return out

    def sample(self, name: str | None, view: View, seconds: float = 0.0) -> Points:
        lib, points = self.lib, self.lib.new("wh_points")
        sampler = name.encode() if name else None
        with self.lock:
            struct = view.struct(lib)
            lib.check(
                lib.wh_sample(
                    self._handle, sampler, ctypes.byref(struct), seconds, ctypes.byref(points)
                )
            )
        try:
            return _copy_points(points)
        finally:
            lib.wh_points_free(ctypes.byref(points))

    def field(self, name: str, view: View, query: np.ndarray, seconds: float = 0.0) -> np.ndarray:
        query = np.ascontiguousarray(query, np.float32)
        out = np.empty(len(query), np.float32)
        with self.lock:
            struct = view.struct(self.lib)
            self.lib.check(
                self.lib.wh_field(
                    self._handle,
                    name.encode(),
                    ctypes.byref(struct),
                    seconds,
                    query.ctypes.data,
                    len(query),
                    out.ctypes.data,
                )
            )
        return out

    def progress(self) -> float:
        """Share of the running cook that is done; for other threads than the one that cooks."""
        return self.lib.wh_progress(self._handle, None)

    def cancel(self) -> None:
        """Ends the running cook, which raises WhorlError."""
        self.lib.wh_cancel(self._handle)

    def source(self, seconds: float = 0.0):
        """(position, triangle) of the mesh that the pipeline declares."""
        lib, mesh, view = self.lib, ctypes.c_void_p(), self.lib.new("wh_view")
        with self.lock:
            lib.check(lib.wh_source(self._handle, seconds, ctypes.byref(mesh)))
        try:
            lib.check(lib.wh_mesh_view(mesh, ctypes.byref(view)))
            position = _copy(view.position, ctypes.c_float, view.point_count, 3)
            return position, _copy(view.triangle, ctypes.c_uint32, view.triangle_count, 3)
        finally:
            lib.wh_mesh_free(mesh)


def _named_attributes(plan):
    """Every name that a field.attribute of the plan has."""
    if isinstance(plan, dict):
        if plan.get("kernel") == "field.attribute":
            name = plan.get("params", {}).get("name")
            if isinstance(name, str):
                yield name
        plan = plan.values()
    elif not isinstance(plan, list):
        return
    for part in plan:
        yield from _named_attributes(part)


def as_dict(info) -> dict:
    """A struct as a dictionary, its texts as str."""
    values = {}
    for name, _ in info._fields_:
        value = getattr(info, name)
        values[name] = text(value) if isinstance(value, bytes) else value
    return values


def _copy(address, kind, count: int, width: int = 1) -> np.ndarray:
    shape = (count, width) if width > 1 else (count,)
    if not count or not address:
        return np.empty((0, width) if width > 1 else (0,), kind)
    return np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(kind)), shape).copy()


def _copy_points(points) -> Points:
    count = points.count
    found = Points(
        _copy(points.position, ctypes.c_float, count, 3),
        _copy(points.id, ctypes.c_uint64, count),
        _copy(points.value, ctypes.c_float, count),
    )
    for index in range(points.attribute_count):
        attribute = points.attribute[index]
        stride = (attribute.stride or 4) // 4
        values = _copy(attribute.value, ctypes.c_float, (count - 1) * stride + 1 if count else 0)
        found.attributes[text(attribute.name)] = values[::stride].copy()
    return found
