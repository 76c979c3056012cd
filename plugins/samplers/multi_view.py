"""Tuples for MV-CSS: a reference, the same moment from another camera, and a negative far away in the reference's clip.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4, after the multi-view network of Sermanet et al., ICRA
2018, arXiv:1704.06888. On Human3.6M the negative is at least 200 frames away, which at 50 frames per second is 4 s.
Differs from the papers: the negative has no greatest distance, and lies before or after the reference.

Axes: N frames of all allowed clips one after another, M moments, B tuples, T frames of a tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import Field

from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Clip, Component, Context, Draw, Options
from .views import Moments
from .windows import Reach, unfit

NAME = "multi_view"
ROLES = ("reference", "positive", "negative")


class MultiViewOptions(Options):
    """Options of the multi-view sampler."""

    positive_max_s: float = Field(default=0.02, ge=0)
    """Most that the other camera's frame may be away in time from the reference, in seconds."""
    negative_min_s: float = Field(default=4.0, gt=0)
    """Least that the negative must be away from the reference, in seconds."""


class MultiView:
    """Draws uniformly over all moments of two cameras at which the first camera's clip has a negative."""

    roles = ROLES

    def __init__(self, options: MultiViewOptions, context: Context) -> None:
        self.options = options

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        """Find the moments.

        Raises:
            DataError: When no take is seen by two cameras at once, or no clip is long enough for a negative.
        """
        bounds_s = self.options.positive_max_s, self.options.negative_min_s
        found = Moments.of(NAME, clips, allowed, bounds_s[0])
        reach = Reach.of(found.row, clips, *bounds_s)
        room_2N = reach.last - reach.far + 1
        fitting = np.flatnonzero(room_2N[:, found.here].any(axis=0))
        if not len(fitting):
            raise unfit(NAME, clips, allowed, *bounds_s)
        self._row, self._here, self._there = found.row, found.here[fitting], found.there[fitting]
        self._reach, self._room_2N = reach, room_2N
        self._row.log_skipped(NAME, np.unique(self._here))

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """Draw ``count`` tuples, (B, 3)."""
        moment = rng.integers(len(self._here), size=count)
        here = self._here[moment]
        before, after = self._room_2N[:, here]
        # All far frames of the clip in their order, without those around the reference.
        nth = rng.integers(before + after)
        around = self._reach.far[:, here].sum(axis=0) - 1
        negative = here - self._reach.last[0, here] + nth + np.where(nth < before, 0, around)
        return self._row.draw(np.stack([here, self._there[moment], negative], axis=1))


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the sampler ``multi_view``."""
    register(Component(kind="sampler", name=NAME, options=MultiViewOptions, build=MultiView, roles=ROLES))
