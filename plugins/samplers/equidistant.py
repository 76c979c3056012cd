"""Tuples for gravity: four frames at equal distances in time.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, equations (7) and (8).
Differs from the paper, which does not tell the distance: each tuple's is drawn uniformly from ``min_step`` to
``max_step`` frames. Where frames are missing or the rate varies, equal steps are not equal times: four frames whose
gaps differ by more than a tenth are not drawn, or they would look accelerated.

Axes: N frames of all allowed clips one after another, B tuples, T frames of a tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import PositiveInt, model_validator

from ...core.errors import DataError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Clip, Component, Context, Draw, Options
from .windows import Row, log

ROLES = ("first", "second", "third", "fourth")
UNEVEN = 0.1


class EquidistantOptions(Options):
    """Options of the equidistant sampler."""

    min_step: PositiveInt = 1
    """Least number of frames from one to the next."""
    max_step: PositiveInt = 5
    """Greatest number of frames from one to the next."""

    @model_validator(mode="after")
    def _in_order(self) -> EquidistantOptions:
        if self.max_step < self.min_step:
            raise ValueError(f"max_step ({self.max_step}) is below min_step ({self.min_step})")
        return self


def starts(times_s: Array, step: int) -> Array:
    """Frames of one clip from which four frames, ``step`` apart, are evenly spaced in time."""
    gaps_s = times_s[step:] - times_s[:-step]
    count = max(len(times_s) - 3 * step, 0)
    three = np.stack([gaps_s[n * step : n * step + count] for n in range(3)])
    return np.flatnonzero(np.ptp(three, axis=0) <= UNEVEN * three.mean(axis=0))


class Equidistant:
    """Draws the step first, then the first frame uniformly over all frames that have room for three such steps."""

    roles = ROLES

    def __init__(self, options: EquidistantOptions, context: Context) -> None:
        self.options = options

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        """Find the first frames for each step.

        Raises:
            DataError: When no clip has four frames at any step.
        """
        self._row = row = Row.of(clips, allowed)
        steps = range(self.options.min_step, self.options.max_step + 1)
        begins = list(zip(row.clip, row.start[:-1], strict=True))
        firsts = [[start + starts(clips[c].times_s, step) for c, start in begins] for step in steps]
        self._firsts = [np.concatenate([np.empty(0, dtype=np.int64), *per_clip]) for per_clip in firsts]
        fitting = [step for step, first in zip(steps, self._firsts, strict=True) if len(first)]
        if not fitting:
            raise _unfit(clips, allowed, self.options.min_step)
        if len(fitting) < len(steps):
            log.warning("sampler 'equidistant': clips have room for steps up to %d, not %d", fitting[-1], steps[-1])
        self._steps = np.array(fitting)
        row.log_skipped("equidistant", self._firsts[fitting[0] - steps[0]])

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """Draw ``count`` tuples, (B, 4)."""
        step = self._steps[rng.integers(len(self._steps), size=count)]
        firsts = [self._firsts[s - self.options.min_step] for s in step]
        first = np.array([of[rng.integers(len(of))] for of in firsts])
        return self._row.draw(first[:, None] + step[:, None] * np.arange(4))


def _unfit(clips: Sequence[Clip], allowed: Array, step: int) -> DataError:
    if not len(allowed):
        return DataError("the sampler 'equidistant' is given no clip to draw from")
    longest = max((clips[c] for c in allowed), key=len)
    return DataError(
        f"no clip is long enough for the sampler 'equidistant': it needs {3 * step + 1} evenly timed frames, "
        f"the longest of {len(allowed)} clips ('{longest.name}') has {len(longest)} frames",
        hint="lower sampler.min_step" if step > 1 else "record longer clips, or check their timestamps",
    )


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the sampler ``equidistant``."""
    register(Component(kind="sampler", name="equidistant", options=EquidistantOptions, build=Equidistant, roles=ROLES))
