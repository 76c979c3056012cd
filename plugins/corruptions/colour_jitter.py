"""Colour jitter: while training, the encoder of pose sees each crop in other colours, so that it cannot lean on them.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, which does not tell its strengths; the defaults are
the customary ones of contrastive learning.
Differs from the usual recipe: hue turns in the YIQ plane, which keeps luma, instead of HSV, and the four steps keep
one order (brightness, contrast, saturation, hue). All four are then one affine map of a pixel's colour, which costs a
fraction of an HSV round trip and passes a smooth gradient to the crop, up to the clamp to [0, 1] at the end.

Axes: N images, h w pixels, C colour channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from .recolouring import Recolouring


class ColourJitterOptions(Options):
    """Options of the colour jitter: factors are drawn uniformly from 1 - strength to 1 + strength."""

    brightness: float = Field(default=0.4, ge=0, le=1)
    """Strength on the image as a whole."""
    contrast: float = Field(default=0.4, ge=0, le=1)
    """Strength on the distance from the image's mean grey."""
    saturation: float = Field(default=0.4, ge=0, le=1)
    """Strength on the distance from each pixel's grey."""
    hue: float = Field(default=0.1, ge=0, le=0.5)
    """Greatest turn of the hue either way, in whole turns."""
    asymmetric: float = Field(default=1.0, ge=0, le=1)
    """Share of tuples whose images are each jittered in their own way; all images of the others in the same way."""


def build(options: ColourJitterOptions, context: Context) -> Recolouring:
    """The stage, a module because it does nothing in evaluation mode."""
    from .recolouring import Recolouring

    strengths = (options.brightness, options.contrast, options.saturation, options.hue)
    return Recolouring(strengths, options.asymmetric)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the corruption ``colour_jitter``."""
    register(
        Component(
            kind="corruption",
            name="colour_jitter",
            options=ColourJitterOptions,
            build=build,
            reads=("crop",),
            writes=("crop_corrupted",),
        )
    )
