import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import DataError
from poserep.core.interfaces import Clip, Context
from poserep.plugins.samplers.two_view_two_time import ROLES, TwoViewTwoTime, TwoViewTwoTimeOptions

times = st.lists(st.sampled_from([0.02, 0.04, 0.1]), min_size=0, max_size=20).map(lambda gaps: np.cumsum([5, *gaps]))


def clip(take: str, camera: str, times_s: np.ndarray) -> Clip:
    return Clip(f"{take}-{camera}", subject="", take=take, camera=camera, split="train", times_s=times_s)


def sampler(clips: list[Clip], together_max_s: float = 0.02) -> TwoViewTwoTime:
    made = TwoViewTwoTime(TwoViewTwoTimeOptions(together_max_s=together_max_s), Context(crop_size=8))
    made.prepare(clips, np.arange(len(clips)))
    return made


@given(st.lists(st.tuples(times, times), min_size=1, max_size=3), st.integers(0, 2**32))
def test_a_tuple_is_two_cameras_at_two_moments_of_one_take(
    takes: list[tuple[np.ndarray, np.ndarray]], seed: int
) -> None:
    clips = [clip(str(n), camera, ts) for n, pair in enumerate(takes) for camera, ts in zip("lr", pair, strict=True)]
    clips += [clip("fits", camera, np.arange(4) / 50) for camera in "lr"]
    draw = sampler(clips).draw(np.random.default_rng(seed), 32)
    assert draw.clip.shape == draw.frame.shape == (32, 4)
    assert (draw.clip[:, :2] == draw.clip[:, 2:]).all()
    assert (draw.frame[:, :2] != draw.frame[:, 2:]).all()
    for found, frames in zip(draw.clip, draw.frame, strict=True):
        assert clips[found[0]].take == clips[found[1]].take
        assert clips[found[0]].camera != clips[found[1]].camera
        times_s = [clips[c].times_s[f] for c, f in zip(found, frames, strict=True)]
        assert abs(times_s[0] - times_s[1]) <= 0.02 + 2e-6
        assert abs(times_s[2] - times_s[3]) <= 0.02 + 2e-6


def test_every_camera_pair_and_every_two_moments_are_drawn_equally_often() -> None:
    draw = sampler([clip("a", camera, np.arange(3.0)) for camera in "lmr"]).draw(np.random.default_rng(0), 36_000)
    drawn, counts = np.unique(
        np.concatenate([draw.clip[:, :2], draw.frame[:, ::2]], axis=1), axis=0, return_counts=True
    )
    assert len(drawn) == 6 * 3 * 2
    assert counts == pytest.approx(1000, abs=150)


def test_a_take_that_is_seen_at_one_moment_is_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    clips = [clip(take, camera, np.arange(frames)) for take, frames in (("a", 1.0), ("b", 5.0)) for camera in "lr"]
    with caplog.at_level(logging.WARNING, "poserep"):
        draw = sampler(clips).draw(np.random.default_rng(0), 64)
    assert set(draw.clip.ravel()) == {2, 3}
    assert "2 of 4 clips are too short" in caplog.text


def test_takes_that_are_seen_once_or_by_one_camera_are_refused() -> None:
    with pytest.raises(DataError, match="needs two moments of a take"):
        sampler([clip("a", camera, np.zeros(1)) for camera in "lr"])
    with pytest.raises(DataError, match="sampler 'two_view_two_time' needs takes that two cameras filmed at once"):
        sampler([clip(take, "l", np.arange(9.0)) for take in "ab"])


def test_roles_are_in_the_order_of_the_columns() -> None:
    assert TwoViewTwoTime.roles == ROLES == ("now_1", "now_2", "then_1", "then_2")
