"""Background ``halves``: for a subject who moves from top to bottom, the halves that he has left or not yet reached.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4 (Diving): the top half of the last frame over the bottom
half of the first. It holds for clips that are cut to one dive and a camera that stands still.

Axes: N frames, 3 colour channels, H W pixels; uint8.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Component, Context, Dataset, Options


class HalvesOptions(Options):
    """There are none."""


def halves(first: Array, last: Array) -> Array:
    """Top half of the last frame, bottom half of the first; of an odd height the middle row is the first's.

    Args:
        first: (..., H, W).
        last: (..., H, W).
    """
    middle = first.shape[-2] // 2
    return np.concatenate([last[..., :middle, :], first[..., middle:, :]], axis=-2)


class Halves:
    """One background per clip, out of its first and last frame."""

    def at(self, dataset: Dataset, clip: int, indices: Array) -> Array:
        """The static background of the clip, (1, 3, H, W) uint8."""
        ends = dataset.frames(clip, np.array([0, len(dataset.clips[clip]) - 1]))
        return halves(ends[:1], ends[1:])


def build(options: HalvesOptions, context: Context) -> Halves:
    """It keeps nothing."""
    return Halves()


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``background.halves``."""
    register(Component(kind="background", name="halves", options=HalvesOptions, build=build, writes=("background",)))
