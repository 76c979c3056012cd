import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context
from poserep.plugins.losses.pose2d import Pose2DOptions, build, in_box, pose_term

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


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="pose_2d: expected"):
        pose2d()(variant=torch.zeros(1, 2, 6), pose_2d=torch.zeros(1, 2, 3, 3), box=torch.zeros(1, 2, 4))
