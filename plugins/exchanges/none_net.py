"""The stage that exchanges nothing.

Axes: B tuples, T frames of a tuple, K redrawn frames, S subjects, N = T S and M = K S boxes, V and I latents.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from ...core.select import boxes_of, select
from .choose import choose
from .none import NoneOptions


class Own(nn.Module):
    """Hands the chosen frames' own latents on."""

    def __init__(self, options: NoneOptions, subjects: int = 1) -> None:
        super().__init__()
        self.redraw = options.redraw
        self.subjects = subjects

    def forward(self, *, variant: Tensor, invariant: Tensor | None = None) -> Mapping[str, Tensor]:
        """From variant (B, N, V) and, of a split latent, invariant (B, N, I).

        Returns:
            decode_variant (B, M, V), target (B, K) and, of a split latent, decode_invariant (B, M, I).

        Raises:
            ShapeError: When the two have different numbers of tuples.
        """
        target = choose(variant, self.redraw if self.training else 0, self.subjects)
        rows = boxes_of(target, self.subjects)
        written = {"decode_variant": select(variant, rows), "target": target}
        if invariant is not None:
            written["decode_invariant"] = select(invariant, rows)
        return written
