"""The mirror image of a batch: what the cameras would have seen, and the labels, had left and right been swapped.

Axes: leading ``...`` any, J joints, D = 2 or 3 numbers of a joint, H W pixels.
Coordinates: +x right, so mirroring negates x and swaps the names of left and right joints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .errors import DataError
from .fields import FIELDS
from .skeleton import Skeleton

SAME = frozenset(("time", "clip", "subject", "gesture", "roles"))


def mirrored_pose(pose_JD: Tensor, swap: tuple[int, ...]) -> Tensor:
    """Poses (..., J, D) of the mirrored body; ``swap`` is a skeleton's `mirror`, each joint's partner."""
    sign_D = torch.ones(pose_JD.shape[-1], device=pose_JD.device)
    sign_D[0] = -1
    return pose_JD[..., list(swap), :] * sign_D


def mirrored(batch: Mapping[str, Any], skeleton: Skeleton | None) -> dict[str, Any]:
    """A batch as `core.batches` gives it, mirrored; mirrored twice it is itself.

    Raises:
        DataError: If it holds a field whose mirror image is not defined, or poses of joints without names.
    """
    return {name: _mirrored(name, value, skeleton) for name, value in batch.items()}


def _mirrored(name: str, value: Any, skeleton: Skeleton | None) -> Any:
    if name in SAME:
        return value
    if name in FIELDS and FIELDS[name].axes.endswith("H W") and name not in ("uv_map", "part_map"):
        return value.flip(-1)
    if name == "true_box":
        return value * torch.tensor([1.0, 1, -1, 1], device=value.device)
    if name in ("pose", "pose_2d") and skeleton is not None:
        return mirrored_pose(value, skeleton.mirror)
    if name == "rotation":  # of the mirrored camera in the unmirrored world: M R
        return value * torch.tensor([[-1.0], [1], [1]], device=value.device)
    raise DataError(f"there is no mirror image of the field {name!r}", hint="leave the mirror off")
