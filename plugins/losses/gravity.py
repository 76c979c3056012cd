"""Gravity: the box around a body in free fall moves with constant acceleration, falls, and keeps its size.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, equations (7) to (12).
Four frames at equal distances in time are compared. A camera that looks from the side and keeps its distance sees
constant acceleration in its image too (8), so that the third difference of the box's height vanishes (9).
Differs from the paper: it counts heights upwards; here +y is down, and ``down`` tells the other case. The formulas
are written from the paper's words: squares rather than sizes, consecutive frames in the order term, and the least
way of 0.01 are ours.

Axes: B tuples, T = 4 frames in order of time.
Coordinates: boxes (s_x, s_y, u_x, u_y) in [-1, 1], +y down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ...core.fields import expect
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options, Roles

if TYPE_CHECKING:
    from torch import Tensor

ORDER = ("first", "second", "third", "fourth")


class GravityOptions(Options):
    """Options of the gravity loss."""

    order: float = Field(default=1.0, ge=0)
    """Weight of the order term, equation (10)."""
    scale: float = Field(default=1.0, ge=0)
    """Weight of the scale term, equation (11)."""
    down: Literal[1, -1] = 1
    """Sign of y downwards: 1 where +y is down, as everywhere in this package."""
    eps: float = Field(default=0.01, ge=0)
    """Least way that the box must fall between two frames, in [-1, 1] coordinates."""


def acceleration_term(y_BT: Tensor) -> Tensor:
    """Equation (9), (B,): the squared third difference of four heights."""
    return (y_BT[:, 0] - 3 * y_BT[:, 1] + 3 * y_BT[:, 2] - y_BT[:, 3]).square()


def order_term(y_BT: Tensor, down: int, eps: float) -> Tensor:
    """Equation (10), (B,): by how much each step falls short of ``eps`` downwards, summed."""
    return (eps - down * y_BT.diff(dim=1)).clamp(min=0).sum(dim=1)


def scale_term(s_BT2: Tensor) -> Tensor:
    """Equation (11), (B,): squared changes of both sides of the box from frame to frame, summed."""
    return s_BT2.diff(dim=1).square().sum(dim=(1, 2))


class Gravity:
    """Equation (12) over the tuples of a batch."""

    def __init__(self, options: GravityOptions, context: Context) -> None:
        self.options = options

    def __call__(self, *, box: Tensor, roles: Roles) -> Tensor:
        """From box (B, T, 4), the mean over tuples.

        Raises:
            ShapeError: When box has other axes.
        """
        expect(("box", box, "B T 4"))
        ordered = box[:, [roles.index(name) for name in ORDER]]
        s_BT2, y_BT = ordered[..., :2], ordered[..., 3]
        o = self.options
        fall = acceleration_term(y_BT) + o.order * order_term(y_BT, o.down, o.eps)
        return (fall + o.scale * scale_term(s_BT2)).mean()


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``gravity``."""
    register(
        Component(
            kind="loss",
            name="gravity",
            options=GravityOptions,
            build=Gravity,
            reads=("box", "roles"),
            roles=ORDER,
        )
    )
