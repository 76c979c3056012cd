"""Any timm CNN as the encoder, its features split into a time-variant and a time-invariant latent.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 3.1: one network, two output layers. The variant
latent is read from the corrupted (colour-jittered) crop, the invariant one from the clean crop.
Section 4.5, rows with a star: a residual perceptron between a ResNet101's features and the two layers, ``residual``.
Differs from the paper: the last feature map may be flattened instead of averaged (small crops lose the pose in
the average); with ``invariant = 0`` the code is whole, as the unsplit baselines have it. The paper's ResNet101 comes
out of a detector of 2D poses and sees 320 x 256 pixels; here it is any file of weights, and crops are square.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options, Setting


class Residual(Options):
    """A residual perceptron between the features and the latents, built as the head `resnet_mlp`."""

    width: PositiveInt = 1024
    """Width of all layers."""
    blocks: PositiveInt = 3
    """Number of residual blocks of two layers."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the units that are left out while training."""


class SplitOptions(Options):
    """Options of the split encoder."""

    model: str = "resnet50"
    """Any timm CNN."""
    weights: str = "hub"
    """`hub` (ImageNet, needs the network once), `random`, or a local weight file."""
    network: dict[str, Setting] = Field(default_factory=dict)
    """Further arguments of timm's constructor, as { channels = [24, 48, 96, 160], layers = [1, 1, 1, 1] }."""
    pool: Literal["average", "flatten"] = "average"
    """What is done with the last feature map; `flatten` keeps where things are."""
    variant: PositiveInt = 600
    """Width of the time-variant latent."""
    invariant: NonNegativeInt = 129
    """Width of the time-invariant latent; 0 leaves the code whole."""
    residual: Residual | None = None
    """A residual perceptron before the output layers, as { width = 1024, blocks = 3 }; none if not given."""


def reads(options: SplitOptions) -> tuple[str, ...]:
    """The clean crop is needed for the invariant part alone."""
    return ("crop_corrupted", "crop") if options.invariant else ("crop_corrupted",)


def writes(options: SplitOptions) -> tuple[str, ...]:
    """Both latents, or the variant one alone."""
    return ("variant", "invariant") if options.invariant else ("variant",)


def facts(options: SplitOptions) -> Mapping[str, int]:
    """Widths of the latents, for the decoder and the heads."""
    return {"variant": options.variant, "invariant": options.invariant}


def build(options: SplitOptions, context: Context) -> object:
    """Make the network."""
    from .split_net import SplitEncoder

    return SplitEncoder(options, context.crop_size)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the encoder."""
    register(
        Component(
            kind="encoder",
            name="split",
            options=SplitOptions,
            build=build,
            reads=reads,
            writes=writes,
            facts=facts,
            example={
                "model": "resnet10t",
                "weights": "random",
                "network": {"channels": (8, 8, 8, 8)},
                "variant": 6,
                "invariant": 4,
            },
        )
    )
