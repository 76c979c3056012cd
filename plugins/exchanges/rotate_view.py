"""Novel view synthesis: a frame is decoded from another camera's time-variant latent, turned to its own camera.

Paper: Rhodin et al., CVPR 2019, Neural scene decomposition for multi-person motion capture, arXiv:1903.05684, as the
baseline NSD of Honari et al., TPAMI 2022, arXiv:2012.01511. The time-variant latent is a cloud of points in 3D. From
camera c to camera c' each is turned by ``R_c' R_c^T``, exactly and without weights; nothing is moved. While training,
the two cameras of a moment are exchanged with probability 1/2, and the time-invariant latent always comes from the
tuple's other moment, from either camera.

Of several subjects, which box of the other camera shows whom is told by the first 16 numbers of the time-invariant
latents: their cosines, through a softmax, say how much of each crop decoded from the other camera goes into each box,
the arg-max in evaluation. It is decoded crops that are mixed, not latents: a mean of two latents is decoded to nobody,
while a mean of two pictures tells by how much the one fits better than the other. As in the paper for two people, looks
stay within their moment then: they come from where the pose comes from.

Differs from the paper: in evaluation each frame keeps its own latents, as with every exchange, so that a frame alone
can be redrawn; the paper exchanges the cameras there too. A frame that keeps its own latents mixes nothing.

Axes: B tuples, T frames of a tuple, K redrawn frames, S subjects, N = T S and M = K S boxes, V and I latents.
Coordinates: points as camera coordinates, +x right, +y down, +z forward; rotations are world to camera.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

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
    sharpness: float = Field(default=10.0, gt=0)
    """What the cosines of several subjects are multiplied by: 10 for two in the paper's program, 2 for three."""
    others: Literal["refuse", "own"] = "refuse"
    """Tuples that are not two cameras at two moments, as a phase with a sampler of its own draws them: refuse them, or
    decode each frame from its own latents."""
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
            reads=("variant", "invariant", "rotation", "roles", "depth?"),
            writes=("decode_variant", "decode_invariant", "target", "mix?"),
            roles=lambda options: ROLES if options.others == "refuse" else (),
            several=True,
            example={"redraw": 2},
        )
    )
