import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import DataError
from poserep.core.interfaces import Clip, Context
from poserep.plugins.samplers.contrastive import Contrastive, ContrastiveOptions

gaps = st.lists(st.sampled_from([0.02, 0.04, 0.1, 1.0]), min_size=0, max_size=60)


def clip(name: str, times_s: np.ndarray) -> Clip:
    return Clip(name, subject="", take=name, camera="", split="train", times_s=times_s)


def sampler(clips: list[Clip], positive_max_s: float = 0.2, negative_min_s: float = 4.0) -> Contrastive:
    options = ContrastiveOptions(positive_max_s=positive_max_s, negative_min_s=negative_min_s)
    made = Contrastive(options, Context(crop_size=8))
    made.prepare(clips, np.arange(len(clips)))
    return made


@given(st.lists(gaps, min_size=1, max_size=4), st.floats(0.02, 0.5), st.floats(0.05, 3), st.integers(0, 2**32))
def test_bounds_hold_in_any_clips(all_gaps: list[list[float]], near_s: float, far_s: float, seed: int) -> None:
    clips = [clip(str(n), np.cumsum([5.0, *gap])) for n, gap in enumerate(all_gaps)]
    clips.append(clip("fits", np.arange(170) / 50))
    draw = sampler(clips, near_s, far_s).draw(np.random.default_rng(seed), 32)
    assert (draw.clip == draw.clip[:, :1]).all()
    times_s = np.array([clips[c[0]].times_s[frames] for c, frames in zip(draw.clip, draw.frame, strict=True)])
    distance_s = np.abs(times_s[:, 1:] - times_s[:, :1])
    assert (distance_s[:, 0] > 0).all()
    assert (distance_s[:, 0] <= near_s + 2e-6).all()
    assert (distance_s[:, 1:] >= far_s - 2e-6).all()
    assert (draw.frame[:, 2] != draw.frame[:, 3]).all()


def test_every_candidate_is_drawn_on_both_sides_and_none_twice_as_often() -> None:
    clips = [clip("a", np.arange(9.0))]
    draw = sampler(clips, positive_max_s=2.0, negative_min_s=3.0).draw(np.random.default_rng(0), 40_000)
    middle = draw.frame[draw.frame[:, 0] == 4]
    for column, wanted in ((1, {2, 3, 5, 6}), (2, {0, 1, 7, 8}), (3, {0, 1, 7, 8})):
        values, counts = np.unique(middle[:, column], return_counts=True)
        assert set(values) == wanted
        assert counts / len(middle) == pytest.approx(0.25, abs=0.04)


def test_two_different_negatives_are_needed() -> None:
    with pytest.raises(DataError, match="sampler 'contrastive'"):
        sampler([clip("a", np.array([0.0, 0.1, 4.0]))], negative_min_s=4.0)


def test_no_clip_long_enough_is_an_error_that_names_the_longest() -> None:
    with pytest.raises(DataError, match=r"at least 4 s away .* the longest of 1 clips \('a'\) lasts 1 s"):
        sampler([clip("a", np.arange(51) / 50)])
