"""Content similarity of DrNet: two frames of one clip have the same time-invariant latent.

Paper: Denton and Birodkar, NeurIPS 2017, arXiv:1705.10915, the similarity loss; a baseline in Honari et al., TPAMI
2022, arXiv:2012.01511.
The second latent of a pair is held fixed: the first moves towards it.
Differs from the paper: the squared difference is averaged over the latent's numbers, so that its weight does not
depend on their count, and over every pair of a tuple instead of one drawn pair: the mean over all draws.

Axes: B tuples, T frames of a tuple, I time-invariant latent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core.errors import ConfigError
from ...core.fields import expect
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import Tensor


class ContentSimilarityOptions(Options):
    """The loss has no options beside its weight; the paper's is 1."""


def content_distance(invariant_BTI: Tensor, clip_BT: Tensor) -> Tensor:
    """Mean squared difference of the latents of two frames of one clip, per tuple, (B,); 0 where no two are of one."""
    apart_BTTI = invariant_BTI[:, :, None] - invariant_BTI.detach()[:, None]
    same_BTT = clip_BT[:, :, None] == clip_BT[:, None]
    pairs_B = same_BTT.sum(dim=(1, 2)) - clip_BT.shape[1]  # a frame and itself are no pair, and 0 apart
    return (apart_BTTI.square().mean(dim=-1) * same_BTT).sum(dim=(1, 2)) / pairs_B.clamp(min=1)


class ContentSimilarity:
    """The similarity loss over the tuples of a batch."""

    def __init__(self, options: ContentSimilarityOptions, context: Context) -> None:
        pass

    def __call__(self, *, invariant: Tensor, clip: Tensor) -> Tensor:
        """From invariant (B, T, I) and clip (B, T), the mean over tuples.

        Raises:
            ShapeError: When the two disagree in B or T.
            ConfigError: When tuples have one frame only.
        """
        expect(("invariant", invariant, "B T I"), ("clip", clip, "B T"))
        if clip.shape[1] < 2:
            raise ConfigError(
                "there is no other frame to be like: the sampler draws tuples of one frame",
                where="losses (content_similarity)",
                hint="choose a sampler with several frames of a clip in a tuple",
            )
        return content_distance(invariant, clip).mean()


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``content_similarity``."""
    register(
        Component(
            kind="loss",
            name="content_similarity",
            options=ContentSimilarityOptions,
            build=ContentSimilarity,
            reads=("invariant", "clip"),
        )
    )
