"""The mirror image of a batch: what the cameras would have seen, and the labels, had left and right been swapped.

Axes: leading ``...`` any, J joints, D = 2 or 3 numbers of a joint, H W pixels.
Coordinates: +x right, so mirroring negates x and swaps the names of left and right joints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .errors import DataError
from .fields import FIELDS
from .skeleton import Skeleton, other_side

SAME = frozenset(("time", "clip", "subject", "gesture", "roles"))


def mirrored_pose(pose_JD: Tensor, swap: tuple[int, ...]) -> Tensor:
    """Poses (..., J, D) of the mirrored body; ``swap`` is a skeleton's `mirror`, each joint's partner."""
    sign_D = torch.ones(pose_JD.shape[-1], device=pose_JD.device)
    sign_D[0] = -1
    return pose_JD[..., list(swap), :] * sign_D


def mirrored_parts(part_map: Tensor, parts: Sequence[str]) -> Tensor:
    """Maps of parts (..., W) of the mirrored body, by the parts' names.

    Raises:
        DataError: If a part of one side has none on the other.
    """
    if alone := [name for name in parts if other_side(name) not in parts]:
        raise DataError(f"the part {alone[0]!r} has no partner {other_side(alone[0])!r}", hint="leave the mirror off")
    swap = [parts.index(other_side(name)) for name in parts]
    found: Tensor = torch.tensor(swap, device=part_map.device)[part_map].flip(-1)
    return found


def mirrored_places(uv_map: Tensor, part_map: Tensor) -> Tensor:
    """Places on parts (..., 2, H, W) of the mirrored body, whose turn round a part is the other way; 0 stays beside it.

    Args:
        uv_map: Round the part from its back, and along it.
        part_map: Which part it is, (..., 1, H, W), 0 beside the body.
    """
    round_it, along = uv_map.flip(-1).split(1, dim=-3)
    return torch.cat((torch.where(part_map.flip(-1) > 0, 1 - round_it, round_it), along), dim=-3)


def mirrored(batch: Mapping[str, Any], skeleton: Skeleton | None, parts: Sequence[str] = ()) -> dict[str, Any]:
    """A batch as `core.batches` gives it, mirrored; mirrored twice it is itself.

    Args:
        batch: Its fields by name.
        skeleton: The dataset's.
        parts: Names of what ``part_map`` counts, as the dataset tells them.

    Raises:
        DataError: If it holds a field whose mirror image is not defined, or joints or parts without names.
    """
    found = {}
    for name, value in batch.items():
        if name == "part_map" and parts:
            found[name] = mirrored_parts(value, parts)
        elif name == "uv_map" and "part_map" in batch:
            found[name] = mirrored_places(value, batch["part_map"])
        else:
            found[name] = _mirrored(name, value, skeleton)
    return found


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
