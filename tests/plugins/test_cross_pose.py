import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from poserep.core.errors import DataError
from poserep.core.interfaces import Array, Clip, Context, Draw
from poserep.plugins.samplers.cross_pose import CrossPoseOptions, build
from poserep.plugins.samplers.pairs import PairSampler

CONTEXT = Context(crop_size=8)
times = st.lists(st.sampled_from([0.02, 0.04, 0.1, 0.3, 2.5]), min_size=0, max_size=40).map(
    lambda gaps: np.cumsum([5, *gaps])
)


def clip(name: str, times_s: Array) -> Clip:
    return Clip(name, subject="", take=name, camera="l", split="train", times_s=times_s)


def sampler(clips: list[Clip], **options: float) -> PairSampler:
    made = build(CrossPoseOptions(**options), CONTEXT)
    made.prepare(clips, np.arange(len(clips)))
    return made


def gaps(clips: list[Clip], draw: Draw) -> Array:
    """Seconds from the masked frame to the reference."""
    return np.array(
        [clips[c].times_s[b] - clips[c].times_s[a] for (c, _), (a, b) in zip(draw.clip, draw.frame, strict=True)]
    )


@given(st.lists(times, min_size=1, max_size=3), st.floats(0.01, 0.5), st.floats(1, 40), st.integers(0, 2**32))
def test_both_frames_are_of_one_clip_and_the_time_between_is_in_range(
    takes: list[Array], least: float, ratio: float, seed: int
) -> None:
    clips = [clip(str(number), times_s) for number, times_s in enumerate(takes)]
    clips.append(clip("fits", np.arange(0, 1.5, 0.25) * least * ratio))
    draw = sampler(clips, gap_min_s=least, gap_max_s=least * ratio).draw(np.random.default_rng(seed), 64)
    assert (draw.clip[:, 0] == draw.clip[:, 1]).all()
    away = np.abs(gaps(clips, draw))
    assert (away >= least - 2e-6).all()
    assert (away <= least * ratio + 2e-6).all()


def test_the_logarithm_of_the_distance_is_uniform_and_either_side_is_as_likely() -> None:
    clips = [clip("long", np.arange(60_000) / 1000)]
    found = gaps(clips, sampler(clips, gap_min_s=0.1, gap_max_s=2.0).draw(np.random.default_rng(0), 20_000))
    share = np.log(np.abs(found) / 0.1) / np.log(20)
    assert np.quantile(share, (0.1, 0.25, 0.5, 0.75, 0.9)) == pytest.approx((0.1, 0.25, 0.5, 0.75, 0.9), abs=0.02)
    assert (found > 0).mean() == pytest.approx(0.5, abs=0.02)


def test_a_hand_worked_clip_has_only_its_good_pairs() -> None:
    # 0, 0.05, 0.2, 5 s: only 0 and 0.05 are 0.1 to 2 s away from another, namely from 0.2
    clips = [clip("few", np.array([0.0, 0.05, 0.2, 5.0]))]
    draw = sampler(clips).draw(np.random.default_rng(0), 400)
    assert set(map(tuple, draw.frame.tolist())) == {(0, 2), (2, 0), (1, 2), (2, 1)}


def test_gaps_that_are_a_whole_number_of_frames_are_met_exactly() -> None:
    clips = [clip("thirds", np.arange(100) / 30)]
    draw = sampler(clips, gap_min_s=0.1, gap_max_s=0.1).draw(np.random.default_rng(0), 100)
    assert set(np.abs(draw.frame @ [1, -1])) == {3}


def test_every_frame_with_a_partner_is_the_masked_one_about_equally_often() -> None:
    clips = [clip("a", np.arange(10) / 10), clip("b", np.arange(10) / 10)]
    draw = sampler(clips, gap_min_s=0.1, gap_max_s=0.3).draw(np.random.default_rng(0), 40_000)
    counts = np.bincount(10 * draw.clip[:, 0] + draw.frame[:, 0], minlength=20) / 40_000
    assert counts[1:9] == pytest.approx(0.05, abs=0.012)
    assert counts.min() > 0.03


def test_no_two_frames_so_far_apart_are_refused_naming_the_longest_clip() -> None:
    with pytest.raises(DataError) as caught:
        sampler([clip("short", np.array([0.0, 0.04])), clip("sparse", np.array([0.0, 3.0, 9.0]))])
    assert caught.value.what == (
        "the sampler 'cross_pose' needs two frames of one clip from 0.1 to 2 s apart: the longest of 2 clips "
        "('sparse') has 3 frames in 9 s"
    )
    assert caught.value.hint == "set sampler.gap_min_s and sampler.gap_max_s to what the frame rate allows"


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ValidationError, match="gap_max_s must not be less than gap_min_s"):
        CrossPoseOptions(gap_min_s=1.0, gap_max_s=0.5)


class Still:
    """A clip in whose first half nothing moves; then a square wanders by its own side. It has boxes if told."""

    frame_size = (32, 32)
    skeleton = None

    def __init__(self) -> None:
        self.clips = [clip("half", np.arange(20) / 10)]

    def frames(self, clip: int, indices: Array) -> Array:
        pictures = np.full((len(indices), 3, 32, 32), 100, np.uint8)
        for picture, index in zip(pictures, indices, strict=True):
            left = 0 if index < 10 else int(index - 9) * 2
            picture[:, 4:8, left : left + 4] = 255
        return pictures

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        return np.broadcast_to(np.array([0.5, 0.25, -0.5, -0.75], np.float32), (len(indices), 4))


@pytest.mark.parametrize("labels", [frozenset(), frozenset(("true_box",))])
def test_near_duplicates_are_turned_down_and_movement_is_not(labels: frozenset[str]) -> None:
    dataset = Still()
    made = build(CrossPoseOptions(), CONTEXT)
    made.look(dataset, labels)
    made.prepare(dataset.clips, np.arange(1))
    draw = Draw(np.zeros((3, 2), int), np.array([[0, 5], [3, 12], [12, 14]]))
    frames = np.stack([dataset.frames(0, pair) for pair in draw.frame])
    assert made.accepts(draw, frames).tolist() == [False, True, True]
    again = made.again(np.random.default_rng(1), draw)
    assert again.frame.shape == (3, 2)
    assert not np.array_equal(again.frame, draw.frame)


def test_tries_are_not_needed_where_all_pairs_are_kept() -> None:
    assert build(CrossPoseOptions(), CONTEXT).tries == 5
    assert build(CrossPoseOptions(change_min=0.0), CONTEXT).tries == 1


class Sized(Still):
    """Boxes that grow from frame to frame: 1 to 20 pixels long; in the last frame nobody is there."""

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        boxes = np.stack([[0.1 / 32 * 0, (index + 1) / 32, 0, 0] for index in indices]).astype(np.float32)
        boxes[np.asarray(indices) == 19] = np.nan
        return boxes


def test_frames_with_small_boxes_are_never_drawn_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    dataset = Sized()
    made = build(CrossPoseOptions(box_min_px=8.0), CONTEXT)
    made.look(dataset, frozenset(("true_box",)))
    made.prepare(dataset.clips, np.arange(1))
    assert caplog.messages == [
        "sampler 'cross_pose': 8 of 20 frames are left out: their box is below 8 pixels, or nobody is there"
    ]
    draw = made.draw(np.random.default_rng(0), 500)
    assert set(draw.frame.ravel()) == set(range(7, 19))
    assert (np.abs(gaps(dataset.clips, draw)) >= 0.1 - 1e-6).all()


def test_small_boxes_everywhere_or_unknown_are_refused() -> None:
    dataset = Sized()
    made = build(CrossPoseOptions(box_min_px=64.0), CONTEXT)
    with pytest.raises(DataError, match="shall drop small boxes, but the dataset has no label 'true_box'"):
        made.prepare(dataset.clips, np.arange(1))
    made.look(dataset, frozenset(("true_box",)))
    with pytest.raises(DataError) as caught:
        made.prepare(dataset.clips, np.arange(1))
    assert caught.value.what == ("sampler 'cross_pose': 20 of 20 frames have a true box below 64 pixels: none is left")
