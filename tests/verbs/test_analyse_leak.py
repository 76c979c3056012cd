import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Clip, Draw
from poserep.verbs.analyse_clusters import (
    accuracy,
    chance_accuracy,
    confusion,
    first_centres,
    kmeans,
    linear_reading,
    lloyd,
    squared_distances,
    two_at_a_time,
)
from poserep.verbs.analyse_leak import first_two, leak, learning_half
from poserep.verbs.session import open_session


def blobs(count: int = 3, each: int = 40, spread: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Frames around corners far apart, and which."""
    rng = np.random.default_rng(seed)
    which = np.repeat(np.arange(count), each)
    return 10 * np.eye(count, 5)[which] + spread * rng.normal(size=(count * each, 5)), which


def test_squared_distances_are_worked_by_hand() -> None:
    found = squared_distances(np.array([[0.0, 0], [3, 4]]), np.array([[0.0, 0], [0, 4]]))
    np.testing.assert_allclose(found, [[0, 16], [25, 9]])


def test_lloyd_ends_in_the_means_of_two_pairs() -> None:
    x = np.array([[0.0], [1], [10], [11]])
    cluster, inertia = lloyd(x, np.array([[0.0], [1.0]]))

    assert cluster.tolist() == [0, 0, 1, 1]
    assert inertia == pytest.approx(4 * 0.25)


def test_a_centre_that_nobody_is_near_does_no_harm() -> None:
    cluster, inertia = lloyd(np.array([[0.0], [2.0]]), np.array([[1.0], [99.0]]))
    assert cluster.tolist() == [0, 0]
    assert inertia == pytest.approx(2.0)


def test_first_centres_are_frames_far_from_each_other() -> None:
    x, which = blobs(3, spread=0.0)
    centres = first_centres(x, 3, np.random.default_rng(0))

    assert sorted(which[[int(np.flatnonzero((x == centre).all(1))[0]) for centre in centres]].tolist()) == [0, 1, 2]
    assert first_centres(np.zeros((4, 2)), 3, np.random.default_rng(0)).shape == (3, 2)  # all frames alike


@pytest.mark.parametrize("seed", range(5))
def test_kmeans_finds_separate_blobs_wherever_they_lie(seed: int) -> None:
    x, which = blobs(seed=seed)
    shift = np.random.default_rng(seed).normal(size=5)

    for moved in (x, 3 * x + 1000 * shift):
        assert accuracy(confusion(kmeans(moved, 3, seed), which, 3)) == 1.0


def test_equal_seeds_give_equal_clusters() -> None:
    x = np.random.default_rng(0).normal(size=(100, 4))
    np.testing.assert_array_equal(kmeans(x, 3), kmeans(x, 3))


def test_more_clusters_than_frames_are_refused() -> None:
    with pytest.raises(DataError, match="2 frames cannot be put into 3 clusters"):
        kmeans(np.zeros((2, 2)), 3)


def test_clusters_are_matched_where_most_frames_agree() -> None:
    cluster = np.array([1, 1, 1, 0, 0, 2])
    subject = np.array([0, 0, 1, 1, 1, 2])
    table = confusion(cluster, subject, 3)

    np.testing.assert_array_equal(table, [[2, 1, 0], [0, 2, 0], [0, 0, 1]])
    assert accuracy(table) == pytest.approx(5 / 6)


def test_the_matching_gives_up_one_good_pair_for_a_better_whole() -> None:
    cluster = np.repeat([0, 0, 1, 1], [5, 4, 4, 0])
    subject = np.repeat([0, 1, 0, 1], [5, 4, 4, 0])  # each for itself, both clusters would take subject 0

    assert accuracy(confusion(cluster, subject, 2)) == pytest.approx(8 / 13)


@given(st.permutations([0, 1, 2, 3]))
def test_the_accuracy_does_not_depend_on_how_clusters_are_numbered(order: list[int]) -> None:
    rng = np.random.default_rng(0)
    cluster, subject = rng.integers(4, size=60), rng.integers(4, size=60)

    renamed = np.array(order)[cluster]
    assert accuracy(confusion(renamed, subject, 4)) == accuracy(confusion(cluster, subject, 4))


def test_clusters_of_other_frames_are_refused() -> None:
    with pytest.raises(DataError, match="frame by frame"):
        confusion(np.zeros(3, int), np.zeros(4, int), 2)


def test_chance_is_above_one_in_k_for_few_frames_and_near_it_for_many() -> None:
    rng = np.random.default_rng(0)
    few = chance_accuracy(rng.integers(3, size=12), np.repeat([0, 1, 2], 4), 3)
    many = chance_accuracy(rng.integers(3, size=6000), np.repeat([0, 1, 2], 2000), 3)

    assert few > 0.42
    assert many == pytest.approx(1 / 3, abs=0.02)


def test_one_cluster_for_all_scores_the_largest_subject_and_that_is_its_chance() -> None:
    subject = np.repeat([0, 1], [70, 30])
    cluster = np.zeros(100, int)

    assert accuracy(confusion(cluster, subject, 2)) == 0.7
    assert chance_accuracy(cluster, subject, 2) == pytest.approx(0.7)


def test_two_subjects_at_a_time_are_the_mean_over_all_pairs() -> None:
    x = np.repeat([[0.0], [0.01], [10.0]], 50, axis=0) + np.random.default_rng(0).normal(size=(150, 1))
    share, chance = two_at_a_time(x, np.repeat([0, 1, 2], 50))  # the first two are one blob, the third is apart

    assert share == pytest.approx((1 + 1 + 0.53) / 3, abs=0.04)
    assert chance == pytest.approx(0.54, abs=0.03)


def test_two_subjects_are_told_apart_as_well_however_many_others_there_are() -> None:
    x, which = blobs(2)
    many, others = blobs(5)

    assert two_at_a_time(x, which)[0] == two_at_a_time(many, others)[0] == 1.0
    two = np.random.default_rng(0).permutation(which)
    table = confusion(kmeans(x, 2), two, 2)
    assert two_at_a_time(x, two)[0] == accuracy(table)
    with pytest.raises(DataError, match="got one"):
        two_at_a_time(x, np.zeros(len(x), int))


def test_a_linear_reading_finds_what_clusters_do_not() -> None:
    rng = np.random.default_rng(0)
    subject = np.repeat([0, 1, 2], 200)
    x = np.concatenate([100 * rng.normal(size=(600, 4)), np.eye(3)[subject]], axis=1)  # a pose that drowns the subject
    learn = rng.random(600) < 0.5

    share, frames = linear_reading(x, subject, learn)
    assert share == 1.0
    assert frames == int((~learn).sum())
    assert accuracy(confusion(kmeans(x, 3), subject, 3)) < 0.5


def test_a_linear_reading_of_noise_is_at_chance() -> None:
    rng = np.random.default_rng(0)
    subject = np.repeat([0, 1], [1500, 500])  # the larger one does not count more
    share, _frames = linear_reading(rng.normal(size=(2000, 5)), subject, rng.random(2000) < 0.5)
    assert share == pytest.approx(0.5, abs=0.05)


@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_a_linear_reading_does_not_depend_on_scale_and_place(scale: float, shift: float) -> None:
    rng = np.random.default_rng(0)
    subject = np.repeat([0, 1], 50)
    x, learn = rng.normal(size=(100, 3)) + subject[:, None], np.arange(100) % 2 == 0

    assert linear_reading(scale * x + shift, subject, learn) == linear_reading(x, subject, learn)


def test_a_subject_with_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="both"):
        linear_reading(np.zeros((4, 1)), np.array([0, 0, 1, 1]), np.array([True, True, False, False]))


def test_half_of_each_subjects_takes_is_learnt_from_with_all_their_cameras() -> None:
    clips = [
        Clip(f"{s}{take}{cam}", s, take, cam, "test", np.arange(3.0))
        for s in "ab"
        for take in ("1", "2", "3", "4")
        for cam in "xy"
    ]
    draw = Draw(np.repeat(np.arange(16), 3)[:, None], np.tile(np.arange(3), 16)[:, None])
    learn = learning_half(clips, draw).reshape(2, 4, 2, 3)

    assert learn.any(axis=(2, 3)).sum(axis=1).tolist() == [2, 2]
    assert (learn.all(axis=(2, 3)) == learn.any(axis=(2, 3))).all()


def test_the_main_directions_are_those_of_most_variance() -> None:
    x = np.array([[0.0, 3, 0], [0, -3, 0], [1, 0, 0], [-1, 0, 0]]) + 5
    np.testing.assert_allclose(np.abs(first_two(x)), [[3, 0], [3, 0], [0, 1], [0, 1]], atol=1e-12)


def test_the_command_prints_each_number_with_its_chance_and_count(studio_run: Path) -> None:
    result = CliRunner().invoke(app, ["analyse", "leak", str(studio_run)])

    assert result.exit_code == 0, result.output
    assert "subject by clusters, chance" in result.stdout
    assert "S02, S03" in result.stdout
    assert (studio_run / "leak.png").read_bytes()[:4] == b"\x89PNG"


def test_the_json_has_both_parts_and_the_poses_read_from_each(studio_run: Path, tmp_path: Path) -> None:
    words = ["analyse", "leak", str(studio_run), "-o", str(tmp_path / "l.png"), "--json"]
    found = json.loads(CliRunner().invoke(app, words).stdout)

    rows = {(row["name"], row["method"]): row for row in found["measurements"]}
    for part in ("variant", "invariant"):
        assert 0.5 <= rows["subject by clusters", part]["value"] <= 1
        assert rows["N-MPJPE", part]["samples"] == rows["subject by clusters", part]["samples"]
        assert rows["N-MPJPE", part]["labels"] == rows["N-MPJPE", "mean pose"]["labels"] > 0
        assert np.sum(found["clusters"][part]) == rows["subject by clusters", part]["samples"]
    assert found["subjects"] == ["S02", "S03"]


def test_one_subject_cannot_be_told_from_others(studio_run: Path) -> None:
    with pytest.raises(DataError, match="shows 1 subject"):
        leak(open_session(studio_run), "train")


def test_a_whole_code_has_no_parts(unsplit_run: Path) -> None:
    with pytest.raises(ConfigError, match="no invariant latent"):
        leak(open_session(unsplit_run), "test")
