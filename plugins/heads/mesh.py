"""Model-based mesh: rotations, shape and camera of a body model, whose mesh is then the prediction.

Papers: Kanazawa et al., CVPR 2018, arXiv:1712.06584, for a regressor of a body model's parameters; rotations in six
numbers, Zhou et al., CVPR 2019, arXiv:1812.07035; the weights of the losses of vertices and joints are those of Baradel
et al., ECCV 2024, arXiv:2402.14654 (Multi-HMR); Armando et al., CVPR 2024, arXiv:2311.09104, fine-tune for it.
Differs from the papers: any body model serves, of bodies or hands. Rotations and shape have no labels of their own but
follow from vertices and joints; a small penalty keeps the shape near the average. The camera is learnt where the
dataset has 2D joints of the same skeleton, in the coordinates of the box.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options, Setting

if TYPE_CHECKING:
    from torch import nn


class MeshOptions(Options):
    """Options of the model-based mesh."""

    sees: Literal["variant", "tokens"] = "variant"
    """The time-variant latent, which of a transformer is the tokens' mean; or its tokens, pooled by a learnt query."""
    body: str = "capsule"
    """Name of the body model; its vertices must be those of the labels."""
    body_options: dict[str, Setting] = Field(default_factory=dict)
    """Its own options."""
    hidden: PositiveInt = 512
    """Width of the hidden layer."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the last layer's inputs that are left out while training."""
    vertex_weight: NonNegativeFloat = 100.0
    """Weight of the vertices' mean absolute distance, in metres."""
    joint_weight: NonNegativeFloat = 100.0
    """Weight of the joints'."""
    shape_weight: NonNegativeFloat = 0.01
    """Weight of the squared shape, in units of its common spread."""
    image_weight: NonNegativeFloat = 1.0
    """Weight of the 2D joints' mean absolute distance, in half sides of the box."""
    f_scores: bool = False
    """Also measure F-scores at 5 and 15 mm, as is done for hands; slow for thousands of vertices."""


def build(options: MeshOptions, context: Context) -> nn.Module:
    """A module from features to ``vertices``, and joints where the body model has those of the dataset.

    Raises:
        ConfigError: If there is no such body model.
    """
    from .mesh_net import Mesh

    return Mesh(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the head ``mesh``."""
    register(
        Component(
            kind="head",
            name="mesh",
            options=MeshOptions,
            build=build,
            reads=lambda options: (options.sees,),
            writes=("vertices", "pose?", "pose_2d?"),
            example={"hidden": 8},
        )
    )
