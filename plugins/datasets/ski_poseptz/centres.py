"""``ski_centers.csv``: where the pelvis was in the world, a line ``seq frame x y z`` per moment, in metres.

The numbers are separated by blanks, whatever the name of the file says.

Axes: N moments.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array

FRAMES = 2**32
"""Room for the frame numbers of a sequence."""


class Centres:
    """The pelvis by sequence and frame.

    Args:
        lines_N5: As in the file.
    """

    def __init__(self, lines_N5: Array) -> None:
        keys = _key(lines_N5[:, 0].astype(np.int64), lines_N5[:, 1].astype(np.int64))
        self._keys, first = np.unique(keys, return_index=True)
        self._places = lines_N5[first, 2:]

    def at(self, sequence_N: Array, frame_N: Array) -> Array:
        """World metres (N, 3); NaN where the file says nothing."""
        keys = _key(sequence_N, frame_N)
        place = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        told = self._keys[place] == keys
        return np.where(told[:, None], self._places[place], np.nan)


def _key(sequence_N: Array, frame_N: Array) -> Array:
    return np.asarray(sequence_N * FRAMES + frame_N)


def read_centres(path: Path) -> Centres:
    """Read the file.

    Raises:
        DataError: If it cannot be read, or its lines are not five numbers.
    """
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        values = np.array(lines, np.float64)
        if values.ndim != 2 or values.shape[1] != 5 or not len(values):
            raise ValueError(f"{values.shape}")
    except (OSError, ValueError):
        raise DataError(
            "the file must hold lines of five numbers: sequence, frame, x, y, z",
            where=str(path),
            hint="copy it again, or take it away: it is needed for the projection check alone",
        ) from None
    return Centres(values)
