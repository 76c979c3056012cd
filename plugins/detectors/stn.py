"""Spatial transformer as a person detector: a small network sees the whole frame and regresses one box.

Paper: Jaderberg et al., NeurIPS 2015, arXiv:1506.02025, section 3; used as in Honari et al., TPAMI 2022,
arXiv:2012.01511, section 3.2. The box is squashed as in Rhodin et al., CVPR 2019: s = s_min + (s_max - s_min)
sigmoid(raw), u = u_max tanh(raw), and starts as one centred box for every image. Of several subjects each
has a box, and a depth, as there (arXiv:1903.05684).
Differs from the papers: a box, not a parallelogram (no shear, no rotation); the frame is resized to a fixed side; the
network may be shown the frame's difference to the background, and start from that difference's centroid. Several boxes
start beside each other, because equal ones would learn equally and stay equal.

Coordinates: (x, y) in [-1, 1], align_corners=False, origin at the centre.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import Field, PositiveInt

from ...core.errors import ConfigError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options, Setting


class STNOptions(Options):
    """Options of the spatial transformer."""

    model: str = "resnet18"
    """Any timm CNN."""
    weights: str = "random"
    """`random`, `hub` (ImageNet, needs the network once), or a local weight file."""
    network: dict[str, Setting] = Field(default_factory=dict)
    """Further arguments of timm's constructor, as { channels = [24, 48, 96, 160], layers = [1, 1, 1, 1] }."""
    sees: Literal["frame", "difference"] = "frame"
    """The frame as it is, or its difference to the background: a small network that starts at random then finds the
    subject in hundreds of steps instead of thousands."""
    anchor: Literal["centre", "difference"] = "centre"
    """What the network moves the box away from: the frame's centre, or the centroid of its difference to the
    background, which finds a lone subject at once and matters where there are few frames to learn from."""
    input_size: PositiveInt = 128
    """Side in pixels to which the frame is resized for the detector."""
    pool: Literal["average", "flatten"] = "average"
    """What is done with the last feature map; `flatten` keeps where things are."""
    min_size: float = Field(default=0.2, gt=0, le=1)
    """Smallest share of the frame's side that a box covers."""
    max_size: float = Field(default=1.0, gt=0, le=1)
    """Largest share of the frame's side that a box covers."""
    max_centre: float = Field(default=0.8, gt=0, le=1)
    """Farthest place of a box's centre from the frame's, in [-1, 1] coordinates."""
    subjects: PositiveInt = 1
    """People in each frame: so many boxes are found, with a depth each that tells who hides whom."""


def reads(options: STNOptions) -> tuple[str, ...]:
    """The background is needed for the difference alone."""
    return ("frame", "background") if "difference" in (options.sees, options.anchor) else ("frame",)


def writes(options: STNOptions) -> tuple[str, ...]:
    """Of several subjects there is an order in depth."""
    return ("box", "depth") if options.subjects > 1 else ("box",)


def facts(options: STNOptions) -> Mapping[str, int]:
    """How many boxes it finds in each frame, where it is not one."""
    return {"subjects": options.subjects} if options.subjects > 1 else {}


def build(options: STNOptions, context: Context) -> object:
    """Make the network.

    Raises:
        ConfigError: If several subjects are to start from one centroid.
    """
    if options.subjects > 1 and options.anchor == "difference":
        raise ConfigError(
            f"the centroid of the difference lies between {options.subjects} subjects, not on one",
            where="detector.anchor",
            hint='anchor = "centre" for several subjects',
        )
    from .stn_net import STN

    return STN(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the detector."""
    register(
        Component(
            kind="detector",
            name="stn",
            options=STNOptions,
            build=build,
            reads=reads,
            writes=writes,
            facts=facts,
            example={"model": "resnet10t", "network": {"channels": (8, 8, 8, 8)}, "input_size": 32},
        )
    )
