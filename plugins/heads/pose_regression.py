"""Pose regression: 3D joints, each by a query of its own that looks among the tokens; or all from the latent.

Paper: the regression of Honari et al., TPAMI 2022, arXiv:2012.01511, equation (15), for a transformer: queries over
tokens after Carion et al., ECCV 2020, arXiv:2005.12872, with one layer of attention.
Differs from the papers: no decoder of several layers, and one perceptron serves all joints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import nn


class PoseRegressionOptions(Options):
    """Options of the pose regression."""

    sees: Literal["tokens", "variant"] = "tokens"
    """A transformer's tokens, or the time-variant latent."""
    hidden: NonNegativeInt = 256
    """Width of a hidden layer; 0 for none."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the last layer's inputs that are left out while training."""


def build(options: PoseRegressionOptions, context: Context) -> nn.Module:
    """A module from features to the places of ``joints``."""
    from .pose_regression_net import PoseRegression

    return PoseRegression(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the head ``pose_regression``."""
    register(
        Component(
            kind="head",
            name="pose_regression",
            options=PoseRegressionOptions,
            build=build,
            reads=lambda options: (options.sees,),
            writes=("pose",),
            example={"hidden": 8},
        )
    )
