from pathlib import Path

import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context
from poserep.plugins.losses.pose2d import Pose2DOptions, build, in_box, pose_term
from poserep.tests.fakes.two import in_two_processes

CONTEXT = Context(crop_size=8, facts={"variant": 6, "joints": 3})


def pose2d() -> torch.nn.Module:
    torch.manual_seed(0)
    return build(Pose2DOptions(width=8, blocks=1, dropout=0.0), CONTEXT)


def test_a_joint_at_the_edge_of_a_box_around_the_root_is_at_one() -> None:
    box = torch.tensor([[[0.5, 0.25, 0.1, -0.2]]])
    pose = torch.tensor([[[[0.1, -0.2], [0.6, -0.2], [0.1, 0.05]]]])
    wanted = torch.tensor([[[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]]])
    assert torch.allclose(in_box(pose, box, 0), wanted)
    assert torch.allclose(in_box(pose, box, 1)[0, 0, 1], torch.zeros(2))


def test_the_mean_is_over_joints_of_squared_distances() -> None:
    predicted = torch.zeros(1, 1, 2, 2)
    wanted = torch.tensor([[[[3.0, 4.0], [0.0, 1.0]]]])
    assert float(pose_term(predicted, wanted)) == (25 + 1) / 2


def test_joints_that_are_not_known_count_for_nothing() -> None:
    predicted = torch.zeros(1, 1, 3, 2, requires_grad=True)
    wanted = torch.tensor([[[[3.0, 4.0], [0.0, 1.0], [float("nan"), 7.0]]]])
    term = pose_term(predicted, wanted)
    assert term.item() == (25 + 1) / 2
    term.backward()
    assert torch.allclose(predicted.grad, torch.tensor([[[[-3.0, -4.0], [0.0, -1.0], [0.0, 0.0]]]]))


def test_a_frame_whose_root_is_not_known_counts_for_nothing() -> None:
    torch.manual_seed(0)
    pose, box = torch.rand(1, 2, 3, 2), torch.full((1, 2, 4), 0.5)
    pose[0, 1, 0] = float("nan")
    variant = torch.randn(1, 2, 6, requires_grad=True)
    loss = pose2d().eval()(variant=variant, pose_2d=pose, box=box)
    loss.backward()
    assert float(variant.grad[0, 1].abs().max()) == 0
    assert float(variant.grad[0, 0].abs().max()) > 0
    alone = pose2d().eval()(variant=variant[:, :1], pose_2d=pose[:, :1], box=box[:, :1])
    assert loss.item() == pytest.approx(alone.item())


def test_a_batch_without_any_label_costs_nothing_and_moves_nothing() -> None:
    part, variant = pose2d(), torch.randn(2, 4, 6, requires_grad=True)
    loss = part(variant=variant, pose_2d=torch.full((2, 4, 3, 2), float("nan")), box=torch.full((2, 4, 4), 0.5))
    loss.backward()
    assert loss.item() == 0
    assert all(float(weight.grad.abs().max()) == 0 for weight in part.parameters())


SHARED = """
from poserep.plugins.losses.pose2d import pose_term


def measure(rows):
    torch.manual_seed(0)
    wanted = torch.randn(4, 2, 3, 2)
    wanted[0] = wanted[1, :, 1] = float("nan")  # the first process knows fewer joints
    predicted = torch.randn(4, 2, 3, 2)[rows].requires_grad_()
    term = pose_term(predicted, wanted[rows])
    term.backward()
    return term.detach(), predicted.grad
"""


@pytest.mark.slow
def test_two_processes_that_know_unequal_numbers_of_joints_are_as_one(tmp_path: Path) -> None:
    in_two_processes(tmp_path, SHARED)


def test_where_the_pose_is_in_the_frame_does_not_matter() -> None:
    torch.manual_seed(0)
    pose, box = torch.rand(2, 4, 3, 2), torch.rand(2, 4, 4) + 0.1
    shift = torch.tensor([0.3, -0.2])
    moved = box + torch.cat([torch.zeros(2), shift])
    assert torch.allclose(in_box(pose, box, 0), in_box(pose + shift, moved, 0), atol=1e-5)


def test_gradient_reaches_the_latent_and_never_the_box() -> None:
    variant = torch.randn(2, 4, 6, requires_grad=True)
    box = torch.full((2, 4, 4), 0.5, requires_grad=True)
    pose2d()(variant=variant, pose_2d=torch.rand(2, 4, 3, 2), box=box).backward()
    assert variant.grad is not None
    assert bool((variant.grad != 0).any())
    assert box.grad is None


def test_gradient_is_right() -> None:
    loss = pose2d().double().eval()
    variant = torch.randn(1, 2, 6, dtype=torch.float64, requires_grad=True)
    labels = {"pose_2d": torch.rand(1, 2, 3, 2).double(), "box": torch.full((1, 2, 4), 0.5).double()}
    assert torch.autograd.gradcheck(lambda v: loss(variant=v, **labels), variant)


def test_what_it_predicts_is_what_it_compares_with_the_labels() -> None:
    part, variant, box = pose2d().eval(), torch.randn(2, 4, 6), torch.full((2, 4, 4), 0.5)
    found = part.predict(variant=variant, box=box)
    assert list(found) == ["pose_2d_predicted"]
    labels = found["pose_2d_predicted"] * 0.5  # of a box with half sides of 0.5
    loss = part(variant=variant, pose_2d=labels, box=box)
    root = found["pose_2d_predicted"][:, :, :1]  # labels are moved to their root, so every joint is as far off as it
    assert loss.item() == pytest.approx(root.square().sum(dim=-1).mean().item(), rel=1e-4)
    torch.testing.assert_close(part.predict(variant=variant[1:])["pose_2d_predicted"], found["pose_2d_predicted"][1:])
    with pytest.raises(ShapeError, match="variant: expected"):
        part.predict(variant=variant[0])


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="pose_2d: expected"):
        pose2d()(variant=torch.zeros(1, 2, 6), pose_2d=torch.zeros(1, 2, 3, 3), box=torch.zeros(1, 2, 4))
