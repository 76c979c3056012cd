"""Tuples for NSD: two cameras at one moment, and the same two at another moment of the take.

Paper: Rhodin et al., CVPR 2019, Neural scene decomposition for multi-person motion capture, arXiv:1903.05684, as the
baseline NSD of Honari et al., TPAMI 2022, arXiv:2012.01511.
Differs from the paper: views are simultaneous by their timestamps, whatever the frame rates.

Axes: N frames of all allowed clips one after another, M moments, P ordered pairs of clips, B tuples, T frames of a
tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import Field

from ...core.errors import DataError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Clip, Component, Context, Draw, Options
from .views import Moments

NAME = "two_view_two_time"
ROLES = ("now_1", "now_2", "then_1", "then_2")


class TwoViewTwoTimeOptions(Options):
    """Options of the sampler of two views at two times."""

    together_max_s: float = Field(default=0.02, ge=0)
    """Most that two cameras' frames of one moment may be apart, in seconds."""


class TwoViewTwoTime:
    """Draws two cameras at one moment uniformly over all there are, then another moment of these two uniformly."""

    roles = ROLES

    def __init__(self, options: TwoViewTwoTimeOptions, context: Context) -> None:
        self.options = options

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        """Find the moments.

        Raises:
            DataError: When no take is seen by two cameras at once, or none twice.
        """
        found = Moments.of(NAME, clips, allowed, self.options.together_max_s)
        count_P = np.bincount(found.pair)
        self._start_P = np.cumsum(count_P) - count_P
        self._count_P = count_P
        self._moments = found
        self._fitting = np.flatnonzero(count_P[found.pair] > 1)
        if not len(self._fitting):
            raise DataError(
                f"the sampler '{NAME}' needs two moments of a take: no two cameras have more than one",
                hint="record longer clips",
            )
        found.row.log_skipped(NAME, np.unique(found.here[self._fitting]))

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """Draw ``count`` tuples, (B, 4)."""
        now = self._fitting[rng.integers(len(self._fitting), size=count)]
        pair = self._moments.pair[now]
        start, moments = self._start_P[pair], self._count_P[pair]
        then = start + (now - start + rng.integers(1, moments)) % moments
        here, there = self._moments.here, self._moments.there
        return self._moments.row.draw(np.stack([here[now], there[now], here[then], there[then]], axis=1))


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the sampler ``two_view_two_time``."""
    register(Component(kind="sampler", name=NAME, options=TwoViewTwoTimeOptions, build=TwoViewTwoTime, roles=ROLES))
