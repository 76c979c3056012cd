"""Regressors from features to numbers, shared by the heads and by losses that own one.

Axes: N frames, F features, O outputs.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..core.ranks import RowDropout


def mlp(features: int, outputs: int, *, hidden: int, layers: int, dropout: float) -> nn.Sequential:
    """Perceptron with ``layers`` hidden layers, each Linear, ReLU, BatchNorm, Dropout; (N, F) to (N, O).

    Honari et al. 2022, arXiv:2012.01511, sections 4.3 and 4.4, where two hidden layers of 2,048 are used.
    """
    parts: list[nn.Module] = []
    width = features
    for _ in range(layers):
        parts += [nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.BatchNorm1d(hidden), RowDropout(dropout)]
        width = hidden
    return nn.Sequential(*parts, nn.Linear(width, outputs))


def _layer(inputs: int, width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True), RowDropout(dropout))


class ResidualBlock(nn.Module):
    """Two layers of equal width whose input is added to their output, with nothing after the sum."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(_layer(width, width, dropout), _layer(width, width, dropout))

    def forward(self, x_NF: Tensor) -> Tensor:
        """(N, F) to (N, F)."""
        out: Tensor = x_NF + self.layers(x_NF)
        return out


def resnet_mlp(features: int, outputs: int, *, width: int, blocks: int, dropout: float) -> nn.Sequential:
    """Residual perceptron, (N, F) to (N, O).

    Martinez et al. 2017, arXiv:1705.03098, figure 2, with the block count of Honari et al. 2022, section 4.5.
    """
    residual = [ResidualBlock(width, dropout) for _ in range(blocks)]
    return nn.Sequential(_layer(features, width, dropout), *residual, nn.Linear(width, outputs))
