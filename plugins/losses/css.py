"""CSS, contrastive self-supervision: the reference must be more like the positive than like the negatives.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, equation (3), with N = 2 negatives; the form is the InfoNCE of
van den Oord et al. 2018, arXiv:1807.03748.
Negatives are the tuple's own, far away in the same clip, never other tuples of the batch.
Differs from the paper: a temperature, which the paper does not mention; 1 leaves its equation as it is.

Axes: B tuples, T frames of a tuple, V time-variant latent, K candidates with the positive first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from ...core.fields import expect
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options, Roles

if TYPE_CHECKING:
    from torch import Tensor


class CSSOptions(Options):
    """Options of the contrastive loss."""

    temperature: float = Field(default=1.0, gt=0)
    """What the cosines are divided by; smaller is harder."""


def info_nce(similarity_BK: Tensor) -> Tensor:
    """Equation (3) per tuple, (B,): minus the log of the positive's share, which stands first on axis K."""
    return similarity_BK.logsumexp(dim=1) - similarity_BK[:, 0]


class CSS:
    """Equation (3) over the tuples of a batch."""

    def __init__(self, options: CSSOptions, context: Context) -> None:
        self.options = options

    def __call__(self, *, variant: Tensor, roles: Roles) -> Tensor:
        """From variant (B, T, V), the mean over tuples.

        Raises:
            ShapeError: When variant has other axes.
        """
        from torch.nn.functional import cosine_similarity

        expect(("variant", variant, "B T V"))
        candidates = [roles.index("positive"), *roles.family("negative")]
        similarity = cosine_similarity(variant[:, [roles.index("reference")]], variant[:, candidates], dim=-1)
        return info_nce(similarity / self.options.temperature).mean()


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``css``."""
    register(
        Component(
            kind="loss",
            name="css",
            options=CSSOptions,
            build=CSS,
            reads=("variant", "roles"),
            roles=("reference", "positive", "negative"),
        )
    )
