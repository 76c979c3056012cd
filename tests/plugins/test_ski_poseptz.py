import logging
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.interfaces import Context
from poserep.core.skeleton import SKELETONS
from poserep.plugins.datasets.ski_poseptz.centres import Centres, read_centres
from poserep.plugins.datasets.ski_poseptz.dataset import SkiPosePtz, SkiPosePtzOptions, build
from poserep.plugins.datasets.ski_poseptz.example import FRAMES, write_example
from poserep.plugins.datasets.standing import draw_person

HOME = "Ski-PosePTZ-CameraDataset-png"
TURN_33 = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Camera to world of one that looks along +y: its columns are right, down and forward in the world."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ski")
    write_example(folder)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def open_ski(folder: Path, **options: object) -> SkiPosePtz:
    values = {"root": str(folder), "height": 64, **options}
    return build(SkiPosePtzOptions.model_validate(values), Context(crop_size=32))


def error_of(folder: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        open_ski(folder, **options)
    return str(caught.value)


def change(folder: Path, part: str = "train", **columns: object) -> None:
    """Replace columns of a table; None takes one away."""
    with h5py.File(folder / HOME / part / "labels.h5", "r+") as file:
        for name, values in columns.items():
            key = {"pose": "3D", "pixels": "2D"}.get(name, name)
            del file[key]
            if values is not None:
                file[key] = values


def column(folder: Path, name: str, part: str = "train") -> np.ndarray:
    with h5py.File(folder / HOME / part / "labels.h5") as file:
        return np.array(file[name])


def one_picture(folder: Path, **columns: object) -> Path:
    """A set of one row, as short as a table can be written."""
    told = {
        **{"seq": [4.0], "cam": [2.0], "frame": [90.0], "subj": [3.0]},
        "3D": np.zeros((1, 51)),
        "2D": np.tile([0.7, 0.4], 17)[None],
        "cam_intrinsic": [[[2.0, 0, 0.5], [0, 2, 0.5], [0, 0, 1]]],
        "cam_position": [[0.0, -10, 2]],
        "R_cam_2_world": TURN_33[None],
        **columns,
    }
    home = folder / HOME / "train"
    draw_person(home / "seq_004/cam_02/image_000090.png", (256, 256), np.zeros((1, 2)), 30)
    with h5py.File(home / "labels.h5", "w") as file:
        for name, values in told.items():
            file[name] = np.array(values)
    return folder


# ---------------------------------------------------------------- values


def test_a_row_worked_out_by_hand(tmp_path: Path) -> None:
    one_picture(tmp_path)
    (tmp_path / "ski_centers.csv").write_text("4 90 1 0 2.5\n")
    ski = open_ski(tmp_path)
    first = np.array([0])

    # the pelvis is (1, 10, 0.5) m from the camera: 1 to the right, 0.5 up, 10 ahead
    projected, labelled = ski.projection(0, first)
    np.testing.assert_allclose(projected[0, 0], [256 * (2 * 0.1 + 0.5), 256 * (2 * -0.05 + 0.5)])
    np.testing.assert_allclose(labelled[0, 0], [179.2, 102.4])
    np.testing.assert_allclose(ski.labels("pose_2d", 0, first)[0, 0], [359.4 / 256 - 1, 205.8 / 256 - 1], rtol=1e-6)
    np.testing.assert_allclose(ski.labels("rotation", 0, first)[0], TURN_33.T)
    np.testing.assert_allclose(ski.horizon(0, 0), [(-1, 1 / 256), (1, 1 / 256)], atol=1e-12)
    clip = ski.clips[0]
    assert (clip.name, clip.subject, clip.take, clip.camera) == ("train/seq_004/cam_02", "3", "train/seq_004", "cam_02")
    assert clip.times_s.tolist() == [3.0]  # frame 90 at 30 a second


def test_poses_are_in_millimetres_about_the_pelvis(tmp_path: Path) -> None:
    pose = np.arange(51.0).reshape(1, 17, 3) / 100
    ski = open_ski(one_picture(tmp_path, **{"3D": pose}))
    got = ski.labels("pose", 0, np.array([0]))[0]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[0], 0)
    np.testing.assert_allclose(got[1], [30, 30, 30])


def test_time_comes_from_the_frame_numbers_which_have_gaps(whole: Path) -> None:
    for clip in open_ski(whole).clips:
        np.testing.assert_allclose(clip.times_s, np.array(FRAMES) / 30)
    np.testing.assert_allclose(open_ski(whole, stride=3, fps=60.0).clips[0].times_s, np.array(FRAMES[::3]) / 60)


def test_joints_project_onto_their_labels_with_and_without_the_centres(copy: Path) -> None:
    for _ in range(2):
        ski = open_ski(copy)
        for clip in range(len(ski.clips)):
            projected, labelled = ski.projection(clip, np.arange(len(FRAMES)))
            assert np.abs(projected - labelled).max() < 1e-3
        (copy / "ski_centers.csv").unlink(missing_ok=True)


def test_centres_that_do_not_belong_to_the_copy_show_in_the_projection(copy: Path) -> None:
    path = copy / "ski_centers.csv"
    lines = [line.split() for line in path.read_text().splitlines()]
    path.write_text("\n".join(" ".join([*line[:2], str(float(line[2]) + 0.5), *line[3:]]) for line in lines))
    projected, labelled = open_ski(copy).projection(0, np.arange(4))
    assert np.abs(projected - labelled).max() > 5


def test_a_moment_without_a_centre_is_fitted(copy: Path) -> None:
    path = copy / "ski_centers.csv"
    path.write_text("\n".join(path.read_text().splitlines()[5:]))
    projected, labelled = open_ski(copy).projection(0, np.arange(8))
    assert np.abs(projected - labelled).max() < 1e-3


def test_cameras_turn_and_zoom_from_frame_to_frame(whole: Path) -> None:
    cameras = open_ski(whole).cameras(0)
    assert len(cameras) == len(FRAMES)
    assert len({round(camera.intrinsics_33[0, 0], 3) for camera in cameras}) == len(FRAMES)
    assert np.ptp([camera.rotation_33 for camera in cameras], axis=0).max() > 0.1


def test_left_is_left(whole: Path) -> None:
    ski = open_ski(whole, skeleton="body_13")
    rotation = ski.labels("rotation", 0, np.array([0]))[0]
    pose = ski.labels("pose", 0, np.array([0]))[0] @ rotation  # back in the world
    cos, sin = np.cos(0.07), np.sin(0.07)  # the example's person has turned by 0.7 times 3 frames
    np.testing.assert_allclose(SKELETONS["body_13"].left_axis(pose), [cos, sin, 0], atol=1e-5)


@pytest.mark.parametrize("flat", [True, False])
def test_columns_may_have_an_axis_more_or_less(copy: Path, flat: bool) -> None:
    labels, every = ("pose", "pose_2d", "true_box", "rotation"), np.arange(len(FRAMES))
    before = {name: open_ski(copy).labels(name, 1, every) for name in labels}
    told = {name: column(copy, name).reshape(-1) for name in ("seq", "cam", "frame", "subj")}
    pose, pixels, lens = (column(copy, name) for name in ("3D", "2D", "cam_intrinsic"))
    rows = len(pose)
    change(copy, **{name: values if flat else values.reshape(-1, 1).astype(np.int32) for name, values in told.items()})
    change(copy, pose=pose.reshape(rows, -1) if flat else pose.reshape(rows, 17, 3))
    change(copy, pixels=pixels.reshape(rows, -1) if flat else pixels.reshape(rows, 17, 2))
    change(copy, cam_intrinsic=lens.reshape(rows, 9) if flat else lens)
    after = open_ski(copy)
    for name in labels:
        np.testing.assert_array_equal(before[name], after.labels(name, 1, every))


def test_rows_may_stand_in_any_order(copy: Path) -> None:
    before, every = open_ski(copy), np.arange(len(FRAMES))
    pose, pictures = before.labels("pose", 2, every), before.frames(2, every)
    order = np.random.default_rng(0).permutation(len(column(copy, "seq")))
    with h5py.File(copy / HOME / "train/labels.h5", "r+") as file:
        for name in list(file):
            values = file[name][:][order]
            del file[name]
            file[name] = values
    after = open_ski(copy)
    np.testing.assert_array_equal(pose, after.labels("pose", 2, every))
    np.testing.assert_array_equal(pictures, after.frames(2, every))


def test_frames_are_those_of_their_numbers(whole: Path) -> None:
    picked = open_ski(whole).frames(0, np.array([5, 0, 21]))
    assert picked[:, 0, 0, 0].tolist() == [FRAMES[5], FRAMES[0], FRAMES[21]]  # each is as grey as its number


# ---------------------------------------------------------------- who trains, what is told


def test_folders_split_and_the_last_skier_of_train_may_validate(whole: Path) -> None:
    splits = {clip.subject: clip.split for clip in open_ski(whole).clips}
    assert splits == {"1": "train", "2": "train", "6": "test"}
    splits = {clip.subject: clip.split for clip in open_ski(whole, protocol="tuning").clips}
    assert splits == {"1": "train", "2": "validation", "6": "test"}


def test_views_and_subjects_are_chosen(whole: Path) -> None:
    names = [clip.name for clip in open_ski(whole, cameras=(1,), subjects=(2, 6)).clips]
    assert names == ["train/seq_001/cam_01", "test/seq_002/cam_01"]
    assert "there is no camera 7" in error_of(whole, cameras=(7,))
    assert "there is: 1, 2, 6" in error_of(whole, subjects=(5,))


def test_the_inventory_counts_beside_the_paper(whole: Path) -> None:
    told = open_ski(whole, cameras=(0,), stride=2).inventory()
    first = told.found[0]
    assert (first.subject, first.takes, first.cameras, first.frames) == ("1", 1, ("cam_00",), 11)
    assert [(count.ours, count.paper) for count in told.counts] == [(88, 8481), (44, 1716), (44, 3124), (22, 636)]
    assert told.missing == ()
    assert told.register.startswith("https://")


def test_the_index_holds_no_labels(whole: Path) -> None:
    ski = open_ski(whole)
    assert all(not view.table._read for view in ski._views)


# ---------------------------------------------------------------- bad copies


def test_a_copy_without_a_split_works_and_says_so(copy: Path) -> None:
    shutil.rmtree(copy / HOME / "test")
    ski = open_ski(copy)
    assert {clip.split for clip in ski.clips} == {"train"}
    assert ski.inventory().missing == ("test/labels.h5",)


def test_an_empty_folder_names_the_page_to_register_at(tmp_path: Path) -> None:
    assert "epfl.ch" in error_of(tmp_path)
    assert "epfl.ch" in error_of(tmp_path / "nowhere")


def test_a_file_that_was_cut_short_is_one_message(copy: Path) -> None:
    path = copy / HOME / "train/labels.h5"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert str(path) in error_of(copy)


def test_a_lacking_column_is_named(copy: Path) -> None:
    change(copy, R_cam_2_world=None)
    assert "no column 'R_cam_2_world'" in error_of(copy)


def test_columns_of_unequal_length_are_refused(copy: Path) -> None:
    change(copy, pose=column(copy, "3D")[:-3])
    assert "'3D' has 85 rows, 'seq' has 88" in error_of(copy)
    change(copy, pose=column(copy, "2D"))
    assert "not 17 x 3 numbers" in error_of(copy)


def test_columns_that_tell_rows_apart_must_do_so(copy: Path) -> None:
    rows = len(column(copy, "seq"))
    change(copy, frame=np.full(rows, 0.5))
    assert "'frame' must hold whole numbers" in error_of(copy)
    change(copy, frame=np.arange(rows)[:-1])
    assert "differ in length" in error_of(copy)
    change(copy, frame=np.arange(rows), subj=np.zeros((rows, 2)))
    assert "'subj' has 2 values per row" in error_of(copy)
    change(copy, subj=np.arange(rows))
    assert "shows several subjects" in error_of(copy)


def test_rows_without_a_picture_are_left_out_and_counted(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    (copy / HOME / "train/seq_000/cam_00" / f"image_{FRAMES[4]:06d}.png").unlink()
    shutil.rmtree(copy / HOME / "train/seq_001/cam_01")
    with caplog.at_level(logging.WARNING, "poserep"):
        ski = open_ski(copy)
    assert [len(clip) for clip in ski.clips] == [21, 22, 22, 22, 22]
    assert ski.inventory().missing == (
        "train/seq_000/cam_00: 1 of 22 pictures",
        "train/seq_001/cam_01: 22 of 22 pictures",
    )
    assert "23 rows without a picture are left out" in caplog.text
    np.testing.assert_allclose(ski.clips[0].times_s, np.delete(FRAMES, 4) / 30)
    assert ski.frames(0, np.array([4]))[0, 0, 0, 0] == FRAMES[5]


def test_a_copy_without_pictures_is_refused(copy: Path) -> None:
    for part in ("train", "test"):
        for folder in (copy / HOME / part).glob("seq_*"):
            shutil.rmtree(folder)
    assert "no row of the labels has its picture" in error_of(copy)


def test_a_broken_picture_is_replaced_by_its_neighbour(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    for place in (0, 9):
        (copy / HOME / "train/seq_000/cam_00" / f"image_{FRAMES[place]:06d}.png").write_bytes(b"no picture")
    with caplog.at_level(logging.WARNING, "poserep"):
        got = open_ski(copy).frames(0, np.array([0, 9]))[:, 0, 0, 0]
    assert got[0] == FRAMES[1]
    assert got[1] in (FRAMES[8], FRAMES[10])
    assert len(caplog.records) == 1


def test_rows_that_repeat_a_picture_count_once(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = column(copy, "frame")
    frames[1] = frames[0]
    change(copy, frame=frames)
    with caplog.at_level(logging.WARNING, "poserep"):
        assert len(open_ski(copy).clips[0]) == 21
    assert "1 rows tell of a picture of which another row tells" in caplog.text


def test_centres_are_read_by_blanks_and_refused_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "ski_centers.csv"
    path.write_text("3 7 1.5 -2 0.25\n\n3 9 1 2 3\n")
    centres = read_centres(path)
    assert isinstance(centres, Centres)
    got = centres.at(np.array([3, 3, 4]), np.array([9, 7, 7]))
    np.testing.assert_array_equal(got, [[1, 2, 3], [1.5, -2, 0.25], [np.nan] * 3])
    for text in ("3,7,1,2,3\n", "3 7 1 2\n", "", "3 7 1 2 3\n3 8 1 2\n"):
        path.write_text(text)
        with pytest.raises(DataError, match="five numbers"):
            read_centres(path)
