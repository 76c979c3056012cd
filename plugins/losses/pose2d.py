"""2D pose from the latent, where 2D labels exist.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, equation (13): a residual perceptron reads the 2D
pose off the time-variant latent; its weight in the total is 10.
Differs from the paper, which does not say in which coordinates: the latent sees only the crop and cannot know where
in the frame that lies, so the pose is taken relative to the root joint and divided by the box's half sides. No
gradient passes through that division, or the box could grow to make the error small. A joint that the labels do not
know (NaN) counts for nothing, and neither does a frame whose root they do not know. What the perceptron reads off a
latent can be handed to a probe, as in the paper's second phase: ``probe.fields = ["variant", "pose_2d_predicted"]``.

Axes: B tuples, T frames of a tuple, V time-variant latent, J joints.
Coordinates: [-1, 1], +x right, +y down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field, NonNegativeInt, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import Tensor

    from .pose2d_net import Pose2D


class Pose2DOptions(Options):
    """Options of the 2D pose loss."""

    root: NonNegativeInt = 0
    """Joint that the pose is relative to; 0 is the pelvis in Human3.6M order."""
    width: PositiveInt = 1024
    """Width of the perceptron's layers."""
    blocks: PositiveInt = 3
    """Number of its residual blocks."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of its units that are left out while training."""


def in_box(pose_BTJ2: Tensor, box_BT4: Tensor, root: int) -> Tensor:
    """2D joints relative to the root joint, in half sides of the box, (B, T, J, 2), without gradient to the box.

    NaN where a joint or the root is.
    A box that covers the share s of a side of the frame reaches from u - s to u + s, so its half side is s.
    """
    return (pose_BTJ2 - pose_BTJ2[..., [root], :]) / box_BT4[..., None, :2].detach()


def pose_term(predicted_BTJ2: Tensor, wanted_BTJ2: Tensor) -> Tensor:
    """Equation (13): squared distance in the image, mean over the known joints of all frames, a scalar.

    A joint that is not known is NaN. Processes may know unequal numbers: what they give averages to that mean.
    """
    from .whole_batch_net import mean_where

    known_BTJ = wanted_BTJ2.isfinite().all(dim=-1)
    filled_BTJ2 = wanted_BTJ2.where(known_BTJ[..., None], predicted_BTJ2.detach().to(wanted_BTJ2.dtype))
    return mean_where((predicted_BTJ2 - filled_BTJ2).square().sum(dim=-1), known_BTJ)


def build(options: Pose2DOptions, context: Context) -> Pose2D:
    """The loss with its own perceptron."""
    from .pose2d_net import Pose2D

    return Pose2D(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``pose2d``."""
    register(
        Component(
            kind="loss",
            name="pose2d",
            options=Pose2DOptions,
            build=build,
            reads=("variant", "pose_2d", "box"),
            writes=("pose_2d_predicted",),
            example={"width": 8, "blocks": 1},
        )
    )
