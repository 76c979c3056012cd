"""What is learnt: a head, which features it sees, which labels it learns; and a plain head as a reader of poses.

A head that declares ``reads`` has a task of its own, see `core.tasks.TaskHead`; any other is a map from features
to numbers, and learns the probe's poses from the probe's features, standardised like there.

Axes: N frames, F features, J joints, P vertices, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.batches import Source
from ..core.compose import Composition
from ..core.config import Chosen, FineTune
from ..core.errors import ConfigError, DataError
from ..core.interfaces import Draw, Roles, declared
from ..core.pipeline import float_images
from ..core.probe import Standard, every_kth, frame_errors
from .finetune_frames import ALONE, PAIR, Frames
from .finetune_model import Setting, TaskModel
from .joints import layout_of

MIRRORED, OF_PARTS = frozenset(("pose", "gesture")), frozenset(("part_map", "uv_map"))
"""Labels that have a mirror image, and those that have one where the dataset names its parts."""
COUNTED = {"gesture": "classes", "part_map": "parts"}
"""Labels that count something, the number of which a dataset tells by an attribute of this name or its frames show."""
LOOKED_AT = 256
"""Labelled frames that are looked at for statistics."""


class PoseOfFeatures(nn.Module):
    """A map from features to numbers as a head that learns poses."""

    mean_F: Tensor
    std_F: Tensor
    mean_O: Tensor
    std_O: Tensor
    units: Mapping[str, str]

    def __init__(self, head: nn.Module, features: int, joints: int, metrics: Sequence[str]) -> None:
        super().__init__()
        self.head, self.joints, self.metrics = head, joints, tuple(metrics)
        self.units = dict.fromkeys(self.metrics, "mm")
        for name, size in (("F", features), ("O", 3 * joints)):
            self.register_buffer(f"mean_{name}", torch.zeros(size))
            self.register_buffer(f"std_{name}", torch.ones(size))

    def settle(self, features: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> None:
        """Take over mean and deviation of labelled frames."""
        for name, rows in (("F", self._row(features)), ("O", labels["pose"].flatten(1))):
            standard = Standard.of(rows)
            getattr(self, f"mean_{name}").copy_(standard.mean)
            getattr(self, f"std_{name}").copy_(standard.std)

    def _row(self, features: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([value.flatten(1) for value in features.values()], dim=1)

    def forward(self, **features: Tensor) -> dict[str, Tensor]:
        """Poses (N, J, 3) in mm."""
        x_NF = (self._row(features) - self.mean_F) / self.std_F
        pose_NO = self.head(x_NF) * self.std_O + self.mean_O
        return {"pose": pose_NO.unflatten(1, (self.joints, 3))}

    def guess(self, count: int) -> dict[str, Tensor]:
        """The mean pose."""
        return {"pose": self.mean_O.expand(count, -1).unflatten(1, (self.joints, 3))}

    def loss(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
        """Squared distance of standardised poses, as equation (15) of Honari et al."""
        std_J3 = self.std_O.unflatten(0, (self.joints, 3))
        return F.mse_loss(predicted["pose"] / std_J3, labels["pose"] / std_J3)

    def errors(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The probe's pose metrics of each frame."""
        return frame_errors(predicted["pose"], labels["pose"], self.metrics)


def chosen_head(composition: Composition) -> Chosen:
    """The recipe's own head for fine-tuning, or the probe's."""
    return composition.parts.get("finetune.head", composition.parts["probe.head"])


def setting_of(composition: Composition, source: Source, options: FineTune) -> Setting:
    """What the head sees and learns.

    Raises:
        ConfigError: If nobody writes what the head sees, or an option does not fit it.
        DataError: If the dataset has not its labels.
    """
    chosen = chosen_head(composition)
    reads = declared(chosen.component.reads, chosen.options) or composition.experiment.probe.fields
    labels = declared(chosen.component.writes, chosen.options) or ("pose",)
    needed = [name for name in labels if not name.endswith("?")]
    if missing := [name for name in needed if name not in composition.labels]:
        use = composition.experiment.dataset.use
        raise DataError(
            f"the dataset {use!r} has no {', '.join(missing)} for the head {chosen.component.name!r} to learn"
        )
    labels = tuple(name.rstrip("?") for name in labels if name.rstrip("?") in composition.labels)
    _check_reads(composition, reads, options)
    parts = tuple(getattr(source.dataset, "parts", ()))
    if options.mirror and (fixed := set(labels) - MIRRORED - (OF_PARTS if parts else set())):
        what = f"{', '.join(sorted(fixed))} cannot be mirrored"
        raise ConfigError(what, where="finetune.mirror", hint="set finetune.mirror=false")
    skeleton = source.dataset.skeleton
    return Setting(reads, labels, layout_of(skeleton, composition.experiment.probe), skeleton, options, parts)


def _check_reads(composition: Composition, reads: Sequence[str], options: FineTune) -> None:
    wires = {wire.role: wire for wire in composition.wires}
    written = {name for role in ("detector", "crop", "corruption", "encoder") for name in wires[role].writes}
    if options.second != "none":
        completes = "decoder" in wires and "memory" in wires["decoder"].reads
        if not completes or "tokens" not in wires["encoder"].writes:
            what = "the recipe has no decoder that looks at a second image"
            raise ConfigError(what, where="finetune.second", hint="set finetune.second=none")
        written = {"tokens", "variant"}
    if missing := [name for name in reads if name not in written]:
        hint = f"there are: {', '.join(sorted(written))}"
        raise ConfigError(f"the head sees {', '.join(missing)}, which nothing gives", where="finetune.head", hint=hint)


def build_task(composition: Composition, source: Source, bare: TaskModel, frames: Frames) -> nn.Module:
    """The head for what a network without one gives of a labelled frame."""
    chosen = chosen_head(composition)
    features, labels = looked_at(bare, source, frames.train, 1)
    widths = {name: value.shape[-1] for name, value in features.items()}
    facts = {**composition.context.facts, **widths, "features": sum(value[0].numel() for value in features.values())}
    if "pose" in labels:
        facts |= {"joints": labels["pose"].shape[1], "outputs": labels["pose"][0].numel()}
    if "vertices" in labels:
        facts["vertices"] = labels["vertices"].shape[1]
    facts |= {fact: _count(source, frames.train, name, fact) for name, fact in COUNTED.items() if name in labels}
    head: nn.Module = chosen.component.build(chosen.options, replace(composition.context, facts=facts))
    if not chosen.component.reads:
        head = PoseOfFeatures(head, facts["features"], facts["joints"], composition.experiment.probe.metrics)
    return head


def _count(source: Source, train: Draw, name: str, attribute: str) -> int:
    """How many classes or parts there are, the background among the parts."""
    told = getattr(source.dataset, attribute, None)
    if told is not None:
        return len(told)
    rows = every_kth(len(train.clip), LOOKED_AT) if name == "part_map" else range(len(train.clip))
    most = 0
    for clip in np.unique(train.clip[rows, 0]):
        own = [row for row in rows if train.clip[row, 0] == clip]
        most = max(most, int(source.dataset.labels(name, int(clip), train.frame[own, 0]).max()))
    return most + 1


def looked_at(model: TaskModel, source: Source, draw: Draw, count: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Features and labels of some frames, spread evenly, as the network gives them now; on the CPU."""
    rows = every_kth(len(draw.clip), count)
    found: list[tuple[dict[str, Tensor], dict[str, Tensor]]] = []
    training = model.training
    model.eval()
    with torch.no_grad():
        for batch in batches(model, source, Draw(draw.clip[rows], draw.frame[rows])):
            found.append(model.see(batch))
    model.train(training)
    both = [{name: torch.cat([one[i][name].cpu() for one in found]) for name in found[0][i]} for i in (0, 1)]
    return both[0], both[1]


def batches(model: TaskModel, source: Source, draw: Draw, size: int = 64) -> Iterator[dict[str, Any]]:
    """Batches of frames one after the other, on the network's device, their images as floats."""
    device = next(model.parameters(), torch.zeros(())).device
    roles = Roles(ALONE if draw.clip.shape[1] == 1 else PAIR)
    for start in range(0, len(draw.clip), size):
        rows = slice(start, start + size)
        batch = source.read(Draw(draw.clip[rows], draw.frame[rows]))
        yield float_images({name: value.to(device) for name, value in batch.items()}) | {"roles": roles}
