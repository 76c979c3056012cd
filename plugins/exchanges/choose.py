"""Which frames of a tuple are decoded: an option of every exchange.

Axes: B tuples, T frames of a tuple, K redrawn frames, S subjects, N = T S boxes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.ranks import uniform_rows


def choose(like: Tensor, redraw: int, subjects: int = 1) -> Tensor:
    """Positions of the frames to decode, ascending, (B, K) int64.

    Args:
        like: Any tensor (B, N, ...).
        redraw: How many frames of each tuple, drawn without repetition; 0 means all.
        subjects: How many boxes a frame has.

    Raises:
        ConfigError: When a tuple has fewer frames.
    """
    tuples, frames = len(like), like.shape[1] // subjects
    if redraw > frames:
        raise ConfigError(
            f"{redraw} frames of each tuple are to be decoded, but the sampler draws {frames}",
            where="exchange.redraw",
            hint=f"at most {frames}, or 0 for all",
        )
    if redraw in (0, frames):
        return torch.arange(frames, device=like.device).expand(tuples, frames)
    return uniform_rows(tuples, frames, like=like).argsort(dim=1)[:, :redraw].sort(dim=1).values
