import json
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.plugins.datasets.studio.motion.deepmimic import read_deepmimic

H = 0.5**0.5  # cosine and sine of half of 90 degrees


def joint(name: str, kind: str, parent: int, x: float, y: float, z: float) -> dict[str, object]:
    return {"Name": name, "Type": kind, "Parent": parent, "AttachX": x, "AttachY": y, "AttachZ": z}


CHARACTER = {
    "Skeleton": {
        "Joints": [
            joint("root", "none", -1, 0, 0, 0),
            joint("chest", "spherical", 0, 0, 0.2, 0),
            joint("elbow", "revolute", 1, 0, 0, 0.5),
            joint("wrist", "fixed", 2, 0, -0.3, 0),
        ]
    }
}
REST = [0.5, 1, 2, 3, 1, 0, 0, 0, 1, 0, 0, 0, 0]


def read(folder: Path, *frames: list[float], character: object = CHARACTER) -> np.ndarray:
    (folder / "character_x.txt").write_text(json.dumps(character))
    (folder / "clip.txt").write_text(json.dumps({"Loop": "none", "Frames": frames}))
    return read_deepmimic(folder / "clip.txt").positions_TJ3


def test_positions_follow_from_the_frame_by_hand(tmp_path: Path) -> None:
    chest_about_y = [0.5, 1, 2, 3, 1, 0, 0, 0, H, 0, H, 0, 0]  # carries +z to +x
    elbow = [0.5, 1, 2, 3, 1, 0, 0, 0, 1, 0, 0, 0, np.pi / 2]  # about z: carries -y to +x
    joints = read(tmp_path, REST, chest_about_y, elbow)

    np.testing.assert_allclose(joints[0], [[1, 2, 3], [1, 2.2, 3], [1, 2.2, 3.5], [1, 1.9, 3.5]], atol=1e-9)
    np.testing.assert_allclose(joints[1], [[1, 2, 3], [1, 2.2, 3], [1.5, 2.2, 3], [1.5, 1.9, 3]], atol=1e-9)
    np.testing.assert_allclose(joints[2, 3], [1.3, 2.2, 3.5], atol=1e-9)


def test_frames_of_unequal_length_become_equal(tmp_path: Path) -> None:
    far = [0.5, 5, 2, 3, -1, 0, 0, 0, 1, 0, 0, 0, 0]  # the same rotation with the other sign
    joints = read(tmp_path, REST, [1.0, *REST[1:]], far, [0, *far[1:]])

    # frames at 0, 0.5, 1.5 and 2 s become 0, 0.5, 1, 1.5 and 2 s; on the way the rotation stays what it is
    np.testing.assert_allclose(joints[:, 0, 0], [1, 1, 3, 5, 5])
    np.testing.assert_allclose(joints[:, 1] - joints[:, 0], [[0, 0.2, 0]] * 5, atol=1e-9)


def test_without_a_character_the_published_joints_are_taken(tmp_path: Path) -> None:
    upright, limb = [1, 0, 0, 0], [1, 0, 0, 0, 0]
    side = [*limb, *upright, *limb]  # hip and knee, ankle, shoulder and elbow
    frame = [0.1, 0, 1, 0, *upright, *upright, *upright, *side, *side]
    (tmp_path / "clip.txt").write_text(json.dumps({"Frames": [frame]}))
    (tmp_path / "x.txt").write_text(json.dumps(CHARACTER))
    with pytest.raises(DataError, match="frame 1 has 44 numbers, but the character takes 13"):
        read_deepmimic(tmp_path / "clip.txt", tmp_path / "x.txt")

    clip = read_deepmimic(tmp_path / "clip.txt")
    left, right = (clip.positions_TJ3[:, clip.joints.index(f"{side}_hip")] for side in ("left", "right"))
    assert (left[:, 2] < right[:, 2]).all()  # z points to the right


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"Frames": [[1,', "no JSON"),
        ('{"Loop": "wrap"}', "no Frames"),
        ("[]", "no Frames"),
        ('{"Frames": [[0.1, 1, 2]]}', "frame 1 has 3 numbers"),
        (json.dumps({"Frames": [[*REST[:-1], float("nan")]]}), "not finite"),
        (json.dumps({"Frames": [[-1, *REST[1:]], REST, REST]}), "lasts no time"),
        (json.dumps({"Frames": [[0.5, 1, 2, 3, 0, 0, 0, 0, *REST[8:]]]}), "quaternion of length zero"),
    ],
)
def test_a_broken_motion_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "character_x.txt").write_text(json.dumps(CHARACTER))
    (tmp_path / "clip.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_deepmimic(tmp_path / "clip.txt")


def test_a_joint_of_unknown_type_is_refused(tmp_path: Path) -> None:
    odd = {"Skeleton": {"Joints": [joint("root", "none", -1, 0, 0, 0), joint("chest", "telescopic", 0, 0, 0, 0)]}}
    with pytest.raises(DataError, match="known type"):
        read(tmp_path, REST, character=odd)
