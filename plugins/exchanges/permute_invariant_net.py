"""The stage that exchanges time-invariant latents inside each tuple.

Axes: B tuples, T frames of a tuple, K redrawn frames, V and I latents.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.fields import expect
from ...core.ranks import uniform_rows
from ...core.select import select
from .choose import choose
from .permute_invariant import PermuteInvariantOptions


def random_shift(like: Tensor) -> Tensor:
    """By how many frames each tuple's latents move on, 1 to T - 1, (B,) int64.

    Raises:
        ConfigError: When tuples have one frame only.
    """
    tuples, frames = like.shape[:2]
    if frames < 2:
        raise ConfigError(
            "there is no other frame to take the invariant latent from: the sampler draws tuples of one frame",
            where="exchange",
            hint="choose a sampler with several frames in a tuple, or exchange none",
        )
    # A float just below 1 times T - 1 may round up to it.
    return 1 + (uniform_rows(tuples, like=like) * (frames - 1)).long().clamp(max=frames - 2)


class PermuteInvariant(nn.Module):
    """Moves the invariant latents on inside each tuple while training."""

    def __init__(self, options: PermuteInvariantOptions) -> None:
        super().__init__()
        self.redraw = options.redraw

    def forward(self, *, variant: Tensor, invariant: Tensor) -> Mapping[str, Tensor]:
        """From variant (B, T, V) and invariant (B, T, I).

        Returns:
            decode_variant (B, K, V), decode_invariant (B, K, I) and target (B, K).

        Raises:
            ShapeError: When the two disagree in B or T.
        """
        expect(("variant", variant, "B T V"), ("invariant", invariant, "B T I"))
        target = choose(variant, self.redraw if self.training else 0)
        source = target
        if self.training:
            source = torch.remainder(target + random_shift(variant)[:, None], variant.shape[1])
        return {
            "decode_variant": select(variant, target),
            "decode_invariant": select(invariant, source),
            "target": target,
        }
