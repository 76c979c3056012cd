"""Where in the picture a token is from: added sines and cosines, or queries and keys turned by row and column.

Paper: sines and cosines in two dimensions as masked autoencoders use them, He et al., CVPR 2022, arXiv:2111.06377;
rotary positions of Su et al. 2021, arXiv:2104.09864, in two dimensions: the first half of a head's channels is turned
by the row, the second by the column, with frequencies base^(-2i/D), D being half of the head's width, base 100, and
channel i paired with channel i + D/2.
Differs from timm: its rotary embedding pairs and spaces channels in another way; weights trained with one do not fit
the other.

Axes: N pictures, A heads, P patches row by row, S some of them, D channels of a token, E channels of a head.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import ConfigError

ROTARY_BASE, SINCOS_BASE = 100.0, 10_000.0


class Rotation(NamedTuple):
    """Cosine and sine of each channel's angle, both (N or 1, 1, S, E)."""

    cos: Tensor
    sin: Tensor


def rows_and_columns(side: int) -> Tensor:
    """Row and column of each patch of a square, (P, 2)."""
    number = torch.arange(side, dtype=torch.float32)
    return torch.cartesian_prod(number, number)


def sincos(side: int, width: int, base: float = SINCOS_BASE) -> Tensor:
    """Fixed positions (P, D): of column and row each the sines, then the cosines, of place times base^(-4i/D).

    Raises:
        ConfigError: When the width is not a multiple of 4.
    """
    _divisible(width, "the width of tokens")
    rate = base ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angle = rows_and_columns(side).double().flip(-1)[..., None] * rate  # the column comes first
    return torch.cat((angle.sin(), angle.cos()), dim=-1).flatten(1).float()


def resized(table_PD: Tensor, side: int) -> Tensor:
    """Positions made for another square of patches, stretched to this one by bicubic interpolation, (side side, D)."""
    before = round(len(table_PD) ** 0.5)
    if before == side:
        return table_PD
    map_1Dss = table_PD.T.unflatten(1, (before, before))[None]
    stretched = F.interpolate(map_1Dss, size=(side, side), mode="bicubic", align_corners=False)
    return stretched[0].flatten(1).T.contiguous()


def angles(place_S2: Tensor, width: int, base: float = ROTARY_BASE) -> Tensor:
    """By how much each channel of a head is turned at a (row, column), (S, E) in radians.

    Raises:
        ConfigError: When the head's width E is not a multiple of 4.
    """
    _divisible(width, "the width of a head")
    half = width // 2
    rate = base ** (-2 * torch.arange(half // 2, dtype=torch.float32, device=place_S2.device) / half)
    return (place_S2[..., None] * rate).repeat(1, 1, 2).flatten(1)


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Queries or keys (N, A, S, E), each pair of channels turned by its angle."""
    first, second = x.unflatten(-1, (2, 2, -1)).unbind(-2)  # of the row's half and of the column's half
    across = torch.stack((-second, first), dim=-2).flatten(-3)
    return (x * rotation.cos + across * rotation.sin).to(x.dtype)


def _divisible(width: int, what: str) -> None:
    if width % 4:
        raise ConfigError(f"{what} must be a multiple of 4 for two-dimensional positions, it is {width}")


class Positions(nn.Module):
    """Positions of one kind for all patches of a crop.

    Args:
        side: Patches side by side.
        width: Of a token.
        heads: Among which it is divided.
        rotary: Turn queries and keys instead of adding to tokens.
        made_for: Side of the square that sines and cosines are made for and then stretched from; ``side`` if 0.
    """

    table: Tensor
    cos: Tensor
    sin: Tensor

    def __init__(self, side: int, width: int, heads: int, rotary: bool, made_for: int = 0) -> None:
        super().__init__()
        self.rotary, self.side = rotary, side
        if rotary:
            angle_PE = angles(rows_and_columns(side), width // heads)
            self.register_buffer("cos", angle_PE.cos(), persistent=False)
            self.register_buffer("sin", angle_PE.sin(), persistent=False)
        else:
            self.register_buffer("table", resized(sincos(made_for or side, width), side))

    def add(self, x_NSD: Tensor, which_NS: Tensor | None = None) -> Tensor:
        """Tokens with their positions, if those are added; of all patches, or of some."""
        if self.rotary:
            return x_NSD
        return x_NSD + (self.table if which_NS is None else self.table[which_NS]).to(x_NSD.dtype)

    def rotation(self, which_NS: Tensor | None = None) -> Rotation | None:
        """How queries and keys are turned, if they are; of all patches, or of some."""
        if not self.rotary:
            return None
        if which_NS is None:
            return Rotation(self.cos[None, None], self.sin[None, None])
        return Rotation(self.cos[which_NS][:, None], self.sin[which_NS][:, None])
