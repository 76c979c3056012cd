import numpy as np
import pytest
import torch
from torch import Tensor

from poserep.core.skeleton import HUMAN36M_17
from poserep.plugins.datasets.studio.body import capsules, local_frames, make_subject
from poserep.plugins.datasets.studio.motion.body import OFFSETS_J3
from poserep.plugins.datasets.studio.parts import FRAMES, PARTS


def standing() -> Tensor:
    """One person upright at the origin, facing +x, ankles 80 mm above the floor, (1, 17, 3)."""
    joints = np.zeros((17, 3))
    for parent, joint in HUMAN36M_17.bones:
        joints[joint] = joints[parent] + OFFSETS_J3[joint]
    joints[:, 2] += 80 - joints[3, 2]
    return torch.tensor(joints[None], dtype=torch.float32)


def middle(name: str, joints: Tensor | None = None) -> Tensor:
    """Mean of the ends of all capsules of one tint."""
    ends = capsules(standing() if joints is None else joints, make_subject(0)).ends_TK23[0]
    return ends[[i for i, part in enumerate(PARTS) if part.tint == name]].mean((0, 1))


def test_a_person_who_faces_x_has_left_along_y_and_forward_along_x() -> None:
    axes_N33 = local_frames(standing())[0]
    for name in ("pelvis", "chest", "head", "left_foot", "right_foot"):
        left, up, forward = axes_N33[FRAMES.index(name)]
        assert left[1] > 0.99
        assert up[2] > 0.97
        assert forward[0] > 0.97


def test_nose_eyes_panel_and_toes_are_in_front() -> None:
    head = middle("skin")[0]
    assert middle("nose")[0] > head + 40
    assert middle("eyes")[0] > head + 40
    assert middle("panel")[0] > 40
    assert middle("shoes")[0] > 40
    assert middle("hair")[0] < head


def test_hands_go_on_from_the_forearms() -> None:
    assert middle("hand")[2] < standing()[0, 13, 2]


def test_the_soles_stand_on_the_floor() -> None:
    body = capsules(standing(), make_subject(3))
    lowest = (body.ends_TK23[..., 2] - body.radii_K2).amin()
    assert abs(float(lowest)) < 15


def test_the_body_turns_with_its_joints() -> None:
    angle = torch.tensor(0.7)
    turn = torch.tensor([[angle.cos(), -angle.sin(), 0], [angle.sin(), angle.cos(), 0], [0, 0, 1.0]])
    subject = make_subject("turner")
    straight = capsules(standing(), subject).ends_TK23
    torch.testing.assert_close(capsules(standing() @ turn.T, subject).ends_TK23, straight @ turn.T, atol=0.05, rtol=0)


def test_left_and_right_mirror_each_other() -> None:
    flip = torch.tensor([1.0, -1.0, 1.0])
    subject = make_subject(1)
    ends = capsules(standing(), subject).ends_TK23[0]
    other = capsules(standing()[:, list(HUMAN36M_17.mirror)] * flip, subject).ends_TK23[0] * flip
    half = [part.tint for part in PARTS].index("eyes") + 1  # the parts of the right side come first
    torch.testing.assert_close(other[:half], ends[half : 2 * half], atol=0.05, rtol=0)


def test_a_bent_knee_turns_its_foot_where_the_knee_points() -> None:
    joints = standing()
    joints[0, 6] = joints[0, 5] + torch.tensor([0.0, -300.0, -320.0])  # swung to the right: the knee faces left
    joints[0, 5] += torch.tensor([0.0, 120.0, 0.0])
    forward = local_frames(joints)[0, FRAMES.index("left_foot"), 2]
    assert forward[1] > 0.4


def test_equal_names_make_equal_people_and_others_differ() -> None:
    one, same, other = make_subject("S1"), make_subject("S1"), make_subject("S2")
    assert torch.equal(one.colours, same.colours)
    assert one.height_mm == same.height_mm
    assert (one.colours - other.colours).abs().amax() > 0.1
    assert one.height_mm != other.height_mm


def test_people_are_of_human_size() -> None:
    people = [make_subject(seed) for seed in range(50)]
    heights = np.array([person.height_mm for person in people])
    assert 1500 <= heights.min() < 1650
    assert 1780 < heights.max() <= 1950
    for person in people:
        legs = person.bone_lengths_mm[[2, 3]].sum()
        assert 0.45 < float(legs) / person.height_mm < 0.56
        assert person.colours.min() >= 0
        assert person.colours.max() <= 1


@pytest.mark.parametrize("seed", range(5))
def test_swimmers_have_bare_arms_and_skiers_sleeves_and_no_loose_hair(seed: int) -> None:
    at = {part.tint: i for i, part in enumerate(PARTS)}
    swimmer, skier = make_subject(seed, "swim"), make_subject(seed, "ski")
    assert torch.equal(swimmer.colours[at["forearm"]], swimmer.colours[at["skin"]])
    assert torch.equal(skier.colours[at["forearm"]], skier.colours[at["shirt"]])
    tails = [i for i, part in enumerate(PARTS) if part.girth == "tail"]
    assert skier.radii_mm[tails].abs().max() == 0


def test_a_degenerate_pose_gives_finite_capsules() -> None:
    assert capsules(torch.zeros(2, 17, 3), make_subject(0)).ends_TK23.isfinite().all()
