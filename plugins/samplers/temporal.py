"""Tuples for DSL: a reference, a positive near it in time, a negative far from it, an intermediate between the two.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 3.1.2. On Human3.6M the positive is at most 10 frames
away and the negative at least 200, which at 50 frames per second is 0.2 s and 4 s: the defaults.
Differs from the paper: distances are seconds by the true timestamps, whatever the frame rate. All three lie on one
side of the reference, chosen at random where the clip has room on both.

Axes: N frames of all allowed clips one after another, B tuples, T frames of a tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import Field

from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Clip, Component, Context, Draw, Options
from .windows import References

ROLES = ("reference", "positive", "intermediate", "negative")


class TemporalOptions(Options):
    """Options of the temporal sampler."""

    positive_max_s: float = Field(default=0.2, gt=0)
    """Most that the positive may be away from the reference, in seconds."""
    negative_min_s: float = Field(default=4.0, gt=0)
    """Least that the negative must be away from the reference, in seconds."""


def sides(near_2N: Array, far_2N: Array, last_2N: Array) -> Array:
    """On which sides (2, N) of each frame the other three have room.

    The nearest positive is 1 step away, so that a negative with a frame in between is 3 away or more.
    """
    room: Array = (near_2N >= 1) & (last_2N >= np.maximum(far_2N, 3))
    return room


def fits(near_2N: Array, far_2N: Array, last_2N: Array) -> Array:
    """Frames (N,) with room for the other three on either side."""
    backwards, forwards = sides(near_2N, far_2N, last_2N)
    either: Array = backwards | forwards
    return either


class Temporal:
    """Draws references uniformly over all frames that have room for the other three."""

    roles = ROLES

    def __init__(self, options: TemporalOptions, context: Context) -> None:
        self.options = options

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        """Find the frames that can be a reference, and on which sides.

        Raises:
            DataError: When there is none.
        """
        bounds_s = self.options.positive_max_s, self.options.negative_min_s
        self._references = References.of("temporal", clips, allowed, bounds_s, fits)

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """Draw ``count`` tuples, (B, 4)."""
        reference, *reach_2B = self._references.draw(rng, count)
        backwards, forwards = sides(*reach_2B)
        side = np.where(backwards & forwards, rng.integers(2, size=count), forwards)
        near, far, last = (steps_2B[side, np.arange(count)] for steps_2B in reach_2B)
        positive = rng.integers(1, np.minimum(near, last - 2), endpoint=True)
        negative = rng.integers(np.maximum(far, positive + 2), last, endpoint=True)
        intermediate = rng.integers(positive + 1, negative)
        steps_BT = np.stack([np.zeros_like(positive), positive, intermediate, negative], axis=1)
        return self._references.row.draw(reference[:, None] + (2 * side - 1)[:, None] * steps_BT)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the sampler ``temporal``."""
    register(Component(kind="sampler", name="temporal", options=TemporalOptions, build=Temporal, roles=ROLES))
