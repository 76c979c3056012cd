"""The box around what differs from the background: of a lone subject before a camera that stands still; not learnt.

Source: ours. Centre and size of the box are mean and deviation of where the frame differs clearly, weighed by how much.
For masked completion as of Armando et al., CVPR 2024, arXiv:2311.09104, on videos without boxes: a detector that learns
from that loss would look for what is easily completed, not for the person.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from .difference_net import Difference


class DifferenceOptions(Options):
    """Options of the box around the difference."""

    reach: float = Field(default=2.5, gt=0)
    """Half of each side in standard deviations of the places that differ; 1.73 just holds an evenly filled box."""
    min_size: float = Field(default=0.25, gt=0, le=1)
    """Least share of the frame's sides that the box covers: where only a hand moves, the box is no smaller."""
    square: bool = True
    """Make the shorter side as long as the longer one, in pixels; it may leave the frame."""
    jitter: float = Field(default=0.0, ge=0, lt=1)
    """While training, sides are scaled by up to this share, and the box is shifted by up to this share of its sides,
    either way and for each image by itself."""


def build(options: DifferenceOptions, context: Context) -> Difference:
    """The stage, a module because boxes are jittered only while training."""
    from .difference_net import Difference

    return Difference(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the detector."""
    register(
        Component(
            kind="detector",
            name="difference",
            options=DifferenceOptions,
            build=build,
            reads=("frame", "background"),
            writes=("box",),
            example={"jitter": 0.1},
        )
    )
