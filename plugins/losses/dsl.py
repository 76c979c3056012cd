"""DSL, the distance-based similarity loss: how alike two latents must be follows from their distance in time.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 3.1.2, equations (5) and (6).
The reference is compared with the positive, the intermediate and the negative frame of its tuple. At no distance the
latents must be equal in direction, at the threshold and beyond they must be unlike, and in between both demands are
mixed linearly.
Differs from the paper: distances are seconds, not frames; its threshold of 200 frames is 4 s at the 50 frames per
second of Human3.6M. The formula is written from the paper's words, which ask for a similarity of zero far away and
leave open how a negative cosine counts: here as zero (``relu``), with both other readings as options.

Axes: B tuples, T frames of a tuple, V time-variant latent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ...core.fields import expect
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options, Roles

if TYPE_CHECKING:
    from torch import Tensor

Dissimilarity = Literal["relu", "abs", "raw"]
COMPARED = ("positive", "intermediate", "negative")


class DSLOptions(Options):
    """Options of the distance-based similarity loss."""

    threshold_s: float = Field(default=4.0, gt=0)
    """Distance in seconds from which on two frames must be unlike: the sampler's least distance of a negative."""
    dissimilarity: Dissimilarity = "relu"
    """What far frames must bring to its least: the cosine's positive part, its size, or the cosine itself."""
    reduction: Literal["sum", "mean"] = "sum"
    """How the three pairs of a tuple are put together."""


def closeness(distance_s: Tensor, threshold_s: float) -> Tensor:
    """Weight w of similarity in equation (5): 1 at no distance, falling to 0 at the threshold."""
    return (1 - distance_s.abs() / threshold_s).clamp(min=0)


def pair_loss(similarity: Tensor, closeness: Tensor, dissimilarity: Dissimilarity) -> Tensor:
    """Equation (5) for pairs of one shape: ``w (1 - sim) + (1 - w) dissim(sim)``."""
    if dissimilarity == "relu":
        unlike = similarity.clamp(min=0)
    elif dissimilarity == "abs":
        unlike = similarity.abs()
    else:
        unlike = similarity
    return closeness * (1 - similarity) + (1 - closeness) * unlike


class DSL:
    """Equation (6) over the tuples of a batch."""

    def __init__(self, options: DSLOptions, context: Context) -> None:
        self.options = options

    def __call__(self, *, variant: Tensor, time: Tensor, roles: Roles) -> Tensor:
        """From variant (B, T, V) and time (B, T) in seconds, the mean over tuples.

        Raises:
            ShapeError: When the two disagree in B or T.
        """
        from torch.nn.functional import cosine_similarity

        expect(("variant", variant, "B T V"), ("time", time, "B T"))
        reference = roles.index("reference")
        others = [t for name in COMPARED for t in roles.family(name)]
        similarity = cosine_similarity(variant[:, [reference]], variant[:, others], dim=-1)
        close = closeness(time[:, others] - time[:, [reference]], self.options.threshold_s)
        loss = pair_loss(similarity, close.to(similarity.dtype), self.options.dissimilarity)
        return (loss.sum(dim=1) if self.options.reduction == "sum" else loss.mean(dim=1)).mean()


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``dsl``."""
    register(
        Component(
            kind="loss",
            name="dsl",
            options=DSLOptions,
            build=DSL,
            reads=("variant", "time", "roles"),
            roles=("reference", *COMPARED),
        )
    )
