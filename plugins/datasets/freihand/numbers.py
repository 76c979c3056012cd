"""JSON files that are nothing but nested lists of numbers, as arrays on disk, read piece by piece.

Lists of lists of floats as Python objects take some 30 bytes a number; the file of mesh vertices has tens of millions.
Here the text goes straight into numbers, a few megabytes at a time, into a `.npy` file in the frame cache that is
mapped into memory. It is named by the state of the text, so it needs no invalidation, and gets its name when whole.

Axes: N rows, each of any shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ..derived import derived

PIECE = 1 << 23
"""Bytes read at a time."""
_NUMERIC = b"0123456789+-.eE,[] \t\r\n"
_SPACING = b"[] \t\r\n"


def stored_numbers(path: Path, row: tuple[int, ...]) -> Array:
    """All rows of a file, (N, *row) float32, read-only and memory-mapped; how rows are nested does not matter.

    Raises:
        DataError: If it is missing, cut short, holds anything but numbers, is not made of such rows, or the cache
            cannot be written.
    """

    def write(stored: Path) -> None:
        with stored.open("wb") as file:
            _write(file, _rows(path, row), row)

    numbers: Array = np.load(derived(path, "numbers", {"row": list(row)}, write), mmap_mode="r")
    return numbers


def _write(file: IO[bytes], rows: Iterator[Array], row: tuple[int, ...]) -> None:
    count = 0
    _header(file, (count, *row))
    for values in rows:
        file.write(values.astype("<f4").data)
        count += len(values)
    file.seek(0)
    _header(file, (count, *row))  # numpy pads the header for any count, so its length stays


def _header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _rows(path: Path, row: tuple[int, ...]) -> Iterator[Array]:
    """The rows of a file in order, some at a time, (n, *row)."""
    width, left = math.prod(row), np.zeros(0)
    for values in _numbers(path):
        joined = np.concatenate([left, values])
        whole = len(joined) // width * width
        left = joined[whole:]
        if whole:
            yield joined[:whole].reshape(-1, *row)
    if len(left):
        shape = " x ".join(map(str, row))
        raise _broken(f"its numbers do not make rows of {shape}: {len(left)} are left over", path)


def _numbers(path: Path) -> Iterator[Array]:
    depth, tail = 0, b""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            if foreign := piece.translate(None, _NUMERIC):
                raise _broken(f"it holds {foreign[:20].decode(errors='replace')!r} among its numbers", path)
            depth += piece.count(b"[") - piece.count(b"]")
            text = tail + piece
            cut = text.rfind(b",") + 1
            tail = text[cut:]
            yield _parsed(text[:cut], path)
    if depth or not tail.strip():
        raise _broken("it is empty or cut short", path)
    yield _parsed(tail, path)


def _parsed(text: bytes, path: Path) -> Array:
    words = text.translate(None, _SPACING).removesuffix(b",")
    try:
        return np.array(words.split(b","), np.float64) if words else np.zeros(0)
    except ValueError as error:
        raise _broken(f"it holds something that is no number: {error}", path) from None


def _broken(what: str, path: Path) -> DataError:
    return DataError(f"the list of numbers is broken: {what}", where=str(path), hint="copy the file again")
