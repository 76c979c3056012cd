import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import DataError
from poserep.core.interfaces import Clip, Context
from poserep.plugins.datasets.studio.dataset import Studio, StudioOptions
from poserep.plugins.samplers.multi_view import ROLES, MultiView, MultiViewOptions

CONTEXT = Context(crop_size=8)
SMALL = {"subjects": 1, "validation_subjects": 0, "test_subjects": 0, "actions": ("gait",), "cameras": 3, "size": 16}
times = st.lists(st.sampled_from([0.02, 0.04, 0.1, 1.0]), min_size=0, max_size=40).map(
    lambda gaps: np.cumsum([5, *gaps])
)


def clip(take: str, camera: str, times_s: np.ndarray) -> Clip:
    return Clip(f"{take}-{camera}", subject="", take=take, camera=camera, split="train", times_s=times_s)


def sampler(clips: list[Clip], positive_max_s: float = 0.02, negative_min_s: float = 4.0) -> MultiView:
    made = MultiView(MultiViewOptions(positive_max_s=positive_max_s, negative_min_s=negative_min_s), CONTEXT)
    made.prepare(clips, np.arange(len(clips)))
    return made


@given(st.lists(st.tuples(times, times), min_size=1, max_size=3), st.floats(0.05, 3), st.integers(0, 2**32))
def test_the_positive_is_the_other_cameras_view_and_the_negative_is_far_in_the_same_clip(
    takes: list[tuple[np.ndarray, np.ndarray]], far_s: float, seed: int
) -> None:
    clips = [clip(str(n), camera, ts) for n, pair in enumerate(takes) for camera, ts in zip("lr", pair, strict=True)]
    clips += [clip("fits", camera, np.arange(170) / 50) for camera in "lr"]
    draw = sampler(clips, 0.02, far_s).draw(np.random.default_rng(seed), 32)
    assert draw.clip.shape == draw.frame.shape == (32, 3)
    for (here, there, away), frames in zip(draw.clip, draw.frame, strict=True):
        assert clips[here].take == clips[there].take
        assert clips[here].camera != clips[there].camera
        assert here == away
        reference_s, positive_s, negative_s = (
            clips[c].times_s[f] for c, f in zip((here, there, away), frames, strict=True)
        )
        assert abs(reference_s - positive_s) <= 0.02 + 2e-6
        assert abs(reference_s - negative_s) >= far_s - 2e-6


def test_every_far_frame_on_both_sides_is_a_negative_equally_often() -> None:
    clips = [clip("a", camera, np.arange(9.0)) for camera in "lr"]
    draw = sampler(clips, negative_min_s=3.0).draw(np.random.default_rng(0), 40_000)
    for reference, wanted in (
        (4, {0, 1, 7, 8}),
        (0, {3, 4, 5, 6, 7, 8}),
        (8, {0, 1, 2, 3, 4, 5}),
        (1, {4, 5, 6, 7, 8}),
    ):
        values, counts = np.unique(draw.frame[draw.frame[:, 0] == reference, 2], return_counts=True)
        assert set(values) == wanted
        assert counts / counts.sum() == pytest.approx(1 / len(wanted), abs=0.03)


def test_every_camera_is_looked_from_and_looked_to_equally_often() -> None:
    draw = sampler([clip("a", camera, np.arange(300) / 50) for camera in "lmr"]).draw(np.random.default_rng(0), 12_000)
    pairs, counts = np.unique(draw.clip[:, :2], axis=0, return_counts=True)
    assert pairs.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert counts / 12_000 == pytest.approx(1 / 6, abs=0.02)


def test_only_allowed_clips_are_drawn() -> None:
    made = MultiView(MultiViewOptions(), CONTEXT)
    made.prepare([clip("a", camera, np.arange(300) / 50) for camera in "lmr"], np.array([0, 2]))
    assert set(made.draw(np.random.default_rng(0), 64).clip.ravel()) == {0, 2}


def test_a_synchronised_studio_has_views_and_another_has_none() -> None:
    clips = Studio(StudioOptions(**SMALL), CONTEXT).clips
    draw = sampler(list(clips)).draw(np.random.default_rng(0), 64)
    assert set(draw.clip.ravel()) == {0, 1, 2}
    with pytest.raises(DataError, match="each of 3 clips is the only view of its take"):
        sampler(list(Studio(StudioOptions(**SMALL, synchronised=False), CONTEXT).clips))


def test_views_that_are_too_short_for_a_negative_are_refused() -> None:
    with pytest.raises(DataError, match=r"sampler 'multi_view': it needs a frame at least 4 s away .* lasts 1 s"):
        sampler([clip("a", camera, np.arange(51) / 50) for camera in "lr"])


def test_roles_are_in_the_order_of_the_columns() -> None:
    assert MultiView.roles == ROLES == ("reference", "positive", "negative")
