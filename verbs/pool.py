"""What a probe reads poses of: labelled training frames, test frames, the truth of both. No network.

Axes: N frames, J joints, D = 3 in mm, or 2 in [-1, 1] of the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.batches import Source
from ..core.compose import Composition
from ..core.config import Probe
from ..core.console import note
from ..core.errors import ConfigError, DataError
from ..core.interfaces import Clip, Draw
from ..core.measurement import Protocol
from ..core.probe import frame_errors, frame_errors_2d, frames_of
from ..core.skeleton import Skeleton
from .joints import Layout, layout_of
from .protocols import title_of

MM, PERCENT = "mm", "%"


@dataclass(frozen=True, slots=True)
class Poses:
    """Poses of the labelled training frames and of the test frames, and how their error is taken.

    Attributes:
        train: (N, J, D).
        test: (N, J, D).
        sequences: Each test frame's sequence.
        size_HW: Of the frames, where the poses are 2D.
        metrics: Names of the errors, where they are 3D.
        swap: Each joint's partner on the other side, where the probe looks at mirror images.
    """

    train: Tensor
    test: Tensor
    sequences: tuple[str, ...]
    size_HW: tuple[int, int] | None = None
    metrics: tuple[str, ...] = ()
    swap: tuple[int, ...] = ()

    @property
    def unit(self) -> str:
        """Unit of their errors."""
        return PERCENT if self.size_HW else MM

    def errors(self, predicted_NJD: Tensor) -> dict[str, Tensor]:
        """Errors of predicted test poses by name, (N,) each."""
        if self.size_HW:
            return frame_errors_2d(predicted_NJD, self.test, self.size_HW)
        return frame_errors(predicted_NJD, self.test, *([self.metrics] if self.metrics else []))


@dataclass(frozen=True, slots=True)
class Pool:
    """Labelled training frames and test frames, with the poses of both, and which joints those are."""

    train: Draw
    test: Draw
    poses: Poses
    layout: Layout


def open_pool(composition: Composition, source: Source, split: str) -> Pool:
    """Labelled frames of the training split and all test frames; those whose pose is not known are left out.

    Raises:
        ConfigError: If the dataset has not the joints asked for.
        DataError: If the dataset has no such poses or no such split.
    """
    options, clips = composition.experiment.probe, source.dataset.clips
    if options.target not in composition.labels:
        dimensions = "3D" if options.target == "pose" else "2D"
        raise DataError(
            f"the dataset {composition.experiment.dataset.use!r} has no {dimensions} poses to read off",
            hint="`poserep predict` and `poserep swap` need no labels",
        )
    layout = layout_of(source.dataset.skeleton, options)
    drawn = frames_of(clips, "train", options.stride), frames_of(clips, split, options.test_stride)
    (train, pose_train), (test, pose_test) = (
        _known(draw, _poses(source, draw, layout, options.target)) for draw in drawn
    )
    sequences = tuple(sequence_of(clips[clip]) for clip in test.clip[:, 0])
    size_HW = source.dataset.frame_size if options.target == "pose_2d" else None
    poses = Poses(pose_train, pose_test, sequences, size_HW, options.metrics, swap_of(layout.skeleton, options))
    return Pool(train, test, poses, layout)


def swap_of(skeleton: Skeleton | None, probe: Probe) -> tuple[int, ...]:
    """Each joint's partner on the other side, if the probe looks at mirror images.

    Raises:
        ConfigError: If it is to read 2D joints, or joints without names.
    """
    if not probe.mirror:
        return ()
    if skeleton is None or probe.target != "pose":
        what = "mirror images serve a probe of 3D poses whose joints have names"
        raise ConfigError(what, where="probe.mirror", hint="set probe.mirror=false")
    return skeleton.mirror


def sequence_of(clip: Clip) -> str:
    """``SUBJECT/TAKE``, the same for all cameras; many datasets name their takes so already."""
    return clip.take if clip.take.startswith(f"{clip.subject}/") else f"{clip.subject}/{clip.take}"


def labels_of(source: Source, draw: Draw, name: str) -> Tensor:
    """A label of drawn frames, (N, ...)."""
    clips, frames = draw.clip[:, 0], draw.frame[:, 0]
    parts = [source.dataset.labels(name, int(clip), frames[clips == clip]) for clip in np.unique(clips)]
    return torch.from_numpy(np.concatenate(parts))


def _poses(source: Source, draw: Draw, layout: Layout, target: str) -> Tensor:
    """In 3D relative to the root, in 2D where they are in the frame."""
    poses = labels_of(source, draw, target)
    return layout.centred(poses) if target == "pose" else layout.pick(poses)


def _known(draw: Draw, pose_NJD: Tensor) -> tuple[Draw, Tensor]:
    """Frames all of whose joints are known; in 2D, where detectors miss some, at least one.

    Raises:
        DataError: If there is none.
    """
    known_NJ = pose_NJD.isfinite().all(dim=2)
    rows_N = known_NJ.all(dim=1) if pose_NJD.shape[2] == 3 else known_NJ.any(dim=1)
    if rows_N.all():
        return draw, pose_NJD
    if not rows_N.any():
        raise DataError("no frame's pose is known", hint="look at the labels: poserep data inspect")
    note(f"left out: {int((~rows_N).sum())} of {len(rows_N)} frames, whose pose is not known")
    rows = rows_N.numpy()
    return Draw(draw.clip[rows], draw.frame[rows]), pose_NJD[rows_N]


def protocol_of(composition: Composition, source: Source, split: str) -> Protocol:
    """What is printed beside every number."""
    skeleton, probe = source.dataset.skeleton, composition.experiment.probe
    layout = layout_of(skeleton, probe)
    subjects = sorted({clip.subject for clip in source.dataset.clips if clip.split == split})
    return Protocol(
        dataset=composition.experiment.dataset.use,
        skeleton=skeleton.name if skeleton else "none",
        root=layout.root_name,
        split=split,
        subjects=", ".join(subjects),
        stride=probe.test_stride,
        joints=layout.name,
        target=probe.target,
        pool=probe.stride,
        card=title_of(composition),
    )


def reader_of(composition: Composition) -> str:
    """From which features by which head poses are read."""
    probe = composition.experiment.probe
    images = ", mirror images too" if probe.mirror else ""
    other = ", fitted on other data" if probe.test_dataset is not None else ""
    return f"{' + '.join(probe.fields)} by {probe.head.use}{images}{other}"


def sequence_means(values_N: Tensor, sequences: Sequence[str]) -> dict[str, float]:
    """Mean of the frames of each sequence."""
    names, rows = np.unique(np.array(sequences), return_inverse=True)
    totals = np.bincount(rows, weights=values_N.double().numpy())
    return dict(zip(names.tolist(), (totals / np.bincount(rows)).tolist(), strict=True))
