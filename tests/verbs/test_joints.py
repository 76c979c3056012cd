import pytest
import torch

from poserep.core.config import Probe
from poserep.core.errors import ConfigError, DataError
from poserep.core.skeleton import HUMAN36M_17, SKELETONS
from poserep.verbs.joints import layout_of, sub_skeleton

ARMS = ("left_shoulder", "left_wrist", "right_shoulder", "right_wrist")


def places(dimensions: int = 3) -> torch.Tensor:
    """One pose whose j-th joint is at (j, 0, ..)."""
    pose = torch.zeros(1, len(HUMAN36M_17), dimensions)
    pose[0, :, 0] = torch.arange(len(HUMAN36M_17))
    return pose


def test_all_joints_and_the_datasets_root_leave_poses_as_they_are() -> None:
    layout, pose = layout_of(HUMAN36M_17, Probe()), places() + 5
    assert layout.centred(pose) is pose
    assert (layout.name, layout.root_name, layout.skeleton) == ("", "pelvis", HUMAN36M_17)
    assert layout_of(HUMAN36M_17, Probe(root="pelvis", joints="human36m_17")) == layout


def test_a_named_set_is_relative_to_the_middle_of_the_hips() -> None:
    layout = layout_of(HUMAN36M_17, Probe(joints="body_13", root="mid_hip"))
    names = SKELETONS["body_13"].joints
    found = layout.centred(places())[0, :, 0]
    hips = (HUMAN36M_17.index("left_hip") + HUMAN36M_17.index("right_hip")) / 2
    for joint in ("left_wrist", "right_knee"):
        assert found[names.index(joint)] == HUMAN36M_17.index(joint) - hips
    assert (layout.name, layout.root_name) == ("body_13", "mid_hip")
    assert layout.skeleton == SKELETONS["body_13"]


def test_joints_by_name_come_in_the_order_asked_for() -> None:
    layout = layout_of(HUMAN36M_17, Probe(joints=ARMS, root="left_wrist"))
    wrist = HUMAN36M_17.index("left_wrist")
    assert layout.centred(places())[0, :, 0].tolist() == [HUMAN36M_17.index(name) - wrist for name in ARMS]
    assert layout.name == ", ".join(ARMS)


def test_where_the_pose_is_does_not_matter_to_a_chosen_root() -> None:
    layout, pose = layout_of(HUMAN36M_17, Probe(joints="body_13", root="mid_hip")), torch.randn(4, 17, 3)
    shift = torch.tensor([10.0, -3.0, 7.0])
    torch.testing.assert_close(layout.centred(pose), layout.centred(pose + shift), atol=1e-5, rtol=0)


def test_2d_joints_are_relative_to_the_skeletons_root_where_none_is_chosen() -> None:
    pose = places(2) + 5
    assert layout_of(HUMAN36M_17, Probe()).centred_2d(pose)[0, :, 0].tolist() == list(range(17))
    assert layout_of(HUMAN36M_17, Probe(root="spine")).centred_2d(pose)[0, 0, 0] == -HUMAN36M_17.index("spine")


def test_one_unknown_joint_leaves_the_others_known() -> None:
    layout, pose = layout_of(HUMAN36M_17, Probe(joints="body_13", root="mid_hip")), torch.randn(1, 17, 2)
    pose[0, HUMAN36M_17.index("left_wrist")] = float("nan")
    unknown = layout.centred_2d(pose)[0].isnan().all(dim=1)
    assert unknown.nonzero()[:, 0].tolist() == [SKELETONS["body_13"].joints.index("left_wrist")]


def test_a_tree_over_few_joints_follows_the_bones() -> None:
    tree = sub_skeleton(HUMAN36M_17, (*ARMS, "pelvis"))
    bones = {(tree.joints[parent], tree.joints[child]) for parent, child in tree.bones}
    assert bones == {
        ("left_shoulder", "left_wrist"),
        ("left_shoulder", "right_shoulder"),
        ("right_shoulder", "right_wrist"),
        ("left_shoulder", "pelvis"),
    }


@pytest.mark.parametrize(
    ("options", "what", "hint"),
    [
        ({"joints": "body_31"}, "no joints 'body_31' can be read off human36m_17", "did you mean 'body_13'?"),
        ({"joints": ("left_toe",)}, "human36m_17 has no joint left_toe", "it has: pelvis"),
        ({"joints": ("left_hip",)}, "no partner 'right_hip'", "name both sides"),
        ({"joints": ("spine", "spine")}, "joint names repeat", "each once"),
        ({"root": "pelvs"}, "human36m_17 has no joint pelvs", "did you mean 'pelvis'?"),
    ],
)
def test_joints_that_there_are_not_are_told(options: dict[str, object], what: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        layout_of(HUMAN36M_17, Probe(**options))
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_without_names_no_joint_can_be_chosen() -> None:
    pose = torch.randn(2, 5, 3)
    assert layout_of(None, Probe()).centred(pose) is pose
    with pytest.raises(DataError, match="names no joints"):
        layout_of(None, Probe(joints="body_13"))
