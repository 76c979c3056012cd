import logging
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poserep.core.errors import DataError
from poserep.core.interfaces import Context
from poserep.core.skeleton import SKELETONS
from poserep.media.camera import Camera
from poserep.plugins.datasets.standing import draw_person
from poserep.plugins.datasets.threedpw.dataset import SHARED, ThreeDPW, ThreeDPWOptions, build
from poserep.plugins.datasets.threedpw.example import FRAMES, INVALID, python2_pickle, told_of, write_example
from poserep.plugins.datasets.threedpw.letterbox import Letterbox
from poserep.plugins.datasets.threedpw.sequence import TO_Y_UP_33, read_sequence

VALID = np.delete(np.arange(FRAMES), INVALID)
WALK = "sequenceFiles/train/street_walk_00.pkl"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("threedpw")
    write_example(folder)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def open_3dpw(folder: Path, **options: object) -> ThreeDPW:
    values = {"root": str(folder), "height": 32, **options}
    return build(ThreeDPWOptions.model_validate(values), Context(crop_size=32))


def error_of(folder: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        open_3dpw(folder, **options)
    return str(caught.value)


def rewrite(folder: Path, **fields: Any) -> None:
    """Replace fields of the first sequence; None takes one away."""
    told = told_of("street_walk_00", (96, 54), 1) | fields
    kept = {name: value for name, value in told.items() if value is not None}
    (folder / WALK).write_bytes(python2_pickle(kept))


# ---------------------------------------------------------------- values


def by_hand(folder: Path) -> Path:
    """One frame of one person: the world's y is up, the camera looks along its -z."""
    extrinsics = np.diag([1.0, -1, -1, 1])[None].copy()
    extrinsics[0, :3, 3] = [0, 1, 9]
    joints = np.tile([1.0, 2, 3], 24)[None]
    joints[0, 3:6] = [1.5, 2, 3]  # the left hip
    found = np.zeros((1, 3, 18))
    found[0, :, 11] = [1260, 340, 0.8]
    told = {
        **{"jointPositions": [joints], "poses2d": [found], "campose_valid": [np.ones(1, np.uint8)]},
        "cam_poses": extrinsics,
        "cam_intrinsics": np.array([[1200.0, 0, 960], [0, 1200, 540], [0, 0, 1]]),
    }
    path = folder / "sequenceFiles/train/one.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(python2_pickle(told))
    draw_person(folder / "imageFiles/one/image_00000.jpg", (1920, 1080), np.zeros((1, 2)), 30)
    return folder


def test_a_frame_worked_out_by_hand(tmp_path: Path) -> None:
    dataset = open_3dpw(by_hand(tmp_path), skeleton="smpl_24", height=64)
    first = np.array([0])
    # joints are R (1, 2, 3) + (0, 1, 9) = (1, -1, 6) m before the camera, the left hip half a metre to the right
    pose = dataset.labels("pose", 0, first)[0]
    np.testing.assert_allclose(pose[1], [500, 0, 0], atol=1e-3)
    np.testing.assert_allclose(np.delete(pose, 1, axis=0), 0, atol=1e-3)
    projected, labelled = dataset.projection(0, first)
    hip = SHARED.index("left_hip")
    np.testing.assert_allclose(projected[0, hip], [1200 * 1.5 / 6 + 960, 1200 * -1 / 6 + 540])
    np.testing.assert_allclose(labelled[0, hip], [1260, 340])
    assert np.isnan(np.delete(labelled[0], hip, axis=0)).all()  # OpenPose found nothing else
    # the picture takes 36 of 64 rows, from row 14 on
    x, y = (1160.5 / 1920) * 64, (340.5 / 1080) * 36 + 14
    np.testing.assert_allclose(dataset.labels("pose_2d", 0, first)[0, 0], [x / 32 - 1, y / 32 - 1], rtol=1e-5)
    # the world that others see has z up: the camera looks along +y
    np.testing.assert_allclose(dataset.labels("rotation", 0, first)[0], [[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    np.testing.assert_allclose(dataset.horizon(0, 0), [(-1, 1 / 1080 * 36 / 64), (1, 1 / 1080 * 36 / 64)], atol=1e-9)


def test_the_turn_from_z_up_to_y_up_is_a_rotation_that_keeps_up_upwards() -> None:
    np.testing.assert_allclose(TO_Y_UP_33 @ [0, 0, 1], [0, 1, 0])
    np.testing.assert_allclose(TO_Y_UP_33 @ TO_Y_UP_33.T, np.eye(3))
    assert np.linalg.det(TO_Y_UP_33) == pytest.approx(1)


def test_joints_project_onto_what_was_found(whole: Path) -> None:
    dataset = open_3dpw(whole)
    for clip in range(len(dataset.clips)):
        projected, labelled = dataset.projection(clip, np.arange(len(VALID)))
        known = np.isfinite(labelled)
        assert known.mean() > 0.9
        assert np.abs(projected - labelled)[known].max() < 1e-3
        assert np.isnan(labelled[3]).all()  # nothing was found there


def test_each_frame_has_a_camera_of_its_own(whole: Path) -> None:
    dataset = open_3dpw(whole)
    cameras = dataset.cameras(0)
    assert len(cameras) == len(VALID)
    assert not np.allclose(cameras[0].translation_3, cameras[-1].translation_3)
    np.testing.assert_allclose(cameras[4].rotation_33, dataset.labels("rotation", 0, np.array([4]))[0], atol=1e-6)


def test_left_is_left_in_every_skeleton(whole: Path) -> None:
    for name in ("human36m_17", "smpl_24", "common_14", "body_13"):
        dataset = open_3dpw(whole, skeleton=name)
        pose = dataset.labels("pose", 0, np.array([0]))[0] @ dataset.labels("rotation", 0, np.array([0]))[0]
        np.testing.assert_allclose(SKELETONS[name].left_axis(pose), [1, 0, 0], atol=1e-5)


def test_pictures_are_numbered_as_rows_and_not_as_the_video_of_60_hz(whole: Path) -> None:
    got = open_3dpw(whole, orientation="landscape").frames(0, np.array([6, 7, 20]))[:, 0, 0, 0]
    np.testing.assert_allclose(got, [5 * 6, 5 * 8, 5 * 21], atol=2)  # each is as grey as its row; row 7 has no camera


# ---------------------------------------------------------------- shapes of pictures


def test_a_lying_picture_has_bars_above_and_below() -> None:
    box = Letterbox((1920, 1080), (64, 64))
    assert (box.inner_HW, box.corner_YX) == ((36, 64), (14, 0))
    np.testing.assert_allclose(box.framed(np.array([959.5, 539.5])), [0, 0])
    np.testing.assert_allclose(box.framed(np.array([-0.5, -0.5])), [-1, 2 * 14 / 64 - 1])
    upright = Letterbox((1080, 1920), (64, 64))
    assert (upright.inner_HW, upright.corner_YX) == ((64, 36), (0, 14))
    assert Letterbox((1920, 1080), (36, 64)).corner_YX == (0, 0)


@settings(deadline=None)
@given(st.integers(3, 400), st.integers(3, 400), st.integers(2, 90), st.integers(2, 90))
def test_the_camera_of_the_frame_sees_where_the_frame_shows(width: int, height: int, high: int, wide: int) -> None:
    box = Letterbox((width, height), (high, wide))
    camera = Camera.look_at((0, -4000, 500), (0, 0, 0), 300, (width, height))
    points = np.array([[0.0, 0, 0], [300, 50, -200], [-900, 10, 700]])
    framed = box.camera(camera)
    np.testing.assert_allclose(framed.to_frame(framed.project(points)), box.framed(camera.project(points)), atol=1e-9)
    (inner_h, inner_w), (top, left) = box.inner_HW, box.corner_YX
    assert top >= 0
    assert left >= 0
    assert top + inner_h <= high
    assert left + inner_w <= wide


def test_both_orientations_share_a_square_frame_or_one_is_chosen(whole: Path) -> None:
    both = open_3dpw(whole)
    assert both.frame_size == (32, 32)
    lying, upright = both.frames(0, np.array([20]))[0], both.frames(2, np.array([20]))[0]
    assert lying[:, :7].max() == 0
    assert lying[:, 7:25, :3].min() > 0
    assert upright[:, :, :7].max() == 0
    landscape = open_3dpw(whole, orientation="landscape")
    assert landscape.frame_size == (32, 56)
    assert [clip.name for clip in landscape.clips] == ["street_walk_00", "park_sit_00"]
    assert open_3dpw(whole, orientation="portrait").frame_size == (32, 18)
    assert "no landscape sequence" in error_of(whole, orientation="landscape", sequences=("yard_climb_00",))


def test_prepared_frames_have_the_same_bars(whole: Path) -> None:
    rows = np.array([3, 30])
    for clip in (0, 2):
        np.testing.assert_array_equal(
            open_3dpw(whole, prepared=True).frames(clip, rows), open_3dpw(whole).frames(clip, rows)
        )


# ---------------------------------------------------------------- who is seen


def test_sequences_with_one_person_are_read_unless_everyone_is_wanted(whole: Path) -> None:
    single = open_3dpw(whole)
    assert {clip.name: clip.split for clip in single.clips} == {
        **{"street_walk_00": "train", "park_sit_00": "validation", "yard_climb_00": "test"},
    }
    everyone = open_3dpw(whole, protocol="everyone")
    assert [clip.name for clip in everyone.clips if clip.take == "yard_talk_00"] == ["yard_talk_00/0", "yard_talk_00/1"]
    first, second = (everyone.projection(clip, np.array([0]))[0].mean() for clip in (1, 2))
    assert second > first  # the second stands a metre to the right
    assert everyone.inventory().counts == ()


def test_frames_whose_camera_failed_are_left_out(whole: Path) -> None:
    np.testing.assert_allclose(open_3dpw(whole).clips[0].times_s, VALID / 30)
    assert len(open_3dpw(whole, invalid_cameras=True).clips[0]) == FRAMES


def test_the_inventory_counts_beside_the_paper(whole: Path) -> None:
    told = open_3dpw(whole, stride=2, orientation="portrait").inventory()
    assert [(count.ours, count.paper) for count in told.counts] == [(39, 12_265), (39, 14_803)]
    assert [(one.subject, one.takes, one.frames) for one in told.found] == [("test", 1, 20)]
    assert told.missing == ()


# ---------------------------------------------------------------- bad copies


class Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harmed",)


def test_a_pickle_with_code_in_it_is_refused_and_not_run(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    (copy / WALK).write_bytes(pickle.dumps({"cam_poses": Code()}, protocol=2))
    assert "street_walk_00.pkl" in error_of(copy)
    assert not (copy / "harmed").exists()


def test_a_pickle_that_was_cut_short_or_is_something_else_is_one_message(copy: Path) -> None:
    whole = (copy / WALK).read_bytes()
    (copy / WALK).write_bytes(whole[: len(whole) // 2])
    assert "street_walk_00.pkl" in error_of(copy)
    (copy / WALK).write_bytes(pickle.dumps([1, 2], protocol=2))
    assert "no sequence of 3DPW" in error_of(copy)


def test_a_lacking_field_and_fields_of_unequal_length_are_named(copy: Path) -> None:
    rewrite(copy, cam_poses=None)
    assert "no 'cam_poses'" in error_of(copy)
    rewrite(copy, campose_valid=[np.ones(FRAMES - 1)])
    assert f"cam_poses has {FRAMES}, jointPositions has {FRAMES}, campose_valid has {FRAMES - 1}" in error_of(copy)
    rewrite(copy, jointPositions=[np.zeros((FRAMES, 71))])
    assert "'jointPositions' of person 0 is no N x 24 x 3 numbers" in error_of(copy)
    rewrite(copy, campose_valid=[])
    assert "'campose_valid' of person 0" in error_of(copy)


def test_the_readme_s_name_of_the_2d_joints_is_read_too(copy: Path) -> None:
    told = told_of("street_walk_00", (96, 54), 1)
    rewrite(copy, poses2d=None, poses2D=told["poses2d"])
    assert len(read_sequence(copy / WALK).people) == 1


def test_a_copy_without_a_split_works_and_says_so(copy: Path) -> None:
    shutil.rmtree(copy / "sequenceFiles/test")
    dataset = open_3dpw(copy)
    assert {clip.split for clip in dataset.clips} == {"train", "validation"}
    assert dataset.inventory().missing == ("sequenceFiles/test",)


def test_an_empty_folder_names_the_page_to_register_at(tmp_path: Path) -> None:
    assert "virtualhumans" in error_of(tmp_path)


def test_missing_pictures_are_counted_and_left_out(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(copy / "imageFiles/park_sit_00")
    for row in (0, 5, FRAMES - 1):
        (copy / f"imageFiles/street_walk_00/image_{row:05d}.jpg").unlink()
    with caplog.at_level(logging.WARNING, "poserep"):
        dataset = open_3dpw(copy, orientation="landscape")
    assert dataset.inventory().missing == ("imageFiles/street_walk_00: 3 of 40 pictures", "imageFiles/park_sit_00")
    assert "3 of 40 frames have no picture" in caplog.text
    assert len(dataset.clips[0]) == FRAMES - 4
    np.testing.assert_allclose(dataset.frames(0, np.array([4]))[0, 0, 0, 0], 5 * 6, atol=2)
    shutil.rmtree(copy / "imageFiles")
    assert "no sequence is left that has pictures" in error_of(copy)


def test_sequences_are_chosen_by_name(whole: Path) -> None:
    assert [clip.name for clip in open_3dpw(whole, sequences=("park_sit_00",)).clips] == ["park_sit_00"]
    assert "did you mean 'park_sit_00'" in error_of(whole, sequences=("park_sit",))
    assert "protocol=everyone" in error_of(whole, sequences=("yard_talk_00",))


def test_the_index_keeps_no_labels(whole: Path) -> None:
    dataset = open_3dpw(whole)
    assert dataset._content.cache_info().currsize == 0
