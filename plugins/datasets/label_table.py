"""Flat tables of labels in HDF5, ``labels.h5``: one row per picture, told by sequence, camera and frame number.

Source: the layout in which EPFL publishes multi-view sets (Ski-PosePTZ: Rhodin et al., CVPR 2018, arXiv:1803.04775).
Columns are (N,) or (N, 1), and (N, 51) or (N, 17, 3) alike. Rows may stand in any order and leave out frames. Whole
numbers may be stored as floats. Only the columns that tell rows apart are read at once, the others when asked for.

Axes: N rows, J joints.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import DataError, did_you_mean
from ...core.interfaces import Array
from ...media.untrusted import open_h5

log = logging.getLogger("poserep")

TELLING = ("seq", "cam", "frame", "subj")
JOINTS = ("3D", "2D")
"""Columns that are long, and exact enough in half the room."""
BLOCK = 1 << 16
EXACT = 2.0**53
"""Whole numbers beyond it are no longer exact as floats."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The rows of one sequence by one camera, in rising order of frames.

    Attributes:
        sequence: Its number.
        camera: Number of the camera.
        subject: Number of the person.
        rows: Where they stand in the table, (N,) int64.
        frames: Their frame numbers, (N,) int64.
    """

    sequence: int
    camera: int
    subject: int
    rows: Array
    frames: Array

    @property
    def name(self) -> str:
        """As folders are called, ``seq_012/cam_03``."""
        return f"seq_{self.sequence:03d}/cam_{self.camera:02d}"


class LabelTable:
    """One file.

    Args:
        path: Of the file.
        columns: Names of further columns that must be there, and the shape of a row; -1 for any number of joints.
        optional: Columns that need not be there.

    Raises:
        DataError: If the file is missing, cut short, lacks a column, or its columns differ in length.
    """

    def __init__(
        self, path: Path, columns: Mapping[str, tuple[int, ...]], optional: Mapping[str, tuple[int, ...]] | None = None
    ) -> None:
        self.path = path
        self._shapes = dict(columns)
        self._sizes: dict[str, int] = {}
        self._read: dict[str, Array] = {}
        with open_h5(path) as file:
            telling = {name: self._whole(self._of(file, name)[:], name) for name in TELLING}
            self.count = len(telling["seq"])
            self._shapes |= {name: shape for name, shape in (optional or {}).items() if name in file}
            for name in self._shapes:
                self._check(self._of(file, name), name)
        lengths = {name: len(values) for name, values in telling.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise DataError(f"the columns differ in length: {told} rows", where=str(path), hint="copy it again")
        self._telling = telling

    def number(self, name: str, rows: Array) -> Array:
        """What rows say of ``seq``, ``cam``, ``frame`` or ``subj``, (N,) int64."""
        return np.asarray(self._telling[name][rows])

    def __contains__(self, name: str) -> bool:
        """Whether it has a column, of those that were asked for."""
        return name in self._shapes

    def column(self, name: str) -> Array:
        """A column of all rows, (N, ...): joints as float32, all else as float64. Read once and then kept.

        Raises:
            DataError: If there is none, or it cannot be read.
        """
        if name not in self._shapes:
            raise DataError(f"the labels are read without the column {name!r}", where=str(self.path))
        if name not in self._read:
            shape = self._shapes[name]
            wide = np.float32 if name in JOINTS else np.float64
            with open_h5(self.path) as file:
                values = file[name].astype(wide)[:]
            self._read[name] = values.reshape(self.count, *shape)
        return self._read[name]

    def joints(self, name: str) -> int:
        """How many joints a row of that column has."""
        return self._sizes[name] // self._shapes[name][-1]

    def known(self, name: str) -> Array:
        """Which rows of a column hold numbers alone, bool (N,). Read in blocks, of which none is kept."""
        with open_h5(self.path) as file:
            blocks = (file[name][start : start + BLOCK] for start in range(0, self.count, BLOCK))
            found = [np.isfinite(block.reshape(len(block), -1)).all(axis=1) for block in blocks]
        return np.concatenate([np.zeros(0, bool), *found])

    def runs(self) -> list[Run]:
        """The rows by sequence and camera; of rows that speak of one picture the first counts.

        Raises:
            DataError: If a sequence shows two subjects.
        """
        seq, cam, frame, subj = (self._telling[name] for name in TELLING)
        order = np.lexsort((frame, cam, seq))
        step = np.stack([np.diff(column[order]) != 0 for column in (seq, cam, frame)])
        fresh = np.r_[True, step.any(axis=0)][: len(order)]
        if twice := int((~fresh).sum()):
            log.warning("%s: %d rows tell of a picture of which another row tells: left out", self.path, twice)
        starts = np.flatnonzero(np.r_[True, step[:2].any(axis=0)][: len(order)])
        runs = []
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            rows = order[start:end][fresh[start:end]]
            who = np.unique(subj[rows])
            if len(who) > 1:
                what = f"sequence {seq[rows[0]]} shows several subjects: {', '.join(map(str, who))}"
                raise DataError(what, where=str(self.path), hint="a sequence shows one person: give each a number")
            runs.append(Run(int(seq[rows[0]]), int(cam[rows[0]]), int(who[0]), rows, frame[rows]))
        return runs

    # ---------------------------------------------------------------- checks

    def _of(self, file: Mapping[str, Any], name: str) -> Any:
        """A column of the open file."""
        if name not in file or not hasattr(file[name], "dtype"):
            raise DataError(
                f"the file has no column {name!r}",
                where=str(self.path),
                hint=did_you_mean(name, sorted(file)) if len(file) else "it is empty",
            )
        return file[name]

    def _check(self, found: Any, name: str) -> None:
        """Length and width of a column, from its header."""
        if not found.shape or found.shape[0] != self.count:
            what = f"{name!r} has {found.shape[0] if found.shape else 0} rows, 'seq' has {self.count}"
            raise DataError(what, where=str(self.path), hint="all columns have a row per picture: copy it again")
        wanted, width = self._shapes[name], math.prod(found.shape[1:])
        least = math.prod(size for size in wanted if size > 0)
        fits = width % least == 0 and width > 0 if -1 in wanted else width == least
        if not fits or found.dtype.kind not in "fiu":
            each = " x ".join("J" if size < 0 else str(size) for size in wanted)
            what = f"a row of {name!r} holds {found.shape[1:]} of {found.dtype}, not {each} numbers"
            raise DataError(what, where=str(self.path), hint="see docs/datasets.md for the layout")
        self._sizes[name] = width

    def _whole(self, values: Any, name: str) -> Array:
        """A column of whole numbers, (N,) int64."""
        found = np.asarray(values)
        found = found.reshape(len(found), -1) if found.ndim else found.reshape(1, 1)
        if found.shape[1] != 1 and len(found):
            what = f"{name!r} has {found.shape[1]} values per row"
            raise DataError(what, where=str(self.path), hint="a row tells of one person in one picture")
        found = found.reshape(-1)
        whole = found.dtype.kind in "iu" or (
            found.dtype.kind == "f" and bool((np.isfinite(found) & (np.abs(found) < EXACT)).all())
        )
        if not whole or (found != np.floor(found)).any():
            raise DataError(f"{name!r} must hold whole numbers", where=str(self.path))
        return found.astype(np.int64)


def chosen(what: str, wanted: Collection[int], found: Collection[int], where: Path) -> Callable[[int], bool]:
    """Whether a number is among those that an option names; empty means all.

    Args:
        what: Name of the option, in messages.
        wanted: What it says.
        found: Numbers that there are.
        where: The folder or file.

    Raises:
        DataError: If it names one that is not there.
    """
    if lacks := sorted(set(wanted) - set(found)):
        have: Sequence[int] = sorted(set(found))
        raise DataError(
            f"there is no {what} {', '.join(map(str, lacks))}",
            where=str(where),
            hint=f"there is: {', '.join(map(str, have))}",
        )
    return lambda number: not wanted or number in wanted
