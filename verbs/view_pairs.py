"""Which frames show one moment from two cameras: what `poserep view` draws from, and compares with.

Axes: M moments, 3 x 3 rotations from world to camera coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.errors import ConfigError, DataError
from ..core.interfaces import Array, Clip, Dataset, Draw
from .swap import HELD_OUT_FIRST

TOGETHER_S = 0.02
"""Most that two cameras' frames of one moment may be apart."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A take as two cameras saw it: indices of the clips, and of their frames of equal moments, (M,) each."""

    source: int
    target: int
    source_frame: Array
    target_frame: Array


def simultaneous(one_s: Array, other_s: Array) -> tuple[Array, Array]:
    """Which frames of two clips show one moment, (M,) each: nearest to each other, and no further apart than told."""
    gap_NN = np.abs(one_s[:, None] - other_s)
    there = gap_NN.argmin(1)
    here = np.flatnonzero((gap_NN.argmin(0)[there] == np.arange(len(one_s))) & (gap_NN.min(1) <= TOGETHER_S))
    return here, there[here]


def pair_of(clips: Sequence[Clip], source: int, target: int) -> Pair:
    """The moments of two clips."""
    return Pair(source, target, *simultaneous(clips[source].times_s, clips[target].times_s))


def degrees_between(a_33: Array, b_33: Array) -> float:
    """Angle of the rotation from one camera's axes to the other's."""
    cosine = (np.trace(a_33 @ b_33.T) - 1) / 2
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))


def apart(dataset: Dataset, pair: Pair) -> float:
    """Degrees between the two cameras at their first moment."""
    source_33 = dataset.labels("rotation", pair.source, pair.source_frame[:1])[0]
    return degrees_between(source_33, dataset.labels("rotation", pair.target, pair.target_frame[:1])[0])


def choose_pairs(dataset: Dataset, source: str, target: str) -> list[Pair]:
    """Every take of one split that the two cameras saw at once.

    Args:
        dataset: With the label ``rotation``.
        source: Camera that is looked at; of those that filmed with the target the nearest by angle if empty.
        target: Camera whose view is synthesised; a held-out one with another view of its take if empty. Cameras that
            a dataset lists as its ``virtual_cameras`` are taken only where they are named.

    Raises:
        ConfigError: If there is no such camera, or both are the same.
        DataError: If no take was seen by two cameras at once, or by these two.
    """
    clips = dataset.clips
    check_cameras(clips, source, target)
    unasked: frozenset[str] = getattr(dataset, "virtual_cameras", frozenset()) - {source, target}
    views = [
        (one, other)
        for one, seen in enumerate(clips)
        for other, wanted in enumerate(clips)
        if seen.take == wanted.take and seen.camera != wanted.camera
        if source in ("", seen.camera) and target in ("", wanted.camera)
        if not {seen.camera, wanted.camera} & unasked
    ]
    # of a target's split only: what is held out is not mixed with what was trained on
    split = next((split for split in HELD_OUT_FIRST if any(clips[t].split == split for _s, t in views)), "")
    found = [pair_of(clips, *view) for view in views if clips[view[1]].split == split]
    found = [pair for pair in found if len(pair.source_frame)]
    if not found:
        raise nothing_together(clips, source, target)
    target = target or clips[found[0].target].camera
    found = [pair for pair in found if clips[pair.target].camera == target]
    nearest = min(found, key=lambda pair: apart(dataset, pair))
    return [pair for pair in found if clips[pair.source].camera == clips[nearest.source].camera]


def check_cameras(clips: Sequence[Clip], source: str, target: str) -> None:
    """Refuse cameras that there are not, and a camera with itself.

    Raises:
        ConfigError: Naming the cameras that there are.
    """
    known = sorted({clip.camera for clip in clips})
    for option, camera in (("--from", source), ("--to", target)):
        if camera and camera not in known:
            raise ConfigError(f"{option}: no clip is of the camera {camera!r}", hint=f"there are: {', '.join(known)}")
    if source and source == target:
        raise ConfigError(
            f"--from and --to are both {source!r}: a camera's own view needs no synthesis",
            hint=f"there are: {', '.join(known)}",
        )


def nothing_together(clips: Sequence[Clip], source: str, target: str) -> DataError:
    """The error of a dataset in which no moment was seen by the two cameras."""
    names = [f"{source or 'any camera'!r}", f"{target or 'another'!r}"] if source or target else ["two cameras"]
    return DataError(
        f"no moment was seen by {' and '.join(names)}: there is no other view to turn to, or to compare with",
        hint="simultaneous clips must have one take: dataset.camera_pattern of videos, dataset.synchronised and "
        "dataset.cameras of the studio",
    )


def spread(pairs: Sequence[Pair], count: int) -> Draw:
    """So many moments, evenly over all takes, as tuples (target, source), (M, 2); all if there are fewer."""
    columns = [
        (np.full((len(pair.source_frame), 2), (pair.target, pair.source)), (pair.target_frame, pair.source_frame))
        for pair in pairs
    ]
    clip = np.concatenate([column[0] for column in columns])
    frame = np.concatenate([np.stack(column[1], axis=1) for column in columns])
    rows = np.unique(((np.arange(count) + 0.5) * len(clip) / count).astype(np.int64))
    return Draw(clip[rows], frame[rows])
