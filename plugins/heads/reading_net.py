"""What task heads have in common: features as a vector or a few, and statistics of labelled frames.

Axes: N frames, P patches, D channels of a token, V time-variant latent, K queries, F numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...core.interfaces import Context
from ...core.probe import Standard
from ...core.ranks import RowDropout
from ...networks.transformer import CrossAttention

HEADS = (8, 4, 2, 1)


class Standardised(nn.Module):
    """Numbers with mean 0 and deviation 1 over the frames that it was settled on, and back."""

    mean_F: Tensor
    std_F: Tensor

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.register_buffer("mean_F", torch.zeros(shape))
        self.register_buffer("std_F", torch.ones(shape))

    def settle(self, x_NF: Tensor) -> None:
        """Take over mean and deviation; what is NaN does not count."""
        standard = Standard.of(x_NF)
        self.mean_F.copy_(standard.mean)
        self.std_F.copy_(standard.std)

    def forward(self, x_NF: Tensor) -> Tensor:
        """Standardised."""
        return (x_NF - self.mean_F) / self.std_F

    def undo(self, x_NF: Tensor) -> Tensor:
        """Inverse of `forward`."""
        return x_NF * self.std_F + self.mean_F


class Reading(nn.Module):
    """Features as K vectors: the latent, standardised, K times the same; or what K queries see among the tokens."""

    def __init__(self, sees: str, context: Context, queries: int = 1) -> None:
        super().__init__()
        self.sees, self.queries = sees, queries
        self.width = context.facts[sees]
        if sees == "variant":
            self.standard = Standardised(self.width)
            return
        heads = next(number for number in HEADS if self.width % number == 0)
        self.norm = nn.LayerNorm(self.width)
        self.query_KD = nn.Parameter(torch.empty(queries, self.width))
        nn.init.normal_(self.query_KD, std=0.02)
        self.attention = CrossAttention(self.width, heads)

    def settle(self, features: Mapping[str, Tensor]) -> None:
        """Look at labelled frames."""
        if self.sees == "variant":
            self.standard.settle(features["variant"])

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """(N, K, F) of variant (N, V) or tokens (N, P, D)."""
        if self.sees == "variant":
            row_NV: Tensor = self.standard(features["variant"])
            return row_NV[:, None].expand(-1, self.queries, -1)
        seen_NPD: Tensor = self.norm(features["tokens"])
        query_NKD = self.query_KD.repeat(len(seen_NPD), 1, 1)
        found_NKD: Tensor = self.attention(query_NKD, seen_NPD, None, None)
        return found_NKD + seen_NPD.mean(dim=1, keepdim=True)


def perceptron(inputs: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    """One hidden layer, or none if it is 0 wide."""
    first = [nn.Linear(inputs, hidden), nn.GELU()] if hidden else []
    return nn.Sequential(*first, RowDropout(dropout), nn.Linear(hidden or inputs, outputs))
