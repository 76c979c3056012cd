"""The network of `encoder.split`.

Axes: B tuples, T frames, N = B T, 3 h w crop, V variant, I invariant.
"""

from __future__ import annotations

from torch import Tensor, nn

from ...core.fields import expect
from ...core.trunk import Trunk
from .split import SplitOptions


class SplitEncoder(nn.Module):
    """One trunk, two linear heads."""

    def __init__(self, options: SplitOptions, crop_size: int) -> None:
        super().__init__()
        self.trunk = Trunk(options.model, options.weights, options.channels, crop_size, options.pool)
        self.to_variant = nn.Linear(self.trunk.features, options.variant)
        self.to_invariant = nn.Linear(self.trunk.features, options.invariant) if options.invariant else None

    def forward(self, *, crop_corrupted: Tensor, crop: Tensor | None = None) -> dict[str, Tensor]:
        """Latents (B, T, V) and (B, T, I) of crops (B, T, 3, h, w)."""
        expect(("crop_corrupted", crop_corrupted, "B T 3 h w"))
        lead = crop_corrupted.shape[:2]
        seen_NF = self.trunk(crop_corrupted.flatten(0, 1))
        latents = {"variant": self.to_variant(seen_NF).float().unflatten(0, lead)}
        if self.to_invariant is not None and crop is not None:
            # where nothing was corrupted, one pass serves both
            clean_NF = seen_NF if crop is crop_corrupted else self.trunk(crop.flatten(0, 1))
            latents["invariant"] = self.to_invariant(clean_NF).float().unflatten(0, lead)
        return latents
