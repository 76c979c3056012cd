import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from poserep.core.skeleton import COCO_17, COCO_TO_HUMAN36M, HUMAN36M_17, SKELETONS, Skeleton


def test_human36m_has_the_joints_in_the_order_of_the_field() -> None:
    order = "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine thorax neck head "
    order += "left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist"

    assert " ".join(HUMAN36M_17.joints) == order
    assert len(HUMAN36M_17) == 17
    assert HUMAN36M_17.root == HUMAN36M_17.index("pelvis") == 0


def test_bones_join_neighbours_of_the_body() -> None:
    names = {(HUMAN36M_17.joints[a], HUMAN36M_17.joints[b]) for a, b in HUMAN36M_17.bones}

    assert len(HUMAN36M_17.bones) == 16
    assert {("left_knee", "left_ankle"), ("right_elbow", "right_wrist"), ("neck", "head")} <= names


def test_mirror_swaps_the_sides_and_undoes_itself() -> None:
    mirror = HUMAN36M_17.mirror

    assert mirror[HUMAN36M_17.index("left_wrist")] == HUMAN36M_17.index("right_wrist")
    assert [mirror[j] for j in mirror] == list(range(17))
    assert {mirror[j] for j in range(17) if HUMAN36M_17.side(j) == "left"} == {
        j for j in range(17) if HUMAN36M_17.side(j) == "right"
    }


def test_mirror_keeps_the_bones() -> None:
    mirror = HUMAN36M_17.mirror

    assert {(mirror[a], mirror[b]) for a, b in HUMAN36M_17.bones} == set(HUMAN36M_17.bones)


def test_a_joint_in_the_middle_mirrors_to_itself() -> None:
    centre = [j for j in range(17) if HUMAN36M_17.side(j) == "centre"]

    assert [HUMAN36M_17.joints[j] for j in centre] == ["pelvis", "spine", "thorax", "neck", "head"]
    assert [HUMAN36M_17.mirror[j] for j in centre] == centre


def test_skeletons_are_listed_under_their_own_names() -> None:
    assert all(name == skeleton.name for name, skeleton in SKELETONS.items())
    assert SKELETONS["human36m_17"] is HUMAN36M_17


def test_coco_has_the_joints_in_the_order_of_its_files() -> None:
    order = "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow "
    order += "left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"

    assert " ".join(COCO_17.joints) == order
    names = {(COCO_17.joints[a], COCO_17.joints[b]) for a, b in COCO_17.bones}
    assert {("left_knee", "left_ankle"), ("right_shoulder", "right_hip"), ("nose", "left_eye")} <= names
    assert {(COCO_17.mirror[a], COCO_17.mirror[b]) for a, b in COCO_17.bones} == set(COCO_17.bones)


def test_every_joint_of_human36m_is_made_of_cocos_and_alike_on_both_sides() -> None:
    assert set(COCO_TO_HUMAN36M) == set(HUMAN36M_17.joints)
    for joint, parts in COCO_TO_HUMAN36M.items():
        assert set(parts) <= set(COCO_17.joints)
        assert sum(parts.values()) == pytest.approx(1)
        mirrored = COCO_TO_HUMAN36M[HUMAN36M_17.joints[HUMAN36M_17.mirror[HUMAN36M_17.index(joint)]]]
        assert {COCO_17.joints[COCO_17.mirror[COCO_17.index(part)]]: weight for part, weight in parts.items()} == dict(
            mirrored
        )


def test_left_axis_points_to_the_left_of_the_subject() -> None:
    # hips 200 mm wide along +y, shoulders 400 mm along +y: the subject looks along +x, up is +z
    pose_J3 = np.zeros((17, 3))
    pose_J3[HUMAN36M_17.index("left_hip")] = (0, 100, 0)
    pose_J3[HUMAN36M_17.index("right_hip")] = (0, -100, 0)
    pose_J3[HUMAN36M_17.index("left_shoulder")] = (0, 200, 500)
    pose_J3[HUMAN36M_17.index("right_shoulder")] = (0, -200, 500)

    np.testing.assert_allclose(HUMAN36M_17.left_axis(pose_J3), (0, 1, 0))


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.float64, (17, 3), elements=st.floats(-2000, 2000)))
def test_left_axis_turns_round_when_the_sides_are_swapped(pose_J3: NDArray[np.float64]) -> None:
    pose_J3[HUMAN36M_17.index("left_hip"), 0] += 10_000  # whatever else is drawn, the subject has a width

    swapped = HUMAN36M_17.left_axis(pose_J3[list(HUMAN36M_17.mirror)])

    np.testing.assert_allclose(swapped, -HUMAN36M_17.left_axis(pose_J3))


def test_left_axis_refuses_a_pose_without_width() -> None:
    with pytest.raises(ValueError, match="coincide"):
        HUMAN36M_17.left_axis(np.zeros((17, 3)))


def test_left_axis_refuses_a_skeleton_without_a_torso() -> None:
    with pytest.raises(ValueError, match="neither hips nor shoulders"):
        Skeleton("hand", ("wrist", "thumb"), (-1, 0)).left_axis(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("joints", "parents", "message"),
    [
        (("pelvis", "spine"), (-1,), "2 joints, but 1 parents"),
        (("pelvis", "pelvis"), (-1, 0), "joint names repeat"),
        (("pelvis", "spine"), (-1, -1), "needs one root"),
        ((), (), "needs one root"),
        (("pelvis", "left_hip"), (-1, 0), "'left_hip' has no partner 'right_hip'"),
        (("pelvis", "spine", "neck"), (-1, 2, 1), "no way from the root to spine, neck"),
        (("pelvis", "spine"), (-1, 7), "no way from the root to spine"),
        (("pelvis", "spine"), (-1, -2), "no way from the root to spine"),
    ],
)
def test_a_faulty_tree_is_refused(joints: tuple[str, ...], parents: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Skeleton("faulty", joints, parents)


def test_children_may_stand_before_their_parents() -> None:
    chain = Skeleton("chain", ("head", "neck", "pelvis"), (1, 2, -1))

    assert chain.root == 2
    assert chain.bones == ((1, 0), (2, 1))


def test_an_unknown_joint_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no joint 'tail'; it has pelvis, right_hip"):
        HUMAN36M_17.index("tail")


def test_skeletons_need_no_torch() -> None:
    code = "import sys, poserep.core.skeleton; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
