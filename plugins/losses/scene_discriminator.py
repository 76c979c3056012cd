"""Scene discriminator of DrNet: from two time-variant latents nobody can tell whether their frames are of one clip.

Paper: Denton and Birodkar, NeurIPS 2017, arXiv:1705.10915, the adversarial loss; a baseline in Honari et al., TPAMI
2022, arXiv:2012.01511.
The discriminator C, with an optimiser of its own, learns 1 for two frames of one clip and 0 for frames of two clips.
The encoder is pushed to where C says 0.5 of two frames of one clip, and through one of the two latents only.
Differs from the paper: all pairs of a batch count instead of one drawn at random for each frame, each kind with half
the weight: the mean over all draws. The loss's weight scales the encoder's side; the discriminator learns at weight 1.
Clips whose people do different things can be told apart by their poses alone, a limit of the method.

Needs batches with several clips: a batch without pairs of either kind teaches the discriminator nothing, and twenty in
a row end the training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from .scene_discriminator_net import SceneDiscriminator


class SceneDiscriminatorOptions(Options):
    """Options of the scene discriminator."""

    width: PositiveInt = 100
    """Width of the discriminator's two hidden layers."""


def build(options: SceneDiscriminatorOptions, context: Context) -> SceneDiscriminator:
    """The loss with its discriminator."""
    from .scene_discriminator_net import SceneDiscriminator

    return SceneDiscriminator(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``scene_discriminator``."""
    register(
        Component(
            kind="loss",
            name="scene_discriminator",
            options=SceneDiscriminatorOptions,
            build=build,
            reads=("variant", "clip"),
            example={"width": 8},
        )
    )
