"""The network of `head.classifier`.

Axes: N frames, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.interfaces import Context
from .classifier import ClassifierOptions
from .reading_net import Reading, perceptron
from .scores import macro_f1, top_1


class Classifier(nn.Module):
    """Pooled features to logits."""

    units: Mapping[str, str] = {"top-1": "", "macro-F1": ""}
    share_C: Tensor

    def __init__(self, options: ClassifierOptions, context: Context) -> None:
        super().__init__()
        self.smoothing = options.smoothing
        self.reading = Reading(options.sees, context)
        classes = context.facts["classes"]
        self.out = perceptron(self.reading.width, options.hidden, classes, options.dropout)
        self.register_buffer("share_C", torch.full((classes,), 1 / classes))

    def settle(self, features: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> None:
        """Take over statistics of labelled frames: of features, and how common each class is."""
        self.reading.settle(features)
        count_C = torch.bincount(labels["gesture"], minlength=len(self.share_C)) + 1.0
        self.share_C.copy_(count_C / count_C.sum())

    def forward(self, **features: Tensor) -> dict[str, Tensor]:
        """Logits (N, C), as ``gesture``."""
        return {"gesture": self.out(self.reading(features)[:, 0])}

    def guess(self, count: int) -> dict[str, Tensor]:
        """How common each class is."""
        return {"gesture": self.share_C.log().expand(count, -1)}

    def loss(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
        """Cross-entropy."""
        return F.cross_entropy(predicted["gesture"], labels["gesture"], label_smoothing=self.smoothing)

    def errors(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Whether the likeliest class is right."""
        return {"top-1": top_1(predicted["gesture"], labels["gesture"])}

    def scores(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is of all frames together."""
        return {"macro-F1": macro_f1(predicted["gesture"], labels["gesture"])}
