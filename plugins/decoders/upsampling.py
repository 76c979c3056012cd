"""Both latents as feature maps, upsampled by convolutions to an RGB crop and a mask.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 3.2: each latent through a linear layer to a small
map, concatenated, then stages of bilinear upsampling and three convolutions. The mask is M = eps + (1 - eps)
sigmoid(logit), faded by the soft window and divided by its own maximum, as in Rhodin et al., CVPR 2019.
Differs from the paper: the mask is normalised in the crop only, not again in the frame; RGB is centred on the
ImageNet mean because frames are in [0, 1] here.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options


class UpsamplingOptions(Options):
    """Options of the upsampling decoder."""

    channels: tuple[PositiveInt, ...] = Field(default=(256, 128, 64, 32), min_length=2)
    """Widths of the first map and after each doubling of its side."""
    convolutions: PositiveInt = 3
    """Convolutions, 3 x 3, after each doubling."""
    variant_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the first map's channels that comes from the variant latent, where there is an invariant one."""
    dropout: float = Field(default=0.3, ge=0, lt=1)
    """Share of the first map that is dropped in training."""
    mask_floor: float = Field(default=1e-4, ge=0, lt=1)
    """eps of the mask."""
    window: bool = True
    """Fade the mask towards the crop's border, so that the box has a gradient there."""
    normalise_mask: bool = True
    """Divide each mask by its maximum, so that it cannot vanish."""


def build(options: UpsamplingOptions, context: Context) -> object:
    """Make the network."""
    from .upsampling_net import UpsamplingDecoder

    return UpsamplingDecoder(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the decoder."""
    register(
        Component(
            kind="decoder",
            name="upsampling",
            options=UpsamplingOptions,
            build=build,
            reads=("decode_variant", "decode_invariant?"),
            writes=("crop_decoded", "mask_decoded"),
            example={"channels": (8, 8, 8)},
        )
    )
