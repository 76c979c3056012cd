"""Loss `motion_mask`: the decoded mask covers what differs from the background.

Source: background subtraction. It needs a part that marks movement, as the corruption of this package does; the mark
is a target, so no gradient goes into it.

Axes: B tuples, T frames of a tuple, K redrawn frames, h w crop pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from poserep.core.fields import expect
from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Component, Context, Options

from .corruption import MOVING

if TYPE_CHECKING:
    from torch import Tensor


class MotionMaskLossOptions(Options):
    """There are none; the weight is the role's."""


def disagreement(mask: Tensor, moving: Tensor) -> Tensor:
    """Squared difference of two masks of one shape, averaged over pixels and frames; a scalar."""
    return (mask - moving).square().mean()


class MotionMaskLoss:
    """Compares each decoded mask with the mark of the frame that it belongs to."""

    def __init__(self, options: MotionMaskLossOptions, context: Context) -> None:
        pass

    def __call__(self, *, mask_decoded: Tensor, target: Tensor, **fields: Tensor) -> Tensor:
        """From mask_decoded (B, K, 1, h, w), target (B, K) and this package's field (B, T, 1, h, w).

        Raises:
            ShapeError: When sizes disagree.
        """
        from poserep.core.select import select

        moving = fields[MOVING].detach()  # its name is no Python name, so it comes with the rest
        expect(("mask_decoded", mask_decoded, "B K 1 h w"), ("target", target, "B K"), (MOVING, moving, "B T 1 h w"))
        return disagreement(mask_decoded, select(moving, target))


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare the loss."""
    register(
        Component(
            kind="loss",
            name="motion_mask",
            options=MotionMaskLossOptions,
            build=MotionMaskLoss,
            reads=("mask_decoded", "target", MOVING),
        )
    )
