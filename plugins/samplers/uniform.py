"""Tuples of four different frames from anywhere in one clip.

Papers: Denton and Birodkar, NeurIPS 2017, arXiv:1705.10915 (DrNet), which draws its content and pose frames at random
times of a clip; as a baseline with four frames in Honari et al., TPAMI 2022, arXiv:2012.01511.

Axes: N frames of all allowed clips one after another, B tuples, T frames of a tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...core.errors import DataError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Clip, Component, Context, Draw, Options
from .windows import Row

ROLES = ("first", "second", "third", "fourth")


class UniformOptions(Options):
    """The sampler has no options."""


def others(length_B: Array, rng: np.random.Generator) -> Array:
    """Steps from a first frame to three more, round the end of a clip of each length, all different; (B, 3)."""
    left_B3 = length_B[:, None] - np.array([1, 2, 3])
    steps_B3: Array = rng.integers(left_B3) + 1
    for later in (1, 2):  # the n-th of those not taken: step over what stands before it
        for taken_B in np.sort(steps_B3[:, :later], axis=1).T:
            steps_B3[:, later] += steps_B3[:, later] >= taken_B
    return steps_B3


class Uniform:
    """Draws the first frame uniformly over all clips of at least four frames, the others from the same clip."""

    roles = ROLES

    def __init__(self, options: UniformOptions, context: Context) -> None:
        pass

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        """Find the clips that are long enough.

        Raises:
            DataError: When none is.
        """
        row = Row.of(clips, allowed)
        lengths = np.diff(row.start)
        if not (lengths >= len(ROLES)).any():
            raise DataError(
                f"no clip is long enough for the sampler 'uniform': it needs {len(ROLES)} frames, the longest of "
                f"{len(lengths)} clips has {lengths.max(initial=0)}",
                hint="record longer clips, or lower the dataset's stride",
            )
        self._usable = np.flatnonzero(np.repeat(lengths >= len(ROLES), lengths))
        row.log_skipped("uniform", self._usable)
        self._row = row

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """Draw ``count`` tuples, (B, 4)."""
        first_B = self._usable[rng.integers(len(self._usable), size=count)]
        stretch_B = np.searchsorted(self._row.start, first_B, side="right") - 1
        start_B = self._row.start[stretch_B]
        length_B = self._row.start[stretch_B + 1] - start_B
        others_B3 = (first_B - start_B)[:, None] + others(length_B, rng)
        rest_B3 = start_B[:, None] + others_B3 % length_B[:, None]
        return self._row.draw(np.concatenate([first_B[:, None], rest_B3], axis=1))


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the sampler ``uniform``."""
    register(Component(kind="sampler", name="uniform", options=UniformOptions, build=Uniform, roles=ROLES))
