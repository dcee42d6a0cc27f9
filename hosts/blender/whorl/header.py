# SPDX-License-Identifier: MIT
"""Reads the C declarations of whorl.h, between its ffi marks, into ctypes.

The header is the only place where the interface stands: what it gains is here at the next start.
Numbers that a pointer leads to are plain addresses (c_void_p), since they come from numpy arrays.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass, field
from types import SimpleNamespace

PLAIN = {
    "void": None,
    "bool": ctypes.c_bool,
    "char": ctypes.c_char,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "size_t": ctypes.c_size_t,
    "uint8_t": ctypes.c_uint8,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "int": ctypes.c_int,
}

STRUCT = re.compile(r"typedef struct \{([^}]*)\} (\w+)")
ENUM = re.compile(r"typedef enum \{([^}]*)\} (\w+)")
OPAQUE = re.compile(r"typedef struct (\w+) (\w+)")
FUNCTION = re.compile(r"WH_API (.+?)(\w+)\(([^)]*)\)")
DECLARATOR = re.compile(r"(\**)\s*(\w*)\s*(?:\[(\d+)\])?")


class HeaderError(Exception):
    """The text is not whorl.h, or says something that this reader does not know."""


@dataclass
class Declarations:
    """Types, constants and functions by the names that they have in the header."""

    version: int = 0
    types: dict = field(default_factory=lambda: dict(PLAIN))
    constants: dict = field(default_factory=dict)
    functions: dict = field(default_factory=dict)  # name -> (result, arguments)

    def namespace(self) -> SimpleNamespace:
        return SimpleNamespace(**self.types, **self.constants)


def parse(text: str) -> Declarations:
    """The declarations of the header's text."""
    version = re.search(r"#define WH_VERSION (\d+)", text)
    marked = re.search(r"ffi-begin[^\n]*\n(.*?)/\* ffi-end", text, re.S)
    if not version or not marked:
        raise HeaderError("this is not whorl.h")
    found = Declarations(version=int(version.group(1)))
    plain = re.sub(r"/\*.*?\*/", " ", marked.group(1), flags=re.S)
    plain = re.sub(r"\s+", " ", plain)
    for statement in _statements(plain):
        _read(found, statement)
    return found


def _statements(text: str):
    """Text between the semicolons that are in no braces."""
    depth, start = 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if letter == ";" and depth == 0:
            yield text[start:at].strip()
            start = at + 1


def _read(found: Declarations, statement: str) -> None:
    if match := ENUM.fullmatch(statement):
        _read_enum(found, *match.groups())
    elif match := STRUCT.fullmatch(statement):
        _read_struct(found, *match.groups())
    elif match := OPAQUE.fullmatch(statement):
        found.types[match.group(2)] = ctypes.c_void_p  # only ever behind a pointer
    elif match := FUNCTION.fullmatch(statement):
        result, name, arguments = match.groups()
        found.functions[name] = (_result(found, result), _arguments(found, arguments))
    else:
        raise HeaderError(f"whorl.h: this cannot be read: {statement}")


def _read_enum(found: Declarations, body: str, name: str) -> None:
    value = 0
    for item in filter(None, map(str.strip, body.split(","))):
        constant, _, given = map(str.strip, item.partition("="))
        value = int(given, 0) if given else value
        found.constants[constant] = value
        value += 1
    found.types[name] = ctypes.c_int


def _read_struct(found: Declarations, body: str, name: str) -> None:
    fields = []
    for member in filter(None, map(str.strip, body.split(";"))):
        base, rest = _base(member)
        for declarator in rest.split(","):
            stars, label, length = DECLARATOR.fullmatch(declarator.strip()).groups()
            kind = _type(found, base, len(stars))
            fields.append((label, kind * int(length) if length else kind))
    found.types[name] = type(name, (ctypes.Structure,), {"_fields_": fields})


def _base(text: str):
    """The type's own word, and what follows it."""
    match = re.match(r"(?:const )?(\w+)\s*(.*)", text)
    return match.group(1), match.group(2)


def _type(found: Declarations, base: str, stars: int):
    if base not in found.types:
        raise HeaderError(f"whorl.h: no type {base}")
    kind = found.types[base]
    if stars == 0:
        return kind
    if base == "char":
        kind = ctypes.c_char_p
    elif kind is ctypes.c_void_p:
        pass  # a handle
    elif isinstance(kind, type) and issubclass(kind, ctypes.Structure):
        kind = ctypes.POINTER(kind)
    else:
        kind = ctypes.c_void_p
    for _ in range(stars - 1):
        kind = ctypes.POINTER(kind)
    return kind


def _result(found: Declarations, text: str):
    base, rest = _base(text.strip())
    return _type(found, base, rest.count("*"))


def _arguments(found: Declarations, text: str):
    if text.strip() == "void":
        return []
    kinds = []
    for argument in text.split(","):
        base, rest = _base(argument.strip())
        stars, _, length = DECLARATOR.fullmatch(rest.strip()).groups()
        if length:  # an array is a pointer to its first
            kinds.append(ctypes.POINTER(found.types[base]))
        else:
            kinds.append(_type(found, base, len(stars)))
    return kinds
