import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import DataError
from poserep.core.interfaces import Clip, Context
from poserep.plugins.samplers.uniform import Uniform, UniformOptions


def clip(name: str, length: int) -> Clip:
    return Clip(name, subject="", take=name, camera="", split="train", times_s=np.arange(length) / 10)


def sampler(*lengths: int) -> Uniform:
    clips = [clip(str(n), length) for n, length in enumerate(lengths)]
    made = Uniform(UniformOptions(), Context(crop_size=8))
    made.prepare(clips, np.arange(len(clips)))
    return made


@given(st.lists(st.integers(0, 12), max_size=6), st.integers(0, 2**32))
def test_four_different_frames_of_one_clip_that_has_them(lengths: list[int], seed: int) -> None:
    lengths = [*lengths, 5]
    draw = sampler(*lengths).draw(np.random.default_rng(seed), 32)
    assert draw.clip.shape == draw.frame.shape == (32, 4)
    assert (draw.clip == draw.clip[:, :1]).all()
    assert (draw.frame >= 0).all()
    assert (draw.frame < np.array(lengths)[draw.clip]).all()
    assert all(len(set(row)) == 4 for row in draw.frame.tolist())


def test_a_clip_of_four_frames_gives_all_of_them() -> None:
    draw = sampler(4).draw(np.random.default_rng(0), 16)
    assert (np.sort(draw.frame, axis=1) == np.arange(4)).all()


def test_every_frame_and_every_pair_of_frames_is_drawn_equally_often() -> None:
    draw = sampler(3, 6, 12).draw(np.random.default_rng(0), 240_000)
    assert (draw.clip[:, 0] == 1).mean() == pytest.approx(1 / 3, abs=0.01)
    frames = draw.frame[draw.clip[:, 0] == 1]
    for one, other in ((0, 1), (1, 2), (2, 3), (0, 3), (1, 3)):
        pairs = np.bincount(6 * frames[:, one] + frames[:, other], minlength=36).reshape(6, 6) / len(frames)
        np.testing.assert_allclose(pairs, (1 - np.eye(6)) / 30, atol=0.004)


def test_clips_that_are_all_too_short_are_an_error_that_says_so() -> None:
    with pytest.raises(DataError, match="it needs 4 frames, the longest of 2 clips has 3"):
        sampler(3, 2)
    with pytest.raises(DataError, match="the longest of 0 clips has 0"):
        sampler()
