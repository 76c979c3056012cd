import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError, PluginError
from poserep.core.interfaces import Array, Clip, Context
from poserep.plugins.backgrounds import panorama as part
from poserep.plugins.backgrounds.median import Median, MedianOptions
from poserep.plugins.backgrounds.panorama import Panorama, PanoramaOptions, stamp
from poserep.plugins.backgrounds.panorama_match import between, features, fitted, moved, similarity, to_pixels
from poserep.plugins.backgrounds.panorama_median import masked_median, panorama, rastered, shown
from poserep.plugins.backgrounds.panorama_place import LostError, Placing, centred, extent
from poserep.plugins.datasets.studio.dataset import Studio, StudioOptions

pytest.importorskip("cv2")
CONTEXT = Context(crop_size=32)
SIDE = 64
SCENE = (320, 96)


def textured(width: int, height: int) -> Array:
    """A picture (3, H, W) full of blobs of several sizes."""
    rng = np.random.default_rng(0)
    picture = np.zeros((3, height, width))
    for size in (4, 8, 16):
        coarse = rng.random((3, height // size + 1, width // size + 1))
        picture += size**0.5 * np.kron(coarse, np.ones((size, size)))[:, :height, :width]
    return (255 * (picture - picture.min()) / np.ptp(picture)).astype(np.uint8)


@dataclass
class Pan:
    """A window that moves over a wide picture, after somebody who fills a part of its middle."""

    lefts: tuple[int, ...] = tuple(range(0, 160, 5))
    blank: tuple[int, ...] = ()
    scene: Array = field(default_factory=lambda: textured(*SCENE))
    skeleton: None = None
    frame_size: tuple[int, int] = (SIDE, SIDE)

    def __post_init__(self) -> None:
        self.asked: list[int] = []
        self.clips = (Clip("run", "", "run", "c", "train", np.arange(len(self.lefts)) / 25.0),)

    def truth(self, index: int) -> Array:
        left, top = self.lefts[index], 8 + index % 5
        return self.scene[:, top : top + SIDE, left : left + SIDE]

    def frames(self, clip: int, indices: Array) -> Array:
        self.asked += [int(index) for index in indices]
        made = []
        for index in indices:
            frame = np.full((3, SIDE, SIDE), 90, np.uint8) if index in self.blank else self.truth(int(index)).copy()
            frame[:, 20:44, 26:38] = (250, 20, 240)[index % 3]
            made.append(frame)
        return np.stack(made)

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        raise KeyError(name)


def psnr(one: Array, other: Array) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def made(**options: object) -> Panorama:
    return part.build(PanoramaOptions.model_validate(options), CONTEXT)


def turned(angle: float, x: float, y: float, tilt: float = 0.0) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, x], [sin, cos, y], [tilt, 0, 1]])


# ---------------------------------------------------------------- one homography


def test_a_point_moves_by_hand() -> None:
    matrix = np.array([[2, 0, 1], [0, 2, 0], [0, 0.5, 1]], np.float64)

    np.testing.assert_allclose(moved(matrix, np.array([[1.0, 2.0], [0.0, -2.0]])), [[1.5, 2.0], [np.nan, np.nan]])


def test_pixels_are_counted_from_their_centres() -> None:
    np.testing.assert_allclose(moved(to_pixels((2, 4)), np.array([[-1, -0.5], [0, 0]])), [[-0.5, -0.5], [1.5, 0.5]])


def test_a_homography_is_found_from_exact_matches() -> None:
    here = np.random.default_rng(1).uniform(-0.8, 0.8, (60, 2))
    matrix = turned(0.02, 0.2, -0.1, 0.05)

    fit = fitted(here, moved(matrix, here), 1e-3)

    np.testing.assert_allclose(fit.matrix_33, matrix, atol=2e-3)
    assert fit.agreeing == 60


def test_few_noisy_matches_do_not_bend_the_homography() -> None:
    rng = np.random.default_rng(2)
    here = rng.uniform(-0.3, 0.3, (12, 2))
    there = moved(turned(0, 0.2, 0), here) + rng.normal(0, 0.01, here.shape)

    matrix = fitted(here, there, 0.01).matrix_33

    assert np.abs(matrix[2, :2]).max() < 0.01


def test_matches_that_cover_the_frame_win_over_more_matches_on_one_thing() -> None:
    rng = np.random.default_rng(3)
    scene, person = rng.uniform(-0.9, 0.9, (30, 2)), rng.uniform(-0.1, 0.1, (60, 2))
    here = np.concatenate([scene, person])
    there = np.concatenate([scene - (0.3, 0), person])

    agree = similarity(here, there, 0.005)

    assert agree[:30].all()
    assert agree[30:].sum() == 0


def test_among_equals_the_camera_that_goes_on_as_before_wins() -> None:
    x, y = np.meshgrid(np.linspace(-0.9, 0.9, 5), np.linspace(-0.8, 0.8, 5))
    here = np.stack([x.ravel(), y.ravel()], axis=1)
    twice = np.concatenate([here, here])
    there = np.concatenate([here + np.array([0.4, 0]), here])

    for expected, first in (((0.4, 0.0), True), ((0.0, 0.0), False)):
        agree = similarity(twice, there, 0.005, np.array(expected))
        assert (agree[:25].all(), agree[25:].all()) == (first, not first)


def test_neighbouring_frames_give_the_cameras_motion_and_not_the_persons() -> None:
    pan = Pan()
    one, other = (features(frame) for frame in pan.frames(0, np.array([7, 6])))

    fit = between(one, other)

    shift_px = fit.matrix_33[:2, 2] * SIDE / 2
    np.testing.assert_allclose(shift_px, [5, 1], atol=0.3)
    assert fit.agreeing >= 10


def test_frames_with_nothing_in_common_do_not_agree() -> None:
    plain = features(np.full((3, SIDE, SIDE), 90, np.uint8))

    assert between(plain, features(Pan().truth(0))).agreeing == 0


# ---------------------------------------------------------------- all frames


def sight(pan: Pan) -> Callable[[int], object]:
    return lru_cache(lambda frame: features(pan.frames(0, np.array([frame]))[0]))


def test_a_camera_that_turns_back_finds_what_it_has_seen() -> None:
    there = tuple(range(0, 200, 10))
    pan = Pan((*there, *there[::-1]))

    places = Placing(sight(pan), pan.frame_size, 10, False).run(len(pan.lefts))

    for frame in range(0, 20, 5):
        drift_px = (np.linalg.inv(places[frame]) @ places[39 - frame])[:2, 2] * SIDE / 2
        np.testing.assert_allclose(drift_px, [0, (39 - frame) % 5 - frame % 5], atol=0.5)
    travelled_px = (np.linalg.inv(places[0]) @ places[19])[:2, 2] * SIDE / 2
    np.testing.assert_allclose(travelled_px, [190, 4], atol=3)


def test_a_frame_that_cannot_be_placed_is_named_or_left_out() -> None:
    pan = Pan(blank=(9,))

    with pytest.raises(LostError) as caught:
        Placing(sight(pan), pan.frame_size, 10, False).run(20)
    assert caught.value.frame == 9
    assert sorted(Placing(sight(pan), pan.frame_size, 10, True).run(20)) == [n for n in range(20) if n != 9]


def test_the_plane_is_that_of_the_key_frame_in_the_middle() -> None:
    lens = np.diag([2.0, 2.0, 1.0])
    places = {}
    for n in range(5):
        cos, sin = np.cos(0.15 * n), np.sin(0.15 * n)
        places[n] = lens @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]) @ np.linalg.inv(lens)

    chosen = centred(places, [0, 2, 4], (64, 64))

    assert [n for n in places if np.allclose(chosen[n], np.eye(3))] == [2]


def test_a_frame_that_looks_past_the_horizon_fits_no_plane() -> None:
    beyond = np.array([[1, 0, 0], [0, 1, 0], [2.0, 0, 1]])

    assert np.isinf(extent([np.eye(3), beyond], (64, 64))).all()
    with pytest.raises(ValueError, match="one plane"):
        rastered([beyond], (64, 64), 100)


# ---------------------------------------------------------------- the picture


def test_the_median_counts_only_who_sees_a_pixel() -> None:
    values = np.array([10, 20, 90, 250], np.uint8)[:, None, None, None] * np.ones((1, 1, 4, 3), np.uint8)
    counted = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]], bool).T[:, None]

    picture, seen = masked_median(values, counted)

    assert picture[0, :, 0].tolist() == [55, 20, 90, 0]
    assert seen[0].tolist() == [True, True, True, False]


def test_a_frame_alone_comes_back_as_it_was() -> None:
    frame = textured(SIDE, 48)
    homographies, shape = rastered([np.eye(3)], (48, SIDE), 4096)

    picture = panorama(lambda _: frame, homographies, (48, SIDE), shape, 3)

    assert shape == (48, SIDE)
    np.testing.assert_array_equal(shown(picture, homographies[0], (48, SIDE)), frame)


def test_no_more_frames_are_read_for_a_tile_than_asked_for() -> None:
    asked: list[int] = []
    homographies, shape = rastered([np.eye(3)] * 40, (16, 16), 4096)

    def read(frame: int) -> Array:
        asked.append(frame)
        return np.full((3, 16, 16), 7, np.uint8)

    panorama(read, homographies, (16, 16), shape, 5)

    assert len(asked) == 5


def test_a_panorama_stays_within_its_largest_side() -> None:
    places = [turned(0, 0.5 * n, 0) for n in range(20)]

    assert rastered(places, (64, 64), 100)[1] == (18, 100)
    assert rastered(places, (64, 64), 4096)[1] == (64, 368)


# ---------------------------------------------------------------- the background


def test_the_person_is_gone_from_a_panned_clip() -> None:
    pan = Pan()
    indices = np.arange(len(pan.lefts))

    scene = made().at(pan, 0, indices)

    truth = np.stack([pan.truth(n) for n in indices])
    static = Median(MedianOptions()).at(pan, 0, indices)
    assert scene.shape == truth.shape
    assert psnr(scene, truth) > 27
    assert psnr(scene[..., 20:44, 26:38], truth[..., 20:44, 26:38]) > 25
    assert psnr(static, truth) < 18


def test_on_the_studios_slope_it_comes_near_the_truth() -> None:
    studio = Studio(
        StudioOptions(scene="slope", subjects=1, test_subjects=0, validation_subjects=0, cameras=1).model_copy(
            update={"seconds": 2.0, "fps": 20.0, "size": 96}
        ),
        CONTEXT,
    )
    indices = np.arange(len(studio.clips[0]))

    scene = made().at(studio, 0, indices)

    truth, mask = studio.labels("background", 0, indices), studio.labels("true_mask", 0, indices) > 0
    behind = np.broadcast_to(mask, scene.shape)
    frames = studio.frames(0, indices)
    static = np.broadcast_to(Median(MedianOptions()).at(studio, 0, indices), scene.shape)
    assert psnr(scene, truth) > 29
    assert psnr(scene[behind], truth[behind]) > 26
    assert psnr(frames[behind], truth[behind]) < 10  # what it would be if the skier stayed
    assert psnr(static, truth) < 20


def test_it_is_made_once_and_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path))
    pan = Pan(tuple(range(0, 60, 5)))
    first = made().at(pan, 0, np.array([3, 1]))
    monkeypatch.setattr(Placing, "run", None)

    again = made().at(Pan(tuple(range(0, 60, 5))), 0, np.array([1, 3]))

    np.testing.assert_array_equal(first, again[::-1])
    assert len(list(tmp_path.rglob("*.npy"))) == 1


def test_other_pictures_and_other_options_have_a_store_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path))
    for pan, options in ((Pan((0, 5, 10)), {}), (Pan((0, 5, 15)), {}), (Pan((0, 5, 10)), {"max_frames": 3})):
        made(**options).at(pan, 0, np.array([0]))

    assert len(list(tmp_path.rglob("*.npy"))) == 3
    assert stamp(Pan((0, 5, 10)), 0) == stamp(Pan((0, 5, 10)), 0)


def test_a_clip_that_cannot_be_put_together_names_the_frame() -> None:
    with pytest.raises(DataError) as caught:
        made().at(Pan(blank=(9,)), 0, np.array([0]))
    assert str(caught.value) == (
        "frame 9 of clip 'run' has too little in common with the frames before it: "
        "0 matches agree on how the camera moved, 10 are the least\n"
        "  at   clip 'run', frame 9\n"
        '  hint cut the clip there, raise the frame rate, or set background.when_lost="nearest"'
    )


def test_a_lost_frame_may_have_its_neighbours_background(caplog: pytest.LogCaptureFixture) -> None:
    pan = Pan(blank=(9,))

    scene = made(when_lost="nearest").at(pan, 0, np.arange(32))

    np.testing.assert_array_equal(scene[9], scene[8])
    assert psnr(scene[20], pan.truth(20)) > 25
    assert "1 of 32 frames of clip 'run' could not be placed" in caplog.text


def test_a_camera_that_turns_too_far_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    beyond = np.array([[1, 0, 0], [0, 1, 0], [2.0, 0, 1]])
    monkeypatch.setattr(Placing, "run", lambda _self, count: {n: beyond if n else np.eye(3) for n in range(count)})

    with pytest.raises(DataError, match="the camera turns too far for one panorama in clip 'run'"):
        made().at(Pan((0, 2)), 0, np.array([0]))


def test_without_opencv_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    with pytest.raises(PluginError) as caught:
        made()
    assert str(caught.value) == (
        "background.panorama needs the package 'opencv-python-headless', which is not installed\n"
        "  hint pip install 'poserep[panorama]'"
    )


def test_its_declaration_does_not_import_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    importlib.reload(importlib.import_module("poserep.plugins.backgrounds.panorama_match"))
