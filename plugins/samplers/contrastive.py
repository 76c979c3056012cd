"""Tuples for CSS: a reference, a positive near it in time and two different negatives far from it.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511. On Human3.6M the positive is at most 10 frames
away and the negatives at least 200, which at 50 frames per second is 0.2 s and 4 s: the defaults.
Differs from the paper: distances are seconds by the true timestamps, whatever the frame rate. Each of the three may
lie before or after the reference.

Axes: N frames of all allowed clips one after another, B tuples, T frames of a tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import Field

from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Clip, Component, Context, Draw, Options
from .windows import References

ROLES = ("reference", "positive", "negative_1", "negative_2")


class ContrastiveOptions(Options):
    """Options of the contrastive sampler."""

    positive_max_s: float = Field(default=0.2, gt=0)
    """Most that the positive may be away from the reference, in seconds."""
    negative_min_s: float = Field(default=4.0, gt=0)
    """Least that the negatives must be away from the reference, in seconds."""


def step(nth: Array, first_2B: Array, room_2B: Array) -> Array:
    """Signed steps to the n-th candidate (B,), those before the reference counted first, each side from inside out."""
    steps: Array = np.where(nth < room_2B[0], -(first_2B[0] + nth), first_2B[1] + nth - room_2B[0])
    return steps


def fits(near_2N: Array, far_2N: Array, last_2N: Array) -> Array:
    """Frames (N,) with a positive and two negatives, each on whichever side."""
    enough: Array = (near_2N.sum(axis=0) >= 1) & ((last_2N - far_2N + 1).sum(axis=0) >= 2)
    return enough


class Contrastive:
    """Draws references uniformly over all frames that have a positive and two negatives."""

    roles = ROLES

    def __init__(self, options: ContrastiveOptions, context: Context) -> None:
        self.options = options

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        """Find the frames that can be a reference.

        Raises:
            DataError: When there is none.
        """
        bounds_s = self.options.positive_max_s, self.options.negative_min_s
        self._references = References.of("contrastive", clips, allowed, bounds_s, fits)

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """Draw ``count`` tuples, (B, 4)."""
        reference, near, far, last = self._references.draw(rng, count)
        positive = step(rng.integers(near.sum(axis=0)), np.ones_like(near), near)
        room = last - far + 1
        one, other = rng.integers(room.sum(axis=0)), rng.integers(room.sum(axis=0) - 1)
        other += other >= one
        negatives = step(one, far, room), step(other, far, room)
        steps_BT = np.stack([np.zeros_like(positive), positive, *negatives], axis=1)
        return self._references.row.draw(reference[:, None] + steps_BT)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the sampler ``contrastive``."""
    register(Component(kind="sampler", name="contrastive", options=ContrastiveOptions, build=Contrastive, roles=ROLES))
