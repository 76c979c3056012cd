"""Corruption `motion_mask`: marks what differs from the background, and hides the rest from the encoder.

Source: background subtraction, as old as video. A pixel counts in full where some channel differs by the threshold,
and in part below it, so that the mark has no hard edge.

Axes: B tuples, T frames of a tuple, 3 colour channels, h w crop pixels, H W frame pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from poserep.core.fields import expect
from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Component, Context, Options
from pydantic import Field

if TYPE_CHECKING:
    from torch import Tensor

MOVING = "poserep_motion_mask:moving"
GREY = 0.5


class MotionMaskOptions(Options):
    """Options of the marking."""

    threshold: float = Field(default=0.1, gt=0, le=1)
    """Difference of a channel from the background at which a pixel counts in full."""
    hide: bool = True
    """Whether what does not move is grey in the crop that the time-variant encoder sees."""


def moving_share(crop: Tensor, behind: Tensor, threshold: float) -> Tensor:
    """How clearly each pixel differs: (..., 3, h, w) images to (..., 1, h, w) in [0, 1]."""
    return ((crop - behind).abs().amax(dim=-3, keepdim=True) / threshold).clamp(max=1)


def hidden(crop: Tensor, moving: Tensor) -> Tensor:
    """The crop where something moves, grey elsewhere."""
    return moving * crop + (1 - moving) * GREY


class MotionMask:
    """The same while training and after it; without weights."""

    def __init__(self, options: MotionMaskOptions, context: Context) -> None:
        self.options = options

    def __call__(self, *, crop: Tensor, background: Tensor, box: Tensor) -> Mapping[str, Tensor]:
        """From crop (B, T, 3, h, w), background (B, T, 3, H, W) and box (B, T, 4).

        Returns:
            crop_corrupted, like crop, and the field of this package, (B, T, 1, h, w).

        Raises:
            ShapeError: When sizes disagree.
        """
        from poserep.core.geometry import crop as cut

        expect(("crop", crop, "B T 3 h w"), ("background", background, "B T 3 H W"), ("box", box, "B T 4"))
        height, width = crop.shape[-2:]
        moving = moving_share(crop, cut(background, box, (height, width)), self.options.threshold)
        return {"crop_corrupted": hidden(crop, moving) if self.options.hide else crop, MOVING: moving}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare the corruption."""
    register(
        Component(
            kind="corruption",
            name="motion_mask",
            options=MotionMaskOptions,
            build=MotionMask,
            reads=("crop", "background", "box"),
            writes=("crop_corrupted", MOVING),
        )
    )
