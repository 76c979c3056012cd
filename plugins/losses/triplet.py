"""Triplet loss: the reference must be nearer to the positive than to the negative, by a margin.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, equation (4), the contrastive loss of MV-CSS, after Sermanet et al.,
ICRA 2018, arXiv:1704.06888: squared Euclidean distances of latents of length 1, margin 0.2. The margin that Honari et
al. took is not known.
Differs from the paper: every triplet counts that violates the margin, none is selected as semi-hard. Where a tuple
has several negatives, the mean over them.

Axes: B tuples, T frames of a tuple, V time-variant latent, N negatives.
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


class TripletOptions(Options):
    """Options of the triplet loss."""

    margin: float = Field(default=0.2, gt=0)
    """How much greater the squared distance to the negative must be than that to the positive."""
    normalise: bool = True
    """Bring latents to length 1 first; squared distances then lie between 0 and 4."""


def triplet(near: Tensor, far: Tensor, margin: float) -> Tensor:
    """Equation (4) per triplet, from the squared distances to positive and negative: ``max(0, near - far + m)``."""
    return (near - far + margin).clamp(min=0)


class Triplet:
    """Equation (4) over the tuples of a batch."""

    def __init__(self, options: TripletOptions, context: Context) -> None:
        self.options = options

    def __call__(self, *, variant: Tensor, roles: Roles) -> Tensor:
        """From variant (B, T, V), the mean over tuples and negatives.

        Raises:
            ShapeError: When variant has other axes.
        """
        from torch.nn.functional import normalize

        expect(("variant", variant, "B T V"))
        latent = normalize(variant, dim=-1) if self.options.normalise else variant
        reference = latent[:, [roles.index("reference")]]
        near_B1 = (reference - latent[:, [roles.index("positive")]]).square().sum(dim=-1)
        far_BN = (reference - latent[:, roles.family("negative")]).square().sum(dim=-1)
        return triplet(near_B1, far_BN, self.options.margin).mean()


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``triplet``."""
    register(
        Component(
            kind="loss",
            name="triplet",
            options=TripletOptions,
            build=Triplet,
            reads=("variant", "roles"),
            roles=("reference", "positive", "negative"),
            example={"margin": 5.0},  # beyond the greatest difference: no triplet is satisfied and without a gradient
        )
    )
