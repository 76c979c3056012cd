"""What the samplers of several views share: frames that two cameras took of one take at the same moment.

Axes: N frames of all allowed clips one after another, M moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array, Clip
from .windows import ROUNDING_S, Row


@dataclass(frozen=True, slots=True)
class Moments:
    """Every two frames that two cameras took of one take at once; each two cameras come in both orders.

    Attributes:
        row: Frames of the allowed clips.
        here: The first camera's frames as positions in the row, (M,).
        there: The second camera's, (M,).
        pair: Which ordered pair of clips each moment is of, ascending, (M,).
    """

    row: Row
    here: Array
    there: Array
    pair: Array

    @classmethod
    def of(cls, sampler: str, clips: Sequence[Clip], allowed: Array, apart_s: float) -> Moments:
        """Find them.

        Args:
            sampler: Its name, for errors.
            clips: All clips.
            allowed: Which of them may be drawn from, (A,).
            apart_s: Most that two frames of one moment may be apart.

        Raises:
            DataError: When no take is seen by two cameras, or never by two at once.
        """
        row = Row.of(clips, allowed)
        pairs = views([clips[clip] for clip in row.clip])
        if not pairs:
            raise one_view(sampler, len(row.clip))
        found = [simultaneous(clips[row.clip[a]].times_s, clips[row.clip[b]].times_s, apart_s) for a, b in pairs]
        here, there = (
            np.concatenate([row.start[pair[side]] + frames[side] for pair, frames in zip(pairs, found, strict=True)])
            for side in (0, 1)
        )
        if not len(here):
            raise DataError(
                f"the sampler '{sampler}' finds no moment at which two cameras saw one take: of all takes no two "
                f"frames are within {apart_s:g} s",
                hint="let the times of simultaneous clips start together, or let two frames be further apart",
            )
        return cls(row, here, there, np.repeat(np.arange(len(pairs)), [len(frames) for frames, _ in found]))


def views(clips: Sequence[Clip]) -> list[tuple[int, int]]:
    """Every two clips that are different cameras' views of one take, in both orders."""
    takes: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        if len(clip):
            takes.setdefault(clip.take, []).append(index)
    pairs = [pair for take in takes.values() for pair in permutations(take, 2)]
    return [(a, b) for a, b in pairs if clips[a].camera != clips[b].camera]


def simultaneous(one_s: Array, other_s: Array, apart_s: float) -> tuple[Array, Array]:
    """Which frames of two clips were taken at once, (M,) each: nearest to each other, and no further apart than told.

    Of two frame rates the greater loses the frames between, so that no frame counts twice.
    """
    there = nearest(one_s, other_s)
    mutual = nearest(other_s, one_s)[there] == np.arange(len(one_s))
    here = np.flatnonzero(mutual & (np.abs(one_s - other_s[there]) <= apart_s + ROUNDING_S))
    return here, there[here]


def nearest(from_s: Array, to_s: Array) -> Array:
    """Index of the time in ``to_s`` that is nearest to each of ``from_s``, (N,)."""
    return np.searchsorted((to_s[1:] + to_s[:-1]) / 2, from_s)


def one_view(sampler: str, count: int) -> DataError:
    """The error of a sampler that is given no two views of anything."""
    if not count:
        return DataError(f"the sampler '{sampler}' is given no clip to draw from")
    return DataError(
        f"the sampler '{sampler}' needs takes that two cameras filmed at once: each of {count} clips is the only view "
        "of its take",
        hint="simultaneous clips must have one take: dataset.camera_pattern of videos, dataset.synchronised and "
        "dataset.cameras of the studio",
    )
