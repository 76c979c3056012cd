"""What every source of motion gives: the joints of one person over time, in the world.

Axes: T frames, J joints. World: +z up, millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

ANKLE_HEIGHT_MM = 80.0  # the ankle joint of an adult above the sole; the skeleton has no toes


@dataclass(frozen=True, slots=True)
class Motion:
    """One clip of one person.

    Attributes:
        name: Where it comes from: the kind, or the stem of the file.
        joints_TJ3: World positions in millimetres, +z up, Human3.6M-17 order, float32. The soles stand on z = 0 at
            the lowest moment, so ankles are ``ANKLE_HEIGHT_MM`` above it.
        fps: Frames per second.
        free_fall: First frame and end (exclusive) of the flight, during which only gravity acts; None without one.
    """

    name: str
    joints_TJ3: NDArray[np.float32]
    fps: float
    free_fall: tuple[int, int] | None = None
