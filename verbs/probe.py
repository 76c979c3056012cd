"""`poserep probe`: 3D pose from frozen features at several label counts, and how well the subject was found.

The trained method stands beside the mean pose of the labelled frames and the same network at its random start,
under one protocol. Regressors are fitted on training subjects alone; the test split is read once, at the end.
The pieces take features, not networks, so that the stages of a study fit other regressors without them.

Axes: N frames, F features, J joints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.batches import Source
from ..core.checkpoint import complete_checkpoints
from ..core.compose import Composition
from ..core.console import note
from ..core.errors import DataError
from ..core.interfaces import Clip, Draw
from ..core.measurement import Measurement, Protocol, write_measurements
from ..core.pipeline import Pipeline
from ..core.probe import Regressor, build_head, collect, every_kth, fit_regressor, frame_errors, frames_of
from ..core.skeleton import Skeleton
from ..core.study.results import MEAN, RANDOM, TRAINED, Outcome
from .regressor_file import describe, save_regressor
from .samples import write_samples
from .scene import measure_scene
from .session import Session, initial_model


@dataclass(frozen=True, slots=True)
class Poses:
    """Poses (N, J, 3) in mm of the labelled training frames and of the test frames, and each test frame's sequence."""

    train: Tensor
    test: Tensor
    sequences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Features:
    """Latents (N, F) of the labelled training frames and of the test frames."""

    train: Tensor
    test: Tensor


@dataclass(frozen=True, slots=True)
class Pool:
    """Labelled training frames and test frames, with the poses of both."""

    train: Draw
    test: Draw
    poses: Poses


def probe(session: Session, split: str = "test") -> list[Measurement]:
    """Measure a run and write ``measurements.json`` and ``samples.npz``.

    Args:
        session: The run.
        split: Held-out clips to measure on: ``test``, or ``validation`` while choosing settings.

    Raises:
        DataError: If the dataset has no 3D poses or no such split.
    """
    composition, source = session.composition, session.source
    pool = open_pool(composition, source, split)
    ledger = Ledger(protocol_of(composition, source, split), session.run.folder)
    note(f"protocol  {ledger.protocol}")
    pipelines = {RANDOM: initial_model(composition).pipeline, TRAINED: session.model.pipeline}
    seen = {method: features(pipeline, composition, source, pool) for method, pipeline in pipelines.items()}
    regressor = measure(ledger, composition, pool.poses, seen)
    skeleton = source.dataset.skeleton
    if split == "test" and skeleton is not None:
        keep(session.run.folder, composition, skeleton, regressor, len(pool.poses.train))
    ledger.add_scene(*measure_scene(composition, source, session.model.pipeline, pool.test))
    write_measurements(session.run.measurements if split == "test" else _aside(session, split), ledger.rows)
    write_samples(session, pool.test, pool.poses.test, regressor)
    return ledger.rows


def measure(ledger: Ledger, composition: Composition, poses: Poses, seen: Mapping[str, Features]) -> Regressor:
    """The mean pose, then what can be read off each network's features; the regressor of the last of them."""
    counts = composition.experiment.probe.labels
    mean_pose(ledger, poses, counts)
    return [read_off(ledger, method, composition, latents, poses) for method, latents in seen.items()][-1]


def keep(folder: Path, composition: Composition, skeleton: Skeleton, regressor: Regressor, pool: int) -> None:
    """Save the regressor with the most labels for `poserep predict`, and what it was fitted on."""
    counts = [len(every_kth(pool, count)) for count in composition.experiment.probe.labels]
    about = {
        "labels": max(counts),
        "dataset": composition.experiment.dataset.use,
        "checkpoint": complete_checkpoints(folder)[-1].name,
    }
    save_regressor(folder, regressor, describe(composition, skeleton) | about)


def _aside(session: Session, split: str) -> Path:
    return session.run.measurements.with_name(f"measurements-{split}.json")


def protocol_of(composition: Composition, source: Source, split: str) -> Protocol:
    """The card that is printed beside every number."""
    skeleton = source.dataset.skeleton
    subjects = sorted({clip.subject for clip in source.dataset.clips if clip.split == split})
    return Protocol(
        dataset=composition.experiment.dataset.use,
        skeleton=skeleton.name if skeleton else "none",
        root=skeleton.joints[skeleton.root] if skeleton else "none",
        split=split,
        subjects=", ".join(subjects),
        stride=composition.experiment.probe.test_stride,
    )


def open_pool(composition: Composition, source: Source, split: str) -> Pool:
    """Labelled frames of the training split and all test frames, root-centred poses in mm.

    Raises:
        DataError: If the dataset has no 3D poses or no such split.
    """
    options, clips = composition.experiment.probe, source.dataset.clips
    if "pose" not in composition.labels:
        raise DataError(
            f"the dataset {composition.experiment.dataset.use!r} has no 3D poses to read off",
            hint="`poserep predict` and `poserep swap` need no labels",
        )
    train, test = frames_of(clips, "train", options.stride), frames_of(clips, split, options.test_stride)
    sequences = tuple(sequence_of(clips[clip]) for clip in test.clip[:, 0])
    return Pool(train, test, Poses(_poses(source, train), _poses(source, test), sequences))


def sequence_of(clip: Clip) -> str:
    """``SUBJECT/TAKE``, the same for all cameras; many datasets name their takes so already."""
    return clip.take if clip.take.startswith(f"{clip.subject}/") else f"{clip.subject}/{clip.take}"


def _poses(source: Source, draw: Draw) -> Tensor:
    clips, frames = draw.clip[:, 0], draw.frame[:, 0]
    parts = [source.dataset.labels("pose", int(clip), frames[clips == clip]) for clip in np.unique(clips)]
    return torch.from_numpy(np.concatenate(parts))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Collects measurements under one protocol, and of pose errors also the means of each sequence."""

    protocol: Protocol
    run: Path
    rows: list[Measurement] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, method: str, labels: int, samples: int, values: Mapping[str, float], unit: str = "mm") -> None:
        """Add several values of one method."""
        for name, value in values.items():
            one = Measurement(name, method, value, unit, samples, labels, self.protocol, str(self.run))
            self.rows.append(one)

    def add_scene(self, values: Mapping[str, float], frames: int) -> None:
        """Add what was measured of the trained network's boxes and masks."""
        self.add(TRAINED, 0, frames, values, unit="")

    def add_poses(self, method: str, labels: int, predicted: Tensor, poses: Poses) -> None:
        """Add the errors of predicted test poses (N, J, 3)."""
        found = frame_errors(predicted, poses.test)
        means = {name: float(values.mean()) for name, values in found.items()}
        self.add(method, labels, len(predicted), means)
        if any((one.method, one.labels) == (method, labels) for one in self.outcomes):
            return  # two counts may both come to the whole pool
        for name, values in found.items():
            sequences = sequence_means(values, poses.sequences)
            self.outcomes.append(Outcome(method, name, "mm", labels, means[name], len(predicted), sequences))


def sequence_means(values_N: Tensor, sequences: Sequence[str]) -> dict[str, float]:
    """Mean of the frames of each sequence."""
    names, rows = np.unique(np.array(sequences), return_inverse=True)
    totals = np.bincount(rows, weights=values_N.double().numpy())
    return dict(zip(names.tolist(), (totals / np.bincount(rows)).tolist(), strict=True))


def mean_pose(ledger: Ledger, poses: Poses, counts: Sequence[int]) -> None:
    """What one gets without looking: the mean of the labelled poses."""
    for count in counts:
        rows = every_kth(len(poses.train), count)
        mean = poses.train[rows].mean(dim=0, keepdim=True).expand_as(poses.test)
        ledger.add_poses(MEAN, len(rows), mean, poses)


def features(pipeline: Pipeline, composition: Composition, source: Source, pool: Pool) -> Features:
    """The latents that the probe reads, side by side, of all frames of the pool."""
    fields = composition.experiment.probe.fields

    def read(draw: Draw) -> Tensor:
        found = collect(pipeline, source, draw, fields)
        return torch.cat([found[name].flatten(1) for name in fields], dim=1)

    return Features(read(pool.train), read(pool.test))


def read_off(ledger: Ledger, method: str, composition: Composition, seen: Features, poses: Poses) -> Regressor:
    """Fit and measure a regressor at each label count; returns the one with the most labels."""
    options, seed = composition.experiment.probe, composition.experiment.training.seed
    regressors: dict[int, Regressor] = {}
    for count in options.labels:
        rows = every_kth(len(seen.train), count)
        torch.manual_seed(seed)
        head = build_head(composition, seen.train.shape[1], poses.train[0].numel())
        regressor = fit_regressor(head, seen.train[rows], poses.train[rows], options, seed)
        with torch.no_grad():
            ledger.add_poses(method, len(rows), regressor(seen.test), poses)
        regressors[len(rows)] = regressor
    return regressors[max(regressors)]
