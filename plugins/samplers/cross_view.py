"""Pairs of one person at one moment, seen by two cameras.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104, cross-view completion.
Differs from the paper: the range of angles, and that every moment of two cameras is drawn equally often, are ours.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context
from .pair_options import PairOptions, ViewOptions
from .pairs import ROLES, PairSampler

NAME = "cross_view"


class CrossViewOptions(ViewOptions, PairOptions):
    """Options of the cross-view sampler."""


def build(options: CrossViewOptions, context: Context) -> PairSampler:
    """The sampler."""
    return PairSampler(NAME, options, {"view": 1.0})


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the sampler ``cross_view``."""
    register(Component(kind="sampler", name=NAME, options=CrossViewOptions, build=build, roles=ROLES))
