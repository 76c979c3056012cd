"""The generated body and hand: sizes of people, what shape parameters do, how joints bend the mesh."""

import math

import numpy as np
import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.core.skeleton import HUMAN36M_17, SKELETONS
from poserep.networks.rotations import matrix_from_axis_angle
from poserep.plugins.body_models.capsule_body import JOINTS, SHAPE
from poserep.plugins.body_models.rig import tube_faces
from poserep.plugins.datasets.studio.parts import ADULT_MM
from poserep.testing import fake_context

BODY, HAND = (fake_context().open_body("capsule", {"of": of}, "body") for of in ("body", "hand"))


def posed(model, turns=None, **shape: float) -> tuple[torch.Tensor, torch.Tensor]:
    """One model, some of its joints turned by vectors in degrees, some of its body's shape parameters set."""
    vectors = torch.zeros(1, len(model.joint_names), 3)
    for name, vector in (turns or {}).items():
        vectors[0, model.joint_names.index(name)] = torch.tensor(vector) * math.pi / 180
    beta = torch.zeros(1, model.shape_count)
    for name, value in shape.items():
        beta[0, list(SHAPE).index(name)] = value
    return model(matrix_from_axis_angle(vectors), beta, torch.zeros(1, 3))


def joint(model, joints: torch.Tensor, name: str) -> torch.Tensor:
    return joints[0, model.joint_names.index(name)]


def test_its_bones_are_those_of_the_studios_average_adult() -> None:
    pose = BODY.pose(*posed(BODY))[0]
    lengths = [0.0] + [float((pose[child] - pose[parent]).norm()) for parent, child in HUMAN36M_17.bones]
    assert lengths == pytest.approx(ADULT_MM, abs=0.6)


def test_a_body_weighs_what_an_adult_weighs_and_stands_as_tall() -> None:
    height = BODY.template[:, 1].max() - BODY.template[:, 1].min()
    assert 1640 < float(height) < 1760
    assert 50 < volume(BODY) / 1e6 < 85  # litres
    assert 0.3 < volume(HAND) / 1e6 < 0.6


def volume(model) -> float:
    """Inside of the closed tubes, mm^3; positive where faces turn counter-clockwise seen from outside."""
    a, b, c = model.template[model.faces].unbind(1)
    return float((torch.linalg.cross(a, b) * c).sum() / 6)


def test_faces_of_a_tube_close_it() -> None:
    edges = [tuple(sorted(pair)) for a, b, c in tube_faces(3, 5) for pair in ((a, b), (b, c), (c, a))]
    assert all(edges.count(edge) == 2 for edge in edges)
    assert len(set(edges)) - len(tube_faces(3, 5)) + 2 == 3 * 5 + 2  # Euler: V = E - F + 2


def test_the_left_side_mirrors_the_right() -> None:
    mirrored = BODY.template * torch.tensor([-1.0, 1, 1])
    apart = torch.cdist(mirrored, BODY.template, compute_mode="donot_use_mm_for_euclid_dist")
    assert float(apart.min(dim=1).values.max()) < 1e-3


def test_a_bent_elbow_moves_the_forearm_alone() -> None:
    before, joints = posed(BODY)
    after, moved = posed(BODY, {"left_elbow": (0, -90, 0)})
    wrist = joint(BODY, moved, "left_wrist") - joint(BODY, joints, "left_elbow")
    torch.testing.assert_close(wrist, torch.tensor([0.0, 0, 250]), atol=1e-3, rtol=0)  # from +x to the front
    arm = [BODY.joint_names.index(f"left_{name}") for name in ("elbow", "wrist")]
    far = (after - before)[0].norm(dim=1)
    assert float(far[BODY.weights[:, arm].sum(1) == 0].max()) < 1e-3
    assert float(far[BODY.weights[:, arm].sum(1) == 1].min()) > 5


def test_a_bent_finger_goes_to_the_palm() -> None:
    _, joints = posed(HAND, {"index_mcp": (0, 0, 90)})
    finger = joint(HAND, joints, "index_tip") - joint(HAND, joints, "index_mcp")
    assert float(finger[1]) == pytest.approx(-86, abs=1)
    assert HAND.joint_names == SKELETONS["hand_21"].joints


def test_a_tenth_more_of_the_legs_makes_a_tenth_longer_thighs_and_nothing_else() -> None:
    _, joints = posed(BODY, legs=math.log(1.1))
    _, same = posed(BODY)
    thigh = (joint(BODY, joints, "left_knee") - joint(BODY, joints, "left_hip")).norm()
    assert float(thigh) == pytest.approx(445 * 1.1, abs=1e-2)
    torch.testing.assert_close(joint(BODY, joints, "head"), joint(BODY, same, "head"))


def test_girths_move_no_joint() -> None:
    girths = dict.fromkeys(("limbs", "torso", "belly"), 0.2)
    vertices, joints = posed(BODY, **girths)
    torch.testing.assert_close(joints, posed(BODY)[1])
    assert float((vertices[0] - BODY.template).norm(dim=1).max()) > 10


def test_joints_follow_their_parents_in_the_order() -> None:
    names = list(JOINTS)
    assert all(not parent or names.index(parent) < names.index(name) for name, (parent, _) in JOINTS.items())


def test_gradients_are_those_of_finite_differences() -> None:
    model = fake_context().open_body("capsule", {"of": "hand"}, "body").double()
    torch.manual_seed(0)
    turns = torch.randn(1, 21, 3, dtype=torch.float64)
    shape = (0.1 * torch.randn(1, 6, dtype=torch.float64)).requires_grad_()
    some = torch.from_numpy(np.arange(0, 600, 97))

    def vertices(shape: torch.Tensor) -> torch.Tensor:
        return model(matrix_from_axis_angle(turns), shape, torch.zeros(1, 3, dtype=torch.float64))[0][:, some]

    assert torch.autograd.gradcheck(vertices, (shape,), eps=1e-6, atol=1e-4)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="rotations"):
        BODY(torch.eye(3).expand(1, 17, 3, 3), torch.zeros(1, BODY.shape_count), torch.zeros(1, 3))


def test_it_leaves_nothing_in_a_checkpoint() -> None:
    assert not BODY.state_dict()
