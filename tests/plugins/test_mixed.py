import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.interfaces import Array, Clip, Context, Draw
from poserep.media.pairs import kind_of
from poserep.plugins.samplers.mixed import MixedOptions, build
from poserep.plugins.samplers.pairs import PairSampler

CONTEXT = Context(crop_size=8)


def footage(cameras: str = "lmr", takes: tuple[str, ...] = ("walk", "run"), seconds: float = 4.0) -> list[Clip]:
    times_s = np.arange(0, seconds, 0.1)
    return [
        Clip(f"{take}-{camera}", f"who {take}s", take, camera, "train", times_s) for take in takes for camera in cameras
    ]


def sampler(clips: list[Clip], **options: float) -> PairSampler:
    made = build(MixedOptions(**options), CONTEXT)
    made.prepare(clips, np.arange(len(clips)))
    return made


def kinds(clips: list[Clip], draw: Draw) -> list[str]:
    times_s = np.stack([clip.times_s for clip in clips])[draw.clip, draw.frame]
    return [kind_of(a == b, t - s, 0.02) for (a, b), (s, t) in zip(draw.clip, times_s, strict=True)]


def shares(clips: list[Clip], draw: Draw) -> Array:
    found = kinds(clips, draw)
    return np.array([found.count(kind) for kind in ("view", "pose", "both")]) / len(found)


@pytest.mark.parametrize(
    ("p_view", "both", "wanted"),
    [(0.5, 0.0, (0.5, 0.5, 0)), (0.8, 0.0, (0.8, 0.2, 0)), (0.25, 0.2, (0.2, 0.6, 0.2)), (1.0, 0.0, (1, 0, 0))],
)
def test_each_kind_is_drawn_as_often_as_asked(p_view: float, both: float, wanted: tuple[float, ...]) -> None:
    clips = footage()
    draw = sampler(clips, p_view=p_view, cross_view_and_pose=both).draw(np.random.default_rng(0), 8000)
    assert shares(clips, draw) == pytest.approx(wanted, abs=0.02)
    takes = np.array([clip.take for clip in clips])[draw.clip]
    assert (takes[:, 0] == takes[:, 1]).all()


def test_another_camera_and_moment_are_as_far_apart_in_time_as_asked() -> None:
    clips = footage()
    draw = sampler(clips, cross_view_and_pose=1.0, gap_min_s=0.3, gap_max_s=0.5).draw(np.random.default_rng(0), 2000)
    assert (draw.clip[:, 0] != draw.clip[:, 1]).all()
    assert set(np.abs(draw.frame @ [1, -1])) == {3, 4, 5}


def test_equal_generators_draw_equally_and_others_do_not() -> None:
    first, again, other = (sampler(footage()).draw(np.random.default_rng(seed), 64) for seed in (3, 3, 4))
    assert np.array_equal(first.clip, again.clip)
    assert np.array_equal(first.frame, again.frame)
    assert not np.array_equal(first.frame, other.frame)


def test_a_pair_that_is_drawn_again_keeps_its_kind_and_views_stay() -> None:
    clips = footage()
    made = sampler(clips, cross_view_and_pose=0.3)
    draw = made.draw(np.random.default_rng(0), 200)
    again = made.again(np.random.default_rng(1), draw)
    assert kinds(clips, again) == kinds(clips, draw)
    stays = draw.clip[:, 0] != draw.clip[:, 1]
    assert np.array_equal(again.frame[stays], draw.frame[stays])
    assert not np.array_equal(again.frame[~stays], draw.frame[~stays])
    frames = np.zeros((200, 2, 3, 8, 8), np.uint8)
    assert np.array_equal(made.accepts(draw, frames), stays)


def test_one_camera_alone_is_refused_unless_no_views_are_asked_for() -> None:
    clips = footage("l")
    with pytest.raises(DataError, match="the sampler 'mixed' needs takes that two cameras filmed at once"):
        sampler(clips)
    assert set(kinds(clips, sampler(clips, p_view=0.0).draw(np.random.default_rng(0), 64))) == {"pose"}


def test_moments_without_a_second_one_are_no_pairs_of_both() -> None:
    late = [Clip("a-l", "", "a", "l", "train", np.array([0.0])), Clip("a-r", "", "a", "r", "train", np.array([0.0]))]
    long = [Clip("b", "", "b", "l", "train", np.arange(20) / 10)]
    with pytest.raises(DataError) as caught:
        sampler([*late, *long], cross_view_and_pose=1.0)
    assert caught.value.what == (
        "the sampler 'mixed' finds no two cameras at two moments: no frame of another camera has a second one from 0.1 "
        "to 2 s away"
    )
