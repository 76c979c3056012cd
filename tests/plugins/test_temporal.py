import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import DataError
from poserep.core.interfaces import Clip, Context
from poserep.plugins.samplers.temporal import ROLES, Temporal, TemporalOptions

gaps = st.lists(st.sampled_from([0.02, 0.04, 0.1, 1.0]), min_size=0, max_size=60)


def clip(name: str, times_s: np.ndarray) -> Clip:
    return Clip(name, subject="", take=name, camera="", split="train", times_s=times_s)


def steady(name: str, frames: int, rate: float = 50.0) -> Clip:
    return clip(name, np.arange(frames) / rate)


def sampler(clips: list[Clip], positive_max_s: float = 0.2, negative_min_s: float = 4.0) -> Temporal:
    made = Temporal(TemporalOptions(positive_max_s=positive_max_s, negative_min_s=negative_min_s), Context(crop_size=8))
    made.prepare(clips, np.arange(len(clips)))
    return made


@given(st.lists(gaps, min_size=1, max_size=4), st.floats(0.02, 0.5), st.floats(0.05, 3), st.integers(0, 2**32))
def test_bounds_hold_in_any_clips(all_gaps: list[list[float]], near_s: float, far_s: float, seed: int) -> None:
    clips = [clip(str(n), np.cumsum([5.0, *gap])) for n, gap in enumerate(all_gaps)]
    clips.append(clip("fits", np.arange(170) / 50))
    draw = sampler(clips, near_s, far_s).draw(np.random.default_rng(seed), 32)
    assert draw.clip.shape == draw.frame.shape == (32, 4)
    assert (draw.clip == draw.clip[:, :1]).all()
    times_s = np.array([clips[c[0]].times_s[frames] for c, frames in zip(draw.clip, draw.frame, strict=True)])
    reference, positive, intermediate, negative = times_s.T
    assert (np.abs(positive - reference) > 0).all()
    assert (np.abs(positive - reference) <= near_s + 2e-6).all()
    assert (np.abs(negative - reference) >= far_s - 2e-6).all()
    low, high = np.minimum(positive, negative), np.maximum(positive, negative)
    assert ((low < intermediate) & (intermediate < high)).all()
    assert (np.sign(positive - reference) == np.sign(negative - reference)).all()


def test_a_tuple_that_just_fits_is_drawn_whole() -> None:
    draw = sampler([steady("a", 4, rate=1.0)], positive_max_s=1.0, negative_min_s=3.0).draw(
        np.random.default_rng(0), 64
    )
    assert {tuple(row) for row in draw.frame.tolist()} == {(0, 1, 2, 3), (3, 2, 1, 0)}


def test_a_frame_exactly_at_a_bound_counts_in_spite_of_rounding() -> None:
    draw = sampler([steady("a", 201)], 0.2, 4.0).draw(np.random.default_rng(0), 512)
    assert set(np.abs(draw.frame[:, 3] - draw.frame[:, 0])) == {200}
    assert np.abs(draw.frame[:, 1] - draw.frame[:, 0]).max() == 10


def test_references_are_uniform_over_frames_of_all_clips_that_fit() -> None:
    clips = [steady("short", 50), steady("long", 900), steady("mid", 400)]
    draw = sampler(clips).draw(np.random.default_rng(0), 13_000)
    assert set(draw.clip[:, 0]) == {1, 2}
    assert (draw.clip[:, 0] == 1).mean() == pytest.approx(900 / 1300, abs=0.02)
    assert draw.frame[draw.clip[:, 0] == 1, 0].mean() == pytest.approx(450, abs=15)


def test_both_sides_are_drawn_equally_where_both_fit() -> None:
    draw = sampler([steady("a", 2001)]).draw(np.random.default_rng(0), 4000)
    inside = np.abs(draw.frame[:, 0] - 1000) < 700
    assert (draw.frame[inside, 3] > draw.frame[inside, 0]).mean() == pytest.approx(0.5, abs=0.05)


def test_only_allowed_clips_are_drawn() -> None:
    made = Temporal(TemporalOptions(), Context(crop_size=8))
    made.prepare([steady(str(n), 300) for n in range(4)], np.array([1, 3]))
    assert set(made.draw(np.random.default_rng(0), 64).clip.ravel()) == {1, 3}


def test_equal_generators_draw_equally() -> None:
    made = sampler([steady("a", 400)])
    one, other = (made.draw(np.random.default_rng(5), 16) for _ in range(2))
    assert np.array_equal(one.frame, other.frame)
    assert np.array_equal(one.clip, other.clip)


def test_short_clips_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "poserep"):
        sampler([steady("a", 300), steady("b", 20), steady("empty", 0)])
    assert "2 of 3 clips are too short" in caplog.text


def test_no_clip_long_enough_is_an_error_that_names_the_longest() -> None:
    with pytest.raises(DataError) as caught:
        sampler([steady("a", 50), steady("b", 101)])
    assert caught.value.what == (
        "no clip is long enough for the sampler 'temporal': it needs a frame at least 4 s away from another, "
        "the longest of 2 clips ('b') lasts 2 s"
    )
    assert caught.value.hint == "lower sampler.negative_min_s"


def test_a_frame_rate_too_low_for_a_positive_is_an_error_that_says_so() -> None:
    with pytest.raises(DataError, match=r"within 0\.2 s"):
        sampler([steady("a", 50, rate=1.0)])


def test_roles_are_in_the_order_of_the_columns() -> None:
    assert Temporal.roles == ROLES == ("reference", "positive", "intermediate", "negative")
