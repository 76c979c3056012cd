"""The stage that exchanges nothing.

Axes: B tuples, T frames of a tuple, K redrawn frames, V and I latents.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from ...core.select import select
from .choose import choose
from .none import NoneOptions


class Own(nn.Module):
    """Hands the chosen frames' own latents on."""

    def __init__(self, options: NoneOptions) -> None:
        super().__init__()
        self.redraw = options.redraw

    def forward(self, *, variant: Tensor, invariant: Tensor | None = None) -> Mapping[str, Tensor]:
        """From variant (B, T, V) and, of a split latent, invariant (B, T, I).

        Returns:
            decode_variant (B, K, V), target (B, K) and, of a split latent, decode_invariant (B, K, I).

        Raises:
            ShapeError: When the two have different numbers of tuples.
        """
        target = choose(variant, self.redraw if self.training else 0)
        written = {"decode_variant": select(variant, target), "target": target}
        if invariant is not None:
            written["decode_invariant"] = select(invariant, target)
        return written
