"""What detectors do with boxes, and with where a frame differs from its background.

Axes: N frames, 3 H W frame, 4 = (s_x, s_y, u_x, u_y); leading ``...`` any.
Coordinates: boxes in [-1, 1], s is the share of the frame's side that the box covers, so that it is 2 s long.
"""

from __future__ import annotations

import torch
from torch import Tensor


def squared(box: Tensor, size_HW: tuple[int, int]) -> Tensor:
    """A box (..., 4) both of whose sides are as long as the longer one, in pixels of the frame."""
    sides_WH = box.new_tensor([size_HW[1], size_HW[0]])
    longer = (box[..., :2] * sides_WH).amax(dim=-1, keepdim=True)
    return torch.cat((longer / sides_WH, box[..., 2:]), dim=-1)


def jittered(box: Tensor, share: float, drawn: Tensor) -> Tensor:
    """A box (..., 4) scaled and shifted by up to a share of its sides, as numbers (..., 3) in [-1, 1] say.

    Args:
        box: Any.
        share: 0.1 scales by 0.9 to 1.1 and shifts by up to a tenth of each side.
        drawn: For the scale of both sides, the shift to the right, the shift down.
    """
    size, centre = box[..., :2], box[..., 2:]
    return torch.cat((size * (1 + share * drawn[..., :1]), centre + 2 * share * size * drawn[..., 1:]), dim=-1)


def clear(difference_N3: Tensor) -> Tensor:
    """How clearly each pixel of an image (N, 3, H, W) differs from zero: its energy above the mean, (N, H, W)."""
    energy_NHW = difference_N3.square().mean(dim=1)
    return (energy_NHW - energy_NHW.mean(dim=(1, 2), keepdim=True)).clamp(min=0)
