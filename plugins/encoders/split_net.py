"""The network of `encoder.split`.

Axes: B tuples, T frames, N = B T, 3 h w crop, V variant, I invariant.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.fields import expect
from ...networks.mlp import resnet_mlp
from ...networks.trunk import Trunk
from .split import SplitOptions


class SplitEncoder(nn.Module):
    """One trunk, two linear heads, and maybe a residual perceptron before these."""

    def __init__(self, options: SplitOptions, crop_size: int) -> None:
        super().__init__()
        self.trunk = Trunk(options.model, options.weights, options.network, crop_size, options.pool)
        self.between: nn.Module | None = None
        features = self.trunk.features
        if options.residual is not None:
            # without its last layer, in whose place the two output layers stand
            self.between = resnet_mlp(features, 1, **options.residual.model_dump())[:-1]
            features = options.residual.width
        self.to_variant = nn.Linear(features, options.variant)
        self.to_invariant = nn.Linear(features, options.invariant) if options.invariant else None

    def forward(self, *, crop_corrupted: Tensor, crop: Tensor | None = None) -> dict[str, Tensor]:
        """Latents (B, T, V) and (B, T, I) of crops (B, T, 3, h, w)."""
        expect(("crop_corrupted", crop_corrupted, "B T 3 h w"))
        lead = crop_corrupted.shape[:2]
        seen = crop_corrupted.flatten(0, 1)
        second = crop if self.to_invariant is not None and crop is not crop_corrupted else None
        if second is not None:  # one pass over both: half the overhead, and batch norm sees both kinds
            seen = torch.cat((seen, second.flatten(0, 1)))
        features = self.trunk(seen) if self.between is None else self.between(self.trunk(seen))
        corrupted_NF, clean_NF = features.chunk(2) if second is not None else (features, features)
        latents = {"variant": self.to_variant(corrupted_NF).float().unflatten(0, lead)}
        if self.to_invariant is not None:
            latents["invariant"] = self.to_invariant(clean_NF).float().unflatten(0, lead)
        return latents
