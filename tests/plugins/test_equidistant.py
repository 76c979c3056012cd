import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from poserep.core.errors import DataError
from poserep.core.interfaces import Clip, Context
from poserep.plugins.samplers.equidistant import Equidistant, EquidistantOptions

gaps = st.lists(st.sampled_from([0.02, 0.021, 0.04]), min_size=0, max_size=40)


def clip(name: str, times_s: np.ndarray) -> Clip:
    return Clip(name, subject="", take=name, camera="", split="train", times_s=times_s)


def sampler(clips: list[Clip], min_step: int = 1, max_step: int = 5) -> Equidistant:
    made = Equidistant(EquidistantOptions(min_step=min_step, max_step=max_step), Context(crop_size=8))
    made.prepare(clips, np.arange(len(clips)))
    return made


@given(st.lists(gaps, min_size=1, max_size=4), st.integers(1, 3), st.integers(0, 4), st.integers(0, 2**32))
def test_frames_are_evenly_spaced_in_any_clips(
    all_gaps: list[list[float]], min_step: int, more: int, seed: int
) -> None:
    clips = [clip(str(n), np.cumsum([5.0, *gap])) for n, gap in enumerate(all_gaps)]
    clips.append(clip("fits", np.arange(30) / 50))
    draw = sampler(clips, min_step, min_step + more).draw(np.random.default_rng(seed), 32)
    assert (draw.clip == draw.clip[:, :1]).all()
    steps = np.diff(draw.frame, axis=1)
    assert (steps == steps[:, :1]).all()
    assert set(steps.ravel()) <= set(range(min_step, min_step + more + 1))
    times_s = np.array([clips[c[0]].times_s[frames] for c, frames in zip(draw.clip, draw.frame, strict=True)])
    gaps_s = np.diff(times_s, axis=1)
    assert (np.ptp(gaps_s, axis=1) <= 0.1 * gaps_s.mean(axis=1) + 1e-9).all()


def test_every_step_is_drawn_equally_often() -> None:
    draw = sampler([clip("a", np.arange(100) / 50)]).draw(np.random.default_rng(0), 5000)
    steps, counts = np.unique(draw.frame[:, 1] - draw.frame[:, 0], return_counts=True)
    assert steps.tolist() == [1, 2, 3, 4, 5]
    assert counts / 5000 == pytest.approx(0.2, abs=0.03)


def test_a_tuple_does_not_span_a_dropped_frame() -> None:
    times_s = np.delete(np.arange(20) / 50, 10)
    draw = sampler([clip("a", times_s)], max_step=1).draw(np.random.default_rng(0), 500)
    assert set(draw.frame[:, 0]) == {*range(7), *range(10, 16)}


def test_steps_without_room_are_left_out_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "poserep"):
        draw = sampler([clip("a", np.arange(8) / 50)]).draw(np.random.default_rng(0), 100)
    assert "steps up to 2, not 5" in caplog.text
    assert set(draw.frame[:, 1] - draw.frame[:, 0]) == {1, 2}


def test_no_clip_long_enough_is_an_error_that_names_the_longest() -> None:
    with pytest.raises(DataError, match=r"needs 7 evenly timed frames, the longest of 2 clips \('b'\) has 5 frames"):
        sampler([clip("a", np.arange(2.0)), clip("b", np.arange(5.0))], min_step=2)


def test_steps_out_of_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="below min_step"):
        EquidistantOptions(min_step=3, max_step=2)
