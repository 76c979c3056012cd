"""Pose read off frozen features: which frames carry labels, the regressor's training, the errors.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, equation (15) and section 4.1. Labels are every K-th frame, so
that subjects and actions stay uniform; features and poses are standardised by the labelled frames. Of features and
poses, what is not known (NaN) teaches nothing: a feature counts as the labelled frames' mean, a joint is left out.

Axes: N frames, F features, J joints, D = 2 or 3 numbers of a joint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .batches import Source
from .compose import Composition
from .config import Probe
from .errors import DataError
from .interfaces import Array, Clip, Draw, Roles
from .metrics import keypoint_errors, mpjpe, n_mpjpe, p_mpjpe
from .mirror import mirrored
from .pipeline import Pipeline

CHUNK = 256
METRICS = {"N-MPJPE": n_mpjpe, "MPJPE": mpjpe, "P-MPJPE": p_mpjpe}
STD_FLOOR = 1e-6  # features that never change carry nothing


def frames_of(clips: Sequence[Clip], split: str, stride: int) -> Draw:
    """Every ``stride``-th frame of a split, clip by clip, as tuples of one: both (N, 1).

    Raises:
        DataError: If the split is empty.
    """
    pairs = [
        (np.full(len(range(0, len(clip), stride)), index), np.arange(0, len(clip), stride))
        for index, clip in enumerate(clips)
        if clip.split == split
    ]
    if not pairs:
        have = sorted({clip.split for clip in clips})
        raise DataError(f"the dataset has no {split} frames", hint=f"it has: {', '.join(have)}")
    clip, frame = (np.concatenate(column)[:, None].astype(np.int64) for column in zip(*pairs, strict=True))
    return Draw(clip, frame)


def every_kth(total: int, count: int) -> Array:
    """``count`` indices spread evenly over ``range(total)``; all of them for 0."""
    if count == 0 or count >= total:
        return np.arange(total)
    return (np.arange(count) * total) // count


@torch.no_grad()
def collect(
    pipeline: Pipeline, source: Source, draw: Draw, fields: Sequence[str], until: str = "encoder", mirror: bool = False
) -> dict[str, Tensor]:
    """Fields of many frames, or of their mirror images, in eval mode, chunk by chunk: (N, ...) on the CPU."""
    device = next(pipeline.parameters(), torch.zeros(())).device
    training = pipeline.training
    pipeline.eval()
    found: dict[str, list[Tensor]] = {name: [] for name in fields}
    for start in range(0, len(draw.clip), CHUNK):
        rows = slice(start, start + CHUNK)
        batch = source.read(Draw(draw.clip[rows], draw.frame[rows]), extra=fields)
        batch = mirrored(batch, source.dataset.skeleton) if mirror else batch
        batch = {name: value.to(device) for name, value in batch.items()} | {"roles": Roles(("frame",))}
        record = pipeline(batch, until=until)
        for name in fields:
            found[name].append(record[name].squeeze(1).cpu())
    pipeline.train(training)
    return {name: torch.cat(parts) for name, parts in found.items()}


@dataclass(frozen=True, slots=True)
class Standard:
    """Mean and standard deviation per column."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, x_ND: Tensor) -> Standard:
        """Statistics of the rows; what is NaN does not count."""
        mean, count = x_ND.nanmean(dim=0).nan_to_num(0.0), (~x_ND.isnan()).sum(dim=0)
        std = ((x_ND - mean).square().nansum(dim=0) / (count - 1).clamp(min=1)).sqrt()
        return cls(mean, torch.where(std > STD_FLOOR, std, torch.ones_like(std)))

    def apply(self, x_ND: Tensor) -> Tensor:
        """Columns with mean 0 and deviation 1."""
        return (x_ND - self.mean) / self.std

    def undo(self, x_ND: Tensor) -> Tensor:
        """Inverse of `apply`."""
        return x_ND * self.std + self.mean


class Regressor(nn.Module):
    """Standardised features through a head to poses, in the unit of those that it was fitted on."""

    def __init__(self, head: nn.Module, features: Standard, poses: Standard, joints: int) -> None:
        super().__init__()
        self.head = head
        self.features = features
        self.poses = poses
        self.joints = joints

    def forward(self, x_NF: Tensor) -> Tensor:
        """Poses (N, J, D) of features, of which those that are NaN count as the mean."""
        seen = self.features.apply(x_NF).nan_to_num(0.0)
        poses: Tensor = self.poses.undo(self.head(seen)).unflatten(1, (self.joints, -1))
        return poses


def build_head(composition: Composition, features: int, outputs: int) -> nn.Module:
    """The recipe's head for these widths."""
    chosen = composition.parts["probe.head"]
    facts = dict(composition.context.facts) | {"features": features, "outputs": outputs}
    head: nn.Module = chosen.component.build(chosen.options, replace(composition.context, facts=facts))
    return head


def fit_regressor(head: nn.Module, x_NF: Tensor, pose_NJD: Tensor, options: Probe, seed: int) -> Regressor:
    """Equation (15) on standardised poses: Adam, its rate falling linearly to zero unless it shall stay."""
    torch.manual_seed(seed)
    features, poses = Standard.of(x_NF), Standard.of(pose_NJD.flatten(1))
    x, y = features.apply(x_NF).nan_to_num(0.0), poses.apply(pose_NJD.flatten(1))
    falls = options.schedule == "linear"
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
    )
    size = min(options.batch, len(x))
    head.train()
    for step in range(options.steps):
        optimizer.param_groups[0]["lr"] = options.learning_rate * (1 - falls * step / options.steps)
        rows = torch.randint(len(x), (size,))
        known = ~y[rows].isnan()
        loss = F.mse_loss(head(x[rows])[known], y[rows][known])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return Regressor(head, features, poses, pose_NJD.shape[1]).eval()


def frame_errors(predicted_NJ3: Tensor, true_NJ3: Tensor, names: Sequence[str] = tuple(METRICS)) -> dict[str, Tensor]:
    """Pose metrics of every frame, (N,) in mm."""
    return {name: METRICS[name](predicted_NJ3, true_NJ3) for name in names}


def frame_errors_2d(predicted_NJ2: Tensor, true_NJ2: Tensor, size_HW: tuple[int, int]) -> dict[str, Tensor]:
    """Mean over the known joints of every frame, (N,), in per cent of the picture's longer side and of its square."""
    errors_NJ = keypoint_errors(predicted_NJ2, true_NJ2, size_HW)
    return {"2D MSE": 100 * errors_NJ.square().nanmean(dim=1), "2D distance": 100 * errors_NJ.nanmean(dim=1)}
