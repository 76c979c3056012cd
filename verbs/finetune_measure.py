"""How far off a fine-tuned network is on the test frames, and how far off one would be without looking.

Axes: N frames, J joints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.batches import Source
from ..core.mirror import mirrored, mirrored_pose
from .finetune_frames import Frames
from .finetune_model import TaskModel
from .finetune_task import batches
from .probe import WAYS, Ledger, mean_pose

BLIND = WAYS[-1]
"""Method of what a head would say of any frame, knowing the labelled ones."""
Said = tuple[Mapping[str, Tensor], Mapping[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Trained:
    """A network, and what it is measured on."""

    model: TaskModel
    source: Source
    frames: Frames

    def said(self) -> Iterator[Said]:
        """Predictions and labels of the test frames, batch by batch; of poses the mean with the mirrored frame's."""
        setting = self.model.setting
        for batch in batches(self.model, self.source, self.frames.test):
            predicted, labels = self.model.predict(batch)
            if setting.options.mirror and "pose" in predicted and setting.layout.skeleton:
                other, _ = self.model.predict(mirrored(batch, setting.skeleton, setting.parts))
                back = mirrored_pose(other["pose"], setting.layout.skeleton.mirror)
                predicted = predicted | {"pose": (predicted["pose"] + back) / 2}
            yield predicted, labels


def measure(ledger: Ledger, one: Trained, method: str, labels: int, blind: bool) -> None:
    """Add the errors of the test frames, and those of what would be said without looking."""
    if one.frames.poses is not None:
        if blind:
            mean_pose(ledger, one.frames.poses, [labels])
        poses = torch.cat([said["pose"].cpu() for said, _ in one.said()])
        ledger.add_poses(method, labels, poses, one.frames.poses)
        return
    head: Any = one.model.head
    seen: list[Mapping[str, Tensor]] = []
    unseen: list[Mapping[str, Tensor]] = []
    whole: list[Said] = []
    for predicted, truth in one.said():
        seen.append(head.errors(predicted, truth))
        unseen.append(head.errors(head.guess(len(next(iter(truth.values())))), truth))
        if hasattr(head, "scores"):
            whole.append((predicted, truth))
    add(ledger, method, labels, joined(seen), head.units)
    if blind:
        add(ledger, BLIND, labels, joined(unseen), head.units)
    if whole:
        said, true = joined([pair[0] for pair in whole]), joined([pair[1] for pair in whole])
        count = len(one.frames.test.clip)
        add_scores(ledger, (method, labels, count), head.scores(said, true), head.units)
        if blind:
            guess = {name: value.cpu() for name, value in head.guess(count).items()}
            add_scores(ledger, (BLIND, labels, count), head.scores(guess, true), head.units)


def add(ledger: Ledger, method: str, labels: int, errors: Mapping[str, Tensor], units: Mapping[str, str]) -> None:
    """Add means over the frames of which an error is known."""
    for name, values in errors.items():
        known = values[values.isfinite()]
        ledger.add(method, labels, len(known), {name: float(known.mean())}, units[name])


def add_scores(
    ledger: Ledger, row: tuple[str, int, int], scores: Mapping[str, Tensor], units: Mapping[str, str]
) -> None:
    """Add numbers that are of all frames together."""
    method, labels, count = row
    for name, value in scores.items():
        ledger.add(method, labels, count, {name: float(value)}, units[name])


def joined(rows: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Batches one after the other, on the CPU."""
    return {name: torch.cat([row[name].detach().cpu() for row in rows]) for name in rows[0]}
