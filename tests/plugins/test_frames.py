import os
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Component, Context, declared
from poserep.plugins.datasets import frames as module
from poserep.plugins.datasets.frames import Frames, FramesOptions, build, indexed, poserep_register


def save(path: Path, level: int, size: tuple[int, int] = (32, 24)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level, level)).save(path)


def open_frames(path: Path, **options: object) -> Frames:
    values = {"path": str(path), "fps": 10.0, "height": 12, **options}
    return build(FramesOptions.model_validate(values), Context(crop_size=32))


def error_of(path: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        open_frames(path, **options)
    return str(caught.value)


def test_one_clip_per_folder_in_natural_order(tmp_path: Path) -> None:
    for level, name in enumerate(("take10/9.png", "take10/10.png", "take9/a.jpg")):
        save(tmp_path / name, level)
    (tmp_path / "take9/notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()

    frames = open_frames(tmp_path)

    assert [(clip.name, len(clip), clip.take, clip.camera) for clip in frames.clips] == [
        ("take9", 1, "take9", "take9"),
        ("take10", 2, "take10", "take10"),
    ]
    assert frames.frame_size == (12, 16)
    pictures = frames.frames(1, np.array([1, 0]))
    assert pictures.shape == (2, 3, 12, 16)
    assert pictures[:, 0, 0, 0].tolist() == [1, 0]


def test_a_folder_of_images_is_one_clip(tmp_path: Path) -> None:
    for index in range(5):
        save(tmp_path / f"{index}.png", index)

    frames = open_frames(tmp_path, stride=2)

    assert len(frames.clips) == 1
    np.testing.assert_allclose(frames.clips[0].times_s, [0, 0.2, 0.4])
    assert frames.frames(0, np.arange(3))[:, 0, 0, 0].tolist() == [0, 2, 4]


def test_cameras_by_the_names_of_folders(tmp_path: Path) -> None:
    for name in ("s1_walk_c1", "s1_walk_c2"):
        save(tmp_path / name / "0.png", 0)

    frames = open_frames(tmp_path, camera_pattern=r"(?P<take>(?P<subject>s\d)_.*)_c(?P<camera>\d)")

    assert [(clip.subject, clip.take, clip.camera) for clip in frames.clips] == [
        ("s1", "s1_walk", "1"),
        ("s1", "s1_walk", "2"),
    ]


def test_masks_are_a_label_of_one_channel(tmp_path: Path) -> None:
    save(tmp_path / "images/take/7.jpg", 0)
    save(tmp_path / "masks/take/7.png", 255)

    frames = open_frames(tmp_path / "images", masks="../masks/{clip}/{stem}.png")

    mask = frames.labels("true_mask", 0, np.array([0]))
    assert mask.shape == (1, 1, 12, 16)
    assert mask.dtype == np.uint8
    assert np.unique(mask).tolist() == [255]


def test_the_label_is_declared_only_with_masks() -> None:
    components: list[Component] = []
    poserep_register(components.append)
    options = {"path": "a", "fps": 10.0}

    assert declared(components[0].writes, FramesOptions.model_validate(options)) == ()
    with_masks = FramesOptions.model_validate({**options, "masks": "{stem}.png"})
    assert declared(components[0].writes, with_masks) == ("true_mask",)


def test_faults_name_the_place(tmp_path: Path) -> None:
    assert error_of(tmp_path / "no") == (
        f"there is no such folder\n  at   {tmp_path / 'no'}\n  hint dataset.path names a folder of images"
    )
    assert error_of(tmp_path) == (
        f"there is no image in the folder or its sub-folders\n  at   {tmp_path}\n"
        "  hint looked for .jpg, .jpeg, .png, one level deep"
    )
    save(tmp_path / "take/0.png", 0)
    (tmp_path / "take/1.png").write_bytes(b"")
    save(tmp_path / "take/2.png", 0, size=(24, 24))
    frames = open_frames(tmp_path)
    with pytest.raises(DataError, match=re.escape(f"at   {tmp_path / 'take/1.png'}")):
        frames.frames(0, np.array([0, 1]))
    with pytest.raises(DataError, match="the image is 24x24, another shape than the working frame"):
        frames.frames(0, np.array([2]))


def test_a_label_that_is_not_there_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "take/0.png", 0)

    with pytest.raises(DataError) as caught:
        open_frames(tmp_path).labels("true_mask", 0, np.array([0]))
    assert str(caught.value) == (
        "dataset frames has no label 'true_mask'\n  at   take\n  hint the option masks gives it"
    )
    with pytest.raises(DataError, match="there is no such image"):
        open_frames(tmp_path, masks="{stem}_mask.png").labels("true_mask", 0, np.array([0]))


@pytest.mark.parametrize("masks", ["{frame}.png", "{}.png", "{stem"])
def test_a_mask_pattern_that_cannot_work_is_refused(tmp_path: Path, masks: str) -> None:
    with pytest.raises(ConfigError, match=r"dataset.masks may hold \{clip\} and \{stem\} only"):
        open_frames(tmp_path, masks=masks)


def test_names_that_are_not_ascii_survive_the_index() -> None:
    assert [os.fsdecode(name) for name in indexed(["ü10.png", "ü9.png"])] == ["ü9.png", "ü10.png"]


@pytest.mark.parametrize("clips", [1, 600])
def test_the_index_of_308760_frames_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clips: int) -> None:
    frames_each = 308_760 // clips
    for clip in range(clips):
        (tmp_path / f"s1_action{clip}_cam1").mkdir()
    save(tmp_path / "s1_action0_cam1/frame_000000.jpg", 0)
    real = os.scandir

    def listing(folder: Path) -> Iterator[object]:
        if folder == tmp_path:
            return real(folder)
        return (SimpleNamespace(name=f"frame_{index:06d}.jpg") for index in range(frames_each))

    monkeypatch.setattr(module, "os", SimpleNamespace(scandir=listing, fsencode=os.fsencode, fsdecode=os.fsdecode))

    tracemalloc.start()
    frames = open_frames(tmp_path)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sum(len(clip) for clip in frames.clips) == frames_each * clips
    assert held < 12e6
    assert peak < 150e6
