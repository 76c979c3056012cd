"""The forms in which others hand Human3.6M on; the first form's test is beside."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.interfaces import Context
from poserep.plugins.datasets.h36m import example
from poserep.plugins.datasets.h36m.camera import CAMERAS, read_metadata
from poserep.plugins.datasets.h36m.dataset import H36m, H36mOptions
from poserep.plugins.datasets.h36m.mmpose import grouped
from poserep.plugins.datasets.h36m.videopose import spelt

JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
FIRST = CAMERAS[0]
SIZE = example.SIZES_WH[FIRST]


def opened(root: Path, **options: object) -> H36m:
    values = {"root": str(root), "protocol": "every_frame", "height": 51, "cameras": (FIRST,), **options}
    return H36m(H36mOptions.model_validate(values), Context(crop_size=32))


def seen(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """What the first camera sees of S1: 32 joints in mm and in pixels."""
    example.write_metadata(folder / "metadata.xml")
    lens = read_metadata(folder / "metadata.xml")["S1", FIRST]
    pose_NJ3 = lens.to_camera(example.world(count))
    return pose_NJ3, lens.project_camera(pose_NJ3)


def write_pictures(folder: Path, numbers: list[int], name: str) -> None:
    from PIL import Image

    folder.mkdir(parents=True)
    every = example.pictures(max(numbers) + 1, SIZE)
    for number in numbers:
        Image.fromarray(every[number]).save(folder / name.format(number + 1), quality=95)


def check(dataset: H36m, pose_NJ3: np.ndarray, pose_NJ2: np.ndarray, numbers: list[int]) -> None:
    """Labels are those 17 joints, frames those numbers, and both fit."""
    rows = np.arange(len(numbers))
    assert len(dataset.clips) == 1
    np.testing.assert_allclose(dataset.clips[0].times_s, np.array(numbers) / 50)
    assert dataset.clips[0].camera == f"S1 {FIRST}"
    np.testing.assert_allclose(dataset.labels("pose", 0, rows), pose_NJ3 - pose_NJ3[:, :1], atol=1e-2)
    np.testing.assert_allclose(dataset.labels("pose_2d", 0, rows), (2 * pose_NJ2 + 1) / SIZE - 1, atol=1e-5)
    levels = dataset.frames(0, rows)[:, :, :10, :8].mean(axis=(1, 2, 3))
    np.testing.assert_allclose(levels, 60 + 8 * np.array(numbers), atol=2)
    projected, labelled = dataset.projection(0, rows)
    assert np.abs(projected - labelled).max() < 1e-3
    assert dataset.horizon(0, 0) is not None


# ---------------------------------------------------------------- h36m-fetch


NUMBERS = [0, 2, 3, 7]


@pytest.fixture
def processed(tmp_path: Path) -> Path:
    """One take of two cameras, rows of the second first, of which pictures are there for the first only."""
    import h5py

    pose_NJ3, pose_NJ2 = seen(tmp_path, 8)
    home = tmp_path / "processed/S1/Walking-1"
    write_pictures(home / "imageSequence" / FIRST, NUMBERS, "img_{:06d}.jpg")
    with h5py.File(home / "annot.h5", "w") as file:
        for name, values in (("2d", pose_NJ2), ("3d", pose_NJ3), ("3d-univ", 0.9 * pose_NJ3)):
            file[f"pose/{name}"] = np.concatenate([0 * values[NUMBERS], values[NUMBERS]])
        file["camera"] = np.repeat([int(CAMERAS[1]), int(FIRST)], len(NUMBERS))
        file["frame"] = np.tile(np.array(NUMBERS) + 1, 2)
    return tmp_path


def test_h36m_fetchs_processed_form(processed: Path) -> None:
    pose_NJ3, pose_NJ2 = (values[NUMBERS][:, JOINTS] for values in seen(processed, 8))
    dataset = opened(processed)

    check(dataset, pose_NJ3, pose_NJ2, NUMBERS)
    universal = opened(processed, universal=True).labels("pose", 0, np.arange(4))
    np.testing.assert_allclose(universal, 0.9 * dataset.labels("pose", 0, np.arange(4)), atol=1e-2)


def test_labels_without_pictures_are_counted(processed: Path) -> None:
    (processed / "processed/S1/Walking-1/imageSequence" / FIRST / "img_000008.jpg").unlink()
    dataset = opened(processed, cameras=CAMERAS[:2], subjects=("S1",))

    assert [len(clip) for clip in dataset.clips] == [3]
    assert dataset.inventory().missing == (
        f"S1 Walking-1, camera {FIRST}: no picture for 1 of 4 labels",
        f"S1 Walking-1, camera {CAMERAS[1]}: no picture for 4 of 4 labels",
    )


def test_a_truncated_label_file_is_told(processed: Path) -> None:
    path = processed / "processed/S1/Walking-1/annot.h5"
    path.write_bytes(path.read_bytes()[:2100])

    with pytest.raises(DataError, match=r"\(processed\) has nothing of S1, .* that can be read") as caught:
        opened(processed)
    assert "S1 Walking-1: the HDF5 file cannot be read" in caught.value.hint


# ---------------------------------------------------------------- mmpose


EVERY_FIFTH = [0, 5, 10]


@pytest.fixture
def mmpose(tmp_path: Path) -> Path:
    """Every fifth frame of a take, with its cameras."""
    pose_NJ3, pose_NJ2 = (values[EVERY_FIFTH][:, JOINTS] for values in seen(tmp_path, 11))
    lens = read_metadata(tmp_path / "metadata.xml")["S1", FIRST]
    (tmp_path / "metadata.xml").unlink()
    root = tmp_path / "mmpose"
    stem = f"S1_Directions_1.{FIRST}"
    write_pictures(root / "images/S1" / stem, EVERY_FIFTH, f"{stem}_{{:06d}}.jpg")
    ones = np.ones((3, 17, 1))
    labels = root / "annotation_body3d/fps10"
    labels.mkdir(parents=True)
    np.savez(
        labels / "h36m_train.npz",
        imgname=np.array([f"S1/{stem}/{stem}_{number + 1:06d}.jpg" for number in EVERY_FIFTH]),
        center=np.array([[50.0, 50.0]] * 3),
        scale=np.array([0.24] * 3),
        part=np.concatenate([pose_NJ2, ones], axis=2),
        S=np.concatenate([pose_NJ3 / 1000, ones], axis=2),
    )
    camera = {
        **{"R": lens.rotation_33.T, "T": lens.centre_3[:, None] / 1000, "f": lens.focal_2[:, None]},
        **{"c": lens.middle_2[:, None], "k": lens.radial_3[:, None], "p": lens.tangential_2[:, None]},
        **{"w": SIZE[0], "h": SIZE[1], "name": "camera", "id": FIRST},
    }
    (root / "annotation_body3d/cameras.pkl").write_bytes(pickle.dumps({("S1", FIRST): camera}, protocol=2))
    return root


def test_mmposes_form_and_its_cameras(mmpose: Path) -> None:
    pose_NJ3, pose_NJ2 = (values[EVERY_FIFTH][:, JOINTS] for values in seen(mmpose.parent, 11))
    lens = read_metadata(mmpose.parent / "metadata.xml")["S1", FIRST]
    (mmpose.parent / "metadata.xml").unlink()
    dataset = opened(mmpose, subjects=("S1",))

    check(dataset, pose_NJ3, pose_NJ2, EVERY_FIFTH)
    np.testing.assert_allclose(dataset.labels("rotation", 0, np.array([1]))[0], lens.rotation_33, atol=1e-6)
    assert dataset.inventory().missing == ()


def test_mmposes_boxes_by_hand(mmpose: Path) -> None:
    # scale 0.24: side 0.24 * 200 / 1.2 = 40 pixels about (50, 50), of 100 x 102
    box = opened(mmpose, boxes="given").labels("true_box", 0, np.array([0]))[0]
    np.testing.assert_allclose(box, [0.4, 40 / 102, 101 / 100 - 1, 101 / 102 - 1], atol=1e-6)


def test_a_pickle_that_is_a_program_is_not_run(mmpose: Path) -> None:
    (mmpose / "annotation_body3d/cameras.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(DataError, match=r"the pickle asks for os\.system"):
        opened(mmpose)


@pytest.mark.parametrize("value", [[1], {("S1", FIRST): {"R": 1}}])
def test_another_pickle_is_refused(mmpose: Path, value: object) -> None:
    (mmpose / "annotation_body3d/cameras.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(DataError, match="this is no pickle of cameras"):
        opened(mmpose)


def test_what_mmpose_does_not_hand_on_is_refused(mmpose: Path) -> None:
    with pytest.raises(DataError, match="mmpose's form has no universal poses"):
        opened(mmpose, universal=True).labels("pose", 0, np.array([0]))
    with pytest.raises(DataError, match="no mixture of joints leads from"):
        opened(mmpose, skeleton="human36m_32").labels("pose", 0, np.array([0]))


def test_names_are_grouped_by_clip_and_ordered_by_number() -> None:
    names = np.array(["b_000001.jpg", "S1/a_1.2/a_1.2_000011.jpg", "S1/a_1.2/a_1.2_000006.jpg", "other"])
    found = {stem: (rows.tolist(), numbers.tolist()) for stem, rows, numbers in grouped(names)}
    assert found == {"b": ([0], [0]), "a_1.2": ([2, 1], [5, 10])}


# ---------------------------------------------------------------- VideoPose3D


@pytest.fixture
def videopose(tmp_path: Path) -> Path:
    """World joints of a take that its video calls otherwise."""
    seen(tmp_path, 1)
    positions = {"S1": {"WalkDog 1": (example.world(12) / 1000).astype(np.float32)}}
    np.savez_compressed(tmp_path / "data_3d_h36m.npz", positions_3d=np.array(positions, dtype=object))
    example.write_video(tmp_path / "S1/Videos" / f"WalkingDog 1.{FIRST}.mp4", example.pictures(11, SIZE))
    return tmp_path


def test_videopose3ds_form_with_videos_and_metadata(videopose: Path) -> None:
    pose_NJ3, pose_NJ2 = (values[:11][:, JOINTS] for values in seen(videopose, 12))

    check(opened(videopose), pose_NJ3, pose_NJ2, list(range(11)))


def test_its_videos_may_lie_elsewhere(videopose: Path) -> None:
    (videopose / "videos").mkdir()
    (videopose / "S1").rename(videopose / "videos/S1")

    with pytest.raises(DataError) as caught:
        opened(videopose)
    assert "S1 WalkDog 1, camera 54138969: no video in" in caught.value.hint
    assert len(opened(videopose, videos=str(videopose / "videos")).clips) == 1


def test_it_cannot_do_without_cameras(videopose: Path) -> None:
    (videopose / "metadata.xml").unlink()
    with pytest.raises(DataError, match=r"this form of Human3\.6M has no cameras of its own"):
        opened(videopose)


def test_another_array_is_refused(videopose: Path) -> None:
    np.savez(videopose / "data_3d_h36m.npz", positions_3d=np.zeros(3))
    with pytest.raises(DataError, match="'positions_3d' is a plain array, not an object"):
        opened(videopose)


class Program:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def test_an_array_that_is_a_program_is_not_run(videopose: Path) -> None:
    np.savez(videopose / "data_3d_h36m.npz", positions_3d=np.array({"S1": Program()}, dtype=object))
    with pytest.raises(DataError, match=r"the pickle asks for posix\.system"):
        opened(videopose)


def test_takes_of_s1_bear_the_others_names() -> None:
    assert [spelt(name) for name in ("WalkingDog 1", "TakingPhoto", "Walking 1")] == ["WalkDog 1", "Photo", "Walking 1"]
