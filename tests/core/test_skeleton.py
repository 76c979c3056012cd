import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from poserep.core.errors import DataError
from poserep.core.skeleton import COCO_17, COCO_TO_HUMAN36M, HUMAN36M_17, MIXTURES, SKELETONS, Skeleton, convert

# A person who stands and looks at the camera: mm, x right (the person's left), y down, z away from the camera.
LEFT_OF_A_BODY = {
    **{"hip": (90, 0, 0), "knee": (95, 400, -20), "ankle": (95, 800, 40), "foot": (105, 870, -60)},
    **{"toe": (105, 880, -120), "clavicle": (60, -500, 10), "collar": (0, -500, 10), "shoulder": (180, -490, 10)},
    **{"elbow": (260, -230, 30), "wrist": (280, 10, -20), "hand": (285, 80, -40), "hand_end": (285, 80, -40)},
    **{"thumb_base": (280, 10, -20), "thumb": (270, 60, -60), "eye": (30, -640, -90), "ear": (70, -637, 0)},
}
CENTRE_OF_A_BODY = {
    **{"pelvis": (0, 0, 0), "spine_root": (0, 0, 0), "spine": (0, -250, 10), "nose": (0, -620, -100)},
    **{"thorax": (0, -490, 10), "neck": (0, -490, 10), "head": (0, -611, -50), "head_top": (0, -725, -6)},
    **{"spine1": (0, -110, 10), "spine2": (0, -250, 10), "spine3": (0, -320, 10), "spine4": (0, -400, 10)},
}
OWN_WORDS = {  # what names mean in these, and where SMPL has its own
    "human36m_32": {"neck": CENTRE_OF_A_BODY["head"], "head": CENTRE_OF_A_BODY["head_top"]},
    "human36m_17": {"neck": CENTRE_OF_A_BODY["head"], "head": CENTRE_OF_A_BODY["head_top"]},
    "smpl_24": {"pelvis": (0, -75, 20), "spine2": (0, -273, 10), "head": (0, -543, -20)},
}
BODIES = [name for name in SKELETONS if name != "hand_21"]


def body(name: str) -> NDArray[np.float64]:
    """The standing person in a skeleton, (J, 3)."""
    centre = CENTRE_OF_A_BODY | OWN_WORDS.get(name, {})
    pose = []
    for joint in SKELETONS[name].joints:
        side, _, part = joint.partition("_")
        place = LEFT_OF_A_BODY[part] if side in ("left", "right") else centre[joint]
        pose.append((-place[0], *place[1:]) if side == "right" else place)
    return np.array(pose, float)


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


@pytest.mark.parametrize("name", SKELETONS)
def test_every_shipped_skeleton_is_a_tree_of_as_many_joints_as_its_name_says(name: str) -> None:
    skeleton = SKELETONS[name]

    assert len(skeleton) == len(skeleton.parents) == int(name.rpartition("_")[2])
    assert len(skeleton.bones) == len(skeleton) - 1
    assert {(skeleton.mirror[a], skeleton.mirror[b]) for a, b in skeleton.bones} == set(skeleton.bones)


@pytest.mark.parametrize("name", BODIES)
def test_left_and_right_lie_on_their_sides_of_a_body(name: str) -> None:
    skeleton, pose_J3 = SKELETONS[name], body(name)

    up_3, left_3 = np.array([0.0, -1.0, 0.0]), skeleton.left_axis(pose_J3)
    np.testing.assert_allclose(left_3, (1, 0, 0))  # seen from the front, the left is on the right
    np.testing.assert_allclose(np.cross(left_3, up_3), (0, 0, -1))  # and this body faces the camera
    np.testing.assert_allclose(pose_J3[list(skeleton.mirror)] * (-1, 1, 1), pose_J3)


@pytest.mark.parametrize("name", BODIES)
def test_no_bone_of_a_body_is_longer_than_a_thigh_but_to_the_hips(name: str) -> None:
    skeleton, pose_J3 = SKELETONS[name], body(name)
    bones = {skeleton.joints[b]: np.linalg.norm(pose_J3[a] - pose_J3[b]) for a, b in skeleton.bones}

    assert (
        max(length for child, length in bones.items() if "hip" not in child and child not in ("thorax", "neck")) < 405
    )


@pytest.mark.parametrize(("source", "target"), MIXTURES)
def test_every_mixture_adds_up_to_one_and_is_alike_on_both_sides(source: str, target: str) -> None:
    mixture, one, other = MIXTURES[source, target], SKELETONS[source], SKELETONS[target]

    def mirrored(skeleton: Skeleton, joint: str) -> str:
        return skeleton.joints[skeleton.mirror[skeleton.index(joint)]]

    assert tuple(mixture) == other.joints
    for joint, parts in mixture.items():
        assert sum(parts.values()) == pytest.approx(1)
        assert mixture[mirrored(other, joint)] == {mirrored(one, part): weight for part, weight in parts.items()}


@pytest.mark.parametrize(("source", "target"), MIXTURES)
def test_every_mixture_puts_a_body_where_the_other_skeleton_has_it(source: str, target: str) -> None:
    pose_J3 = convert(body(source), source, target)

    away_J = np.linalg.norm(pose_J3 - body(target), axis=-1)
    guessed = source.startswith(("coco", "smpl"))  # they have neither a crown nor the middle of the head
    smpl_pelvis_mm = 80 if (source, target) == ("smpl_24", "common_14") else 0  # above the hips, and the field keeps it
    assert away_J.max() < max(smpl_pelvis_mm, 55 if guessed else 1e-9)
    assert {SKELETONS[target].joints[j] for j in np.flatnonzero(away_J > 1e-9)} <= {
        *("pelvis", "spine", "thorax", "neck", "head")
    }


@pytest.mark.parametrize(("source", "target"), MIXTURES)
def test_a_converted_pose_moves_with_the_body(source: str, target: str) -> None:
    pose_J3 = body(source)

    moved_J3 = convert(3 * pose_J3 + (10, -20, 30), source, target)

    np.testing.assert_allclose(moved_J3, 3 * convert(pose_J3, source, target) + (10, -20, 30), atol=1e-9)


@pytest.mark.parametrize(
    ("source", "target", "picked"),
    [
        ("human36m_32", "human36m_17", [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]),
        ("mpi_inf_3dhp_28", "mpi_inf_3dhp_17", [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6]),
        ("mpi_inf_3dhp_17", "human36m_17", [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]),
        ("smpl_24", "common_14", [0, 2, 5, 8, 1, 4, 7, 12, 16, 18, 20, 17, 19, 21]),
        ("coco_18", "coco_17", [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]),
    ],
)
def test_joints_are_picked_by_the_numbers_of_the_field(source: str, target: str, picked: list[int]) -> None:
    numbers_J2 = np.arange(len(SKELETONS[source]))[:, None] * np.ones(2)

    np.testing.assert_array_equal(convert(numbers_J2, source, target)[:, 0], picked)


def test_both_ways_from_mpi_to_human36m_agree() -> None:
    pose_J3 = np.random.default_rng(0).normal(size=(5, 28, 3))

    by_17 = convert(convert(pose_J3, "mpi_inf_3dhp_28", "mpi_inf_3dhp_17"), "mpi_inf_3dhp_17", "human36m_17")
    np.testing.assert_array_equal(convert(pose_J3, "mpi_inf_3dhp_28", "human36m_17"), by_17)


def test_converting_keeps_precision_and_leading_axes_and_the_same_skeleton() -> None:
    pose = np.random.default_rng(0).normal(size=(2, 3, 17, 2)).astype(np.float32)

    assert convert(pose, "coco_17", "human36m_17").shape == (2, 3, 17, 2)
    assert convert(pose, "coco_17", "human36m_17").dtype == np.float32
    assert convert(pose, "coco_17", "coco_17") is pose


def test_a_joint_that_is_not_known_spoils_only_what_is_mixed_of_it() -> None:
    pose_J3 = body("coco_17")
    pose_J3[COCO_17.index("left_hip")] = np.nan

    lost = np.isnan(convert(pose_J3, "coco_17", "human36m_17")).all(axis=1)
    assert {HUMAN36M_17.joints[j] for j in np.flatnonzero(lost)} == {"left_hip", "pelvis", "spine"}


def test_a_way_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(
        DataError, match=r"no mixture of joints leads from 'smpl_24' to 'coco_17'(?s:.)*common_14, body_13"
    ):
        convert(body("smpl_24"), "smpl_24", "coco_17")
    with pytest.raises(DataError, match=r"a pose of 24 joints is not one of 'coco_17'(?s:.)*smpl_24 \(24 joints\)"):
        convert(body("smpl_24"), "coco_17", "human36m_17")
    with pytest.raises(DataError, match="is not one of 'tail'"):
        convert(body("smpl_24"), "tail", "human36m_17")


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
