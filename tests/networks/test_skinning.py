"""Linear blend skinning: an elbow by hand, rigid wholes, gradients, refusals."""

import math
from dataclasses import dataclass, field

import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.networks.rotations import matrix_from_axis_angle
from poserep.networks.skinning import check_pose, follow_tree, posed, skin

REST = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]])  # an arm along x of two bones
PARENTS = (-1, 0, 1)


def bent(angle: float) -> torch.Tensor:
    """The elbow, joint 1, turned about z."""
    turns = torch.zeros(1, 3, 3)
    turns[0, 1, 2] = angle
    return matrix_from_axis_angle(turns)


def test_a_bent_elbow_takes_the_hand_with_it() -> None:
    turned, places = follow_tree(bent(math.pi / 2), REST, PARENTS)
    torch.testing.assert_close(places, torch.tensor([[[0.0, 0, 0], [1, 0, 0], [1, 1, 0]]]), atol=1e-6, rtol=0)
    vertices = torch.tensor([[[0.5, 0.1, 0], [1.5, 0.1, 0], [1.0, 0.1, 0]]])
    weights = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0]])
    found = skin(vertices, REST, turned, places, weights)
    # the upper arm stays; (0.5, 0.1) off the elbow turns to (-0.1, 0.5); of the third half of (0, 0.1) and of (-0.1, 0)
    wanted = torch.tensor([[[0.5, 0.1, 0], [0.9, 0.5, 0], [0.95, 0.05, 0]]])
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)


def test_a_turn_of_the_root_turns_all_about_it() -> None:
    torch.manual_seed(0)
    turns, turn = matrix_from_axis_angle(torch.randn(1, 3, 3)), matrix_from_axis_angle(torch.randn(1, 3))
    rest = torch.randn(1, 3, 3)
    vertices, weights = torch.randn(1, 20, 3), torch.rand(20, 3)
    weights = weights / weights.sum(1, keepdim=True)
    before = skin(vertices, rest, *follow_tree(turns, rest, PARENTS), weights)
    more = torch.cat(((turn @ turns[:, 0])[:, None], turns[:, 1:]), dim=1)
    after = skin(vertices, rest, *follow_tree(more, rest, PARENTS), weights)
    torch.testing.assert_close(after, (before - rest[:, :1]) @ turn.mT + rest[:, :1], atol=1e-5, rtol=1e-5)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(1)
    rest = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    vector = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    vertices = torch.randn(2, 4, 3, dtype=torch.float64)
    weights = torch.softmax(torch.randn(4, 3, dtype=torch.float64), dim=1)

    def whole(vector: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
        return skin(vertices, rest, *follow_tree(matrix_from_axis_angle(vector), rest, PARENTS), weights)

    assert torch.autograd.gradcheck(whole, (vector, rest))


def test_arguments_that_disagree_are_refused() -> None:
    with pytest.raises(ShapeError, match="joints at rest"):
        follow_tree(bent(0)[:, :2], REST, PARENTS)
    with pytest.raises(ShapeError, match="weights"):
        skin(torch.zeros(1, 5, 3), REST, bent(0), REST, torch.zeros(4, 3))


@dataclass
class Arm:
    """What `posed` and `check_pose` ask of a body model."""

    joint_names: tuple[str, ...] = ("shoulder", "elbow", "wrist")
    parents: tuple[int, ...] = PARENTS
    shape_count: int = 2
    weights: torch.Tensor = field(default_factory=lambda: torch.tensor([[1.0, 0, 0], [0, 1, 0]]))


def test_a_posed_body_is_bent_and_then_moved() -> None:
    vertices = torch.tensor([[[0.5, 0.1, 0], [1.5, 0.1, 0]]])
    moved, joints = posed(Arm(), vertices, REST, bent(math.pi / 2), torch.tensor([[10.0, 0, 5]]))
    torch.testing.assert_close(moved, torch.tensor([[[10.5, 0.1, 5], [10.9, 0.5, 5]]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(joints, torch.tensor([[[10.0, 0, 5], [11, 0, 5], [11, 1, 5]]]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("wrong", ["rotations", "shape", "translation"])
def test_a_pose_of_another_body_is_refused(wrong: str) -> None:
    given = {"rotations": bent(0), "shape": torch.zeros(1, 2), "translation": torch.zeros(1, 3)}
    check_pose(Arm(), **given)
    with pytest.raises(ShapeError, match=wrong):
        check_pose(Arm(), **given | {wrong: given[wrong].flatten(1)[:, :1]})
