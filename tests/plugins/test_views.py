import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import DataError
from poserep.core.interfaces import Clip
from poserep.plugins.samplers.views import Moments, nearest, simultaneous, views

times = st.lists(st.integers(0, 400), min_size=1, max_size=30, unique=True).map(lambda found: np.sort(found) / 100)


def clip(take: str, camera: str, times_s: np.ndarray) -> Clip:
    return Clip(f"{take}-{camera}", subject="", take=take, camera=camera, split="train", times_s=times_s)


def test_frames_of_one_moment_are_nearest_to_each_other_and_near_enough() -> None:
    # 0.2 s has no frame within 0.02 s; 0.305 s is nearer to 0.3 s than 0.29 s is, and takes it.
    here, there = simultaneous(np.array([0.0, 0.1, 0.2, 0.3]), np.array([0.01, 0.12, 0.29, 0.305]), 0.02)
    assert here.tolist() == [0, 1, 3]
    assert there.tolist() == [0, 1, 3]


def test_of_two_frame_rates_the_greater_loses_the_frames_between() -> None:
    here, there = simultaneous(np.arange(7) / 60, np.arange(4) / 30, 0.02)
    assert here.tolist() == [0, 2, 4, 6]
    assert there.tolist() == [0, 1, 2, 3]


@given(times, times, st.sampled_from([0.0, 0.02, 0.5]))
def test_the_definition_holds_for_any_times(one_s: np.ndarray, other_s: np.ndarray, apart_s: float) -> None:
    here, there = simultaneous(one_s, other_s, apart_s)
    gap_s = np.abs(one_s[:, None] - other_s)
    assert (gap_s[here, there] <= apart_s + 2e-6).all()
    assert (gap_s[here, there] <= gap_s.min(axis=1)[here] + 1e-9).all()
    assert (gap_s[here, there] <= gap_s.min(axis=0)[there] + 1e-9).all()
    assert len(set(here)) == len(set(there)) == len(here)
    assert (np.diff(there) > 0).all()


@given(times, times)
def test_the_nearest_is_nearest(from_s: np.ndarray, to_s: np.ndarray) -> None:
    found = np.abs(from_s - to_s[nearest(from_s, to_s)])
    assert found == pytest.approx(np.abs(from_s[:, None] - to_s).min(axis=1))


def test_views_are_different_cameras_of_one_take_in_both_orders() -> None:
    second = np.arange(3.0)
    clips = [
        clip("a", "left", second),
        clip("b", "left", second),
        clip("a", "right", second),
        clip("a", "left", second),
    ]
    assert views(clips) == [(0, 2), (2, 0), (2, 3), (3, 2)]
    assert views([clip("a", "left", second), clip("a", "right", second[:0])]) == []


def test_moments_are_positions_in_the_row_of_allowed_clips() -> None:
    second = np.arange(2.0)
    clips = [clip("x", "left", second), clip("a", "left", second), clip("a", "right", second)]
    found = Moments.of("mine", clips, np.array([2, 1]), 0.0)
    assert found.row.clip.tolist() == [2, 1]
    assert found.here.tolist() == [0, 1, 2, 3]
    assert found.there.tolist() == [2, 3, 0, 1]
    assert found.pair.tolist() == [0, 0, 1, 1]


def test_takes_of_one_camera_each_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        Moments.of("mine", [clip(take, "left", np.arange(9.0)) for take in "abc"], np.arange(3), 0.02)
    assert caught.value.what == (
        "the sampler 'mine' needs takes that two cameras filmed at once: each of 3 clips is the only view of its take"
    )
    assert "dataset.synchronised" in caught.value.hint


def test_no_clip_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="is given no clip"):
        Moments.of("mine", [], np.arange(0), 0.02)


def test_cameras_that_never_film_at_once_are_refused() -> None:
    clips = [clip("a", "left", np.arange(9.0)), clip("a", "right", np.arange(9.0) + 0.4)]
    with pytest.raises(DataError, match=r"finds no moment .* within 0\.02 s"):
        Moments.of("mine", clips, np.arange(2), 0.02)
