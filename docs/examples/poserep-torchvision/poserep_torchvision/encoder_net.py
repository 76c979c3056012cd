"""The network of `encoder.torchvision`.

Axes: N = B T images, 3 colour channels, h w crop pixels, V time-variant latent.
"""

from __future__ import annotations

from collections.abc import Mapping

from poserep.core.fields import expect
from torch import Tensor, nn
from torchvision.models import get_model

from .encoder import TorchvisionOptions, centred


class TorchvisionEncoder(nn.Module):
    """Crops to time-variant latents."""

    def __init__(self, options: TorchvisionOptions) -> None:
        super().__init__()
        self.network = get_model(options.model, weights=None, num_classes=options.variant)

    def forward(self, *, crop_corrupted: Tensor) -> Mapping[str, Tensor]:
        """From crop_corrupted (B, T, 3, h, w) to variant (B, T, V).

        Raises:
            ShapeError: When the crop has other axes.
        """
        expect(("crop_corrupted", crop_corrupted, "B T 3 h w"))
        variant_NV = self.network(centred(crop_corrupted.flatten(0, 1))).float()
        return {"variant": variant_NV.unflatten(0, crop_corrupted.shape[:2])}
