"""Linear blend skinning: a mesh that follows the joints of a tree.

Source: the classic of computer graphics, as Lewis et al., SIGGRAPH 2000, doi:10.1145/344779.344862, write it down:
v' = sum_j w_j (G_j (v - j) + j'), G_j the rotation of joint j in the whole, j' where it has gone.

Axes: N bodies, J joints, V vertices, 3 = x y z. At rest all rotations are the identity.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.fields import expect
from ..core.interfaces import BodyModel


def follow_tree(rotations_NJ33: Tensor, rest_NJ3: Tensor, parents: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Rotations of the joints in the whole, and where the joints go; the root turns about itself.

    Args:
        rotations_NJ33: Relative to the parent.
        rest_NJ3: The joints at rest.
        parents: Of each joint, before it in the order; -1 of the root.

    Returns:
        (N, J, 3, 3) and (N, J, 3).

    Raises:
        ShapeError: The two disagree.
    """
    expect(("rotations", rotations_NJ33, "N J 3 3"), ("joints at rest", rest_NJ3, "N J 3"))
    turned, places = [rotations_NJ33[:, 0]], [rest_NJ3[:, 0]]
    for joint, parent in enumerate(parents[1:], 1):
        turned.append(turned[parent] @ rotations_NJ33[:, joint])
        bone_N3 = rest_NJ3[:, joint] - rest_NJ3[:, parent]
        places.append(places[parent] + (turned[parent] @ bone_N3[..., None])[..., 0])
    return torch.stack(turned, dim=1), torch.stack(places, dim=1)


def skin(rest_NV3: Tensor, rest_NJ3: Tensor, turned_NJ33: Tensor, places_NJ3: Tensor, weights_VJ: Tensor) -> Tensor:
    """Vertices (N, V, 3) of a mesh whose joints have turned and gone.

    Args:
        rest_NV3: Vertices at rest.
        rest_NJ3: Joints at rest.
        turned_NJ33: From `follow_tree`.
        places_NJ3: From `follow_tree`.
        weights_VJ: How much each joint moves each vertex; rows sum to 1.

    Raises:
        ShapeError: Some of them disagree.
    """
    expect(("vertices", rest_NV3, "N V 3"), ("joints", rest_NJ3, "N J 3"), ("weights", weights_VJ, "V J"))
    shift_NJ3 = places_NJ3 - (turned_NJ33 @ rest_NJ3[..., None])[..., 0]
    both_NJ34 = torch.cat((turned_NJ33, shift_NJ3[..., None]), dim=-1)
    mixed_NV34 = (weights_VJ @ both_NJ34.flatten(2)).unflatten(-1, (3, 4))
    moved: Tensor = (mixed_NV34[..., :3] @ rest_NV3[..., None])[..., 0] + mixed_NV34[..., 3]
    return moved


def check_pose(body: BodyModel, rotations: Tensor, shape: Tensor, translation: Tensor) -> None:
    """Hold what a body model is called with to its joints and shape parameters.

    Raises:
        ShapeError: Some of them have another shape.
    """
    expect(
        ("rotations", rotations, f"N {len(body.joint_names)} 3 3"),
        ("shape", shape, f"N {body.shape_count}"),
        ("translation", translation, "N 3"),
    )


def posed(
    body: BodyModel, rest_NV3: Tensor, rest_NJ3: Tensor, rotations: Tensor, translation: Tensor
) -> tuple[Tensor, Tensor]:
    """Vertices (N, V, 3) and joints (N, J, 3) of bodies that are so at rest, their joints turned and all moved.

    Args:
        body: Whose joints' parents and weights count.
        rest_NV3: Vertices at rest.
        rest_NJ3: Joints at rest.
        rotations: Relative to the parent, (N, J, 3, 3).
        translation: (N, 3).
    """
    turned, places = follow_tree(rotations, rest_NJ3, body.parents)
    vertices = skin(rest_NV3, rest_NJ3, turned, places, body.weights)
    return vertices + translation[:, None], places + translation[:, None]
