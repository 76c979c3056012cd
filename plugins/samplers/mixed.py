"""Pairs of both kinds in one batch: two cameras at one moment, or one camera at two moments.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104, which adds the two kinds' losses with equal weights.
Differs from the paper: the share of each kind is ours. Pairs that differ in camera and moment are there for ablations.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context
from .pair_options import PairOptions, PoseOptions, ViewOptions
from .pairs import ROLES, PairSampler

NAME = "mixed"


class MixedOptions(ViewOptions, PoseOptions, PairOptions):
    """Options of the sampler of both kinds of pairs."""

    p_view: float = Field(default=0.5, ge=0, le=1)
    """Share of pairs of two cameras among those of one of the two kinds."""
    cross_view_and_pose: float = Field(default=0.0, ge=0, le=1)
    """Share of pairs of another camera and another moment, for ablations; the rest are of the two kinds."""


def build(options: MixedOptions, context: Context) -> PairSampler:
    """The sampler."""
    rest = 1 - options.cross_view_and_pose
    view, pose = rest * options.p_view, rest * (1 - options.p_view)
    return PairSampler(NAME, options, {"view": view, "pose": pose, "both": options.cross_view_and_pose})


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the sampler ``mixed``."""
    register(Component(kind="sampler", name=NAME, options=MixedOptions, build=build, roles=ROLES))
