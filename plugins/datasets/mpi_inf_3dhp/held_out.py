"""The test set of MPI-INF-3DHP: ``TS1/annot_data.mat``, which is HDF5, and pictures.

Arrays come in MATLAB's order turned round: ``annot2`` (N, 1, 17, 2) and ``annot3`` (N, 1, 17, 3) in the camera's
coordinates; ``valid_frame`` marks the frames to test on. There is no calibration: a pinhole camera is fitted to both.

Axes: N frames, M rows of the file, J = 17 joints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.untrusted import open_h5
from .calibration import fitted_intrinsics
from .protocol import TEST_FPS
from .view import Kind, Pictures, Place, Skip, View

if TYPE_CHECKING:
    from ....media.footage import Footage

LABELS = "annot_data.mat"
JOINTS = 17


class HeldOutView(View):
    """Rows of the file, and pictures beside it."""

    skeleton = "mpi_inf_3dhp_17"

    def __init__(self, place: Place, home: Path, pictures: Pictures) -> None:
        super().__init__(place)
        self._path, self._pictures = home / LABELS, pictures

    def size_WH(self) -> tuple[int, int]:
        """That of the first picture: 2048 x 2048, of TS5 and TS6 1920 x 1080."""
        return self._pictures.size_WH()

    def footage(self, size_HW: tuple[int, int], skip: Skip | None) -> Footage:
        """The pictures that have a row."""
        return self._pictures.footage(self.place.numbers_N, size_HW, self.place.fps, skip)

    def labels(self, kind: Kind) -> Array:
        """The rows that have a picture."""
        with open_h5(self._path) as file:
            values = np.asarray(file[kind], np.float32)
        return values.reshape(-1, JOINTS, 2 if kind == "annot2" else 3)[self.place.numbers_N]

    def camera(self) -> None:
        """Not known: nothing tells how it stands in the world."""
        return

    @cached_property
    def _intrinsics_33(self) -> Array:
        return fitted_intrinsics(self.labels("annot3"), self.labels("annot2"))

    def intrinsics_33(self) -> Array:
        """Fitted to the labels."""
        return self._intrinsics_33


def held_out_views(root: Path, subjects: Sequence[str], valid_only: bool, missing: list[str]) -> Iterator[HeldOutView]:
    """The test sequences of these names; what is not there is added to ``missing``."""
    for subject in subjects:
        home = root / subject
        if not home.is_dir():
            continue
        try:
            valid_M = _valid(home / LABELS)
        except DataError as error:
            missing.append(f"{subject}: {error.what} ({error.where})")
            continue
        pictures = Pictures.of(home / "imageSequence")
        numbers = np.flatnonzero(valid_M) if valid_only else np.arange(len(valid_M))
        there = np.isin(numbers, pictures.numbers_N) if pictures else np.zeros(len(numbers), bool)
        if lost := int(np.count_nonzero(~there)):
            missing.append(f"{subject}: no picture for {lost} of {len(numbers)} labels")
        if pictures is not None and there.any():
            yield HeldOutView(Place(subject, "", "0", numbers[there], TEST_FPS), home, pictures)


def _valid(path: Path) -> Array:
    with open_h5(path) as file:
        return np.asarray(file["valid_frame"]).ravel() > 0


def held_out_root(root: Path) -> Path | None:
    """Where the test set lies below a root."""
    places = [home / name for home in (root, root / "test") for name in ("", "mpi_inf_3dhp_test_set")]
    return next((path for path in places if any((path / f"TS{number}").is_dir() for number in range(1, 7))), None)
