"""A timm CNN as a feature extractor for frames in [0, 1]: detector and encoder share this way of using it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from .weights import timm_model

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Trunk(nn.Module):
    """Images (N, 3, h, w) in [0, 1] to features (N, F).

    Args:
        model: timm's name.
        weights: ``random``, ``hub`` or a file.
        network: Further arguments of timm's constructor, as ``{"channels": (24, 48, 96, 160)}``.
        input_size: Side of the square images, which fixes F where the map is flattened.
        pool: ``average`` or ``flatten`` of the last feature map.
    """

    mean_3: Tensor
    std_3: Tensor

    def __init__(self, model: str, weights: str, network: Mapping[str, Any], input_size: int, pool: str) -> None:
        super().__init__()
        pooling = "" if pool == "flatten" else "avg"
        try:
            self.net = timm_model(model, weights, num_classes=0, global_pool=pooling, **network)
        except TypeError as error:
            raise ConfigError(f"timm's {model} cannot be built with network = {dict(network)}: {error}") from None
        self.net.to(memory_format=torch.channels_last)
        self.register_buffer("mean_3", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std_3", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)
        self.features = self._count(input_size)

    @torch.no_grad()
    def _count(self, input_size: int) -> int:
        training = self.net.training
        features = self.net.eval()(self.mean_3.new_zeros(1, 3, input_size, input_size)).numel()
        self.net.train(training)
        return int(features)

    def forward(self, image_N3hw: Tensor) -> Tensor:
        """Features (N, F)."""
        normal = (image_N3hw - self.mean_3) / self.std_3
        features: Tensor = self.net(normal.contiguous(memory_format=torch.channels_last))
        return features.flatten(1)
