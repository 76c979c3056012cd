import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import DataError
from poserep.core.interfaces import Clip
from poserep.verbs.analyse_curve import (
    Curve,
    binned,
    first_reaches,
    latent_distance,
    pairs_within,
    pose_distance,
    propose,
    whole_ms,
)
from poserep.verbs.analyse_target import clips_of
from poserep.verbs.analyse_time import Reader, curve_of

FEW = [
    *("--set", "dataset.subjects=1", "--set", "dataset.test_subjects=0", "--set", "dataset.validation_subjects=0"),
    *("--set", "dataset.cameras=1", "--set", "dataset.takes=1", "--set", "dataset.size=32"),
]


def curve(time_s: list[float], mean: list[float]) -> Curve:
    t, m = np.array(time_s), np.array(mean)
    return Curve("pose distance", "mm", t, m, m, m, np.ones(len(t), int), 1, len(t) + 1)


def test_pose_distance_is_the_mean_over_joints() -> None:
    a = np.zeros((1, 2, 3))
    b = np.array([[[3.0, 4, 0], [0, 0, 1]]])

    np.testing.assert_allclose(pose_distance(a, b), [3.0])  # (5 + 1) / 2
    np.testing.assert_allclose(pose_distance(a + 7, b + 7), pose_distance(b, a))


def test_latent_distance_is_one_minus_cosine_whatever_the_lengths() -> None:
    a, b = np.array([[1.0, 0], [1, 0], [1, 0]]), np.array([[2.0, 0], [0, 3], [-1, 0]])

    np.testing.assert_allclose(latent_distance(a, b), [0, 1, 2])
    np.testing.assert_allclose(latent_distance(5 * a, 0.1 * b), [0, 1, 2])
    assert np.isfinite(latent_distance(np.zeros((1, 2)), np.zeros((1, 2)))).all()


def test_all_pairs_within_a_distance_are_found_once() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.5])
    first, second = pairs_within(times, 0.2, 0)

    assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]


def test_fewer_references_are_spread_over_the_clip() -> None:
    first, second = pairs_within(np.arange(100.0), 2.0, 4)

    assert sorted(set(first.tolist())) == [0, 25, 50, 75]
    assert len(second) == 8


def test_bins_hold_mean_and_spread_of_their_pairs() -> None:
    found = binned(np.array([0.2, 0.1, 0.2, 0.1]), np.array([5.0, 1.0, 7.0, 3.0]), 0.1)

    np.testing.assert_allclose(found["time_s"], [0.1, 0.2])
    np.testing.assert_allclose(found["mean"], [2.0, 6.0])
    np.testing.assert_allclose(found["low"], [1.2, 5.2])
    np.testing.assert_allclose(found["high"], [2.8, 6.8])
    assert found["pairs"].tolist() == [2, 2]


def test_a_level_is_reached_between_two_bins() -> None:
    times, mean = np.array([1.0, 2.0, 3.0]), np.array([2.0, 6.0, 4.0])

    assert first_reaches(times, mean, 1.0) == pytest.approx(0.5)
    assert first_reaches(times, mean, 5.0) == pytest.approx(1.75)
    assert first_reaches(times, mean, 0.0) == 0.0
    assert first_reaches(times, mean, 7.0) == float("inf")


def test_the_rule_reads_ten_and_ninety_percent_off_a_ramp() -> None:
    ramp = curve([0.5, 1, 2, 3, 4, 5, 6, 7, 8], [12.5, 25, 50, 75, 100, 100, 100, 100, 100])  # full at 4 s
    found = propose(ramp)

    assert found.plateau == 100
    assert found.positive_max_s == pytest.approx(0.5)  # 10 % is at 0.4 s, but the next frame is 0.5 s away
    assert found.negative_min_s == pytest.approx(3.6)
    assert found.first_share == pytest.approx(0.125)
    assert found.lowest_after == pytest.approx(1.0)


def test_poses_that_come_back_are_told() -> None:
    gait = curve([1, 2, 3, 4, 5, 6, 7, 8], [50, 100, 50, 20, 50, 100, 50, 20])
    found = propose(gait)

    assert found.plateau == pytest.approx(48)  # from 4 s on
    assert found.lowest_after == pytest.approx(20 / 48)


@given(st.floats(0.01, 100), st.floats(0.1, 10))
def test_the_proposal_goes_with_the_unit_of_time_and_not_with_that_of_distance(scale: float, stretch: float) -> None:
    times, mean = np.arange(1.0, 41), 1 - np.exp(-np.arange(1.0, 41) / 6)
    one = propose(curve(times.tolist(), mean.tolist()))
    other = propose(curve((stretch * times).tolist(), (scale * mean).tolist()))

    assert other.negative_min_s == pytest.approx(stretch * one.negative_min_s, abs=0.02)
    assert other.positive_max_s == pytest.approx(stretch * one.positive_max_s, abs=0.02)
    assert other.plateau == pytest.approx(scale * one.plateau)


def test_the_next_frame_is_not_lost_by_rounding() -> None:
    assert whole_ms(1 / 30) == 0.034
    assert whole_ms(0.2) == 0.2
    assert whole_ms(float("inf")) == float("inf")


def test_what_never_changes_proposes_nothing() -> None:
    with pytest.raises(DataError, match="never changes"):
        propose(curve([1, 2, 3], [0, 0, 0]))


def test_a_distance_shorter_than_a_frame_is_refused() -> None:
    clips = [Clip("a", "s", "a", "cam", "train", np.arange(5.0))]
    reader = Reader("x", "", lambda _clip: np.arange(5.0)[:, None, None], pose_distance)
    with pytest.raises(DataError, match=r"within 0\.5 s"):
        curve_of(reader, clips, [0], 0.5)


def test_a_clip_that_moves_evenly_has_a_straight_curve() -> None:
    clips = [Clip("a", "s", "a", "cam", "train", np.arange(20.0) / 10)]
    reader = Reader("x", "", lambda _clip: 5 * np.arange(20.0)[:, None, None] * np.ones((1, 2, 1)), pose_distance)

    found = curve_of(reader, clips, [0], 1.0)
    np.testing.assert_allclose(found.time_s, np.arange(1, 11) / 10)
    np.testing.assert_allclose(found.mean, 5 * np.arange(1, 11))
    assert found.pairs.tolist() == list(range(19, 9, -1))


def test_of_many_clips_evenly_spread_ones_are_read() -> None:
    clips = [Clip(str(n), "s", str(n), "cam", "train" if n % 2 else "test", np.arange(10.0)) for n in range(20)]

    assert clips_of(clips, "train") == list(range(1, 20, 2))
    assert clips_of(clips, "train", 50) == [1, 5, 9, 13, 17]
    assert clips_of(clips, "train", 3) == [1]
    with pytest.raises(DataError, match="no validation frames"):
        clips_of(clips, "validation")


def test_a_recipe_has_the_curve_of_its_poses(tmp_path: Path) -> None:
    words = ["analyse", "time", "temporal", *FEW, "-o", str(tmp_path / "t.png")]
    told = CliRunner().invoke(app, words)
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)

    assert told.exit_code == 0, told.output
    (poses,) = found["curves"]
    assert poses["unit"] == "mm"
    assert poses["mean"][0] < poses["proposal"]["plateau"]
    assert poses["pairs"][0] == 5 * 39  # five actions of 40 frames
    assert f"sampler.negative_min_s={poses['proposal']['negative_min_s']:g}" in told.stdout
    assert (tmp_path / "t.png").read_bytes()[:4] == b"\x89PNG"


def test_a_run_has_the_curve_of_its_latents_too(studio_run: Path) -> None:
    result = CliRunner().invoke(app, ["analyse", "time", str(studio_run), "--json"])

    assert result.exit_code == 0, result.output
    poses, latents = json.loads(result.stdout)["curves"]
    assert latents["unit"] == ""
    assert latents["pairs"] == poses["pairs"]
    assert (studio_run / "time.png").is_file()


def test_latents_need_no_labels(video_run: Path) -> None:
    result = CliRunner().invoke(app, ["analyse", "time", str(video_run), "--json"])

    assert result.exit_code == 0, result.output
    (latents,) = json.loads(result.stdout)["curves"]
    assert latents["what"].startswith("latent")


def test_a_recipe_without_labels_has_nothing_to_compare(video: Path) -> None:
    words = ["analyse", "time", "temporal-video", "--set", f"dataset.path={video}"]
    result = CliRunner().invoke(app, words)

    assert isinstance(result.exception, DataError)
    assert "run" in result.exception.hint
