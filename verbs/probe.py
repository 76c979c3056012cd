"""`poserep probe`: 3D pose from frozen features at several label counts, and how well the subject was found.

The trained method stands beside the mean pose of the labelled frames and the same network at its random start,
under one protocol. Regressors are fitted on training subjects alone; the test split is read once, at the end.

Axes: N frames, J joints.
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
from ..core.geometry import box_contains, box_coverage, box_iou
from ..core.interfaces import Draw
from ..core.measurement import Measurement, Protocol, write_measurements
from ..core.pipeline import Model, Pipeline
from ..core.probe import Regressor, build_head, collect, errors, every_kth, fit_regressor, frames_of
from .regressor_file import describe, save_regressor
from .samples import write_samples
from .session import Session, initial_model

SCENE_FRAMES = 600  # frames on which boxes and masks are measured
MASK_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Pool:
    """Labelled training frames and test frames, with the poses of both."""

    train: Draw
    test: Draw
    pose_train: Tensor
    pose_test: Tensor


def probe(session: Session, split: str = "test") -> list[Measurement]:
    """Measure a run and write ``measurements.json`` and ``samples.npz``.

    Args:
        session: The run.
        split: Held-out clips to measure on: ``test``, or ``validation`` while choosing settings.

    Raises:
        DataError: If the dataset has no 3D poses or no such split.
    """
    composition, source = session.composition, session.source
    if "pose" not in composition.labels:
        raise DataError(
            f"the dataset {composition.experiment.dataset.use!r} has no 3D poses to read off",
            hint="`poserep predict` and `poserep swap` need no labels",
        )
    ledger = Ledger(protocol_of(composition, source, split), session.run.folder)
    note(f"protocol  {ledger.protocol}")
    pool = open_pool(composition, source, split)
    mean_pose(ledger, pool, composition.experiment.probe.labels)
    reader = Reader(composition, source, pool)
    reader.fit(initial_model(composition).pipeline, "random encoder", ledger)
    regressor = reader.fit(session.model.pipeline, "trained", ledger)
    if split == "test":
        keep(session, regressor, len(pool.pose_train))
    measure_scene(ledger, session, pool.test)
    write_measurements(session.run.measurements if split == "test" else _aside(session, split), ledger.rows)
    write_samples(session, pool.test, pool.pose_test, regressor)
    return ledger.rows


def keep(session: Session, regressor: Regressor, pool: int) -> None:
    """Save the regressor with the most labels for `poserep predict`, and what it was fitted on."""
    composition, skeleton = session.composition, session.source.dataset.skeleton
    if skeleton is None:
        return
    counts = [len(every_kth(pool, count)) for count in composition.experiment.probe.labels]
    about = {
        "labels": max(counts),
        "dataset": composition.experiment.dataset.use,
        "checkpoint": complete_checkpoints(session.run.folder)[-1].name,
    }
    save_regressor(session.run.folder, regressor, describe(composition, skeleton) | about)


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
    """Labelled frames of the training split and all test frames, root-centred poses in mm."""
    options = composition.experiment.probe
    train = frames_of(source.dataset.clips, "train", options.stride)
    test = frames_of(source.dataset.clips, split, options.test_stride)
    return Pool(train, test, _poses(source, train), _poses(source, test))


def _poses(source: Source, draw: Draw) -> Tensor:
    clips, frames = draw.clip[:, 0], draw.frame[:, 0]
    parts = [source.dataset.labels("pose", int(clip), frames[clips == clip]) for clip in np.unique(clips)]
    return torch.from_numpy(np.concatenate(parts))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Collects measurements under one protocol."""

    protocol: Protocol
    run: Path
    rows: list[Measurement] = field(default_factory=list)

    def add(self, method: str, labels: int, samples: int, values: Mapping[str, float], unit: str = "mm") -> None:
        """Add several values of one method."""
        for name, value in values.items():
            one = Measurement(name, method, value, unit, samples, labels, self.protocol, str(self.run))
            self.rows.append(one)


def mean_pose(ledger: Ledger, pool: Pool, counts: Sequence[int]) -> None:
    """What one gets without looking: the mean of the labelled poses."""
    for count in counts:
        rows = every_kth(len(pool.pose_train), count)
        mean = pool.pose_train[rows].mean(dim=0, keepdim=True).expand_as(pool.pose_test)
        ledger.add("mean pose", len(rows), len(mean), errors(mean, pool.pose_test))


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads features and poses of one experiment's frames."""

    composition: Composition
    source: Source
    pool: Pool

    def fit(self, pipeline: Pipeline, method: str, ledger: Ledger) -> Regressor:
        """Fit and measure a regressor at each label count; returns the one with the most labels."""
        options, seed = self.composition.experiment.probe, self.composition.experiment.training.seed
        x_train = features(pipeline, self.source, self.pool.train, options.fields)
        x_test = features(pipeline, self.source, self.pool.test, options.fields)
        pose_train, pose_test = self.pool.pose_train, self.pool.pose_test
        regressors: dict[int, Regressor] = {}
        for count in options.labels:
            rows = every_kth(len(x_train), count)
            torch.manual_seed(seed)
            head = build_head(self.composition, x_train.shape[1], pose_train[0].numel())
            regressor = fit_regressor(head, x_train[rows], pose_train[rows], options, seed)
            with torch.no_grad():
                ledger.add(method, len(rows), len(x_test), errors(regressor(x_test), pose_test))
            regressors[len(rows)] = regressor
        return regressors[max(regressors)]


def features(pipeline: Pipeline, source: Source, draw: Draw, fields: Sequence[str]) -> Tensor:
    """The named latents side by side, (N, F)."""
    found = collect(pipeline, source, draw, fields)
    return torch.cat([found[name].flatten(1) for name in fields], dim=1)


def measure_scene(ledger: Ledger, session: Session, test: Draw) -> None:
    """How well box and mask fit the subject, where the dataset knows."""
    labels = session.composition.labels
    drawn = {name for wire in session.composition.wires for name in wire.writes}
    rows = every_kth(len(test.clip), SCENE_FRAMES)
    few = Draw(test.clip[rows], test.frame[rows])
    values: dict[str, Tensor] = {}
    if "true_box" in labels:
        found = collect(session.model.pipeline, session.source, few, ("box", "true_box"), until="detector")
        values |= box_values(found["box"], found["true_box"])
    if "true_mask" in labels and "mask" in drawn:
        fields = ("mask", "true_mask", "redrawn", "frame", "background")
        values |= mask_values(collect(session.model.pipeline, session.source, few, fields, until=""))
    ledger.add("trained", 0, len(rows), {name: float(value.nanmean()) for name, value in values.items()}, unit="")


def box_values(box: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Centre inside, share of the true box covered, intersection over union: (N,) each."""
    return {
        "centre inside": box_contains(box, truth[:, 2:]).float(),
        "box coverage": box_coverage(box, truth),
        "box IoU": box_iou(box, truth),
    }


def mask_values(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """IoU of the thresholded mask, and the foreground's L1 of the redrawn frame and of the background alone."""
    mask, truth = found["mask"] > MASK_THRESHOLD, found["true_mask"] > MASK_THRESHOLD
    union = (mask | truth).flatten(1).sum(1).clamp(min=1)
    area = truth.flatten(1).sum(1).clamp(min=1) * 3

    def foreground_l1(image: Tensor) -> Tensor:
        return ((image - found["frame"]).abs() * truth).flatten(1).sum(1) / area

    return {
        "mask IoU": (mask & truth).flatten(1).sum(1) / union,
        "foreground L1": foreground_l1(found["redrawn"]),
        "foreground L1, background alone": foreground_l1(found["background"]),
    }


def box_iou_of(model: Model, source: Source, draw: Draw) -> float:
    """Mean IoU of the detector's boxes with the true ones, for counting steps until the subject is found."""
    found = collect(model.pipeline, source, draw, ("box", "true_box"), until="detector")
    return float(box_iou(found["box"], found["true_box"]).nanmean())
