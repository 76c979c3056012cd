from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.skeleton import HUMAN36M_17
from poserep.plugins.datasets.studio.motion.body import ANKLES, centre_of_gravity
from poserep.plugins.datasets.studio.motion.bvh import read_bvh
from poserep.plugins.datasets.studio.motion.motion import ANKLE_HEIGHT_MM
from poserep.plugins.datasets.studio.motion.naming import find_joints, plain
from poserep.plugins.datasets.studio.motion.procedural import procedural_motion
from poserep.plugins.datasets.studio.motion.retarget import bone_lengths, retarget, to_human36m

MOTIONBUILDER = {
    "pelvis": "Hips",
    "spine": "Spine",
    "neck": "Neck",
    "head": "Head",
    "hip": "{Side}UpLeg",
    "knee": "{Side}Leg",
    "ankle": "{Side}Foot",
    "toe": "{Side}ToeBase",
    "collar": "{Side}Shoulder",
    "shoulder": "{Side}Arm",
    "elbow": "{Side}ForeArm",
    "wrist": "{Side}Hand",
}
MIXAMO = {part: f"mixamorig:{name}" for part, name in MOTIONBUILDER.items()}
DAZ = MOTIONBUILDER | {
    "pelvis": "hip",
    "spine": "abdomen",
    "neck": "neck",
    "head": "head",
    "hip": "{s}Thigh",
    "knee": "{s}Shin",
    "ankle": "{s}Foot",
    "collar": "{s}Collar",
    "shoulder": "{s}Shldr",
    "elbow": "{s}ForeArm",
    "wrist": "{s}Hand",
}
MAX_3DS = MOTIONBUILDER | {
    "hip": "{Side}Hip",
    "knee": "{Side}Knee",
    "ankle": "{Side}Ankle",
    "collar": "{Side}Collar",
    "shoulder": "{Side}Shoulder",
    "elbow": "{Side}Elbow",
    "wrist": "{Side}Wrist",
}
BLENDER = MOTIONBUILDER | {"hip": "thigh.{S}", "knee": "shin.{S}", "ankle": "foot.{S}", "shoulder": "upper_arm.{S}"}
BLENDER |= {"elbow": "forearm.{S}", "wrist": "hand.{S}", "collar": "clavicle.{S}"}
NAMELESS = {part: f"part{n}{{s}}" for n, part in enumerate(MOTIONBUILDER)}


def joint_lines(name: str, offset: tuple[float, float, float], children: str, kind: str = "JOINT") -> str:
    place = "Xposition Yposition Zposition " if kind == "ROOT" else ""
    channels = f"CHANNELS {6 if place else 3} {place}Zrotation Xrotation Yrotation"
    return f"{kind} {name}\n{{\nOFFSET {offset[0]} {offset[1]} {offset[2]}\n{channels}\n{children}}}\n"


def end(*offset: float) -> str:
    return f"End Site\n{{\nOFFSET {offset[0]} {offset[1]} {offset[2]}\n}}\n"


def puppet(folder: Path, names: dict[str, str], z_up: bool = False) -> Path:
    """A person of 18 units in T-pose, facing +z where y is up (-y where z is up), 2 frames."""

    def turned(x: float, up: float, front: float) -> tuple[float, float, float]:
        return (x, -front, up) if z_up else (x, up, front)

    def part(key: str, sign: int, place: tuple[float, float, float], children: str) -> str:
        side = "left" if sign > 0 else "right"
        name = names[key].format(Side=side.title(), s=side[0], S=side[0].upper())
        return joint_lines(name, turned(*place), children)

    def leg(sign: int) -> str:
        foot = part("ankle", sign, (0, -4, 0), part("toe", sign, (0, -0.7, 1.2), end(*turned(0, 0, 0.5))))
        return part("hip", sign, (sign, -0.2, 0), part("knee", sign, (0, -4.2, 0), foot))

    def arm(sign: int) -> str:
        hand = part("wrist", sign, (2.5 * sign, 0, 0), end(*turned(sign, 0, 0)))
        upper = part("shoulder", sign, (1.2 * sign, 0, 0), part("elbow", sign, (2.8 * sign, 0, 0), hand))
        return part("collar", sign, (0.4 * sign, 1.8, 0), upper)

    head = part("neck", 1, (0, 2.4, 0), part("head", 1, (0, 1, 0.1), end(*turned(0, 1.7, 0))))
    chest = joint_lines("Spine1" if "Spine" in names["spine"] else "x", turned(0, 2.3, 0), head + arm(1) + arm(-1))
    trunk = part("spine", 1, (0, 0.3, 0), chest)
    body = joint_lines(names["pelvis"].format(s=""), (0, 0, 0), leg(1) + leg(-1) + trunk, "ROOT")
    channels = 6 + 3 * body.count("JOINT")
    where = " ".join(str(v) for v in turned(3, 9, 5))
    row = f"{where} " + " ".join(["0"] * (channels - 3)) + "\n"
    path = folder / "puppet.bvh"
    path.write_text("HIERARCHY\n" + body + f"MOTION\nFrames: 2\nFrame Time: 0.1\n{row}{row}")
    return path


SPELLINGS = {"motionbuilder": MOTIONBUILDER, "mixamo": MIXAMO, "daz": DAZ, "3dsmax": MAX_3DS, "blender": BLENDER}


@pytest.mark.parametrize("names", [*SPELLINGS.values(), NAMELESS], ids=[*SPELLINGS, "by shape"])
@pytest.mark.parametrize("z_up", [False, True], ids=["y up", "z up"])
def test_a_person_is_found_whatever_its_joints_are_called(tmp_path: Path, names: dict[str, str], z_up: bool) -> None:
    motion = to_human36m(read_bvh(puppet(tmp_path, names, z_up)))
    pose = {name: motion.joints_TJ3[0, j] for j, name in enumerate(HUMAN36M_17.joints)}

    # 1.7 m tall, upright, soles on the floor, over the origin
    assert pose["left_ankle"][2] == pytest.approx(ANKLE_HEIGHT_MM, abs=0.1)
    assert 1550 < pose["head"][2] < 1800
    np.testing.assert_allclose(pose["pelvis"][:2], 0, atol=0.1)
    # it faced -y after standing up, so its left is +x, and its nose in front of its thorax
    assert pose["left_hip"][0] > 0 > pose["right_hip"][0]
    assert pose["left_wrist"][0] > pose["left_elbow"][0] > pose["left_shoulder"][0] > 100
    assert pose["neck"][1] < pose["thorax"][1] - 30
    unit = (pose["left_knee"][2] - pose["left_ankle"][2]) / 4
    for name, x, up in (("left_hip", 1, 8.0), ("thorax", 0, 13.2), ("left_shoulder", 1.6, 12.6), ("spine", 0, 10.8)):
        np.testing.assert_allclose(pose[name][0], x * unit, atol=0.5)
        np.testing.assert_allclose(pose[name][2] - pose["left_ankle"][2], up * unit, atol=0.5 * unit)


def test_joints_that_no_name_or_shape_tells_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "worm.bvh"
    body = joint_lines("a", (0, 0, 0), joint_lines("b", (0, 1, 0), end(0, 1, 0)), "ROOT")
    path.write_text("HIERARCHY\n" + body + "MOTION\nFrames: 1\nFrame Time: 1\n" + "0 " * 9)

    with pytest.raises(DataError, match="cannot tell which joints are thorax, left_hip"):
        find_joints(read_bvh(path))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mixamorig:LeftUpLeg", "leftupleg"),
        ("Armature_mixamorigHips", "hips"),
        ("J_L_Hip", "lhip"),
        ("Bip01 L Thigh", "lthigh"),
        ("thigh_r", "rthigh"),
        ("UpperArm.L", "lupperarm"),
        ("right_hip", "righthip"),
        ("lfemur_end", "lfemurend"),
    ],
)
def test_names_are_compared_without_the_habits_of_their_program(name: str, expected: str) -> None:
    assert plain(name) == expected


@pytest.fixture
def walk() -> np.ndarray:
    return procedural_motion("gait", 3.0, 30.0, np.random.default_rng(3)).joints_TJ3


def directions(joints: np.ndarray) -> np.ndarray:
    bones = joints[:, 1:] - joints[:, list(HUMAN36M_17.parents[1:])]
    return bones / np.linalg.norm(bones, axis=-1, keepdims=True)


def test_new_lengths_keep_every_direction_and_the_floor(walk: np.ndarray) -> None:
    lengths = bone_lengths(walk) * np.random.default_rng(0).uniform(0.8, 1.2, size=17)
    lengths[[2, 3, 5, 6]] = bone_lengths(walk)[[2, 3, 5, 6]] * 1.1
    result = retarget(walk, lengths)

    np.testing.assert_allclose(bone_lengths(result)[1:], lengths[1:], rtol=1e-4)
    np.testing.assert_allclose(directions(result), directions(walk), atol=1e-3)
    assert result[:, ANKLES, 2].min() == pytest.approx(walk[:, ANKLES, 2].min(), abs=0.01)
    np.testing.assert_allclose(result[:, 0, :2], 1.1 * walk[:, 0, :2], atol=0.1)  # longer legs, longer steps
    assert result.dtype == walk.dtype


def test_the_same_lengths_change_nothing(walk: np.ndarray) -> None:
    np.testing.assert_allclose(retarget(walk, bone_lengths(walk)), walk, atol=0.05)


def test_a_flight_keeps_the_path_of_its_centre_of_gravity(walk: np.ndarray) -> None:
    result = retarget(walk, 1.15 * bone_lengths(walk), anchor="centre")

    np.testing.assert_allclose(centre_of_gravity(result), centre_of_gravity(walk), atol=0.01)
