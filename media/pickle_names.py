"""What the names in a pickle of data lead to: stand-ins that build arrays and plain containers, and nothing else.

Numpy's own way back from a pickle trusts a description of records that can make it read bytes as addresses, so arrays
are built anew from their bytes, and records are refused.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..core.interfaces import Array

NUMBERS = re.compile(r"[<>=|]?(b1|\?|[iu][1248]|f[248]|c(8|16)|[SU]\d+)")
ORDERS = ("<", ">", "=", "|")


class RefusedError(Exception):
    """The pickle asks for something that is not data."""


class PendingDtype:
    """A plain dtype in the making: its name from the call, its byte order from the state."""

    def __init__(self, name: str | bytes, *_flags: object) -> None:
        self.name = name.decode("latin1") if isinstance(name, bytes) else name
        if self.name not in ("O", "O8", "|O") and not NUMBERS.fullmatch(self.name):
            raise RefusedError(f"an array of {self.name!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order, records = state[1], state[2:5]
        order = order.decode("latin1") if isinstance(order, bytes) else order
        if order not in ORDERS or any(part is not None for part in records):
            raise RefusedError("an array of records")
        if not self.objects:
            self.name = order + self.name.lstrip("".join(ORDERS))

    @property
    def objects(self) -> bool:
        """Whether the items are Python objects, themselves part of the pickle."""
        return "O" in self.name

    @property
    def real(self) -> np.dtype[Any]:
        """Numpy's dtype."""
        return np.dtype("O" if self.objects else self.name)


class PendingArray:
    """An array in the making; `load_pickle` takes the finished one out."""

    def __init__(self) -> None:
        self.array: Array = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, dtype, by_columns, data = state
        self.array = _array(data, dtype, shape, "F" if by_columns else "C")


class Maker:
    """What a name leads to: it can be called, and a pickle cannot change it."""

    __slots__ = ("_make",)
    _make: Callable[..., object]

    def __init__(self, make: Callable[..., object]) -> None:
        object.__setattr__(self, "_make", make)

    def __call__(self, *given: object) -> object:
        """Make it."""
        return self._make(*given)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise RefusedError(f"to change {name!r} of a function")

    def __setstate__(self, state: object) -> NoReturn:
        raise RefusedError("to change a function")


class Stub:
    """An object of a library that is not there: its attributes, and nothing that it could do."""

    def __setstate__(self, state: Any) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            vars(self).update(part or {})


def object_array(items: list[Any]) -> Array:
    """(N,) of objects; arrays among them are not spread."""
    flat = np.empty(len(items), object)
    for index, item in enumerate(items):
        flat[index] = item
    return flat


def _array(data: object, dtype: object, shape: object, order: str) -> Array:
    if not isinstance(dtype, PendingDtype) or not isinstance(shape, tuple):
        raise RefusedError("an array without a plain type")
    if dtype.objects:
        if not isinstance(data, list):
            raise RefusedError("objects from bytes")
        flat = object_array(data)
    else:
        flat = np.frombuffer(_bytes(data), dtype.real).copy()  # a buffer's own memory cannot be written to
    if any(not isinstance(side, int) or side < 0 for side in shape):
        raise RefusedError(f"an array of the shape {shape!r}")
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _bytes(data: object) -> bytes | bytearray:
    if isinstance(data, str):
        return data.encode("latin1")  # bytes of Python 2
    if not isinstance(data, bytes | bytearray):
        raise RefusedError(f"numbers from {type(data).__name__}")
    return data


def _reconstruct(*_given: object) -> PendingArray:
    return PendingArray()


def _scalar(dtype: object, data: object) -> object:
    return _array(data, dtype, (), "C")[()]


def _frombuffer(data: object, dtype: object, shape: object, order: str) -> Array:
    return _array(data, dtype, shape, order)


def _encode(text: str, codec: str = "latin1") -> bytes:
    if codec not in ("latin1", "latin-1", "utf-8"):
        raise RefusedError(f"the codec {codec!r}")
    return text.encode(codec)


def _no_bytes() -> bytes:
    return b""  # as Python 3 writes them for Python 2; others come through the codec


def _buffer(*given: object) -> bytearray:
    if len(given) == 2:  # text and its codec, from before there were bytes
        given = (_encode(str(given[0]), str(given[1])),)
    return bytearray(_bytes(given[0])) if given else bytearray()


def _old_object(kind: object, *_base: object) -> Stub:
    if not (isinstance(kind, type) and issubclass(kind, Stub)):
        raise RefusedError(f"an object of {kind!r}")
    return kind()


def _no_call(*_given: object) -> NoReturn:
    raise RefusedError("an array outside numpy's own form")


MAKERS: dict[str, Callable[..., object]] = {
    "numpy.dtype": PendingDtype,
    "numpy.ndarray": _no_call,
    "copy_reg._reconstructor": _old_object,
    "copyreg._reconstructor": _old_object,
    "_codecs.encode": _encode,
    "collections.OrderedDict": OrderedDict,
    **{f"{module}.set": set for module in ("builtins", "__builtin__")},
    **{f"{module}.bytes": _no_bytes for module in ("builtins", "__builtin__")},
    **{f"{module}.frozenset": frozenset for module in ("builtins", "__builtin__")},
    **{f"{module}.bytearray": _buffer for module in ("builtins", "__builtin__")},
    **{f"{module}.complex": complex for module in ("builtins", "__builtin__")},
    **{f"{module}.object": _no_call for module in ("builtins", "__builtin__")},
    **{f"numpy.{core}.multiarray._reconstruct": _reconstruct for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _frombuffer for core in ("core", "_core")},
}
"""Every name that data need, and what it leads to."""
