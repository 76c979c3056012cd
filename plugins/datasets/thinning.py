"""Which frames stay when each n-th is kept, of footage with or without gaps.

Axes: N frames.
"""

from __future__ import annotations

import numpy as np

from ...core.interfaces import Array

FEW = 2
"""Frames by which pictures and labels of a clip may differ in length without a word."""


def kept(numbers_N: Array, stride: int) -> Array:
    """Rows that stay when each n-th frame is kept: the first at or after each multiple of ``stride``.

    Footage without gaps keeps 0, n, 2 n ...; of frames that were thinned out before, the next best stay.

    Args:
        numbers_N: Rising frame numbers from 0.
        stride: In frames of the camera.
    """
    return np.flatnonzero(np.diff(numbers_N // stride, prepend=-1))


def shortage(clip: str, labels: int, pictures: int) -> list[str]:
    """What there is to tell of a clip with fewer pictures than labels: a line, or nothing."""
    lost = labels - pictures
    return [f"{clip}: no picture for {lost} of {labels} labels"] if lost > FEW else []
