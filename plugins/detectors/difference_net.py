"""Where a frame differs from its background, as a box, and the stage.

Axes: B tuples, T frames of a tuple, N = B T, H W frame pixels, 4 = (s_x, s_y, u_x, u_y), 2 = x y.
Coordinates: boxes in [-1, 1], s is the share of the frame's side that the box covers, half of its length there.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...core.fields import expect
from ...core.geometry import pixel_centres
from ...core.ranks import uniform_rows
from .difference import DifferenceOptions
from .shaping import clear, jittered, squared


def spread(weight_NHW: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the places of pixels by weight, (N, 2) each; of no weight the whole frame's."""
    weight_NHW = weight_NHW + torch.finfo(weight_NHW.dtype).tiny * (weight_NHW.sum(dim=(1, 2), keepdim=True) == 0)
    means, deviations = [], []
    for axis, other in ((2, 1), (1, 2)):
        place_P = pixel_centres(weight_NHW.shape[axis], device=weight_NHW.device)
        share_NP = weight_NHW.sum(dim=other)
        share_NP = share_NP / share_NP.sum(dim=1, keepdim=True)
        mean_N = share_NP @ place_P
        variance_N = (share_NP * (place_P - mean_N[:, None]).square()).sum(dim=1)
        means.append(mean_N)
        deviations.append(variance_N.sqrt())
    return torch.stack(means, dim=1), torch.stack(deviations, dim=1)


class Difference(nn.Module):
    """The box around what differs; no gradient goes through it."""

    def __init__(self, options: DifferenceOptions) -> None:
        super().__init__()
        self.options = options

    @torch.no_grad()
    def forward(self, *, frame: Tensor, background: Tensor) -> Mapping[str, Tensor]:
        """Box (B, T, 4) of frames and backgrounds (B, T, 3, H, W).

        Raises:
            ShapeError: When sizes disagree.
        """
        expect(("frame", frame, "B T 3 H W"), ("background", background, "B T 3 H W"))
        centre_N2, deviation_N2 = spread(clear((frame - background).flatten(0, 1).float()))
        size_N2 = (self.options.reach * deviation_N2).clamp(self.options.min_size, 1.0)
        box = torch.cat((size_N2, centre_N2), dim=1).unflatten(0, frame.shape[:2])
        if self.options.square:
            box = squared(box, (frame.shape[-2], frame.shape[-1]))
        if self.training and self.options.jitter:
            box = jittered(box, self.options.jitter, 2 * uniform_rows(*box.shape[:2], 3, like=box) - 1)
        return {"box": box}
