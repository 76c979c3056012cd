"""Mirror images of batches."""

import pytest
import torch

from poserep.core.errors import DataError
from poserep.core.interfaces import Roles
from poserep.core.mirror import mirrored, mirrored_pose
from poserep.core.skeleton import HUMAN36M_17

SWAP = HUMAN36M_17.mirror


def batch() -> dict[str, object]:
    torch.manual_seed(0)
    return {
        "frame": torch.randint(0, 255, (2, 1, 3, 4, 6), dtype=torch.uint8),
        "true_mask": torch.rand(2, 1, 1, 4, 6),
        "time": torch.rand(2, 1),
        "true_box": torch.rand(2, 1, 4),
        "pose": torch.randn(2, 1, 17, 3),
        "pose_2d": torch.randn(2, 1, 17, 2),
        "rotation": torch.linalg.qr(torch.randn(2, 1, 3, 3)).Q,
        "roles": Roles(("frame",)),
    }


def test_a_raised_left_hand_becomes_a_raised_right_hand_on_the_other_side() -> None:
    pose = torch.zeros(17, 3)
    pose[HUMAN36M_17.index("left_wrist")] = torch.tensor([300.0, -500, 20])
    other = mirrored_pose(pose, SWAP)
    assert other[HUMAN36M_17.index("right_wrist")].tolist() == [-300, -500, 20]
    assert other[HUMAN36M_17.index("left_wrist")].abs().tolist() == [0, 0, 0]


def test_a_pixel_at_the_left_edge_goes_to_the_right_edge_and_the_box_with_it() -> None:
    frame = torch.zeros(1, 1, 3, 2, 5)
    frame[..., 0] = 1
    found = mirrored({"frame": frame, "true_box": torch.tensor([[[0.2, 0.4, -0.8, 0.1]]])}, None)
    assert found["frame"][0, 0, 0, 0].tolist() == [0, 0, 0, 0, 1]
    torch.testing.assert_close(found["true_box"], torch.tensor([[[0.2, 0.4, 0.8, 0.1]]]))


def test_mirrored_twice_it_is_itself() -> None:
    once = batch()
    twice = mirrored(mirrored(once, HUMAN36M_17), HUMAN36M_17)
    for name, value in once.items():
        assert torch.equal(value, twice[name]) if isinstance(value, torch.Tensor) else value is twice[name], name


def test_the_mirrored_camera_sees_the_mirrored_pose() -> None:
    found, world = batch(), torch.randn(3)
    seen = found["rotation"] @ world
    mirror = mirrored({"rotation": found["rotation"]}, None)["rotation"] @ world
    torch.testing.assert_close(mirror, seen * torch.tensor([-1.0, 1, 1]))


def test_the_gradient_passes_to_the_partner() -> None:
    pose = torch.zeros(17, 3, requires_grad=True)
    mirrored_pose(pose, SWAP)[HUMAN36M_17.index("left_knee")].sum().backward()
    assert pose.grad is not None
    assert pose.grad[HUMAN36M_17.index("right_knee")].tolist() == [-1, 1, 1]
    assert pose.grad.abs().sum() == 3


def test_what_has_no_mirror_image_is_refused() -> None:
    with pytest.raises(DataError, match="no mirror image of the field 'vertices'"):
        mirrored({"vertices": torch.zeros(1, 1, 5, 3)}, HUMAN36M_17)
    with pytest.raises(DataError, match="no mirror image of the field 'pose'"):
        mirrored({"pose": torch.zeros(1, 1, 17, 3)}, None)
