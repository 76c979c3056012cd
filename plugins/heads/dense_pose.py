"""Dense pose: which part of the body each pixel of the crop shows, and where on that part.

Paper: Guler et al., CVPR 2018, arXiv:1802.00434: parts by cross-entropy, coordinates by a smooth L1 on the true part,
for each part its own pair of maps; Armando et al., CVPR 2024, arXiv:2311.09104, fine-tune for it.
Differs from the papers: maps are made from the last tokens alone by upsampling and convolutions, where a network in
the style of Ranftl et al., ICCV 2021, arXiv:2103.13413, takes those of four layers; every pixel has a label, not some
points; no geodesic measure. From the latent of a CNN maps are made by a linear layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import nn


class DensePoseOptions(Options):
    """Options of dense pose."""

    sees: Literal["tokens", "variant"] = "tokens"
    """A transformer's tokens, or the time-variant latent, of which a map of 8 by 8 is made first."""
    channels: PositiveInt = 128
    """Channels of the first map; each doubling halves them, down to 32."""
    doublings: NonNegativeInt = 2
    """How often the map is made twice as wide and as high, with a convolution each; then it is stretched to the crop's
    size."""
    uv_weight: NonNegativeFloat = 10.0
    """Weight of the coordinates' loss beside that of the parts."""


def build(options: DensePoseOptions, context: Context) -> nn.Module:
    """A module from features to maps of ``parts``."""
    from .dense_pose_net import DensePose

    return DensePose(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the head ``dense_pose``."""
    register(
        Component(
            kind="head",
            name="dense_pose",
            options=DensePoseOptions,
            build=build,
            reads=lambda options: (options.sees,),
            writes=("part_map", "uv_map"),
            example={"channels": 8},
        )
    )
