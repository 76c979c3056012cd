"""`poserep probe`: pose from frozen features at several label counts, and how well the subject was found.

The trained method stands beside the mean pose of the labelled frames and the same network at its random start,
under one protocol, whose card is printed and kept. Regressors are fitted on training subjects alone; the test split is
read once, at the end. The pieces take features, not networks, so that the stages of a study fit other regressors
without them.

Axes: N frames, F features, J joints, D = 2 or 3 numbers of a joint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ..core.checkpoint import complete_checkpoints
from ..core.compose import Composition
from ..core.geometry import from_box, to_box
from ..core.measurement import Measurement, Protocol, read_measurements, write_measurements
from ..core.mirror import mirrored_pose
from ..core.probe import Regressor, build_head, every_kth, fit_regressor
from ..core.run import Run
from ..core.skeleton import Skeleton
from ..core.study.results import MEAN, RANDOM, TRAINED, Outcome
from .features import Features, features
from .pool import Poses, open_pool, protocol_of, reader_of, sequence_means
from .probe_data import open_probe_source, probed
from .protocols import show_card, write_card
from .regressor_file import describe, save_regressor
from .samples import write_samples
from .scene import measure_scene
from .session import Session, initial_model

WAYS = ("fine-tuned", "frozen", "without looking")
"""How methods of `poserep finetune` begin, whose numbers stand beside those of the probe."""


def probe(session: Session, split: str = "test") -> list[Measurement]:
    """Measure a run and write ``measurements.json``, ``protocol.json`` and ``samples.npz``.

    Args:
        session: The run.
        split: Held-out clips to measure on: ``test``, or ``validation`` while choosing settings.

    Raises:
        ConfigError: If the dataset has not the joints that the probe asks for.
        DataError: If the dataset has no such poses or no such split.
    """
    source, run = open_probe_source(session.composition, session.source), session.run
    composition = probed(session.composition)
    pool = open_pool(composition, source, split)
    ledger = Ledger(protocol_of(composition, source, split), run.folder, reader_of(composition))
    show_card(composition, ledger.protocol)
    models = {TRAINED: session.model}
    if composition.steps:  # a network that was not trained is its own start
        models = {RANDOM: initial_model(composition), **models}
    seen = {method: features(model, composition, source, pool) for method, model in models.items()}
    regressor = measure(ledger, composition, pool.poses, seen)
    if split == "test":
        keep(run.folder, composition, pool.layout.skeleton, regressor, len(pool.poses.train))
    ledger.add_scene(*measure_scene(composition, source, session.model.pipeline, pool.test))
    write_card(run.folder, composition, ledger.protocol)
    path = results(run, split)
    kept = [one for one in read_measurements(path) if one.method.startswith(WAYS)]
    write_measurements(path, [*ledger.rows, *kept])
    write_samples(replace(session, composition=composition, source=source), pool, regressor)
    return ledger.rows


def measure(ledger: Ledger, composition: Composition, poses: Poses, seen: Mapping[str, Features]) -> Regressor:
    """The mean pose, then what can be read off each network's features; the regressor of the last of them."""
    counts = composition.experiment.probe.labels
    mean_pose(ledger, poses, counts)
    return [read_off(ledger, method, composition, latents, poses) for method, latents in seen.items()][-1]


def keep(folder: Path, composition: Composition, skeleton: Skeleton | None, regressor: Regressor, pool: int) -> None:
    """Save the regressor with the most labels for `poserep predict`, if it gives 3D poses of joints with names."""
    if skeleton is None or composition.experiment.probe.target != "pose":
        return
    counts = [len(every_kth(pool, count)) for count in composition.experiment.probe.labels]
    about = {
        "labels": max(counts),
        "dataset": composition.experiment.dataset.use,
        "checkpoint": complete_checkpoints(folder)[-1].name,
    }
    save_regressor(folder, regressor, describe(composition, skeleton) | about)


def results(run: Run, split: str) -> Path:
    """Where what was measured on a split is kept."""
    return run.measurements if split == "test" else run.measurements.with_name(f"measurements-{split}.json")


@dataclass(frozen=True, slots=True)
class Ledger:
    """Collects measurements under one protocol, and of pose errors also the means of each sequence."""

    protocol: Protocol
    run: Path
    reader: str = ""
    rows: list[Measurement] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, method: str, labels: int, samples: int, values: Mapping[str, float], unit: str = "mm") -> None:
        """Add several values of one method."""
        reader = self.reader if labels and method != MEAN else ""
        for name, value in values.items():
            one = Measurement(name, method, value, unit, samples, labels, self.protocol, str(self.run), reader)
            self.rows.append(one)

    def add_scene(self, values: Mapping[str, float], frames: int) -> None:
        """Add what was measured of the trained network's boxes and masks."""
        self.add(TRAINED, 0, frames, values, unit="")

    def add_poses(self, method: str, labels: int, predicted: Tensor, poses: Poses) -> None:
        """Add the errors of predicted test poses (N, J, D)."""
        found = poses.errors(predicted)
        means = {name: float(values.mean()) for name, values in found.items()}
        self.add(method, labels, len(predicted), means, poses.unit)
        if any((one.method, one.labels) == (method, labels) for one in self.outcomes):
            return  # two counts may both come to the whole pool
        for name, values in found.items():
            sequences = sequence_means(values, poses.sequences)
            self.outcomes.append(Outcome(method, name, poses.unit, labels, means[name], len(predicted), sequences))


def mean_pose(ledger: Ledger, poses: Poses, counts: Sequence[int]) -> None:
    """What one gets without looking: the mean of the labelled poses, of what is known in them."""
    for count in counts:
        rows = every_kth(len(poses.train), count)
        mean = poses.train[rows].nanmean(dim=0, keepdim=True).expand_as(poses.test)
        ledger.add_poses(MEAN, len(rows), mean, poses)


@torch.no_grad()
def read_test(regressor: Regressor, seen: Features, poses: Poses) -> Tensor:
    """Poses (N, J, D) of the test frames: where the probe looks at mirror images, the mean with theirs."""
    predicted: Tensor = regressor(seen.test)
    if seen.mirror_test is None:
        return predicted
    return (predicted + mirrored_pose(regressor(seen.mirror_test), poses.swap)) / 2


def read_off(ledger: Ledger, method: str, composition: Composition, seen: Features, poses: Poses) -> Regressor:
    """Fit and measure a regressor at each label count; returns the one with the most labels.

    2D joints are read in the coordinates of the network's box, for a latent knows no more; it puts them into the frame.
    """
    options, seed = composition.experiment.probe, composition.experiment.training.seed
    wanted = poses.train if seen.box_train is None else to_box(poses.train, seen.box_train)
    regressors: dict[int, Regressor] = {}
    for count in options.labels:
        rows = every_kth(len(seen.train), count)
        torch.manual_seed(seed)
        head = build_head(composition, seen.train.shape[1], wanted[0].numel())
        latents, labels = seen.train[rows], wanted[rows]
        if seen.mirror_train is not None:
            latents = torch.cat((latents, seen.mirror_train[rows]))
            labels = torch.cat((labels, mirrored_pose(labels, poses.swap)))
        regressor = fit_regressor(head, latents, labels, options, seed)
        predicted = read_test(regressor, seen, poses)
        predicted = predicted if seen.box_test is None else from_box(predicted, seen.box_test)
        ledger.add_poses(method, len(rows), predicted, poses)
        regressors[len(rows)] = regressor
    return regressors[max(regressors)]
