"""Novel view synthesis: a frame is decoded from another camera's time-variant latent, turned to its own camera.

Paper: Rhodin et al., CVPR 2019, Neural scene decomposition for multi-person motion capture, arXiv:1903.05684, as the
baseline NSD of Honari et al., TPAMI 2022, arXiv:2012.01511. The time-variant latent is a cloud of points in 3D. From
camera c to camera c' each is turned by ``R_c' R_c^T``, exactly and without weights; nothing is moved. While training,
the two cameras of a moment are exchanged with probability 1/2, and the time-invariant latent always comes from the
tuple's other moment, from either camera.
Differs from the paper: one subject. In evaluation each frame keeps its own latents, as with every exchange, so that a
frame alone can be redrawn; the paper exchanges the cameras there too.

Axes: B tuples, T frames of a tuple, K redrawn frames, V and I latents.
Coordinates: points as camera coordinates, +x right, +y down, +z forward; rotations are world to camera.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field, NonNegativeInt

from ...core.errors import ConfigError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from .rotate_view_net import RotateView

ROLES = ("now_1", "now_2", "then_1", "then_2")
"""Two cameras, numbered, at two moments of a take."""


class RotateViewOptions(Options):
    """Options of the exchange between views."""

    other_view: float = Field(default=0.5, ge=0, le=1)
    """Probability that the two frames of a moment are decoded from each other's time-variant latent."""
    redraw: NonNegativeInt = 0
    """How many frames of each tuple are decoded per step, drawn at random; 0 means all. All are in evaluation."""


def build(options: RotateViewOptions, context: Context) -> RotateView:
    """The stage, a module because it exchanges nothing in evaluation mode.

    Raises:
        ConfigError: When the time-variant latent is not made of 3D points.
    """
    width = context.facts["variant"]
    if width % 3:
        raise ConfigError(
            f"rotate_view turns points in 3D, but the time-variant latent has {width} numbers, no multiple of 3",
            where="encoder.variant",
            hint=f"{width - width % 3} or {width - width % 3 + 3}",
        )
    from .rotate_view_net import RotateView

    return RotateView(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the exchange ``rotate_view``."""
    register(
        Component(
            kind="exchange",
            name="rotate_view",
            options=RotateViewOptions,
            build=build,
            reads=("variant", "invariant", "rotation", "roles"),
            writes=("decode_variant", "decode_invariant", "target"),
            roles=ROLES,
            example={"redraw": 2},
        )
    )
