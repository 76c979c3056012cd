"""The frozen ResNet18 of the reconstruction loss.

Axes: N images, B tuples, T frames of a tuple, K redrawn frames, H W pixels.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from ...core.errors import DataError
from ...networks.trunk import IMAGENET_MEAN, IMAGENET_STD
from ...networks.weights import timm_model
from .reconstruction import ReconstructionOptions, chosen_frames, pixel_term

STAGES = {"layers": (1, 2, 3), "nsd": (0, 1, 2)}


class FrozenFeatures(nn.Module):
    """Three feature maps of a ResNet18 that never learns; gradients pass through to its input."""

    mean: Tensor
    std: Tensor

    def __init__(self, taps: str, weights: str) -> None:
        super().__init__()
        self.network = timm_model("resnet18", weights, features_only=True, out_indices=STAGES[taps])
        self.requires_grad_(False).eval()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode: the statistics of batch norm are frozen too."""
        return super().train(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Feature maps of (N, 3, H, W) in [0, 1], finest first."""
        maps: list[Tensor] = self.network((image - self.mean) / self.std)
        return maps


class PixelsAndFeatures(nn.Module):
    """Equation (2)."""

    def __init__(self, options: ReconstructionOptions) -> None:
        super().__init__()
        self.options = options
        try:
            self.features = FrozenFeatures(options.taps, options.weights)
        except DataError as error:
            raise DataError(error.what, where=error.where, hint=f"{error.hint}, or beta = 0") from error

    def forward(self, *, frame: Tensor, target: Tensor, redrawn: Tensor) -> Tensor:
        """From frame (B, T, 3, H, W), target (B, K) and redrawn (B, K, 3, H, W), the mean over redrawn frames.

        Raises:
            ShapeError: When sizes disagree.
        """
        wanted = chosen_frames(frame, target, redrawn)
        with torch.no_grad():
            wanted_maps = self.features(wanted.flatten(0, 1))
        maps = self.features(redrawn.flatten(0, 1))
        perceptual = torch.stack([pixel_term(w, m) for w, m in zip(wanted_maps, maps, strict=True)]).sum()
        return self.options.alpha * pixel_term(wanted, redrawn) + self.options.beta * perceptual
