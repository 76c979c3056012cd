"""The network that is fine-tuned: a run's stages up to the features, a task's head on top, and the rate of each.

Rates fall from block to block towards the input, as Bao et al., ICLR 2022, arXiv:2106.08254, do it for transformers;
the stages of a CNN count as blocks. With a second image the decoder of the pretraining is kept, as Armando et al.,
CVPR 2024, arXiv:2311.09104, do it for two views: both images are seen whole, and the head reads the decoder's tokens.

Axes: B frames, T images of a tuple, P patches, D channels of a token, H W frame, h w crop, J joints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.config import FineTune
from ..core.errors import ConfigError
from ..core.fields import FIELDS
from ..core.geometry import pixel_centres, to_box
from ..core.mirror import mirrored
from ..core.pipeline import Learner, Pipeline, Record, float_images
from ..core.ranks import uniform_rows
from ..core.skeleton import Skeleton
from .joints import Layout

BLOCK = re.compile(r"^(.*?(?:blocks|stages|layers?)\.?\d+)(?=\.|$)")
GREY = (0.299, 0.587, 0.114)
IMAGES = ("frame", "background")
TASK = "task"


@dataclass(frozen=True, slots=True)
class Setting:
    """How frames become features and labels.

    Attributes:
        reads: Features that the head sees.
        labels: Labels that it learns.
        layout: Joints of the poses.
        skeleton: The dataset's.
        options: The recipe's table.
        parts: Names of what part maps count, if the dataset tells them.
    """

    reads: tuple[str, ...]
    labels: tuple[str, ...]
    layout: Layout
    skeleton: Skeleton | None
    options: FineTune
    parts: tuple[str, ...] = ()


class TaskModel(Learner):
    """Stages and head as one module."""

    def __init__(self, pipeline: Pipeline, head: nn.Module, setting: Setting) -> None:
        super().__init__()
        self.pipeline, self.head, self.setting = pipeline, head, setting
        self.weights = {TASK: 1.0}

    def train(self, mode: bool = True) -> TaskModel:
        """As ever, but that nothing is hidden or jittered by the recipe's corruption, and what is frozen stays."""
        super().train(mode)
        still = self.pipeline if self.setting.options.frozen else getattr(self.pipeline, "corruption", None)
        if isinstance(still, nn.Module):
            still.eval()
        return self

    def forward(self, batch: Mapping[str, Any], roles: tuple[str, ...]) -> tuple[dict[str, Tensor], Record]:
        """The head's loss on a batch, which is augmented while training."""
        record = float_images(batch)
        record = augmented(record, self.setting) if self.training else record
        features, labels = self.see(record)
        any_head: Any = self.head
        with torch.autocast(next(iter(features.values())).device.type, enabled=False):
            return {TASK: any_head.loss(self.head(**features), labels)}, {}

    @torch.no_grad()
    def predict(self, batch: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the head says of a batch, and the labels."""
        features, labels = self.see(float_images(batch))
        return self.head(**features), labels

    def see(self, record: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Features and labels of the first image of each tuple, (B, ...) both."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.setting.options.frozen):
            seen = self.pipeline(record, until="encoder")
            found = seen if self.setting.options.second == "none" else self._both(seen)
        features = {name: found[name][:, 0].float() for name in self.setting.reads}
        return features, {name: self._label(name, seen) for name in self.setting.labels}

    def _both(self, seen: Mapping[str, Any]) -> dict[str, Tensor]:
        """Tokens of the first image that have looked at the second, and their mean."""
        tokens_BTPD = seen["tokens"]
        decoder: Any = self.pipeline.decoder
        all_B1P = torch.arange(tokens_BTPD.shape[2], device=tokens_BTPD.device).expand(len(tokens_BTPD), 1, -1)
        out_B1PD = decoder.features(tokens_BTPD[:, :1], all_B1P, tokens_BTPD[:, 1:])
        return {"tokens": out_B1PD, "variant": out_B1PD.mean(dim=2)}

    def _label(self, name: str, seen: Mapping[str, Any]) -> Tensor:
        """A label: poses of the joints that are read, pixels and 2D joints inside the box."""
        value: Tensor = seen[name][:, 0]
        if name == "pose":
            return self.setting.layout.centred(value.cpu()).to(value.device)
        box = seen["box"][:, 0].detach().float()
        if name == "pose_2d":
            return to_box(self.setting.layout.pick(value.cpu()).to(value.device), box)
        if name in FIELDS and FIELDS[name].axes.endswith("H W"):
            return nearest(value, box, seen["crop"].shape[-1])
        return value


def nearest(map_BCHW: Tensor, box_B4: Tensor, size: int) -> Tensor:
    """What a map shows at the pixels of a box, (B, C, size, size): the nearest value, and 0 outside of the map."""
    grid = pixel_centres(size, device=map_BCHW.device)
    places = (grid * box_B4[:, axis, None] + box_B4[:, axis + 2, None] for axis in (0, 1))
    x_Bw, y_Bh = places
    grid_Bhw2 = torch.stack(torch.broadcast_tensors(x_Bw[:, None, :], y_Bh[:, :, None]), dim=-1)
    found = F.grid_sample(map_BCHW.float(), grid_Bhw2, mode="nearest", padding_mode="zeros", align_corners=False)
    return found.to(map_BCHW.dtype)


# ---------------------------------------------------------------- augmentation


def augmented(record: Record, setting: Setting) -> Record:
    """Some tuples mirrored, and each recoloured, as the options say."""
    options = setting.options
    rows = len(record["frame"])
    if options.mirror:
        other, flip_B = (
            mirrored(record, setting.skeleton, setting.parts),
            uniform_rows(rows, like=record["frame"]) < 0.5,
        )
        record = {
            name: torch.where(flip_B.view(-1, *[1] * (value.ndim - 1)), other[name], value)
            if isinstance(value, Tensor)
            else value
            for name, value in record.items()
        }
    if options.colour:
        by_B3 = 1 + options.colour * (2 * uniform_rows(rows, 3, like=record["frame"]) - 1)
        mean_B = record["frame"].mean(dim=(1, 2, 3, 4))
        record = record | {name: recoloured(record[name], by_B3, mean_B) for name in IMAGES if name in record}
    return record


def recoloured(image_BT3HW: Tensor, by_B3: Tensor, mean_B: Tensor) -> Tensor:
    """Brightness, contrast about a mean, and saturation times three numbers, kept in [0, 1]; ones change nothing."""
    brightness, contrast, saturation = (one.view(-1, 1, 1, 1, 1) for one in by_B3.unbind(dim=1))
    mean = mean_B.view(-1, 1, 1, 1, 1) * brightness
    lit = mean + (image_BT3HW * brightness - mean) * contrast
    grey = (lit * lit.new_tensor(GREY).view(3, 1, 1)).sum(dim=2, keepdim=True)
    return (grey + (lit - grey) * saturation).clamp(0, 1)


# ---------------------------------------------------------------- rates


def depths(names: Iterable[str]) -> list[int]:
    """How far from the input each weight is, counted in blocks, by its name; names in the order of the network."""
    found: list[int] = []
    depth, last = 0, ""
    for name in names:
        match = BLOCK.match(name)
        block = match.group(1) if match else ""
        depth += block != last
        last = block
        found.append(depth)
    return found


def groups(model: TaskModel, options: FineTune) -> list[dict[str, Any]]:
    """Weights by rate and decay, for an optimiser. ``scale`` is the rate as a share of the head's.

    Raises:
        ConfigError: If a frozen network leaves nothing to learn.
    """
    stages = ("detector", "encoder", *(["decoder"] if options.second != "none" else []))
    named = [] if options.frozen else list(model.pipeline.named_parameters())
    named = [(name, weight) for name, weight in named if name.partition(".")[0] in stages and weight.requires_grad]
    depth = depths(name for name, _ in named)
    share = options.backbone_rate / options.learning_rate
    scaled = [
        (weight, share * options.layer_decay ** (depth[-1] - d)) for (_, weight), d in zip(named, depth, strict=True)
    ]
    scaled += [(weight, 1.0) for weight in model.head.parameters() if weight.requires_grad]
    if not scaled:
        raise ConfigError("there is no weight to learn", where="finetune.frozen", hint="set finetune.frozen=false")
    found: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for weight, scale in scaled:
        found.setdefault((scale, weight.ndim > 1), []).append(weight)
    return [
        {"params": weights, "scale": scale, "weight_decay": options.weight_decay if decays else 0.0}
        for (scale, decays), weights in found.items()
    ]
