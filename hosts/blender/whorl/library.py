# SPDX-License-Identifier: MIT
"""The C library: found in the package, declared by its own header, really unloaded again."""

from __future__ import annotations

import _ctypes
import ctypes
import os
import stat
import sys
from pathlib import Path

from . import header

PACKAGE = Path(__file__).resolve().parent
NAMES = {"win32": "whorl.dll", "darwin": "libwhorl.dylib"}

_library = None


class WhorlError(Exception):
    """What whorl said, one line: "file:line: what is wrong (what to do)"."""


class Library:
    """whorl's functions as methods; `t` holds its types and constants."""

    def __init__(self, root: Path):
        self.root = root
        self.declared = _declare(root / "include" / "whorl.h")
        self.t = self.declared.namespace()
        make_runnable(root)
        self._handle = _load(root / "lib" / NAMES.get(sys.platform, "libwhorl.so"))
        try:
            self._bind()
        except WhorlError:
            self.close()
            raise

    def _bind(self) -> None:
        for name, (result, arguments) in self.declared.functions.items():
            try:
                function = getattr(self._handle, name)
            except AttributeError:
                raise WhorlError(
                    f"{self._handle._name}: it has no {name}: it is not of this "
                    "version of the add-on (install the add-on again)"
                ) from None
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        version, wanted = self.wh_version(), self.declared.version
        if version // 100 != wanted // 100:
            raise WhorlError(
                f"{self._handle._name}: it is version {spell(version)}, and the add-on is for "
                f"{spell(wanted)} (install the add-on again)"
            )

    def new(self, name: str, **members):
        """A struct of that name, with its size set."""
        kind = getattr(self.t, name)
        return kind(size=ctypes.sizeof(kind), **members)

    def check(self, status: int) -> None:
        if status != self.t.WH_OK:
            raise WhorlError(self.last_error())

    def last_error(self) -> str:
        return text(self.wh_last_error()) or "whorl gave no reason"

    def close(self) -> None:
        """Unmaps the library. No session may be open."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        for name in self.declared.functions:
            self.__dict__.pop(name, None)
        unload = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary
        unload(handle._handle)


def get() -> Library:
    """The library, loaded when it is first asked for."""
    global _library
    if _library is None:
        _library = Library(Path(os.environ.get("WHORL_ROOT") or PACKAGE / "tree"))
    return _library


def close() -> None:
    global _library
    if _library is not None:
        _library.close()
        _library = None


def text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def spell(version: int) -> str:
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"


def make_runnable(root: Path) -> None:
    """The helper that tries new kernels; what unpacks add-ons forgets that it is a program."""
    helper = root / "lib" / "whorl" / "whorl-canary"
    try:
        mode = helper.stat().st_mode
        if not mode & stat.S_IXUSR:
            helper.chmod(mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    except OSError:
        pass  # not there, or not ours to change: whorl says so when it is wanted


def _declare(path: Path) -> header.Declarations:
    try:
        return header.parse(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise WhorlError(f"{path}: {problem.strerror} (install the add-on again)") from None
    except header.HeaderError as problem:
        raise WhorlError(f"{path}: {problem}") from None


def _load(path: Path) -> ctypes.CDLL:
    if not path.is_file():
        raise WhorlError(f"{path}: no such file (install the add-on for this system)")
    try:
        return ctypes.CDLL(str(path))
    except OSError as problem:
        raise WhorlError(f"{path}: {problem} (install the add-on for this system)") from None
