import logging
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

import poserep
from poserep.core.errors import ConfigError, DataError, PoserepError
from poserep.core.interfaces import Context, declared
from poserep.core.skeleton import SKELETONS, convert
from poserep.plugins.datasets.diving import dataset as module
from poserep.plugins.datasets.diving.dataset import Diving, DivingOptions, build
from poserep.plugins.datasets.diving.example import FRAMES, SIZE_WH, write_example

EVERY = np.arange(FRAMES)
ALL = ("pose", "rotation", "pose_2d", "true_box", "background")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dives")
    write_example(folder)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def open_dives(folder: Path, **options: object) -> Diving:
    values = {"root": str(folder), "height": 32, **options}
    return build(DivingOptions.model_validate(values), Context(crop_size=32))


def error_of(folder: Path, **options: object) -> str:
    with pytest.raises(PoserepError) as caught:
        open_dives(folder, **options)
    return str(caught.value)


def column(folder: Path, name: str) -> np.ndarray:
    with h5py.File(folder / "labels.h5") as file:
        return np.array(file[name])


def change(folder: Path, name: str, values: object) -> None:
    with h5py.File(folder / "labels.h5", "r+") as file:
        del file[name]
        if values is not None:
            file[name] = values


def splits(dives: Diving) -> dict[str, str]:
    return {clip.take: clip.split for clip in dives.clips}


# ---------------------------------------------------------------- values


def test_every_label_of_a_whole_set(whole: Path) -> None:
    dives = open_dives(whole, labels=ALL)
    assert dives.frame_size == (32, 48)
    np.testing.assert_allclose(dives.clips[0].times_s, EVERY / 25)
    for clip in range(len(dives.clips)):
        projected, labelled = dives.projection(clip, EVERY)
        assert np.abs(projected - labelled).max() < 1e-3
    np.testing.assert_allclose(dives.horizon(0, 0), [(-1, 0), (1, 0)], atol=1e-9)  # the first camera looks level
    box_N4 = dives.labels("true_box", 0, EVERY)
    joints = dives.labels("pose_2d", 0, EVERY)
    low, high = box_N4[:, 2:] - box_N4[:, :2], box_N4[:, 2:] + box_N4[:, :2]
    inside = (np.abs(joints) <= 1).all(axis=(1, 2))
    assert inside.any()
    assert (joints.min(axis=1) > low)[inside].all()
    assert (joints.max(axis=1) < high)[inside].all()


def test_where_poses_are_about_the_pelvis_it_is_put_where_it_is_seen(copy: Path) -> None:
    pose = column(copy, "3D")
    change(copy, "3D", pose - pose[:, :1])
    projected, labelled = open_dives(copy, labels=ALL).projection(3, EVERY)
    assert np.abs(projected - labelled).max() < 1e-3


def test_poses_before_the_camera_are_centred(whole: Path) -> None:
    got = open_dives(whole).labels("pose", 0, np.array([2]))[0]
    stored = column(whole, "3D")[2]
    np.testing.assert_allclose(got, 1000 * (stored - stored[0]), atol=1e-3)
    assert np.abs(stored[0]).max() > 1  # the example's are not about the pelvis


def test_thirteen_joints_are_read_and_seventeen_become_thirteen(copy: Path) -> None:
    from_17 = open_dives(copy, skeleton="body_13").labels("pose", 0, EVERY)
    assert from_17.shape == (FRAMES, 13, 3)
    change(copy, "3D", convert(column(copy, "3D"), "human36m_17", "body_13"))
    change(copy, "2D", convert(column(copy, "2D"), "human36m_17", "body_13"))
    dives = open_dives(copy, skeleton="body_13", labels=ALL)
    np.testing.assert_allclose(dives.labels("pose", 0, EVERY), from_17, atol=1e-3)
    assert dives.skeleton == SKELETONS["body_13"]
    assert "asked for as human36m_17, but 3D has 13, 2D has 13 joints" in error_of(copy, labels=ALL)


def test_the_background_is_the_picture_beside_the_frames(copy: Path) -> None:
    dives = open_dives(copy, labels=ALL)
    background = dives.labels("background", 1, EVERY[:1])
    assert background.shape == (1, 3, 32, 48)
    assert abs(int(background[0, 0, 5, 5]) - 60) <= 1
    (copy / "seq_000/cam_01/bg.jpg").unlink()
    assert "no picture of the empty scene" in error_of(copy, labels=ALL)
    assert len(open_dives(copy).clips) == 10


@pytest.mark.parametrize("suffix", [".png", ".jpeg", ".JPG", ".bmp", ".tif", ".webp"])
def test_pictures_may_be_of_many_kinds_and_numbered_with_fewer_zeros(copy: Path, suffix: str) -> None:
    home = copy / "seq_000/cam_00"
    for file in home.glob("img_*.png"):
        Image.open(file).save(home / f"frame_{int(file.stem[4:])}{suffix}")
        file.unlink()
    dives = open_dives(copy)
    assert len(dives.clips[0]) == FRAMES
    assert abs(int(dives.frames(0, np.array([7]))[0, 0, 0, 0]) - 60) <= 4


def test_prepared_frames_are_those_of_the_pictures(copy: Path) -> None:
    in_place = open_dives(copy).frames(1, EVERY)
    prepared = open_dives(copy, prepared=True)
    np.testing.assert_array_equal(prepared.frames(1, EVERY[::-1])[::-1], in_place)
    np.testing.assert_array_equal(open_dives(copy, prepared=True).frames(1, EVERY), in_place)


def test_what_the_set_has_is_what_it_declares(whole: Path) -> None:
    options = DivingOptions(root=str(whole), labels=("rotation",))
    got: list[module.Component] = []
    module.poserep_register(got.append)
    assert declared(got[0].writes, options) == ("rotation",)
    assert got[0].facts(options) == {}
    dives = open_dives(whole, labels=("rotation",))
    assert dives.skeleton is None
    with pytest.raises(DataError, match="no label 'pose'") as caught:
        dives.labels("pose", 0, EVERY)
    assert "dataset.labels" in caught.value.hint


# ---------------------------------------------------------------- who trains


def test_a_split_by_divers_holds_one_out_whole(whole: Path) -> None:
    dives = open_dives(whole)
    assert splits(dives) == {
        **{"seq_000": "train", "seq_001": "validation", "seq_002": "train"},
        **{"seq_003": "test", "seq_004": "test"},
    }
    counts = [(count.ours, count.paper) for count in open_dives(whole, stride=3).inventory().counts]
    assert counts == [(4 * FRAMES, 2419), (2 * FRAMES, 2288), (4 * FRAMES, 2112)]
    turned = splits(open_dives(whole, test_subjects=(1,)))
    assert turned["seq_000"] == "test"
    assert turned["seq_004"] == "validation"


def test_a_split_by_dives_has_every_diver_in_training_and_test(whole: Path) -> None:
    assert splits(open_dives(whole, protocol="dive")) == {
        **{"seq_000": "train", "seq_001": "test", "seq_002": "train"},
        **{"seq_003": "train", "seq_004": "test"},
    }
    assert [count.paper for count in open_dives(whole, protocol="dive").inventory().counts] == [2789, 1278, 2724]
    assert set(splits(open_dives(whole, protocol="all")).values()) == {"train"}
    assert open_dives(whole, protocol="all").inventory().counts[0].paper == 16_469


def test_of_five_dives_two_train_two_test_and_one_validates(copy: Path) -> None:
    change(copy, "subj", np.ones(len(column(copy, "subj"))))
    got = list(splits(open_dives(copy, protocol="dive")).values())
    assert got == ["train", "test", "train", "test", "validation"]
    with pytest.raises(ConfigError, match="a split by divers needs some that test"):
        open_dives(copy)


def test_divers_that_are_not_there_cannot_test(whole: Path) -> None:
    assert "dataset.test_subjects = [9]" in error_of(whole, test_subjects=(9,))
    assert "dataset.test_subjects = [1, 2]" in error_of(whole, test_subjects=(1, 2))
    assert "there is no subject 9" in error_of(whole, subjects=(9,))


# ---------------------------------------------------------------- what a user's set may lack


def test_frames_without_a_pose_are_left_out_or_train(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    pose = column(copy, "3D")
    pose[:5] = np.nan  # of the first view, which trains
    pose[-1, 3, 1] = np.nan  # of the last, which tests
    change(copy, "3D", pose)
    with caplog.at_level(logging.WARNING, "poserep"):
        dives = open_dives(copy)
    assert "6 frames without a whole 3D pose are left out" in caplog.text
    assert (len(dives.clips[0]), len(dives.clips[-1])) == (FRAMES - 5, FRAMES - 1)
    np.testing.assert_allclose(dives.clips[0].times_s, EVERY[5:] / 25)
    kept = open_dives(copy, unlabelled="train")
    assert (len(kept.clips[0]), len(kept.clips[-1])) == (FRAMES, FRAMES - 1)
    assert np.isnan(kept.labels("pose", 0, EVERY[:5])).all()
    assert len(open_dives(copy, labels=("rotation",)).clips[-1]) == FRAMES
    change(copy, "3D", pose * np.nan)
    assert "no frame has a 3D pose" in error_of(copy)


def test_the_frame_rate_comes_from_the_table_or_an_option(copy: Path) -> None:
    assert open_dives(copy, fps=50.0).clips[0].times_s[1] == pytest.approx(0.02)
    change(copy, "fps", np.zeros(len(column(copy, "fps"))))
    assert "fps must be above 0" in error_of(copy)
    change(copy, "fps", None)
    assert "dataset.fps" in error_of(copy)
    assert open_dives(copy, fps=50.0).clips[0].times_s[1] == pytest.approx(0.02)


def test_a_set_without_lenses_is_read_but_cannot_be_projected(copy: Path) -> None:
    change(copy, "cam_intrinsic", None)
    dives = open_dives(copy, labels=ALL)
    assert dives.labels("pose", 0, EVERY).shape == (FRAMES, 17, 3)
    assert np.isnan(dives.projection(0, EVERY)).all()
    assert dives.horizon(0, 0) is None
    with pytest.raises(DataError, match="without the column 'cam_intrinsic'"):
        dives.cameras(0)


def test_a_label_without_its_column_names_it(copy: Path) -> None:
    change(copy, "2D", None)
    assert "no column '2D'" in error_of(copy, labels=ALL)
    assert "no column '2D'" not in str(open_dives(copy).clips)


def test_a_file_that_was_cut_short_or_is_none_is_one_message(copy: Path) -> None:
    path = copy / "labels.h5"
    path.write_bytes(path.read_bytes()[:3000])
    assert str(path) in error_of(copy)
    path.write_text("no table")
    assert "not an HDF5 file" in error_of(copy)
    path.unlink()
    assert "no such file" in error_of(copy)


def test_cameras_of_another_shape_are_not_squeezed_into_one_frame(copy: Path) -> None:
    for file in (copy / "seq_002/cam_01").glob("img_*"):
        Image.open(file).resize((SIZE_WH[1], SIZE_WH[0])).save(file)
    assert "its pictures are 64x96, those of seq_000/cam_00 96x64" in error_of(copy)
    assert len(open_dives(copy, cameras=(0,)).clips) == 5


def test_the_table_of_the_documentation_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(poserep.__file__).parent / "docs/datasets.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(import h5py.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    for dive in range(2):
        for camera in range(2):
            home = tmp_path / f"seq_{dive:03d}/cam_{camera:02d}"
            home.mkdir(parents=True)
            for frame in range(50):
                Image.new("RGB", (4, 4)).save(home / f"img_{frame:06d}.png")
    dives = open_dives(tmp_path)
    assert [(clip.subject, len(clip), clip.split) for clip in dives.clips] == [
        *[("1", 50, "train")] * 2,
        *[("2", 50, "test")] * 2,
    ]


def test_a_broken_first_picture_does_not_hide_the_size(copy: Path) -> None:
    home = copy / "seq_000/cam_00"
    (home / "img_000000.png").write_bytes(b"")
    assert open_dives(copy).frame_size == (32, 48)
    for file in home.glob("img_*"):
        file.write_bytes(b"")
    assert "cannot be read" in error_of(copy)
