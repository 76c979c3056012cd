import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import ConfigError, DataError
from poserep.core.skeleton import HUMAN36M_17, Skeleton
from poserep.media.camera import Camera
from poserep.plugins.datasets.studio.motion.procedural import procedural_motion
from poserep.verbs.analyse_gravity import frame_shares, off_parabola, tracks
from poserep.verbs.analyse_target import open_target
from poserep.verbs.centre_of_gravity import SEGMENTS, centre_of_gravity, joint_weights

WEIGHTS = joint_weights(HUMAN36M_17)
DIVE = [
    *("--set", 'dataset.scene="dive"', "--set", "dataset.actions=[]", "--set", "dataset.cameras=1"),
    *("--set", "dataset.subjects=1", "--set", "dataset.test_subjects=1", "--set", "dataset.validation_subjects=0"),
    *("--set", "dataset.takes=1", "--set", "dataset.fps=20.0", "--set", "dataset.size=32"),
]


def test_the_masses_sum_to_a_hundred_percent_and_the_weights_to_one() -> None:
    assert sum(segment.mass for segment in SEGMENTS) == pytest.approx(100, abs=0.01)
    assert WEIGHTS.sum() == pytest.approx(1)
    assert (WEIGHTS >= 0).all()


def test_the_weight_of_a_wrist_is_the_hand_and_its_share_of_the_forearm() -> None:
    total = sum(segment.mass for segment in SEGMENTS)
    wrist = (0.650 + 0.3896 * 1.611) / total

    assert WEIGHTS[HUMAN36M_17.index("left_wrist")] == pytest.approx(wrist)
    assert WEIGHTS[HUMAN36M_17.index("right_wrist")] == pytest.approx(wrist)


def test_one_moved_joint_moves_the_centre_by_its_weight() -> None:
    pose = np.zeros((17, 3))
    pose[HUMAN36M_17.index("head")] = [0, 0, 1000]

    expected = 1000 * 7.284 * (1 - 0.4642) / sum(segment.mass for segment in SEGMENTS)
    np.testing.assert_allclose(centre_of_gravity(pose, WEIGHTS), [0, 0, expected])


def test_a_body_in_one_point_has_its_centre_there() -> None:
    np.testing.assert_allclose(centre_of_gravity(np.full((2, 17, 3), 7.0), WEIGHTS), np.full((2, 3), 7.0))


@given(st.integers(0, 100))
def test_the_centre_moves_and_turns_with_the_body(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pose, shift = rng.normal(size=(17, 3)), rng.normal(size=3)
    turn, _r = np.linalg.qr(rng.normal(size=(3, 3)))

    moved = centre_of_gravity(pose @ turn.T + shift, WEIGHTS)
    np.testing.assert_allclose(moved, centre_of_gravity(pose, WEIGHTS) @ turn.T + shift, atol=1e-12)


def test_left_and_right_weigh_the_same() -> None:
    np.testing.assert_allclose(WEIGHTS[list(HUMAN36M_17.mirror)], WEIGHTS)


def test_without_a_neck_the_heads_mass_lies_at_the_head() -> None:
    names = tuple(name for name in HUMAN36M_17.joints if name not in ("spine", "thorax", "neck", "pelvis"))
    short = Skeleton("short", names, (-1, *[0] * (len(names) - 1)))

    weights = joint_weights(short)
    assert weights[short.index("head")] == pytest.approx(0.07284, abs=1e-5)
    assert weights.sum() == pytest.approx(1)


def test_a_skeleton_without_elbows_and_weights_of_another_body_are_refused() -> None:
    names = tuple(name for name in HUMAN36M_17.joints if "elbow" not in name)
    with pytest.raises(DataError, match="left_elbow, right_elbow"):
        joint_weights(Skeleton("armless", names, (-1, *[0] * (len(names) - 1))))
    with pytest.raises(DataError, match="17 weights"):
        centre_of_gravity(np.zeros((13, 3)), WEIGHTS)


def test_in_a_far_picture_the_centre_of_the_joints_is_the_projection_of_the_centre() -> None:
    pose = procedural_motion("dive", 3.0, 10.0, np.random.default_rng(0)).joints_TJ3.astype(np.float64)
    centre = centre_of_gravity(pose, WEIGHTS)
    apart = []
    for distance in (6000.0, 12000.0):
        view = Camera.look_at((0, -distance, 2500), (0, 0, 2500), 1.85e5, (100_000, 100_000))
        joints, exact = view.to_frame(view.project(pose)), view.to_frame(view.project(centre))
        apart.append(frame_shares(centre_of_gravity(joints, WEIGHTS), exact).max())

    assert apart[1] < 5e-4  # of the frame's side, at the distance of the studio's pool
    assert apart[1] < apart[0] / 3  # with the square of the distance; the picture of a body halves as well


def test_the_centre_of_a_diver_falls_freely() -> None:
    motion = procedural_motion("dive", 3.0, 50.0, np.random.default_rng(0))
    assert motion.free_fall is not None
    pose = motion.joints_TJ3[slice(*motion.free_fall)].astype(np.float64)
    times = np.arange(len(pose)) / 50.0

    height = centre_of_gravity(pose, WEIGHTS)[:, 2]
    gravity = 2 * np.polyfit(times, height, 2)[0]
    assert gravity == pytest.approx(-9810, rel=0.03)
    assert off_parabola(times, height) < off_parabola(times, pose[:, 0, 2]) / 3


def test_distances_are_shares_of_the_frames_side() -> None:
    a, b = np.array([[-1.0, 0.0], [0.3, 0.4]]), np.array([[1.0, 0.0], [0.0, 0.0]])

    np.testing.assert_allclose(frame_shares(a, b), [1.0, 0.25])
    np.testing.assert_allclose(frame_shares(a + 0.2, b + 0.2), frame_shares(b, a))
    with pytest.raises(DataError, match="point by point"):
        frame_shares(a, b[:1])


def test_a_parabola_is_not_off_a_parabola_and_a_cubic_is() -> None:
    times = np.array([0.0, 0.1, 0.25, 0.5, 0.6])

    assert off_parabola(times, 3 - 2 * times + 4.9 * times**2) == pytest.approx(0, abs=1e-12)
    alternating = np.array([1.0, -3, 3, -1])  # the third difference: left over whole by a parabola through four points
    assert off_parabola(np.arange(4.0), alternating) == pytest.approx(np.sqrt(20 / 4) / 2)
    with_gap = np.append(3 - 2 * times, np.nan)
    assert off_parabola(np.append(times, 0.7), with_gap) == pytest.approx(0, abs=1e-12)
    with pytest.raises(DataError, match="four heights"):
        off_parabola(times[:3], times[:3])


def test_the_command_on_a_dive_compares_with_the_true_box(tmp_path: Path) -> None:
    picture = tmp_path / "g.png"
    result = CliRunner().invoke(app, ["analyse", "gravity", "temporal", *DIVE, "-o", str(picture), "--json"])

    assert result.exit_code == 0, result.output
    rows = {(row["name"], row["method"]): row for row in json.loads(result.stdout)["measurements"]}
    apart = rows["distance from the centre of gravity, mean", "true box centre"]
    assert 0 < apart["value"] < 0.06
    assert apart["samples"] > 10
    own = rows["height off a parabola, rms", "centre of gravity"]["value"]
    assert own < rows["height off a parabola, rms", "true box centre"]["value"]
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_footage_without_joints_in_the_picture_is_refused_by_the_label_that_it_lacks(
    video_run: Path, video: Path
) -> None:
    with pytest.raises(DataError, match="'video' has no pose_2d, which"):
        tracks(open_target(str(video_run)), "train")
    with pytest.raises(DataError, match="'video' has no pose_2d, true_box, which"):
        tracks(open_target("temporal-video", [f"dataset.path={video}"]), "train")


def test_the_command_on_a_run_adds_the_found_box(studio_run: Path) -> None:
    result = CliRunner().invoke(app, ["analyse", "gravity", str(studio_run)])

    assert result.exit_code == 0, result.output
    assert " box centre " in result.stdout
    assert "true box centre" in result.stdout
    assert (studio_run / "gravity.png").is_file()


def test_a_video_has_no_joints_to_weigh(video_run: Path) -> None:
    result = CliRunner().invoke(app, ["analyse", "gravity", str(video_run)])
    assert isinstance(result.exception, DataError)
    assert "pose_2d" in result.exception.what


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run"):
        open_target(str(tmp_path))
