"""Encoder `torchvision`: a small classifier of torchvision, whose last layer gives the time-variant latent.

Paper: Ma et al., ECCV 2018, arXiv:1807.11164 (ShuffleNet v2, the default).
Differs from the paper: weights are random and the crop is small. Networks with dropout are left out, because
torchvision draws it differently in several processes than in one.

Axes: N images, B tuples, T frames of a tuple, 3 colour channels, h w crop pixels, V time-variant latent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Component, Context, Options
from pydantic import PositiveInt

if TYPE_CHECKING:
    from torch import Tensor

    from .encoder_net import TorchvisionEncoder


class TorchvisionOptions(Options):
    """Options of the encoder."""

    model: Literal["shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "resnet18"] = "shufflenet_v2_x0_5"
    """The network, by torchvision's name."""
    variant: PositiveInt = 64
    """Width of the time-variant latent."""


def centred(image_N3hw: Tensor) -> Tensor:
    """Images in [0, 1] as the networks want them: in [-1, 1]."""
    return 2 * image_N3hw - 1


def facts(options: TorchvisionOptions) -> Mapping[str, int]:
    """Widths of the latents, for the decoder and the heads."""
    return {"variant": options.variant, "invariant": 0}


def build(options: TorchvisionOptions, context: Context) -> TorchvisionEncoder:
    """Make the network."""
    from .encoder_net import TorchvisionEncoder

    return TorchvisionEncoder(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare the encoder."""
    register(
        Component(
            kind="encoder",
            name="torchvision",
            options=TorchvisionOptions,
            build=build,
            reads=("crop_corrupted",),
            writes=("variant",),
            facts=facts,
            example={"variant": 6},
        )
    )
