"""The network of `head.dense_pose`.

Axes: N frames, P patches, D channels of a token, V latent, C parts (0 the background), h w crop pixels, 2 = u v.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.errors import ShapeError
from ...core.interfaces import Context
from .dense_pose import DensePoseOptions
from .reading_net import Standardised
from .scores import body_iou, of_true_part, part_accuracy, uv_error

SIDE, LEAST = 8, 32


class DensePose(nn.Module):
    """Features to logits of parts and coordinates on each."""

    units: Mapping[str, str] = {"part accuracy": "", "UV error": "sides", "body IoU": ""}
    share_Chw: Tensor
    place_C2: Tensor

    def __init__(self, options: DensePoseOptions, context: Context) -> None:
        super().__init__()
        self.sees, self.uv_weight = options.sees, options.uv_weight
        self.size, self.parts = context.crop_size, context.facts["parts"]
        width, channels = context.facts[options.sees], options.channels
        if options.sees == "variant":
            self.before: nn.Module = Standardised(width)
            self.project = nn.Linear(width, channels * SIDE**2)
        else:
            self.before = nn.LayerNorm(width)
            self.project = nn.Linear(width, channels)
        self.ups = nn.ModuleList()
        for _ in range(options.doublings):
            fewer = min(channels, max(channels // 2, LEAST))
            self.ups.append(nn.Conv2d(channels, fewer, 3, padding=1))
            channels = fewer
        self.out = nn.Conv2d(channels, 3 * self.parts, 1)
        self.register_buffer("share_Chw", torch.full((self.parts, self.size, self.size), 1 / self.parts))
        self.register_buffer("place_C2", torch.full((self.parts, 2), 0.5))

    def settle(self, features: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> None:
        """Take over statistics of labelled frames: of latents, how common each part is where, the middle of each."""
        if isinstance(self.before, Standardised):
            self.before.settle(features["variant"])
        part_N1hw, uv_N2hw = labels["part_map"].clamp(max=self.parts - 1), labels["uv_map"]
        count_Chw = F.one_hot(part_N1hw[:, 0], self.parts).sum(dim=0).permute(2, 0, 1) + 1e-3
        self.share_Chw.copy_(count_Chw / count_Chw.sum(dim=0))
        for part in range(1, self.parts):
            if (shown := (part_N1hw == part).expand_as(uv_N2hw)).any():
                self.place_C2[part] = uv_N2hw.transpose(0, 1)[shown.transpose(0, 1)].view(2, -1).mean(dim=1)

    def forward(self, **features: Tensor) -> dict[str, Tensor]:
        """Logits (N, C, h, w) as ``part_map``, coordinates (N, C, 2, h, w) as ``uv_map``.

        Raises:
            ShapeError: When tokens are of no square of patches.
        """
        seen = self.project(self.before(features[self.sees]))
        if self.sees == "tokens":
            side = isqrt(seen.shape[1])
            if side**2 != seen.shape[1]:
                raise ShapeError(f"{seen.shape[1]} tokens are no square of patches")
            x = seen.mT.unflatten(2, (side, side))
        else:
            x = seen.unflatten(1, (-1, SIDE, SIDE))
        for up in self.ups:
            x = F.gelu(up(F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)))
        x = F.interpolate(self.out(x), size=(self.size, self.size), mode="bilinear", align_corners=False)
        parts, uv = x.split((self.parts, 2 * self.parts), dim=1)
        return {"part_map": parts, "uv_map": uv.unflatten(1, (self.parts, 2)).sigmoid()}

    def guess(self, count: int) -> dict[str, Tensor]:
        """How common each part is at each pixel, and the middle of each part."""
        place = self.place_C2[..., None, None].expand(count, -1, -1, self.size, self.size)
        return {"part_map": self.share_Chw.log().expand(count, -1, -1, -1), "uv_map": place}

    def loss(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
        """Cross-entropy of all pixels; smooth L1 of the true part's coordinates on those of the body."""
        part_N1hw = labels["part_map"].clamp(max=self.parts - 1)
        own_N2hw = of_true_part(predicted["uv_map"], part_N1hw)
        body_N1hw = (part_N1hw > 0).float()
        away_N2hw = F.smooth_l1_loss(own_N2hw, labels["uv_map"], beta=0.1, reduction="none")
        uv = (away_N2hw * body_N1hw).sum() / body_N1hw.sum().clamp(min=1)
        return F.cross_entropy(predicted["part_map"], part_N1hw[:, 0]) + self.uv_weight * uv

    def errors(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Share of right parts and distance of the true part's coordinates on the body, and how well that is found."""
        part_N1hw = labels["part_map"]
        own_N2hw = of_true_part(predicted["uv_map"], part_N1hw)
        return {
            "part accuracy": part_accuracy(predicted["part_map"], part_N1hw),
            "UV error": uv_error(own_N2hw, labels["uv_map"], part_N1hw),
            "body IoU": body_iou(predicted["part_map"], part_N1hw),
        }
