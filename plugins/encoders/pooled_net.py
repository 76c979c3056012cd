"""The network of `encoder.pooled`.

Axes: B tuples, T frames, 3 h w crop, V features.
"""

from __future__ import annotations

from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.fields import expect
from ...networks.trunk import Trunk
from .pooled import PooledOptions


class PooledEncoder(nn.Module):
    """One trunk and nothing else."""

    def __init__(self, options: PooledOptions, crop_size: int) -> None:
        super().__init__()
        self.trunk = Trunk(options.model, options.weights, options.network, crop_size, options.pool)
        if self.trunk.features != options.variant:
            raise ConfigError(
                f"{options.model} has {self.trunk.features} features, not {options.variant}",
                where="encoder.variant",
                hint=f"set encoder.variant = {self.trunk.features}",
            )

    def forward(self, *, crop_corrupted: Tensor) -> dict[str, Tensor]:
        """Features (B, T, V) of crops (B, T, 3, h, w)."""
        expect(("crop_corrupted", crop_corrupted, "B T 3 h w"))
        features: Tensor = self.trunk(crop_corrupted.flatten(0, 1)).float()
        return {"variant": features.unflatten(0, crop_corrupted.shape[:2])}
