"""The network of `decoder.upsampling`.

Axes: B tuples, K redrawn frames, N = B K, V variant, I invariant, C channels, h w crop.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.geometry import soft_window
from ...core.interfaces import Context
from ...core.ranks import uniform_rows
from ...networks.trunk import IMAGENET_MEAN, IMAGENET_STD
from .upsampling import UpsamplingOptions


def mask_of(logit_N1hw: Tensor, floor: float, window_hw: Tensor | None, normalise: bool) -> Tensor:
    """M = eps + (1 - eps) sigmoid(logit), windowed, divided by its maximum; (N, 1, h, w) in [0, 1]."""
    mask = floor + (1 - floor) * logit_N1hw.sigmoid()
    if window_hw is not None:
        mask = mask * window_hw
    if normalise:
        mask = mask / (mask.amax(dim=(-2, -1), keepdim=True) + 1e-4)
    return mask


class LatentMap(nn.Module):
    """Linear, dropout, ReLU, reshaped to (N, C, side, side)."""

    def __init__(self, width: int, channels: int, side: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(width, channels * side * side)
        self.shape = (channels, side, side)
        self.dropout = dropout

    def forward(self, latent_BKD: Tensor) -> Tensor:
        """A latent (B, K, D) as a map (B K, C, side, side)."""
        out: Tensor = self.linear(latent_BKD)
        if self.training and self.dropout:
            keep = uniform_rows(*out.shape, like=out) >= self.dropout
            out = out * keep / (1 - self.dropout)
        return out.flatten(0, 1).relu().reshape(-1, *self.shape)


def stage(before: int, after: int, convolutions: int) -> nn.Sequential:
    """Double the side, then convolve."""
    layers: list[nn.Module] = [nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)]
    for index in range(convolutions):
        layers += [nn.Conv2d(before if index == 0 else after, after, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def keep_variance(module: nn.Module) -> None:
    """He's initialisation: torch's default shrinks a signal about threefold in each of a dozen layers."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class UpsamplingDecoder(nn.Module):
    """Latents to RGB crop and mask."""

    window_hw: Tensor
    mean_3: Tensor
    std_3: Tensor

    def __init__(self, options: UpsamplingOptions, context: Context) -> None:
        super().__init__()
        self.options = options
        channels, size = options.channels, context.crop_size
        doublings = len(channels) - 1
        if size % 2**doublings:
            raise ConfigError(
                f"crop_size = {size} is not a multiple of {2**doublings}, as decoder.channels asks for",
                hint=f"{size // 2**doublings * 2**doublings} would do, or another number of channels",
            )
        invariant = context.facts["invariant"]
        own = round(channels[0] * options.variant_share) if invariant else channels[0]
        side = size // 2**doublings
        self.variant_map = LatentMap(context.facts["variant"], own, side, options.dropout)
        self.invariant_map = LatentMap(invariant, channels[0] - own, side, options.dropout) if invariant else None
        self.stages = nn.Sequential(*(stage(a, b, options.convolutions) for a, b in pairwise(channels)))
        self.apply(keep_variance)
        self.to_rgb_and_mask = nn.Conv2d(channels[-1], 4, 1)
        self.register_buffer("window_hw", soft_window((size, size)), persistent=False)
        self.register_buffer("mean_3", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std_3", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, *, decode_variant: Tensor, decode_invariant: Tensor | None = None) -> dict[str, Tensor]:
        """Crops (B, K, 3, h, w) and masks (B, K, 1, h, w) of latents (B, K, V) and (B, K, I)."""
        maps = [self.variant_map(decode_variant)]
        if self.invariant_map is not None and decode_invariant is not None:
            maps.append(self.invariant_map(decode_invariant))
        map_NChw = torch.cat(maps, dim=1).contiguous(memory_format=torch.channels_last)
        out_N4hw = self.to_rgb_and_mask(self.stages(map_NChw)).float()
        window_hw = self.window_hw if self.options.window else None
        mask = mask_of(out_N4hw[:, 3:], self.options.mask_floor, window_hw, self.options.normalise_mask)
        rgb = self.mean_3 + self.std_3 * out_N4hw[:, :3]
        lead = decode_variant.shape[:2]
        return {"crop_decoded": rgb.unflatten(0, lead), "mask_decoded": mask.unflatten(0, lead)}
