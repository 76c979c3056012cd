"""Perceptron head, the pose regressor of the unsupervised experiments.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, sections 4.3 and 4.4: two hidden layers of 2,048, dropout 0.5.
Differs from the paper, which does not tell the order inside a layer: Linear, ReLU, BatchNorm, Dropout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import nn


class MLPOptions(Options):
    """Options of the perceptron."""

    hidden: PositiveInt = 2048
    """Width of the hidden layers."""
    layers: PositiveInt = 2
    """Number of hidden layers."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the units that are left out while training."""


def build(options: MLPOptions, context: Context) -> nn.Module:
    """A network from (N, features) to (N, outputs)."""
    from ...networks.mlp import mlp

    return mlp(context.facts["features"], context.facts["outputs"], **options.model_dump())


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the head ``mlp``."""
    register(Component(kind="head", name="mlp", options=MLPOptions, build=build, example={"hidden": 8}))
