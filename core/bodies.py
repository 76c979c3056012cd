"""Body models: a mesh that follows a skeleton. A part gets the one that its options name by ``Context.open_body``.

Axes: N bodies, J joints, V vertices, F faces, S shape parameters, 3 = x y z.
Coordinates: mm. At rest a body looks along +z, its head along +y, its left along +x; a right hand lies as it would on
such a body with arms held out sideways: fingers along -x, the palm down, the thumb to the front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from .errors import PluginError

if TYPE_CHECKING:
    from torch import Tensor

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


OpenBody = Callable[[str, Mapping[str, Any], str], BodyModel]


def no_bodies(name: str, options: Mapping[str, Any], where: str) -> NoReturn:
    """What opens body models where nobody has said which there are.

    Raises:
        PluginError: Always.
    """
    hint = "in tests use poserep.testing.fake_context(), elsewhere poserep.core.config.with_bodies(context, registry)"
    raise PluginError(f"the body model {name!r} is asked of a context without a registry", where=where, hint=hint)
