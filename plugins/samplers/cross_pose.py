"""Pairs of one person at two moments, seen by one camera.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104, cross-pose completion.
Differs from the paper: the range of distances in time, which is uniform over their logarithm, and the rejection of
near-duplicates are ours. Near a clip's end the range ends there.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context
from .pair_options import PairOptions, PoseOptions
from .pairs import ROLES, PairSampler

NAME = "cross_pose"


class CrossPoseOptions(PoseOptions, PairOptions):
    """Options of the cross-pose sampler."""


def build(options: CrossPoseOptions, context: Context) -> PairSampler:
    """The sampler."""
    return PairSampler(NAME, options, {"pose": 1.0})


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the sampler ``cross_pose``."""
    register(Component(kind="sampler", name=NAME, options=CrossPoseOptions, build=build, roles=ROLES))
