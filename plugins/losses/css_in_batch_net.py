"""The contrastive loss over the whole batch, with the matrix of its bilinear score.

Axes: B tuples of this process, N tuples of all processes, T frames of a tuple, V time-variant latent.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from ...core.fields import expect
from ...core.interfaces import Context, Roles
from ...core.ranks import own_rows
from .css_in_batch import CSSInBatchOptions
from .whole_batch_net import every_row


def in_batch_nce(score_BN: Tensor, own_B: Tensor) -> Tensor:
    """Equation (3) per tuple, (B,): minus the log of its own positive's share among all, which stands at ``own_B``."""
    return cross_entropy(score_BN, own_B, reduction="none")


class CSSInBatch(nn.Module):
    """Equation (3) over the tuples of a batch, each the others' negative."""

    def __init__(self, options: CSSInBatchOptions, context: Context) -> None:
        super().__init__()
        self.options = options
        width = context.facts["variant"]
        self.matrix = nn.Linear(width, width, bias=False) if options.score == "bilinear" else None

    def forward(self, *, variant: Tensor, roles: Roles) -> Tensor:
        """From variant (B, T, V), the mean over tuples.

        Raises:
            ShapeError: When variant has other axes.
        """
        expect(("variant", variant, "B T V"))
        reference_BV, positive_BV = variant[:, roles.index("reference")], variant[:, roles.index("positive")]
        if self.matrix is None:
            reference_BV, positive_BV = normalize(reference_BV, dim=-1), normalize(positive_BV, dim=-1)
        else:
            reference_BV = self.matrix(reference_BV)
        score_BN = reference_BV @ every_row(positive_BV).T / self.options.temperature
        own_B = torch.arange(score_BN.shape[1], device=variant.device)[own_rows(len(variant))]
        return in_batch_nce(score_BN, own_B).mean()
