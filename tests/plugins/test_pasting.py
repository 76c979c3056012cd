from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Context
from poserep.plugins.backgrounds import provided
from poserep.plugins.backgrounds.provided import ProvidedOptions
from poserep.plugins.datasets import frames
from poserep.plugins.datasets.frames import Frames, FramesOptions, known
from poserep.plugins.datasets.pasting import Pictures, paste
from poserep.plugins.datasets.studio.dataset import Studio, StudioOptions

CONTEXT = Context(crop_size=32)
SIZE = (8, 12)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve pictures of one level each: 0, 20, 40, ..."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(12):
        Image.new("RGB", (30, 10), (20 * index,) * 3).save(folder / f"{index}.png")
    return folder


def levels(folder: Path, clip: str, count: int = 6, **options: object) -> list[int]:
    values = {"seed": 0, "each": "frame", **options}
    return Pictures(str(folder), size_HW=SIZE, **values).behind(clip, np.arange(count))[:, 0, 0, 0].tolist()


def test_pasting_by_hand() -> None:
    subject, behind = (np.full((1, 3, 1, 4), level, np.uint8) for level in (200, 100))
    mask = np.array([0, 255, 51, 128], np.uint8).reshape(1, 1, 1, 4)

    pasted = paste(subject, mask, behind)

    assert pasted.dtype == np.uint8
    assert pasted[0, 1, 0].tolist() == [100, 200, 120, 150]  # 51 / 255 is a fifth; 150.2 is rounded


def test_full_masks_of_white_do_not_overflow() -> None:
    white = np.full((1, 3, 2, 2), 255, np.uint8)

    assert np.unique(paste(white, white[:, :1], white)).tolist() == [255]


def test_equal_seed_clip_and_frame_have_one_picture(pictures: Path) -> None:
    once = levels(pictures, "walk")

    assert levels(pictures, "walk") == once
    assert len(set(once)) > 1
    assert levels(pictures, "run") != once
    assert levels(pictures, "walk", seed=1) != once
    asked_alone = Pictures(str(pictures), 0, "frame", SIZE).behind("walk", np.array([4]))
    assert asked_alone[0, 0, 0, 0] == once[4]


def test_a_clips_picture_stays(pictures: Path) -> None:
    behind = Pictures(str(pictures), 0, "clip", SIZE).behind("walk", np.arange(6))

    assert behind.shape == (1, 3, *SIZE)
    assert len({levels(pictures, f"clip{n}", each="clip")[0] for n in range(12)}) > 3


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError) as caught:
            Pictures(str(folder), 0, "clip", SIZE)
        assert str(caught.value) == (
            f"there is no picture to paste subjects on\n  at   {folder}\n  hint looked for .jpg, .jpeg, .png"
        )


# ---------------------------------------------------------------- frames


def footage(tmp_path: Path, **options: object) -> Frames:
    """One frame of level 200 whose left half is the subject."""
    for name in ("images", "masks"):
        (tmp_path / name / "walk").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 8), (200, 200, 200)).save(tmp_path / "images/walk/0.png")
    mask = np.zeros((8, 12), np.uint8)
    mask[:, :6] = 255
    Image.fromarray(mask).save(tmp_path / "masks/walk/0.png")
    values = {"path": str(tmp_path / "images"), "fps": 10.0, "height": 8, "masks": "../masks/{clip}/{stem}.png"}
    return frames.build(FramesOptions.model_validate(values | options), CONTEXT)


def test_subjects_stand_before_the_picture_that_is_their_background(tmp_path: Path, pictures: Path) -> None:
    dataset = footage(tmp_path, paste_on=str(pictures))
    first = np.array([0])

    scene = provided.build(ProvidedOptions(), CONTEXT).at(dataset, 0, first)

    frame = dataset.frames(0, first)
    assert scene.shape == (1, 3, *SIZE)
    assert np.unique(frame[..., :6]).tolist() == [200]
    np.testing.assert_array_equal(frame[..., 6:], scene[..., 6:])
    assert np.unique(scene).tolist() == [levels(pictures, "walk", 1, each="clip")[0]]


def test_without_pictures_frames_are_as_they_lie(tmp_path: Path) -> None:
    dataset = footage(tmp_path)

    assert np.unique(dataset.frames(0, np.array([0]))).tolist() == [200]
    with pytest.raises(DataError, match="has no label 'background'"):
        dataset.labels("background", 0, np.array([0]))


def test_the_background_is_declared_where_it_is_known() -> None:
    def labels(**options: object) -> tuple[str, ...]:
        return known(FramesOptions.model_validate({"path": "a", "fps": 1.0, **options}))

    assert labels() == ()
    assert labels(masks="{stem}.png") == ("true_mask",)
    assert labels(masks="{stem}.png", paste_on="b") == ("true_mask", "background")


def test_pasting_without_masks_is_refused(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(ConfigError, match="subjects can be pasted only where there are masks"):
        footage(tmp_path, masks="", paste_on=str(pictures))


# ---------------------------------------------------------------- studio


def test_the_studios_people_are_pasted_too(pictures: Path) -> None:
    options = {"subjects": 1, "validation_subjects": 0, "test_subjects": 0, "actions": ("gait",), "seconds": 0.5}
    small = {**options, "cameras": 1, "size": 32}
    plain = Studio(StudioOptions.model_validate(small), CONTEXT)
    pasted = Studio(StudioOptions.model_validate({**small, "paste_on": str(pictures), "paste_each": "frame"}), CONTEXT)
    indices = np.array([3, 0])

    scene, person = pasted.labels("background", 0, indices), pasted.labels("true_mask", 0, indices) > 0

    assert scene.shape == (2, 3, 32, 32)
    assert person.any()
    wanted = np.where(person, plain.frames(0, indices), scene)
    np.testing.assert_array_equal(pasted.frames(0, indices), wanted)
    np.testing.assert_array_equal(pasted.labels("true_mask", 0, indices), plain.labels("true_mask", 0, indices))
