"""The dataset's own box, widened by a margin: what a method reaches where detection is no question.

Source: the ground-truth crops of Rhodin et al., ECCV 2018, arXiv:1804.01110. Square boxes, shifted and scaled at random
while training, are for masked completion as of Armando et al., CVPR 2024, arXiv:2311.09104.
Differs from the latter: how its boxes are made is not known to us.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from .provided_net import Provided


class ProvidedOptions(Options):
    """Options of the provided box."""

    margin: float = Field(default=0.2, ge=0)
    """How much longer the sides are than those of the true box; for completion 0.25 is customary, of hands 0.5."""
    square: bool = False
    """Make the shorter side as long as the longer one, in pixels, before the margin; it may leave the frame."""
    jitter: float = Field(default=0.0, ge=0, lt=1)
    """While training, sides are scaled by up to this share, and the box is shifted by up to this share of its sides,
    either way and for each image by itself."""


def reads(options: ProvidedOptions) -> tuple[str, ...]:
    """The frame, for its shape, only where boxes are made square."""
    return ("true_box", "frame") if options.square else ("true_box",)


def build(options: ProvidedOptions, context: Context) -> Provided:
    """The stage, a module because boxes are jittered only while training."""
    from .provided_net import Provided

    return Provided(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the detector."""
    register(
        Component(
            kind="detector",
            name="provided",
            options=ProvidedOptions,
            build=build,
            reads=reads,
            writes=("box",),
            example={"square": True, "jitter": 0.1},
        )
    )
