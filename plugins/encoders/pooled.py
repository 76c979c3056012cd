"""The features of any timm CNN as they are: the baseline of an encoder that was trained elsewhere.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4.5 and Table XI, compares with a ResNet50 trained on
ImageNet, whose features go straight into the same pose regressor.
Differs from the paper: nothing known. With ``training.steps = 0`` (`poserep train RECIPE --untrained`) it stays as it
is; with the loss `pose2d` alone it is the paper's variant that was first tuned on 2D labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import Field, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options, Setting


class PooledOptions(Options):
    """Options of the pooled encoder."""

    model: str = "resnet50"
    """Any timm CNN."""
    weights: str = "hub"
    """`hub` (ImageNet, needs the network once), `random`, or a local weight file."""
    network: dict[str, Setting] = Field(default_factory=dict)
    """Further arguments of timm's constructor, as { channels = [24, 48, 96, 160] }."""
    pool: Literal["average", "flatten"] = "average"
    """What is done with the last feature map; `flatten` keeps where things are."""
    variant: PositiveInt = 2048
    """How many features the network has, which are the time-variant latent."""


def facts(options: PooledOptions) -> Mapping[str, int]:
    """Width of the latent, for decoders, losses and heads."""
    return {"variant": options.variant, "invariant": 0}


def build(options: PooledOptions, context: Context) -> object:
    """Make the network."""
    from .pooled_net import PooledEncoder

    return PooledEncoder(options, context.crop_size)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the encoder."""
    example = {"model": "resnet10t", "weights": "random", "network": {"channels": (8, 8, 8, 6)}, "variant": 6}
    register(
        Component(
            kind="encoder",
            name="pooled",
            options=PooledOptions,
            build=build,
            reads=("crop_corrupted",),
            writes=("variant",),
            facts=facts,
            example=example,
        )
    )
