# SPDX-License-Identifier: MIT
"""What a pipeline exposes, as plain custom properties of the output object: they are keyed, driven,
undone, copied and saved like any other, and a file that has them opens without the add-on."""

from __future__ import annotations

import math

import bpy

from . import library

FILE, TEXT, SOURCE, LIVE, OUTPUT, SAMPLER = (
    "whorl_file",
    "whorl_text",
    "whorl_source",
    "whorl_live",
    "whorl_output",
    "whorl_sampler",
)
OWN = "whorl_"  # the keys above begin with it, and no parameter may
LARGEST = 2**31 - 1  # of Blender's whole numbers
HAS_BOOLEANS = bpy.app.version >= (3, 5, 0)
HAS_ITEMS = bpy.app.version >= (4, 1, 0)


def usable(params) -> list:
    return [p for p in params if not p.id.startswith(OWN) and len(p.id) < 60]


def sync(obj, params) -> bool:
    """Gives obj a slider for each parameter, keeps the values it has, and says the ranges. True
    when one is new."""
    grown = False
    for param in usable(params):
        if not _fits(obj.get(param.id), param):
            obj[param.id] = _value(param, _carried(obj.get(param.id), param))
            grown = True
        elif _is_untouched(obj, param):
            obj[param.id] = _value(param, param.init)
        _describe(obj, param)
    return grown


def values(obj, params) -> list:
    """(id, components) of each parameter as obj has it, held to its range; what obj lacks is as the
    file says."""
    return [(param.id, held(obj.get(param.id), param)) for param in usable(params)]


def held(value, param) -> tuple:
    """The components, never outside the range, nor NaN, whoever wrote them."""
    if value is None or isinstance(value, str):
        return param.init
    given = tuple(value) if hasattr(value, "__len__") else (value,) * param.count
    if len(given) != param.count:
        return param.init
    whole = param.type != library.get().t.WH_FLOAT
    return tuple(_hold(float(v), param, whole, init) for v, init in zip(given, param.init))


def _hold(value: float, param, whole: bool, init: float) -> float:
    if math.isnan(value):
        return init
    value = min(max(value, param.min), param.max)
    return float(round(value)) if whole else value


def _value(param, components: tuple):
    t = library.get().t
    if param.type == t.WH_BOOL and param.count == 1:
        return bool(components[0]) if HAS_BOOLEANS else int(components[0])
    kind = float if param.type == t.WH_FLOAT else int
    typed = [kind(v) for v in components]
    return typed[0] if param.count == 1 else typed


def _fits(value, param) -> bool:
    """Whether a property has the type that the parameter wants."""
    if value is None:
        return False
    length = len(value) if hasattr(value, "__len__") else 1
    if isinstance(value, str) or length != param.count:
        return False
    wanted = _value(param, param.init)
    if param.count == 1:
        return type(value) is type(wanted)
    return type(value[0]) is type(wanted[0])


def _is_untouched(obj, param) -> bool:
    """Nobody moved the slider from where the file had put it: it follows the file."""
    before = obj.id_properties_ui(param.id).as_dict().get("default")
    value = obj[param.id]
    if before is None:
        return False
    if param.count == 1:
        return not hasattr(before, "__len__") and value == before
    return hasattr(before, "__len__") and list(value) == list(before)


def _carried(value, param) -> tuple:
    """A number keeps its value when its type changes."""
    return held(value, param) if isinstance(value, (int, float)) else param.init


def tooltip(param) -> str:
    words = param.doc or param.label
    if param.unit:
        words += f", in {param.unit}"
    if param.choices and not HAS_ITEMS:
        words += ": " + ", ".join(
            f"{number} {choice}" for number, choice in enumerate(param.choices)
        )
    return words


def _describe(obj, param) -> None:
    ui = obj.id_properties_ui(param.id)
    described = {"description": tooltip(param)}
    t = library.get().t
    if param.type == t.WH_CHOICE and HAS_ITEMS and param.count == 1:
        described["items"] = [
            (word, word.replace("_", " ").capitalize(), "") for word in param.choices
        ]
    if not isinstance(obj[param.id], bool):
        described |= _range(param, param.type == t.WH_FLOAT)
    try:
        ui.update(**described)
    except (TypeError, ValueError):  # an older Blender knows fewer of these
        described.pop("items", None)
        described.pop("subtype", None)
        ui.update(**described)


def _range(param, is_float: bool) -> dict:
    kind = float if is_float else int
    low, high = max(param.min, -LARGEST), min(param.max, LARGEST)
    if is_float:
        low, high = param.min, param.max
    init = [kind(v) for v in param.init]
    found = {
        "min": kind(low),
        "max": kind(high),
        "soft_min": kind(low),
        "soft_max": kind(high),
        "default": init[0] if param.count == 1 else init,
    }
    if is_float:
        found |= {"precision": 3, "step": 1.0}
    subtype = _subtype(param, is_float)
    if subtype:
        found["subtype"] = subtype
    return found


def _subtype(param, is_float: bool) -> str | None:
    if param.unit == "m" and is_float:
        return "DISTANCE" if param.count == 1 else "TRANSLATION" if param.count == 3 else None
    if is_float and not param.unit and (param.min, param.max) == (0, 1) and param.count == 1:
        return "FACTOR"
    return None
