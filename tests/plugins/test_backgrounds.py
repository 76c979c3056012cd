from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from poserep.core.errors import DataError
from poserep.core.interfaces import Array, Clip, Context
from poserep.plugins.backgrounds import constant, halves, median, provided
from poserep.plugins.backgrounds.constant import ConstantOptions
from poserep.plugins.backgrounds.halves import HalvesOptions
from poserep.plugins.backgrounds.median import Median, MedianOptions, check_motion, evenly, moving_share
from poserep.plugins.backgrounds.provided import ProvidedOptions

CONTEXT = Context(crop_size=32)
FIRST = np.array([0])


@dataclass
class Fake:
    """Clips (N, 3, H, W) by name; the camera is the first letter."""

    pictures: Mapping[str, Array]
    known: Mapping[str, Array] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    skeleton: None = None

    def __post_init__(self) -> None:
        self.clips = tuple(
            Clip(name, "", name, name[0], "train", np.arange(len(frames), dtype=float))
            for name, frames in self.pictures.items()
        )
        self.frame_size = next(iter(self.pictures.values())).shape[2:]

    def frames(self, clip: int, indices: Array) -> Array:
        self.asked.append((self.clips[clip].name, len(indices)))
        return self.pictures[self.clips[clip].name][indices]

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        return self.known[name][indices]


def walk(count: int, scene: int = 100, subject: int = 250, size: int = 10) -> Array:
    """A subject one column wide who walks through a plain scene from the left, one column per frame."""
    frames = np.full((count, 3, size, size), scene, np.uint8)
    for index in range(count):
        frames[index, :, 3:7, index % size] = subject
    return frames


def made(**options: object) -> Median:
    return median.build(MedianOptions.model_validate(options), CONTEXT)


# ---------------------------------------------------------------- median


def test_the_median_is_the_scene_without_the_walker() -> None:
    scene = made().at(Fake({"a": walk(10)}), 0, FIRST)

    assert scene.shape == (1, 3, 10, 10)
    assert scene.dtype == np.uint8
    assert np.unique(scene).tolist() == [100]


def test_of_an_even_number_of_frames_it_is_the_mean_of_the_middle_two() -> None:
    frames = np.empty((4, 3, 1, 1), np.uint8)
    frames[:, :, 0, 0] = np.array([10, 20, 24, 250])[:, None]

    assert made(require_motion=False).at(Fake({"a": frames}), 0, FIRST).ravel().tolist() == [22, 22, 22]


def test_clips_of_a_camera_share_one_background_made_once() -> None:
    dataset = Fake({"a1": walk(10, 60), "b1": walk(10, 200), "a2": walk(30, 90)})
    background = made()

    assert np.unique(background.at(dataset, 0, FIRST)).tolist() == [90]
    assert background.at(dataset, 2, FIRST) is background.at(dataset, 0, FIRST)
    assert dataset.asked == [("a1", 10), ("a2", 30)]
    assert np.unique(background.at(dataset, 1, FIRST)).tolist() == [200]


def test_over_clip_each_clip_has_its_own() -> None:
    dataset = Fake({"a1": walk(10, 60), "a2": walk(30, 90)})
    background = made(over="clip")

    assert np.unique(background.at(dataset, 0, FIRST)).tolist() == [60]
    assert np.unique(background.at(dataset, 1, FIRST)).tolist() == [90]


def test_no_more_frames_are_read_than_asked_for() -> None:
    dataset = Fake({"a1": walk(100), "a2": walk(300)})

    made(max_frames=20).at(dataset, 0, FIRST)

    assert sum(count for _, count in dataset.asked) == 20


def test_frames_are_spread_evenly_over_clips_laid_end_to_end() -> None:
    assert [picked.tolist() for picked in evenly([4, 6], 4)] == [[0, 3], [2, 5]]
    assert [picked.tolist() for picked in evenly([2, 1], 50)] == [[0, 1], [0]]


def test_another_dataset_gets_its_own_background() -> None:
    background = made()
    background.at(Fake({"a": walk(10, 60)}), 0, FIRST)

    assert np.unique(background.at(Fake({"a": walk(10, 90)}), 0, FIRST)).tolist() == [90]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(median, "KEPT_BYTES", 2 * 300)  # two backgrounds of 3 x 10 x 10
    dataset = Fake({name: walk(10) for name in "abc"})
    background = made()
    for clip in (0, 1, 0, 2, 0, 1):
        background.at(dataset, clip, FIRST)

    assert [name for name, _ in dataset.asked] == ["a", "b", "c", "b"]


def test_moving_share_counts_pixels_that_differ_clearly_in_any_channel() -> None:
    background = np.full((1, 3, 2, 5), 100, np.uint8)
    frames = np.repeat(background, 2, axis=0)
    frames[0, :, 0, 0] = 120  # 20 levels: noise
    frames[1, 2, 0, :2] = (121, 79)  # 21 levels up and down

    assert moving_share(frames, background).tolist() == [0.0, 0.2]


def test_footage_in_which_nothing_moves_is_refused() -> None:
    rng = np.random.default_rng(0)
    still = (100 + rng.integers(-5, 5, (12, 3, 10, 10))).astype(np.uint8)

    with pytest.raises(DataError) as caught:
        made().at(Fake({"a": still}), 0, FIRST)
    assert str(caught.value) == (
        "nothing moves in camera 'a': 0.00 % of the pixels differ from the median of 12 frames, 0.1 % are the least\n"
        "  at   camera 'a'\n"
        "  hint choose footage with a moving person who is not tiny, or set background.require_motion=false"
    )
    with pytest.raises(DataError, match="nothing moves in clip 'a'"):
        made(over="clip").at(Fake({"a": still}), 0, FIRST)
    assert made(require_motion=False).at(Fake({"a": still}), 0, FIRST).shape == (1, 3, 10, 10)


def test_a_moving_person_passes() -> None:
    frames = walk(10)

    check_motion(frames, np.full((1, 3, 10, 10), 100, np.uint8), "here")


# ---------------------------------------------------------------- halves


def test_halves_are_the_last_frames_top_and_the_first_frames_bottom() -> None:
    frames = np.stack([np.full((3, 5, 2), level, np.uint8) for level in (10, 20, 30)])

    scene = halves.build(HalvesOptions(), CONTEXT).at(Fake({"a": frames}), 0, FIRST)

    assert scene.shape == (1, 3, 5, 2)
    assert scene[0, 0, :, 0].tolist() == [30, 30, 10, 10, 10]


def test_halves_remove_a_falling_subject() -> None:
    frames = walk(10).swapaxes(2, 3)  # from the top row to the bottom row

    assert np.unique(halves.halves(frames[0], frames[-1])).tolist() == [100]


# ---------------------------------------------------------------- constant


def test_a_constant_colour_fills_the_frame() -> None:
    background = constant.build(ConstantOptions(colour=(1, 2, 3)), CONTEXT)

    scene = background.at(Fake({"a": walk(2)}), 0, FIRST)

    assert scene.shape == (1, 3, 10, 10)
    assert scene[0, :, 4, 4].tolist() == [1, 2, 3]
    assert background.at(Fake({"a": walk(2, size=6)}), 0, FIRST).shape == (1, 3, 6, 6)


def test_a_constant_picture_of_any_shape_is_brought_to_the_frame(tmp_path: Path) -> None:
    Image.new("RGB", (40, 10), (9, 8, 7)).save(tmp_path / "a.png")

    scene = constant.build(ConstantOptions(image=str(tmp_path / "a.png")), CONTEXT).at(Fake({"a": walk(2)}), 0, FIRST)

    assert scene.shape == (1, 3, 10, 10)
    assert scene[0, :, 0, 0].tolist() == [9, 8, 7]


def test_a_picture_that_is_not_there_and_a_colour_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such image"):
        constant.build(ConstantOptions(image=str(tmp_path / "no.png")), CONTEXT).at(Fake({"a": walk(2)}), 0, FIRST)
    with pytest.raises(ValidationError):
        ConstantOptions(colour=(0, 0, 256))


# ---------------------------------------------------------------- provided


def test_the_provided_background_is_the_datasets_own() -> None:
    scenes = walk(4)

    given = provided.build(ProvidedOptions(), CONTEXT).at(
        Fake({"a": walk(4)}, {"background": scenes}), 0, np.array([3, 1])
    )

    np.testing.assert_array_equal(given, scenes[[3, 1]])


def test_a_dataset_without_a_background_is_told_what_to_use() -> None:
    with pytest.raises(DataError) as caught:
        provided.build(ProvidedOptions(), CONTEXT).at(Fake({"a": walk(4)}), 0, FIRST)
    assert str(caught.value) == (
        "the dataset provides no background: it has no label 'background'\n"
        "  at   clip 'a'\n"
        "  hint for a static camera use the median: --use background=median"
    )
