"""Pickles that may come from anywhere: arrays, numbers, text and plain containers are read, everything else is refused.

A pickle is a program: it names functions and calls them. Here the few names that data need lead to stand-ins, and no
other name leads anywhere.
"""

from __future__ import annotations

import pickle
import pickletools
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..core.errors import DataError
from .pickle_names import MAKERS, Maker, PendingArray, PendingDtype, RefusedError, Stub, object_array

BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)
UNFINISHED = (PendingArray, PendingDtype, np.ndarray, list, dict, tuple, Stub, Maker)


class Unpickler(pickle.Unpickler):
    """Reads data and nothing else; ``stubs`` are packages whose objects become `Stub`."""

    stubs: Collection[str] = ()

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the pickle leads to."""
        if (full := f"{module}.{name}") in MAKERS:
            return Maker(MAKERS[full])
        if module.partition(".")[0] in self.stubs and name.isidentifier():
            return type(name, (Stub,), {})  # a new one each time: whatever is done to it ends with this pickle
        raise RefusedError(full)


class _Finish:
    """Puts what was in the making in its finished form, each object once, however often it is referred to."""

    def __init__(self) -> None:
        self.done: dict[int, tuple[Any, Any]] = {}  # the object too, so that its address is not given to another

    def __call__(self, value: Any) -> Any:
        """The value, with finished arrays in it; lists and dicts are changed in place."""
        if not isinstance(value, UNFINISHED):
            return value
        if id(value) not in self.done:
            self.done[id(value)] = value, value  # a container may hold itself
            self.done[id(value)] = value, self._finished(value)
        return self.done[id(value)][1]

    def _finished(self, value: Any) -> Any:
        match value:
            case PendingArray():
                return self(value.array)
            case PendingDtype():
                return value.real
            case np.ndarray() if value.dtype == object:
                return object_array([self(item) for item in value.ravel()]).reshape(value.shape)
            case list():
                value[:] = [self(item) for item in value]
            case dict() | Stub():
                items = value if isinstance(value, dict) else vars(value)
                items.update([(key, self(item)) for key, item in items.items()])
            case tuple():
                return tuple(self(item) for item in value)
            case Maker():
                raise RefusedError("a function")
        return value


def load_pickle(path: Path, encoding: str = "latin1", stubs: Collection[str] = ()) -> Any:
    """What a pickle holds: arrays, numbers, text, bytes, lists, tuples, sets and dicts.

    Args:
        path: The file, of any protocol.
        encoding: How text and arrays of Python 2 are read; latin1 keeps every byte.
        stubs: Packages of whose objects the attributes are kept without their code, as ``("chumpy", "scipy")`` in
            files of body models: such an object is a `Stub`, and its ``x`` the array of a chumpy one.

    Raises:
        DataError: If there is no such file, it is broken, or it asks for anything else.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path, encoding, stubs)
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path)) from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror or error}", where=str(path)) from None


def load_object(path: Path, name: str) -> Any:
    """The object that an npz holds under a name, as numpy saves a dict: a pickle, read as `load_pickle` does.

    Raises:
        DataError: If there is no such file, it is broken, holds no object of that name, or asks for anything but data.
    """
    try:
        with zipfile.ZipFile(path) as every, every.open(f"{name}.npy") as file:
            if not array_type(file).hasobject:
                raise DataError(f"{name!r} is a plain array, not an object", where=str(path))
            value = _read(file, path)
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path)) from None
    except KeyError:
        raise DataError(f"the npz has no {name}", where=str(path)) from None
    except BROKEN_ZIP as error:
        raise DataError(f"the npz cannot be read: {error}", where=str(path)) from None
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


def array_type(file: IO[bytes]) -> np.dtype[Any]:
    """What the items of an npy are, from its header, which is passed over; ValueError if it has none."""
    old = np.lib.format.read_magic(file) == (1, 0)
    header = np.lib.format.read_array_header_1_0(file) if old else np.lib.format.read_array_header_2_0(file)
    kind: np.dtype[Any] = header[2]
    return kind


def _read(file: IO[bytes], path: Path, encoding: str = "latin1", stubs: Collection[str] = ()) -> Any:
    try:
        _check_places(file)
        reader = Unpickler(file, encoding=encoding)
        reader.stubs = stubs
        return _Finish()(reader.load())
    except RefusedError as refusal:
        raise DataError(
            f"the pickle asks for {refusal}, which is not data, and is not read",
            where=str(path),
            hint="take the file from those who publish it; arrays, numbers, text and plain containers are read",
        ) from None
    except Exception as error:  # a broken pickle is a broken program: it can fail in any way
        raise DataError(f"the pickle cannot be read: {error or type(error).__name__}", where=str(path)) from None


def _check_places(file: IO[bytes]) -> None:
    """Refuse to remember objects at places beyond what so many bytes can need: memory is taken for all up to there."""
    start = file.tell()
    for code, argument, position in pickletools.genops(file):
        if code.name in ("PUT", "LONG_BINPUT") and argument is not None and argument > (position or 0):
            raise RefusedError(f"memory for {argument} objects")
    file.seek(start)
