"""Frames of a tuple by their position on axis T.

Axes: B tuples, T frames of a tuple, K frames chosen, S subjects, M boxes of the chosen frames (K S).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .fields import expect


def select(x_BT: Tensor, target_BK: Tensor) -> Tensor:
    """What belongs to the chosen frames.

    Args:
        x_BT: Anything per frame, (B, T, ...).
        target_BK: Positions on axis T, (B, K) int64.

    Returns:
        (B, K, ...), row b of which is ``x_BT[b, target_BK[b]]``.

    Raises:
        ShapeError: When the two have different numbers of tuples.
    """
    rest = " ".join(f"axis{n}" for n in range(2, x_BT.ndim))
    expect(("frames", x_BT, f"B T {rest}"), ("target", target_BK, "B K"))
    # Indexing, not gather: the backward pass of gather adds in no fixed order on a GPU.
    return x_BT[torch.arange(len(target_BK), device=target_BK.device)[:, None], target_BK]


def boxes_of(target_BK: Tensor, subjects: int) -> Tensor:
    """Positions of the chosen frames' boxes among all boxes of a tuple, frame by frame: (B, M) int64."""
    number_S = torch.arange(subjects, device=target_BK.device)
    return (target_BK[..., None] * subjects + number_S).flatten(1)
