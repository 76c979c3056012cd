"""Which frames carry labels, whatever those are, which stand beside them as second images, and how they are drawn.

Axes: N frames, T = 1 or 2 images of each, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..core.batches import Source
from ..core.compose import Composition
from ..core.console import note
from ..core.errors import ConfigError, DataError
from ..core.fields import FIELDS
from ..core.interfaces import Array, Clip, Draw
from ..core.probe import every_kth, frames_of
from .pool import Poses, open_pool, sequence_of

ALONE, PAIR = ("frame",), ("target", "reference")


@dataclass(frozen=True, slots=True)
class Frames:
    """Labelled training frames and test frames, (N, T) each.

    Attributes:
        train: Those that may carry a label.
        test: Those that are measured on.
        sequences: Each test frame's.
        classes: Of each training frame, where it has one; labels are then spread evenly over classes.
        poses: Of both, where poses are learnt.
    """

    train: Draw
    test: Draw
    sequences: tuple[str, ...]
    classes: Array | None = None
    poses: Poses | None = None

    def labelled(self, count: int) -> Draw:
        """So many of the training frames, spread evenly; all for 0."""
        total = len(self.train.clip)
        rows = every_kth(total, count) if self.classes is None else evenly(self.classes, count)
        return Draw(self.train.clip[rows], self.train.frame[rows])


def evenly(class_N: Array, count: int) -> Array:
    """Indices of ``count`` frames, of each class as many as of the others while they last; all for 0.

    Of each class they are spread evenly. What does not divide goes to the first classes.
    """
    if count == 0 or count >= len(class_N):
        return np.arange(len(class_N))
    rows = [np.flatnonzero(class_N == one) for one in np.unique(class_N)]
    take = [0] * len(rows)
    for _ in range(count):
        open_ = [c for c in range(len(rows)) if take[c] < len(rows[c])]
        take[min(open_, key=take.__getitem__)] += 1
    return np.sort(np.concatenate([own[every_kth(len(own), n)] for own, n in zip(rows, take, strict=True) if n]))


class LabelledSampler:
    """Draws labelled frames, none twice in a batch unless there are fewer."""

    def __init__(self, frames: Draw) -> None:
        self.frames = frames
        self.roles: tuple[str, ...] = ALONE if frames.clip.shape[1] == 1 else PAIR

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        """The frames are chosen already."""

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """Draw ``count`` of them."""
        rows = rng.choice(len(self.frames.clip), count, replace=count > len(self.frames.clip))
        return Draw(self.frames.clip[rows], self.frames.frame[rows])


def open_frames(composition: Composition, source: Source, split: str, labels: Sequence[str], second: str) -> Frames:
    """Training and test frames whose labels are known.

    Raises:
        ConfigError: If poses are to be learnt that are not the probe's, or the joints are not there.
        DataError: If the dataset has not these labels, no such split, or no second images.
    """
    options, clips = composition.experiment.probe, source.dataset.clips
    poses = None
    if labels[0] == "pose":
        if options.target != "pose":
            raise ConfigError("poses are learnt in 3D", where="probe.target", hint="set probe.target=pose")
        pool = open_pool(composition, source, split)
        train, test, poses = pool.train, pool.test, pool.poses
    else:
        drawn = frames_of(clips, "train", options.stride), frames_of(clips, split, options.test_stride)
        train, test = (known(source, draw, labels) for draw in drawn)
    if second != "none":
        beside = partners(clips, second)
        train, _ = paired(clips, train, beside)
        test, kept = paired(clips, test, beside)
        if poses is not None:
            poses = _rows(poses, kept)
    classes = _gestures(source, train) if "gesture" in labels else None
    return Frames(train, test, tuple(sequence_of(clips[clip]) for clip in test.clip[:, 0]), classes, poses)


def _rows(poses: Poses, kept: Array) -> Poses:
    sequences = tuple(poses.sequences[row] for row in kept)
    return Poses(poses.train, poses.test[kept], sequences, poses.size_HW, poses.metrics, poses.swap)


def known(source: Source, draw: Draw, labels: Sequence[str]) -> Draw:
    """Frames whose labels are known: finite, or not below 0 where they count. Maps are taken to be known everywhere.

    Raises:
        DataError: If there is none.
    """
    keep = np.ones(len(draw.clip), bool)
    for name in labels:
        if name in FIELDS and FIELDS[name].axes.endswith("H W"):
            continue
        for clip in np.unique(draw.clip):
            rows = np.flatnonzero(draw.clip[:, 0] == clip)
            value = source.dataset.labels(name, int(clip), draw.frame[rows, 0]).reshape(len(rows), -1)
            keep[rows] &= (value >= 0 if value.dtype.kind == "i" else np.isfinite(value)).all(axis=1)
    if not keep.any():
        raise DataError(f"no frame's {' and '.join(labels)} is known", hint="look at the labels: poserep data inspect")
    if not keep.all():
        note(f"left out: {int((~keep).sum())} of {len(keep)} frames, whose label is not known")
    return Draw(draw.clip[keep], draw.frame[keep])


def _gestures(source: Source, draw: Draw) -> Array:
    found = np.empty(len(draw.clip), np.int64)
    for clip in np.unique(draw.clip[:, 0]):
        rows = draw.clip[:, 0] == clip
        found[rows] = source.dataset.labels("gesture", int(clip), draw.frame[rows, 0])
    return found


def partners(clips: Sequence[Clip], second: str) -> Mapping[int, int]:
    """Which clip each clip's second images are of: the next camera's of its take, or its own.

    Raises:
        DataError: If there is none.
    """
    if second == "copy":
        return {index: index for index in range(len(clips))}
    found = {}
    for index, clip in enumerate(clips):
        same = [
            other
            for other, one in enumerate(clips)
            if (one.take, one.subject, one.split) == (clip.take, clip.subject, clip.split) and one.camera != clip.camera
        ]
        if same:
            found[index] = min(same, key=lambda other: (other < index, other))
    if not found:
        what = "no moment was seen by two cameras"
        raise DataError(what, where="finetune.second", hint="set finetune.second=copy, or choose another dataset")
    return found


def paired(clips: Sequence[Clip], draw: Draw, partner: Mapping[int, int]) -> tuple[Draw, Array]:
    """Each frame with the one of its partner clip at that time, (M, 2), and which of the frames have one.

    Raises:
        DataError: If none has.
    """
    rows, frames = [], []
    for row, (clip, frame) in enumerate(zip(draw.clip[:, 0], draw.frame[:, 0], strict=True)):
        if int(clip) not in partner:
            continue
        times_s, now_s = clips[partner[int(clip)]].times_s, clips[clip].times_s[frame]
        near = int(np.abs(times_s - now_s).argmin())
        gap_s = float(np.diff(times_s).min()) if len(times_s) > 1 else 0.0
        if abs(times_s[near] - now_s) <= gap_s / 2:
            rows.append(row)
            frames.append(near)
    if not rows:
        raise DataError("no frame has a second view at its time", where="finetune.second")
    clip_M, frame_M = draw.clip[rows, 0], draw.frame[rows, 0]
    others = np.array([partner[int(clip)] for clip in clip_M], np.int64)
    return Draw(np.stack((clip_M, others), axis=1), np.stack((frame_M, np.array(frames)), axis=1)), np.array(rows)
