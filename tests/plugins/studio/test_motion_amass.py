import json
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.skeleton import HUMAN36M_17
from poserep.plugins.datasets.studio.motion.amass import (
    JOINTS,
    PARENTS,
    generic_offsets,
    offsets_of,
    read_amass,
    read_offsets,
)
from poserep.plugins.datasets.studio.motion.library import load_motions
from poserep.plugins.datasets.studio.motion.motion import ANKLE_HEIGHT_MM
from poserep.plugins.datasets.studio.motion.retarget import bone_lengths, to_human36m

FPS = 120.00005
# y up, z forward, x left become z up, x forward, y left: a third of a turn about (1, 1, 1)
UPRIGHT = 2 * np.pi / 3 * np.ones(3) / np.sqrt(3)
H36M = {name: j for j, name in enumerate(HUMAN36M_17.joints)}


def walk_poses(frames: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Rotation vectors (T, 52, 3) and path (T, 3) of somebody who walks along +x, left leg first, and nods."""
    poses = np.zeros((frames, 52, 3))
    swing = 0.5 * np.cos(np.arange(frames) * 2 * np.pi / 120)
    poses[:, 0] = UPRIGHT
    for side, sign in (("left", 1), ("right", -1)):
        poses[:, JOINTS.index(f"{side}_hip"), 0] = -sign * swing  # about +x of the left: the leg goes forward
        poses[:, JOINTS.index(f"{side}_shoulder"), 2] = -sign * 1.4  # the arms hang
    poses[:, JOINTS.index("right_elbow"), 1] = 0.8  # the right forearm, which points to -x at rest, turns to the front
    poses[:, JOINTS.index("head"), 0] = 0.2
    path = np.stack([np.arange(frames) / 100, np.full(frames, 3.0), np.full(frames, 0.93)], axis=1)
    return poses, path


def older(path: Path, **changes: object) -> Path:
    """A file as AMASS gave it first: SMPL-H, with markers and a gender in bytes."""
    poses, trans = walk_poses()
    arrays = {
        "poses": poses.reshape(len(poses), -1),
        "trans": trans,
        "betas": np.zeros(16),
        "dmpls": np.zeros((len(poses), 8)),
        "gender": np.array(b"female"),
        "mocap_framerate": np.array(FPS),
        "marker_labels": np.array(["LFWT", 3], dtype=object),
        **changes,
    }
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def newer(path: Path, **changes: object) -> Path:
    """A file of the later release: SMPL-X, the pose in pieces."""
    poses, trans = walk_poses()
    arrays = {
        "root_orient": poses[:, 0],
        "pose_body": poses[:, 1:22].reshape(len(poses), -1),
        "pose_hand": np.zeros((len(poses), 90)),
        "trans": trans,
        "gender": "neutral",
        "surface_model_type": "smplx",
        "mocap_frame_rate": 120.0,
        **changes,
    }
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def test_a_walker_stands_upright_on_the_floor_and_goes_where_it_looks(tmp_path: Path) -> None:
    motion = to_human36m(read_amass(older(tmp_path / "walk_poses.npz")))
    pose_TJ3 = motion.joints_TJ3
    assert motion.fps == FPS
    assert pose_TJ3.shape == (240, 17, 3)
    assert pose_TJ3[:, [H36M["left_ankle"], H36M["right_ankle"]], 2].min() == pytest.approx(ANKLE_HEIGHT_MM, abs=0.01)
    assert (pose_TJ3[:, H36M["head"], 2] > 1500).all()
    assert (pose_TJ3[:, H36M["head"], 2] < 1800).all()
    np.testing.assert_allclose(pose_TJ3[-1, 0] - pose_TJ3[0, 0], [2390, 0, 0], atol=1)
    assert (pose_TJ3[:, H36M["neck"], 0] > pose_TJ3[:, H36M["thorax"], 0] + 30).all()  # the nose is in front


def test_left_is_left_of_the_way_and_the_left_leg_goes_first(tmp_path: Path) -> None:
    pose_TJ3 = to_human36m(read_amass(older(tmp_path / "walk_poses.npz"))).joints_TJ3
    for part in ("hip", "knee", "shoulder", "wrist"):
        assert (pose_TJ3[:, H36M[f"left_{part}"], 1] > pose_TJ3[:, H36M[f"right_{part}"], 1] + 100).all()
    first = pose_TJ3[0]
    assert first[H36M["left_ankle"], 0] - first[H36M["right_ankle"], 0] == pytest.approx(4 * 445 * np.sin(0.5), abs=2)
    assert first[H36M["left_wrist"], 2] < first[H36M["left_shoulder"], 2] - 400


def test_positions_follow_from_the_angles_by_hand(tmp_path: Path) -> None:
    turns = np.zeros((1, 52, 3))
    turns[0, JOINTS.index("left_hip"), 0] = -np.pi / 2
    recording = read_amass(older(tmp_path / "a.npz", poses=turns.reshape(1, -1), trans=np.array([[1.0, 2.0, 3.0]])))
    knee, ankle, right = (
        recording.positions_TJ3[0, JOINTS.index(joint)] for joint in ("left_knee", "left_ankle", "right_ankle")
    )
    # the thigh, 0.445 m, points forward (+z), and so does the shank; the other leg hangs (-y)
    np.testing.assert_allclose(knee, [1.13, 2.0, 3.445], atol=1e-9)
    np.testing.assert_allclose(ankle, [1.13, 2.0, 3.89], atol=1e-9)
    np.testing.assert_allclose(right, [0.87, 1.11, 3.0], atol=1e-9)


def test_both_releases_tell_the_same_motion(tmp_path: Path) -> None:
    old, new = read_amass(older(tmp_path / "a.npz")), read_amass(newer(tmp_path / "b.npz"))
    np.testing.assert_allclose(old.positions_TJ3, new.positions_TJ3)
    assert (old.fps, new.fps) == (FPS, 120.0)


def test_another_heading_turns_everything_with_it(tmp_path: Path) -> None:
    here = to_human36m(read_amass(older(tmp_path / "a.npz"))).joints_TJ3
    poses, path = walk_poses()
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # a quarter to the left
    # upright, then the quarter: z stays up, forward becomes +y, which is half a turn about (0, 1, 1)
    poses[:, 0] = np.pi * np.array([0, 1, 1]) / np.sqrt(2)
    there = read_amass(older(tmp_path / "b.npz", poses=poses.reshape(len(poses), -1), trans=path @ turn.T))
    np.testing.assert_allclose(to_human36m(there).joints_TJ3, here @ turn.T, atol=0.1)


# ---------------------------------------------------------------- offsets


def taller(scale: float = 1.1) -> np.ndarray:
    return scale * generic_offsets()


def save_offsets(folder: Path, kind: str) -> Path:
    path = folder / ("offsets.json" if kind == "json" else "offsets.npz")
    offsets_J3 = taller()
    if kind == "json":
        path.write_text(json.dumps(dict(zip(JOINTS, offsets_J3.tolist(), strict=True)) | {"left_hand": [0.1, 0, 0]}))
    elif kind == "offsets":
        np.savez(path, offsets=np.concatenate([offsets_J3, np.zeros((30, 3))]))
    else:
        joints_J3 = offsets_J3.copy()
        for joint, parent in enumerate(PARENTS):
            joints_J3[joint] += joints_J3[parent] if parent >= 0 else 0
        np.savez(path, joints=joints_J3)
    return path


@pytest.mark.parametrize("kind", ["json", "offsets", "joints"])
def test_a_users_own_offsets_give_the_bones(tmp_path: Path, kind: str) -> None:
    path = save_offsets(tmp_path, kind)
    np.testing.assert_allclose(read_offsets(path), taller(), atol=1e-12)
    (motion,) = load_motions(older(tmp_path / "walk.npz"))
    assert bone_lengths(motion.joints_TJ3)[H36M["left_knee"]] == pytest.approx(1.1 * 445, abs=0.1)


def test_the_nearest_offsets_count_and_none_from_above_the_given_folder(tmp_path: Path) -> None:
    deep = tmp_path / "set" / "subject"
    deep.mkdir(parents=True)
    motion = older(deep / "walk.npz")
    assert offsets_of(motion, tmp_path) is None
    above = save_offsets(tmp_path, "json")
    assert offsets_of(motion, tmp_path) == above
    assert offsets_of(motion, tmp_path / "set") is None
    assert offsets_of(motion, motion) is None
    own = save_offsets(deep, "offsets")
    assert offsets_of(motion, tmp_path) == offsets_of(motion, motion) == own


def test_without_offsets_it_is_said_once_that_an_average_adult_moves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b"):
        older(tmp_path / f"{name}.npz")
    np.savez(tmp_path / "shape.npz", betas=np.zeros(16), gender="male")  # lies beside motions, is none
    assert [motion.name for motion in load_motions(tmp_path)] == ["a", "b"]
    assert "2 of 2 motions tell only how joints turn" in caplog.text
    assert "an average adult moves" in caplog.text
    caplog.clear()
    save_offsets(tmp_path, "json")
    assert len(load_motions(tmp_path)) == 2
    assert not caplog.text


def test_the_average_adult_at_rest_is_symmetric_and_as_the_studios() -> None:
    offsets_J3 = dict(zip(JOINTS, generic_offsets(), strict=True))
    for joint, offset_3 in offsets_J3.items():
        if joint.startswith("left_"):
            np.testing.assert_allclose(offsets_J3[joint.replace("left", "right")], offset_3 * [-1, 1, 1], atol=1e-12)
    assert offsets_J3["left_knee"].tolist() == pytest.approx([0, -0.445, 0])
    assert sum(offsets_J3[joint][1] for joint in ("spine1", "spine2", "spine3", "neck")) == pytest.approx(0.493)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda o: 1000 * o, "which is no person's in metres"),
        (lambda o: o * [-1, 1, 1], "its left hip is not to the left"),
        (lambda o: o[:, [0, 2, 1]], "its left knee is not below"),
        (lambda o: o[:20], "not three numbers for each of 22 joints"),
        (lambda o: np.where(o == 0, np.nan, o), "not finite"),
    ],
)
def test_offsets_that_are_no_body_are_refused(tmp_path: Path, change: object, told: str) -> None:
    assert callable(change)
    np.savez(tmp_path / "offsets.npz", offsets=change(generic_offsets()))
    with pytest.raises(DataError, match=told) as caught:
        read_offsets(tmp_path / "offsets.npz")
    assert "+x left, +y up, +z forward" in caught.value.hint


def test_offsets_without_a_joint_or_of_another_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / "offsets.json").write_text('{"pelvis": [0, 0, 0]}')
    with pytest.raises(DataError, match="it has no joint 'left_hip'"):
        read_offsets(tmp_path / "offsets.json")
    (tmp_path / "offsets.json").write_text("[")
    with pytest.raises(DataError, match="it cannot be read"):
        read_offsets(tmp_path / "offsets.json")
    np.savez(tmp_path / "offsets.npz", J=np.zeros((24, 3)))
    with pytest.raises(DataError, match="it has J, not `offsets` or `joints`"):
        read_offsets(tmp_path / "offsets.npz")


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"poses": None}, "not `poses` and `trans`"),
        ({"poses": np.zeros((240, 60))}, r"`poses` is float64 \(240, 60\), not a row of 66 numbers"),
        ({"trans": np.zeros((239, 3))}, "there are 240 poses, but 239 rows of `trans`"),
        ({"trans": np.full((240, 3), np.nan)}, "not finite"),
        ({"mocap_framerate": None}, "it tells no frame rate above zero"),
        ({"mocap_framerate": 0.0}, "it tells no frame rate above zero"),
        ({"poses": np.array([[{"a": 1}]], dtype=object)}, "objects, not plain"),
    ],
)
def test_what_is_no_motion_is_refused_with_its_file(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    path = older(tmp_path / "bad.npz", **changes)
    with pytest.raises(DataError, match=told) as caught:
        read_amass(path)
    assert caught.value.where == str(path)


def test_pieces_of_different_length_and_torn_files_are_refused(tmp_path: Path) -> None:
    path = newer(tmp_path / "bad.npz", root_orient=np.zeros((2, 3)))
    with pytest.raises(DataError, match="there are 2 rows of `root_orient`, but 240 of `pose_body`"):
        read_amass(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match="it has nothing, not `poses`"):
        read_amass(path)


def test_the_studio_films_such_a_motion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from poserep.core.interfaces import Context
    from poserep.plugins.datasets.studio.dataset import Studio, StudioOptions

    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "cache"))
    older(tmp_path / "walk.npz")
    few = {"subjects": 1, "validation_subjects": 0, "test_subjects": 0, "cameras": 1, "seconds": 1.0, "size": 16}
    studio = Studio(StudioOptions.model_validate({"motion": str(tmp_path / "walk.npz"), **few}), Context(crop_size=16))
    pose_NJ3 = studio.labels("pose", 0, np.arange(2))
    assert np.isfinite(pose_NJ3).all()
    assert (pose_NJ3[:, H36M["head"], 1] < -500).all()  # above the pelvis: +y is down in the camera
