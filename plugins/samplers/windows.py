"""What the samplers share: every frame that may be drawn in one row, and how far near and far frames are from each.

Axes: N frames of all allowed clips one after another, A allowed clips, B tuples, T frames of a tuple.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array, Clip, Draw

# Timestamps are ratios of whole numbers: two frames 10/50 s apart must count as 0.2 s apart.
ROUNDING_S = 1e-6

log = logging.getLogger("poserep")


@dataclass(frozen=True, slots=True)
class Row:
    """Frames of the allowed clips in one row.

    Attributes:
        clip: Which clip each stretch of the row is, (A,).
        start: Where it begins, with the row's length behind the last, (A + 1,).
    """

    clip: Array
    start: Array

    @classmethod
    def of(cls, clips: Sequence[Clip], allowed: Array) -> Row:
        """Line up the allowed clips."""
        chosen = np.asarray(allowed, dtype=np.int64)
        return cls(chosen, np.cumsum([0, *(len(clips[c]) for c in chosen)], dtype=np.int64))

    def draw(self, position_BT: Array) -> Draw:
        """Positions in the row as clips and frames."""
        stretch = np.searchsorted(self.start, position_BT, side="right") - 1
        return Draw(clip=self.clip[stretch], frame=position_BT - self.start[stretch])

    def log_skipped(self, sampler: str, usable: Array) -> None:
        """Log how many clips have none of the usable positions and so are never drawn from."""
        skipped = int((np.diff(np.searchsorted(usable, self.start)) == 0).sum())
        if skipped:
            log.warning("sampler '%s': %d of %d clips are too short, left out", sampler, skipped, len(self.clip))


@dataclass(frozen=True, slots=True)
class Reach:
    """For each frame, how many frames one must step from it; (2, N), first backwards, then forwards in time.

    Attributes:
        near: To the last frame that is at most the near distance away; 0 if there is none.
        far: To the first frame that is at least the far distance away; ``last + 1`` if there is none.
        last: To the end of the clip.
    """

    near: Array
    far: Array
    last: Array

    @classmethod
    def of(cls, row: Row, clips: Sequence[Clip], near_s: float, far_s: float) -> Reach:
        """Look up every frame's reach by the true timestamps."""
        near, far, last = (np.empty((2, row.start[-1]), dtype=np.int32) for _ in range(3))
        for clip, start, end in zip(row.clip, row.start[:-1], row.start[1:], strict=True):
            times_s, here = clips[clip].times_s, np.arange(end - start)
            near[0, start:end] = here - np.searchsorted(times_s, times_s - near_s - ROUNDING_S, side="left")
            near[1, start:end] = np.searchsorted(times_s, times_s + near_s + ROUNDING_S, side="right") - 1 - here
            far[0, start:end] = here + 1 - np.searchsorted(times_s, times_s - far_s + ROUNDING_S, side="right")
            far[1, start:end] = np.searchsorted(times_s, times_s + far_s - ROUNDING_S, side="left") - here
            last[0, start:end], last[1, start:end] = here, here[::-1]
        return cls(near, far, last)


@dataclass(frozen=True, slots=True)
class References:
    """The frames that may be the reference of a tuple whose other frames lie near it and far from it.

    Attributes:
        row: Frames of the allowed clips.
        reach: How near and far frames are from each.
        position: Those in the row that fit, (R,).
    """

    row: Row
    reach: Reach
    position: Array

    @classmethod
    def of(
        cls,
        sampler: str,
        clips: Sequence[Clip],
        allowed: Array,
        bounds_s: tuple[float, float],
        fits: Callable[[Array, Array, Array], Array],
    ) -> References:
        """Find them.

        Args:
            sampler: Its name, for errors.
            clips: All clips.
            allowed: Which of them may be drawn from, (A,).
            bounds_s: Most that a near frame, least that a far frame may be away.
            fits: Which frames have room for the others, (N,), by near, far and last as in `Reach`.

        Raises:
            DataError: When there is none.
        """
        row = Row.of(clips, allowed)
        reach = Reach.of(row, clips, *bounds_s)
        position = np.flatnonzero(fits(reach.near, reach.far, reach.last))
        if not len(position):
            raise unfit(sampler, clips, allowed, *bounds_s)
        row.log_skipped(sampler, position)
        return cls(row, reach, position)

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Array, Array, Array, Array]:
        """Positions of references (B,), and their near, far and last, (2, B) each."""
        reference = self.position[rng.integers(len(self.position), size=count)]
        near, far, last = (reach[:, reference] for reach in (self.reach.near, self.reach.far, self.reach.last))
        return reference, near, far, last


def unfit(sampler: str, clips: Sequence[Clip], allowed: Array, near_s: float, far_s: float) -> DataError:
    """The error of a sampler that finds a reference in no clip, naming the longest."""
    if not len(allowed):
        return DataError(f"the sampler '{sampler}' is given no clip to draw from")
    longest = max((clips[c] for c in allowed), key=span_s)
    if span_s(longest) < far_s - ROUNDING_S:
        return DataError(
            f"no clip is long enough for the sampler '{sampler}': it needs a frame at least {far_s:g} s away from "
            f"another, the longest of {len(allowed)} clips ('{longest.name}') lasts {span_s(longest):g} s",
            hint="lower sampler.negative_min_s",
        )
    return DataError(
        f"no frame of {len(allowed)} clips can be the reference of the sampler '{sampler}': it needs one within "
        f"{near_s:g} s, and room for all others where one is at least {far_s:g} s away",
        hint="raise sampler.positive_max_s or lower sampler.negative_min_s",
    )


def span_s(clip: Clip) -> float:
    """Seconds from a clip's first to its last frame."""
    return float(clip.times_s[-1] - clip.times_s[0]) if len(clip) else 0.0
