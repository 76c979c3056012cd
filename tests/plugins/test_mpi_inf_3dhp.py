import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poserep.core.errors import DataError
from poserep.core.interfaces import Context
from poserep.core.skeleton import HUMAN36M_17
from poserep.plugins.datasets.mpi_inf_3dhp import example
from poserep.plugins.datasets.mpi_inf_3dhp.calibration import fitted_intrinsics, read_calibration
from poserep.plugins.datasets.mpi_inf_3dhp.dataset import MpiInf3dhp, MpiInf3dhpOptions, known
from poserep.plugins.datasets.mpi_inf_3dhp.protocol import CHEST, FRAMES, HELD_OUT
from poserep.plugins.datasets.mpi_inf_3dhp.train import subject_of
from poserep.plugins.datasets.mpi_inf_3dhp.view import numbered, washed_out

# of the 28 joints: Human3.6M's 17
JOINTS = [4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16]


def opened(root: Path, **options: object) -> MpiInf3dhp:
    values = {"root": str(root), "cameras": example.FILMED, "height": 64, "stride": 1, **options}
    return MpiInf3dhp(MpiInf3dhpOptions.model_validate(values), Context(crop_size=32))


def named(dataset: MpiInf3dhp, name: str) -> int:
    return [clip.name for clip in dataset.clips].index(name)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only: three recordings and one test sequence."""
    return Path(example.write_example(tmp_path_factory.mktemp("copy"))["root"])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """One recording, to be spoilt."""
    example.write_recording(tmp_path / "S6/Seq2", rows=example.FRAMES)
    return tmp_path


# ---------------------------------------------------------------- calibration


CALIBRATION = """Skeletool Camera Calibration File V1.0
name          3
  sensor      10 10
  size        2048 1024
  animated    0
  intrinsic   1500 0 1024 0 0 1400.25 512 0 0 0 1 0 0 0 0 1 \n\
  extrinsic   1 0 0 10 0 -1 0 1500 0 0 -1 4000 0 0 0 1
  radial      0
"""


def test_a_calibration_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "camera.calibration"
    path.write_text(CALIBRATION)

    cameras = read_calibration(path)

    assert list(cameras) == [3]
    camera = cameras[3]
    assert camera.size_WH == (2048, 1024)
    # the file's world has +y up: 1 m up and 2 m towards the camera there is (0, -2000, 1000) in ours
    seen = camera.to_camera([0, -2000, 1000])
    np.testing.assert_allclose(seen, [10, 500, 2000])
    np.testing.assert_allclose(camera.project_camera(seen), [1500 * 0.005 + 1024, 1400.25 * 0.25 + 512])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the camera calibration cannot be read: not enough values to unpack"),
        ("Another file\n", "it begins with 'Another file'"),
        (CALIBRATION.replace("1400.25 ", ""), "cannot reshape array of size 15"),
        (CALIBRATION.replace("  extrinsic", "  other"), "'extrinsic'"),
        (CALIBRATION.replace("0 -1 0 1500", "0 1 0 1500"), "reflection"),
    ],
)
def test_a_bad_calibration_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "camera.calibration"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_calibration(path)


def test_intrinsics_are_found_again() -> None:
    pose_NJ3 = np.array([[[100.0, 200, 1000], [-100, 300, 2000], [50, -400, 1500]]])
    pose_NJ2 = pose_NJ3[..., :2] / pose_NJ3[..., 2:] * [1500, 1400] + [1000, 1050]

    found = fitted_intrinsics(pose_NJ3, pose_NJ2)

    np.testing.assert_allclose(found, [[1500, 0, 1000], [0, 1400, 1050], [0, 0, 1]], rtol=1e-9)
    pose_NJ2[0, 0] = np.nan
    np.testing.assert_allclose(fitted_intrinsics(pose_NJ3, pose_NJ2), found, rtol=1e-9)


def test_one_direction_tells_no_intrinsics() -> None:
    with pytest.raises(DataError, match="too few to tell the camera's focal length"):
        fitted_intrinsics(np.ones((1, 2, 3)), np.ones((1, 2, 2)))


# ---------------------------------------------------------------- labels and frames


def test_labels_are_those_of_the_files_in_the_units_of_the_vocabulary(copy: Path) -> None:
    dataset = opened(copy)
    pose_NJ3, pose_NJ2 = example.seen(1, example.FRAMES)
    clip, indices = named(dataset, "S1 Seq1 1"), np.array([7, 2])

    wanted = pose_NJ3[indices][:, JOINTS]
    np.testing.assert_allclose(dataset.labels("pose", clip, indices), wanted - wanted[:, :1], atol=1e-2)
    pixels = pose_NJ2[indices][:, JOINTS]
    np.testing.assert_allclose(dataset.labels("pose_2d", clip, indices), (2 * pixels + 1) / 64 - 1, atol=1e-5)
    universal = opened(copy, universal=True).labels("pose", clip, indices)
    np.testing.assert_allclose(universal, 0.9 * dataset.labels("pose", clip, indices), atol=1e-2)


def test_a_raised_left_hand_is_the_joint_of_that_name_in_both_sets(copy: Path) -> None:
    dataset = opened(copy)
    for name in ("S1 Seq1 0", "TS1 0"):
        pose_NJ3 = dataset.labels("pose", named(dataset, name), np.array([0, 9]))
        rise_J = pose_NJ3[0, :, 1] - pose_NJ3[1, :, 1]  # y points down
        risen = [HUMAN36M_17.joints[joint] for joint in np.flatnonzero(rise_J > 100)]
        assert risen == ["left_elbow", "left_wrist"]


def test_rotations_turn_a_world_whose_z_is_up(copy: Path) -> None:
    dataset = opened(copy)
    rotation_33 = dataset.labels("rotation", named(dataset, "S1 Seq1 1"), np.array([0]))[0]

    np.testing.assert_allclose(rotation_33 @ [0, 0, 1], [0, -1, 0], atol=1e-6)  # up is against the camera's +y
    assert np.isnan(dataset.labels("rotation", named(dataset, "TS1 0"), np.array([0]))).all()


def test_frames_are_those_of_the_labels(copy: Path) -> None:
    dataset = opened(copy)
    for name, first in (("S3 Seq1 1", 0), ("TS1 0", 1)):  # of TS1 the frames 0 and 5 are not valid
        frames = dataset.frames(named(dataset, name), np.array([4, 0]))
        for frame, number in zip(frames, (4 + 2 * first, first), strict=True):
            green = frame[1].astype(int) - frame[0] > 100
            assert (green == example.person(number)).mean() < 0.01


def test_prepared_frames_are_the_same(copy: Path) -> None:
    plain, prepared = opened(copy), opened(copy, prepared=True)
    for indices in (np.array([5, 2]), np.array([2, 3])):
        np.testing.assert_array_equal(prepared.frames(1, indices), plain.frames(1, indices))


def test_recordings_have_the_rates_that_they_were_filmed_at(copy: Path) -> None:
    dataset = opened(copy, stride=0)  # each fifth

    assert dataset.clips[named(dataset, "S1 Seq1 0")].times_s.tolist() == [0, 0.2, 0.4]
    assert dataset.clips[named(dataset, "S3 Seq1 0")].times_s.tolist() == [0, 0.1, 0.2]
    assert {rate for _, rate in FRAMES.values()} == {25, 50}


def test_3d_labels_project_on_2d_labels(copy: Path) -> None:
    dataset = opened(copy)
    for clip, one in enumerate(dataset.clips):
        projected, labelled = dataset.projection(clip, np.arange(len(one)))
        assert projected.shape == labelled.shape
        assert np.abs(projected - labelled).max() < 1e-3


def test_the_horizon_of_a_level_camera_is_in_the_middle(copy: Path) -> None:
    dataset = opened(copy)

    # principal point in row 32 of 64, whose centre lies at 65 / 64 - 1
    np.testing.assert_allclose(dataset.horizon(0, 0), [(-1, 1 / 64), (1, 1 / 64)], atol=1e-6)
    assert dataset.horizon(named(dataset, "TS1 0"), 0) is None


def test_only_valid_frames_test(copy: Path) -> None:
    dataset = opened(copy)
    times_s = dataset.clips[named(dataset, "TS1 0")].times_s
    np.testing.assert_allclose(25 * times_s, [1, 2, 3, 4, 6, 7, 8, 9, 10, 11])


# ---------------------------------------------------------------- forms


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("imageSequence/video_0", "img_{:06d}.jpg"),
        ("imageFrames/video_0", "frame_{:06d}.jpg"),
        ("imageSequence/video_0", "img_0_{:06d}.jpg"),
        ("imageSequence", "img_0_{:06d}.jpg"),
    ],
)
def test_extracted_pictures_are_found_under_each_of_their_names(own: Path, folder: str, name: str) -> None:
    shutil.rmtree(own / "S6/Seq2/imageSequence")
    example.write_pictures(own / "S6/Seq2" / folder, example.pictures(example.FRAMES), name)
    (own / "S6/Seq2" / folder / name.format(3)).unlink()
    dataset = opened(own, cameras=("0",))

    assert [clip.name for clip in dataset.clips] == ["S6 Seq2 0"]
    np.testing.assert_allclose(25 * dataset.clips[0].times_s, [0, 1, *range(3, 12)])
    green = np.ptp(dataset.frames(0, np.array([2]))[0].astype(int), axis=0) > 100
    assert (green == example.person(3)).mean() < 0.01
    pose_NJ3 = example.seen(0, example.FRAMES)[0][3, JOINTS]
    np.testing.assert_allclose(dataset.labels("pose", 0, np.array([2]))[0], pose_NJ3 - pose_NJ3[0], atol=1e-2)


def test_of_pictures_that_were_thinned_out_before_the_next_best_stay(own: Path) -> None:
    home = own / "S6/Seq2/imageSequence/video_0"
    example.write_pictures(home, example.pictures(example.FRAMES))
    for number in range(example.FRAMES):
        if number % 3:
            (home / f"img_{number + 1:06d}.jpg").unlink()

    # 0, 3, 6 and 9 are there; the first at or after 0 and 5
    np.testing.assert_allclose(25 * opened(own, cameras=("0",), stride=5).clips[0].times_s, [0, 6])


def test_numbers_of_names() -> None:
    def numbers(*names: bytes) -> list[int]:
        return numbered(np.array(names, "S")).tolist()

    assert numbers(b"img_000012.jpg", b"img_000003.jpg") == [12, 3]
    assert numbers(b"img_7_000012.jpg") == [12]
    assert numbers(b"a9.jpg", b"a10.jpeg", b"b.jpg") == [9, 10, 0]
    assert numbers(b"12.jpg", b"03.jpg") == [12, 3]
    assert numbers() == []


# ---------------------------------------------------------------- protocols


def test_protocols_say_who_teaches_and_tests(copy: Path) -> None:
    def splits(protocol: str) -> dict[str, str]:
        return {clip.subject: clip.split for clip in opened(copy, protocol=protocol).clips}

    assert splits("poses") == {"S1": "train", "S3": "train", "S6": "validation", "TS1": "test"}
    assert splits("multi_view") == {"S1": "train", "S3": "train", "S6": "train", "TS1": "test"}
    assert splits("all_data") == dict.fromkeys(("S1", "S3", "S6", "TS1"), "train")
    whole = opened(copy, protocol="all_data")
    assert len(whole.clips[named(whole, "TS1 0")]) == example.FRAMES


def test_the_whole_training_set_has_about_as_many_frames_as_the_paper_says() -> None:
    labelled = sum(frames for (subject, _), (frames, _) in FRAMES.items() if subject not in HELD_OUT)
    assert len(CHEST) * labelled == 853_600  # the paper: 856,400
    assert len(CHEST) * sum(frames for frames, _ in FRAMES.values()) / 5 == pytest.approx(198_096, rel=0.07)


def test_counts_stand_beside_the_papers(copy: Path) -> None:
    inventory = opened(copy, stride=0).inventory()

    assert [(found.subject, found.takes, found.cameras, found.frames) for found in inventory.found] == [
        ("S1", 1, ("0", "1"), 24),
        ("S3", 1, ("0", "1"), 24),
        ("S6", 1, ("0", "1"), 24),
        ("TS1", 1, ("0",), 10),
    ]
    assert [(count.ours, count.paper) for count in inventory.counts] == [(18, 198_096), (48, 856_400), (10, 2207)]
    assert opened(copy, protocol="all_data").inventory().counts[-1].paper == 202_905
    missing = ("S1 Seq2: nothing of this recording", "S2: nothing of this subject", "TS2: nothing of this subject")
    assert set(missing) <= set(inventory.missing)
    assert inventory.register.startswith("https://vcai.mpi-inf.mpg.de/")


# ---------------------------------------------------------------- masks and other backgrounds


def test_masks_are_the_first_channel_inverted() -> None:
    picture = np.array([0, 90, 255], np.uint8).reshape(1, 3, 1, 1)
    assert subject_of(picture).ravel().tolist() == [255]


def test_masks_are_those_of_the_frames(copy: Path) -> None:
    dataset = opened(copy, masks=True)
    mask_N1HW = dataset.labels("true_mask", named(dataset, "S1 Seq1 0"), np.array([8, 3]))

    assert mask_N1HW.shape == (2, 1, 64, 64)
    for mask, number in zip(mask_N1HW, (8, 3), strict=True):
        assert ((mask[0] > 127) != example.person(number)).mean() < 0.01
    with pytest.raises(DataError, match="there are no masks of this clip"):
        dataset.labels("true_mask", named(dataset, "TS1 0"), np.array([0]))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (64, 64), (200, 0, 0)).save(folder / "red.png")
    return folder


def test_subjects_are_pasted_on_pictures_that_are_their_background(copy: Path, pictures: Path) -> None:
    dataset = opened(copy, paste_on=str(pictures))
    clip, indices = named(dataset, "S1 Seq1 0"), np.array([6])

    frame, behind = dataset.frames(clip, indices)[0], dataset.labels("background", clip, indices)

    assert behind.shape == (1, 3, 64, 64)
    assert (behind[0, 0] == 200).all()
    person = example.person(6)
    assert np.abs(frame[:, person].astype(int) - 128).mean() < 10
    outside = frame[:, ~person].astype(int)
    assert np.abs(outside - np.array([[200], [0], [0]])).mean() < 10


def test_what_has_no_masks_keeps_its_own_background(copy: Path, pictures: Path) -> None:
    dataset, plain = opened(copy, paste_on=str(pictures)), opened(copy)
    clip, indices = named(dataset, "TS1 0"), np.arange(10)

    np.testing.assert_array_equal(dataset.frames(clip, indices), plain.frames(clip, indices))
    behind = dataset.labels("background", clip, indices)[0]
    assert np.abs(behind[:, 50:] - np.array([0, 200, 0]).reshape(3, 1, 1)).mean() < 10


def test_masks_that_do_not_fit_are_not_used(tmp_path: Path, pictures: Path) -> None:
    example.write_recording(tmp_path / "copy/S4/Seq2", rows=example.FRAMES)
    dataset, plain = opened(tmp_path / "copy", paste_on=str(pictures)), opened(tmp_path / "copy")

    np.testing.assert_array_equal(dataset.frames(0, np.array([2])), plain.frames(0, np.array([2])))


def test_labels_are_declared_where_options_give_them() -> None:
    def labels(**options: object) -> tuple[str, ...]:
        return known(MpiInf3dhpOptions.model_validate({"root": "a", **options}))

    assert labels() == ("pose", "pose_2d", "true_box", "rotation")
    assert labels(masks=True)[4:] == ("true_mask",)
    assert labels(paste_on="b")[4:] == ("background",)


# ---------------------------------------------------------------- bad copies


def test_a_frame_washed_out_by_a_flash_is_left_out_and_told(own: Path, caplog: pytest.LogCaptureFixture) -> None:
    example.write_video(own / "S6/Seq2/imageSequence/video_0.avi", example.pictures(12, flash=(4,)), 25)
    dataset = opened(own, cameras=("0",))

    with caplog.at_level(logging.WARNING, "poserep"):
        frames = dataset.frames(0, np.arange(12))

    assert (frames.min(axis=1) < 240).any(axis=(1, 2)).all()
    assert any(np.array_equal(frames[4], frames[near]) for near in (3, 5))
    assert sum("frame 4: it cannot be read or must not be shown" in message for message in caplog.messages) == 1
    shown = opened(own, cameras=("0",), flash=1.0).frames(0, np.array([4]))
    assert shown.min() > 240


def test_a_flash_by_hand() -> None:
    frame_3HW = np.full((3, 2, 4), 245, np.uint8)
    frame_3HW[2, 0] = 100  # half of it is yellow
    assert washed_out(frame_3HW, 0.4)
    assert not washed_out(frame_3HW, 0.5)


def test_of_video_and_annotation_the_shorter_counts_and_a_short_video_is_told(own: Path) -> None:
    example.write_video(own / "S6/Seq2/imageSequence/video_1.avi", example.pictures(6), 25)
    dataset = opened(own, subjects=("S6",))

    assert [len(clip) for clip in dataset.clips] == [12, 6]
    assert dataset.inventory().missing == (
        "S6 Seq1: nothing of this recording",
        "S6 Seq2, camera 1: no picture for 6 of 12 labels",
    )
    example.write_video(own / "S6/Seq2/imageSequence/video_1.avi", example.pictures(20), 25)
    assert [len(clip) for clip in opened(own, subjects=("S6",)).clips] == [12, 12]


def test_a_camera_that_is_not_there_is_told(own: Path) -> None:
    (own / "S6/Seq2/camera.calibration").write_text(example.calibration(cameras=1))
    dataset = opened(own, cameras=("0", "1", "2"))

    assert [clip.name for clip in dataset.clips] == ["S6 Seq2 0"]
    assert {"S6 Seq2, camera 1: not in camera.calibration", "S6 Seq2, camera 2: no video and no pictures"} <= set(
        dataset.inventory().missing
    )
    with pytest.raises(DataError, match="there is no camera '14'"):
        opened(own, cameras=("14",))


def test_labels_of_too_few_cameras_are_refused(own: Path) -> None:
    example.write_annotation(own / "S6/Seq2/annot.mat", example.FRAMES, cameras=12)

    with pytest.raises(DataError, match="annot3 is of 12 cameras, 14 are wanted") as caught:
        opened(own).labels("pose", 0, np.array([0]))
    assert caught.value.where == str(own / "S6/Seq2/annot.mat")


def test_a_truncated_annotation_costs_its_recording_only(own: Path) -> None:
    example.write_recording(own / "S6/Seq1", rows=example.FRAMES)
    path = own / "S6/Seq1/annot.mat"
    path.write_bytes(path.read_bytes()[:200])
    dataset = opened(own)

    assert {clip.take for clip in dataset.clips} == {"S6 Seq2"}
    assert any(line.startswith("S6 Seq1: the MATLAB file cannot be read") for line in dataset.inventory().missing)


def test_a_truncated_test_sequence_is_told(tmp_path: Path) -> None:
    example.write_held_out(tmp_path / "TS1")
    example.write_held_out(tmp_path / "TS2")
    path = tmp_path / "TS1/annot_data.mat"
    path.write_bytes(path.read_bytes()[:3000])
    dataset = opened(tmp_path)

    assert [clip.name for clip in dataset.clips] == ["TS2 0"]
    assert any(line.startswith("TS1: the HDF5 file cannot be read") for line in dataset.inventory().missing)


def test_a_subject_that_is_not_there_is_refused(own: Path) -> None:
    with pytest.raises(DataError) as caught:
        opened(own, subjects=("S6", "S2"))
    assert str(caught.value) == (
        f"this copy of MPI-INF-3DHP has nothing of the subject 'S2' that could be read\n  at   {own}\n"
        "  hint of those asked for there is: S6; the data are at https://vcai.mpi-inf.mpg.de/3dhp-dataset"
    )


def test_no_copy_is_refused(tmp_path: Path) -> None:
    for folder, message in ((tmp_path, "no copy of MPI-INF-3DHP"), (tmp_path / "none", "no such folder")):
        with pytest.raises(DataError, match=message):
            opened(folder)
