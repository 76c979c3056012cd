"""Model-free mesh: queries for a few vertices look among the tokens, and any mesh is made of them, coarse to fine.

Papers: Cho et al., ECCV 2022, arXiv:2207.13820 (FastMETRO): queries of coarse vertices over image tokens in two stages
of falling width, a learnt upsampling, then a fixed one, losses at all three levels; Armando et al., CVPR 2024,
arXiv:2311.09104, fine-tune for it. Vertices as weighted sums of neighbours: Roweis and Saul, Science 2000,
doi:10.1126/science.290.5500.2323.
Differs from the papers: nothing is known of the mesh but labelled examples. Coarse vertices are chosen by farthest
points, and the fixed weights are those that best rebuild each vertex of all examples from its neighbours, distances
being the largest over the examples, so that a hand near the hip is no neighbour of it. Queries see each other without
a mask of adjacency; there is no query of joints or camera, and no loss of edges and normals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import nn


class MeshFreeOptions(Options):
    """Options of the model-free mesh."""

    sees: Literal["tokens", "variant"] = "tokens"
    """A transformer's tokens, or the time-variant latent as the only one."""
    coarse: PositiveInt = 128
    """Vertices that are queries."""
    middle: PositiveInt = 512
    """Vertices of the level between them and all."""
    widths: tuple[PositiveInt, ...] = Field(default=(256, 128), min_length=1)
    """Width of a query in each stage."""
    depth: PositiveInt = 2
    """Blocks of each stage."""
    heads: PositiveInt = 4
    """Heads of attention."""
    f_scores: bool = False
    """Also measure F-scores at 5 and 15 mm, as is done for hands; slow for thousands of vertices."""


def build(options: MeshFreeOptions, context: Context) -> nn.Module:
    """A module from features to ``vertices``.

    Raises:
        ConfigError: If heads do not share a width.
    """
    from .mesh_free_net import MeshFree

    return MeshFree(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the head ``mesh_free``."""
    register(
        Component(
            kind="head",
            name="mesh_free",
            options=MeshFreeOptions,
            build=build,
            reads=lambda options: (options.sees,),
            writes=("vertices",),
            example={"coarse": 6, "middle": 10, "widths": (16, 8), "depth": 1, "heads": 2},
        )
    )
