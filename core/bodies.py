"""Body models: a mesh that follows a skeleton, and how a part gets the one that its options name.

Axes: N bodies, J joints, V vertices, F faces, S shape parameters, 3 = x y z.
Coordinates: mm. At rest a body looks along +z, its head along +y, its left along +x; a right hand lies as it would on
such a body with arms held out sideways: fingers along -x, the palm down, the thumb to the front.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from .errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from .interfaces import Context
    from .skeleton import Skeleton


class BodyModel(Protocol):
    """A mesh of a body or a hand that follows rotations of its joints, differentiably; mostly an ``nn.Module``.

    Its joints are named ``pelvis``, ``left_hip``, ``right_knee``, ``left_wrist``, ``index_mcp`` and the like, as in
    `core.skeleton`, where they are what those names say, so that a part can pose any model by names.

    Attributes:
        joint_names: One of each joint that turns.
        parents: Index of each joint's parent, -1 for the first, which is the root; a parent comes before its children.
        vertices_count: Number of vertices.
        shape_count: Number of shape parameters.
        faces: Three vertices of each triangle, counter-clockwise from outside, (F, 3) int64.
        template: The average body at rest, (V, 3).
        weights: How much each joint moves each vertex, (V, J); each row sums to 1.
        shape_spread: How far each shape parameter commonly is from 0, the average body, (S,).
        skeleton: Of the joints that ``pose`` gives; None if the model knows no mapping.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    vertices_count: int
    shape_count: int
    faces: Tensor
    template: Tensor
    weights: Tensor
    shape_spread: Tensor
    skeleton: Skeleton | None

    def __call__(self, rotations: Tensor, shape: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (N, V, 3) and joints (N, J, 3) from rotations (N, J, 3, 3) relative to the parent.

        The root turns about its own joint. ``shape`` is (N, S) and ``translation`` (N, 3).
        """
        ...

    def pose(self, vertices: Tensor, joints: Tensor) -> Tensor:
        """Joints of ``skeleton``, (N, K, 3), from what a call gave."""
        ...


def open_body(name: str, options: Mapping[str, Any], context: Context, where: str = "body") -> BodyModel:
    """The body model that a part's options name, built.

    Args:
        name: Of a body model that is installed.
        options: Its own options, as in a recipe.
        context: What the part itself is told.
        where: The option that names it, for messages.

    Raises:
        ConfigError: There is none of that name, or its options are wrong; with the nearest.
        PoserepError: It cannot be built, as a package or a file is missing.
    """
    from .config import Chosen, choose
    from .recipe import Source
    from .registry import Registry

    chosen = choose(where, "body_model", name, options, Source(where), Registry())
    if not isinstance(chosen, Chosen):
        raise ConfigError.of(chosen)
    body: BodyModel = chosen.component.build(chosen.options, context)
    return body
