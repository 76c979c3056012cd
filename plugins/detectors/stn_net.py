"""The network of `detector.stn`.

Axes: B tuples, T frames, N = B T, S subjects, 3 H W frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.fields import expect
from ...core.geometry import pixel_centres
from ...networks.trunk import Trunk
from .shaping import clear
from .stn import STNOptions

INITIAL_SCALE_LOGIT = 0.5  # s = 0.2 + 0.8 sigmoid(0.5) = 0.698


def squash(raw: Tensor, options: STNOptions) -> Tensor:
    """Four raw numbers (..., 4) as a box (s_x, s_y, u_x, u_y) within the options' bounds, (..., 4)."""
    scale, centre = raw[..., :2].sigmoid(), raw[..., 2:].tanh()
    span = options.max_size - options.min_size
    return torch.cat((options.min_size + span * scale, options.max_centre * centre), dim=-1)


def start(subjects: int) -> Tensor:
    """Raw numbers of the first boxes, (S, 4): of one size, side by side across the frame, a lone one in its middle."""
    share_S = (2 * torch.arange(subjects) + 1 - subjects) / subjects
    scale_S = torch.full_like(share_S, INITIAL_SCALE_LOGIT)
    return torch.stack((scale_S, scale_S, share_S.atanh(), torch.zeros_like(share_S)), dim=1)


def centroid(difference_N3: Tensor) -> Tensor:
    """Where an image (N, 3, H, W) differs from zero clearly, by energy above its mean; (N, 2) in [-1, 1]."""
    clear_NHW = clear(difference_N3)
    height, width = clear_NHW.shape[1:]
    total_N = clear_NHW.sum(dim=(1, 2)).clamp(min=torch.finfo(clear_NHW.dtype).tiny)
    x_N = (clear_NHW.sum(dim=1) @ pixel_centres(width, device=clear_NHW.device)) / total_N
    y_N = (clear_NHW.sum(dim=2) @ pixel_centres(height, device=clear_NHW.device)) / total_N
    return torch.stack((x_N, y_N), dim=1)


class STN(nn.Module):
    """One box for each subject of a frame."""

    def __init__(self, options: STNOptions) -> None:
        super().__init__()
        self.options = options
        self.trunk = Trunk(options.model, options.weights, options.network, options.input_size, options.pool)
        self.regress = nn.Linear(self.trunk.features, 4 * options.subjects)
        nn.init.zeros_(self.regress.weight)
        with torch.no_grad():
            self.regress.bias.copy_(start(options.subjects).flatten())
        self.to_depth = nn.Linear(self.trunk.features, options.subjects) if options.subjects > 1 else None
        if self.to_depth is not None:
            nn.init.zeros_(self.to_depth.weight)
            nn.init.zeros_(self.to_depth.bias)

    def forward(self, *, frame: Tensor, background: Tensor | None = None) -> dict[str, Tensor]:
        """Box (B, T S, 4), and of several subjects depth (B, T S), of each frame (B, T, 3, H, W)."""
        expect(("frame", frame, "B T 3 H W"))
        difference = None if background is None else (frame - background).flatten(0, 1)
        seen_N3 = frame.flatten(0, 1)
        if self.options.sees == "difference" and difference is not None:
            seen_N3 = (difference + 1) / 2
        side = self.options.input_size
        small_N3 = F.interpolate(seen_N3, (side, side), mode="area")
        features = self.trunk(small_N3)
        raw_N4 = self.regress(features).float().reshape(-1, 4)
        box_N4 = squash(raw_N4, self.options)
        if self.options.anchor == "difference" and difference is not None:
            with torch.autocast(difference.device.type, enabled=False):
                centre_N2 = (box_N4[:, 2:] + centroid(difference)).clamp(-1, 1)
            box_N4 = torch.cat((box_N4[:, :2], centre_N2), dim=1)
        written = {"box": box_N4.unflatten(0, (len(frame), -1))}
        if self.to_depth is not None:
            written["depth"] = self.to_depth(features).float().reshape(len(frame), -1)
        return written
