"""Residual perceptron head, the pose regressor of the weakly supervised experiments.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4.5: width 1,024 and 3 blocks, after Martinez et al.,
ICCV 2017, arXiv:1705.03098, whose 2 blocks have batch norm and dropout 0.5.
Differs from Martinez et al.: no bound on the norm of the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import nn


class ResNetMLPOptions(Options):
    """Options of the residual perceptron."""

    width: PositiveInt = 1024
    """Width of all layers."""
    blocks: PositiveInt = 3
    """Number of residual blocks of two layers."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the units that are left out while training."""


def build(options: ResNetMLPOptions, context: Context) -> nn.Module:
    """A network from (N, features) to (N, outputs)."""
    from ...networks.mlp import resnet_mlp

    return resnet_mlp(context.facts["features"], context.facts["outputs"], **options.model_dump())


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the head ``resnet_mlp``."""
    example = {"width": 8, "blocks": 1}
    register(Component(kind="head", name="resnet_mlp", options=ResNetMLPOptions, build=build, example=example))
