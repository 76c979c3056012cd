import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from poserep.core.errors import DataError
from poserep.core.interfaces import Array, Clip, Context
from poserep.plugins.samplers.cross_view import CrossViewOptions, build
from poserep.plugins.samplers.pairs import ROLES, PairSampler

CONTEXT = Context(crop_size=8)
DATA = Path(os.environ.get("POSEREP_DATA", Path(__file__).parents[3] / "shared/data")) / "video/pose2sim_single"
LABELS = frozenset(("rotation",))


def clip(take: str, camera: str, times_s: Array, split: str = "train") -> Clip:
    return Clip(f"{take}-{camera}", subject="", take=take, camera=camera, split=split, times_s=times_s)


def turned(degrees: float) -> Array:
    """World to camera of one that looks so far to the right."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])


class Circle:
    """Cameras that look at these angles, each turning by so many degrees per frame; it tells what is read."""

    frame_size = (8, 8)
    skeleton = None

    def __init__(self, degrees: list[float], frames: int = 20, per_frame: float = 0.0) -> None:
        self.degrees, self.per_frame = degrees, per_frame
        self.clips = [clip("take", str(index), np.arange(frames) / 10) for index in range(len(degrees))]
        self.read: list[tuple[str, int, int]] = []

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        self.read.append((name, clip, len(indices)))
        turn = self.per_frame * clip
        return np.stack([turned(self.degrees[clip] + turn * index) for index in indices]).astype(np.float32)

    def frames(self, clip: int, indices: Array) -> Array:
        raise AssertionError("no picture is needed")


def sampler(dataset: Circle, labels: frozenset[str] = LABELS, **options: float) -> PairSampler:
    made = build(CrossViewOptions(**options), CONTEXT)
    made.look(dataset, labels)
    made.prepare(dataset.clips, np.arange(len(dataset.clips)))
    return made


@given(
    st.lists(st.floats(-170, 170), min_size=2, max_size=5),
    st.tuples(st.floats(0, 90), st.floats(0, 90)).map(sorted),
    st.integers(0, 2**32),
)
def test_every_pair_is_of_one_moment_and_of_two_cameras_at_a_good_angle(
    degrees: list[float], bounds: list[float], seed: int
) -> None:
    dataset = Circle([0.0, bounds[1], *degrees])  # the first two always fit
    least, most = bounds[0], bounds[1] + 1e-3
    draw = sampler(dataset, angle_min_deg=max(least - 1e-3, 0), angle_max_deg=most).draw(
        np.random.default_rng(seed), 64
    )
    apart = np.abs(np.array(dataset.degrees)[draw.clip] @ [1, -1])
    apart = np.minimum(apart, 360 - apart)
    assert (draw.clip[:, 0] != draw.clip[:, 1]).all()
    assert (draw.frame[:, 0] == draw.frame[:, 1]).all()
    assert (apart >= least - 2e-3).all()
    assert (apart <= most + 1e-3).all()


def test_the_range_of_angles_by_hand() -> None:
    # 0-5 and 5-10 are too near, 0-120 and 5-120 too far, 0-10 is just far enough; 10-120 is 110.
    draw = sampler(Circle([0.0, 5.0, 10.1, 120.0])).draw(np.random.default_rng(0), 200)
    assert set(map(frozenset, draw.clip.tolist())) == {frozenset((0, 2))}


def test_every_moment_and_either_order_are_drawn_equally_often() -> None:
    draw = sampler(Circle([0.0, 30.0, 60.0], frames=4)).draw(np.random.default_rng(0), 24_000)
    rows, counts = np.unique(np.column_stack((draw.clip, draw.frame[:, 0])), axis=0, return_counts=True)
    assert len(rows) == 3 * 2 * 4
    assert counts / 24_000 == pytest.approx(1 / 24, abs=0.006)


def test_without_the_label_any_two_cameras_do_and_nothing_is_read() -> None:
    dataset = Circle([0.0, 1.0, 179.0])
    draw = sampler(dataset, labels=frozenset()).draw(np.random.default_rng(0), 200)
    assert set(map(frozenset, draw.clip.tolist())) == {frozenset(pair) for pair in ((0, 1), (0, 2), (1, 2))}
    assert dataset.read == []
    unseen = build(CrossViewOptions(), CONTEXT)
    unseen.prepare(dataset.clips, np.arange(3))
    assert unseen.draw(np.random.default_rng(0), 4).clip.shape == (4, 2)


def test_of_cameras_that_stand_still_three_rotations_are_read_once() -> None:
    dataset = Circle([0.0, 30.0, 60.0], frames=500)
    made = sampler(dataset)
    made.draw(np.random.default_rng(0), 64)
    assert sorted(dataset.read) == [("rotation", index, 3) for index in range(3)]


def test_a_camera_that_turns_is_taken_while_the_angle_is_good() -> None:
    # the second camera turns by one degree per frame, from 0: from its tenth frame on it is far enough
    draw = sampler(Circle([0.0, 0.0], per_frame=1.0, frames=20), angle_min_deg=9.5).draw(np.random.default_rng(0), 500)
    assert set(draw.frame.ravel()) == set(range(10, 20))


def test_cameras_that_do_not_fire_at_once_need_a_tolerance() -> None:
    dataset = Circle([0.0, 45.0])
    dataset.clips[1] = clip("take", "1", np.arange(20) / 10 + 0.03)
    with pytest.raises(DataError) as caught:
        sampler(dataset)
    assert caught.value.what == (
        "the sampler 'cross_view' finds no moment at which two cameras saw one take: of all takes no two frames are "
        "within 0.02 s"
    )
    draw = sampler(dataset, tolerance_ms=40.0).draw(np.random.default_rng(0), 16)
    assert (draw.frame[:, 0] == draw.frame[:, 1]).all()


def test_cameras_at_other_angles_are_refused_and_told() -> None:
    with pytest.raises(DataError) as caught:
        sampler(Circle([0.0, 2.0, 5.0]))
    assert caught.value.what == (
        "the sampler 'cross_view' finds no two cameras of one take that look from 10 to 100 degrees apart: they are "
        "from 2 to 5 degrees apart"
    )
    assert caught.value.hint == "lower sampler.angle_min_deg or raise sampler.angle_max_deg"


def test_single_views_are_refused() -> None:
    made = build(CrossViewOptions(), CONTEXT)
    with pytest.raises(DataError) as caught:
        made.prepare([clip("a", "l", np.arange(9.0)), clip("b", "l", np.arange(9.0))], np.arange(2))
    assert caught.value.what == (
        "the sampler 'cross_view' needs takes that two cameras filmed at once: each of 2 clips is the only view of its "
        "take"
    )


def test_equal_generators_draw_equally_and_roles_are_told() -> None:
    draws = [sampler(Circle([0.0, 30.0, 60.0])).draw(np.random.default_rng(7), 32) for _ in range(2)]
    assert np.array_equal(draws[0].clip, draws[1].clip)
    assert np.array_equal(draws[0].frame, draws[1].frame)
    assert PairSampler.roles == ROLES == ("target", "reference")


def test_an_empty_range_of_angles_is_refused() -> None:
    with pytest.raises(ValidationError, match="angle_max_deg must not be less than angle_min_deg"):
        CrossViewOptions(angle_min_deg=50.0, angle_max_deg=40.0)


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no {DATA}")
def test_four_calibrated_cameras_make_pairs_at_their_true_angles(frame_cache: None) -> None:
    from poserep.plugins.datasets.video import VideoOptions
    from poserep.plugins.datasets.video import build as open_video

    pattern = r"(?P<take>.*)_cam(?P<camera>[^_]+)$"
    options = {
        "path": str(DATA),
        "calibration": str(DATA / "Calib.qca.txt"),
        "camera_pattern": pattern,
        "height": 64,
        "end_s": 0.2,
    }
    dataset = open_video(VideoOptions(**options), CONTEXT)
    made = build(CrossViewOptions(), CONTEXT)
    made.look(dataset, LABELS)
    made.prepare(dataset.clips, np.arange(4))
    draw = made.draw(np.random.default_rng(0), 400)

    ahead = np.stack([dataset.cameras[one.camera].rotation_33[2] for one in dataset.clips])
    apart = np.rad2deg(np.arccos(np.clip(ahead @ ahead.T, -1, 1)))
    good = {(a, b) for a in range(4) for b in range(4) if 10 <= apart[a, b] <= 100}
    assert 0 < len(good) < 12  # some cameras face each other
    assert set(map(tuple, draw.clip.tolist())) == good
    times = np.stack([one.times_s for one in dataset.clips])
    assert np.abs(times[draw.clip, draw.frame] @ [1, -1]).max() <= 0.02
