import logging
import os
import shutil
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.interfaces import Context
from poserep.core.skeleton import HUMAN36M_17
from poserep.plugins.datasets.h36m import example
from poserep.plugins.datasets.h36m.camera import CAMERAS, H36mCamera, distort, read_metadata, turned
from poserep.plugins.datasets.h36m.dataset import H36m, H36mOptions

FIRST, SECOND = CAMERAS[:2]
JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]


def opened(root: Path, **options: object) -> H36m:
    values = {"root": str(root), "protocol": "every_frame", "height": 50, **options}
    return H36m(H36mOptions.model_validate(values), Context(crop_size=32))


def named(dataset: H36m, name: str) -> int:
    return [clip.name for clip in dataset.clips].index(name)


def every(dataset: H36m, clip: int) -> np.ndarray:
    return np.arange(len(dataset.clips[clip]))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only: S1 with two takes, S9 with one, two cameras."""
    root = tmp_path_factory.mktemp("copy") / "h36m"
    example.write_raw(root)
    return root


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """One take of S1 by two cameras, to be spoilt."""
    example.write_raw(tmp_path / "h36m", takes={"S1": ("Walking 1",)})
    return tmp_path / "h36m"


# ---------------------------------------------------------------- camera


def test_distortion_by_hand() -> None:
    # r^2 = 0.3125; radial 1 + 0.03125 + 0.01953125 + 0.0091552734375; tangential 0.01 * -0.25 + 0.02 * 0.5 = 0.0075
    bent = distort(np.array([0.5, -0.25]), np.array([0.1, 0.2, 0.3]), np.array([0.01, 0.02]))

    scale = 1.0599365234375 + 0.0075
    np.testing.assert_allclose(bent, [0.5 * scale + 0.02 * 0.3125, -0.25 * scale + 0.01 * 0.3125], rtol=1e-12)


def test_a_lens_without_distortion_bends_nothing() -> None:
    rays = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(distort(rays, np.zeros(3), np.zeros(2)), rays)


def test_the_middle_of_the_image_stays_where_it_is() -> None:
    np.testing.assert_array_equal(distort(np.zeros(2), np.ones(3), np.ones(2)), [0, 0])


def test_angles_turn_about_x_after_y_after_z() -> None:
    quarter = np.pi / 2
    # z first: x goes to y; then about x: y goes to z
    np.testing.assert_allclose(turned(np.array([quarter, 0, quarter])) @ [1, 0, 0], [0, 0, 1], atol=1e-12)
    # y: z goes to x
    np.testing.assert_allclose(turned(np.array([0, quarter, 0])) @ [0, 0, 1], [1, 0, 0], atol=1e-12)


def test_a_camera_by_hand() -> None:
    # 2 m before the origin on -y, 1 m up, looking along +y
    lens = H36mCamera(
        turned(np.array([np.pi / 2, 0, 0])),
        np.array([0, -2000.0, 1000.0]),
        np.array([1000.0, 500.0]),
        np.array([500.0, 400.0]),
        np.zeros(3),
        np.zeros(2),
    )

    seen = lens.to_camera(np.array([100.0, 0, 1200.0]))

    np.testing.assert_allclose(seen, [100, -200, 2000], atol=1e-9)
    np.testing.assert_allclose(lens.project_camera(seen), [550, 350])
    assert np.isnan(lens.project_camera(np.array([0.0, 0, -1]))).all()


def test_metadata_is_found_at_its_places(tmp_path: Path) -> None:
    path = tmp_path / "metadata.xml"
    path.write_text(f"<a><b><w0>[{' '.join(map(str, range(300)))}]</w0></b></a>")

    found = read_metadata(path)

    assert len(found) == 44
    # second camera, fifth subject: 6 * (1 * 11 + 4) = 90; its lens begins at 264 + 9
    lens = found["S5", SECOND]
    np.testing.assert_array_equal(lens.rotation_33, turned(np.array([90, 91, 92])))
    assert lens.centre_3.tolist() == [93, 94, 95]
    assert [*lens.focal_2, *lens.middle_2, *lens.radial_3, *lens.tangential_2] == list(range(273, 282))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no xml", "this is not Human3.6M's metadata: syntax error"),
        ("<a/>", "this is not Human3.6M's metadata: list index out of range"),
        ("<a><w0>[1 2]</w0></a>", "<w0> holds 2 numbers, 300 are wanted"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "metadata.xml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_metadata(tmp_path / "metadata.xml")


# ---------------------------------------------------------------- labels and frames


@pytest.mark.parametrize("spelling", ["MyPoseFeatures/{}", "Poses_{}"])
def test_labels_are_those_of_the_files_in_the_units_of_the_vocabulary(tmp_path: Path, spelling: str) -> None:
    root = tmp_path if spelling.startswith("My") else tmp_path / "extracted"
    example.write_raw(root, spelling)
    dataset = opened(tmp_path)
    clip = named(dataset, f"S1 WalkingDog 1.{FIRST}")
    lens = read_metadata(root / "metadata.xml")["S1", FIRST]
    pose_NJ3 = lens.to_camera(example.world(example.FRAMES, phase=0))

    indices = np.array([7, 2])
    got = {name: dataset.labels(name, clip, indices) for name in ("pose", "pose_2d", "rotation")}

    wanted = pose_NJ3[indices][:, JOINTS]
    np.testing.assert_allclose(got["pose"], wanted - wanted[:, :1], atol=1e-2)
    # 100 x 102 pixels: the centre of pixel 0 is at 1 / 100 - 1
    pixels = lens.project_camera(wanted)
    np.testing.assert_allclose(got["pose_2d"], (2 * pixels + 1) / [100, 102] - 1, atol=1e-5)
    np.testing.assert_allclose(got["rotation"], np.stack([lens.rotation_33] * 2), atol=1e-6)


def test_a_raised_left_hand_is_the_joint_of_that_name(copy: Path) -> None:
    dataset = opened(copy)
    pose_NJ3 = dataset.labels("pose", 0, np.array([0, 11]))

    rise_J = pose_NJ3[0, :, 1] - pose_NJ3[1, :, 1]  # y points down
    assert rise_J.argmax() == HUMAN36M_17.index("left_wrist")
    assert rise_J.max() == pytest.approx(330 * np.cos(example.COCKED), abs=30)


def test_prepared_frames_are_the_same(copy: Path) -> None:
    plain, prepared = opened(copy), opened(copy, prepared=True)
    for indices in (np.array([5, 2]), np.array([2, 3])):
        np.testing.assert_array_equal(prepared.frames(1, indices), plain.frames(1, indices))


def test_frames_are_those_of_the_labels(copy: Path) -> None:
    dataset = opened(copy)
    clip = named(dataset, f"S9 WalkDog 1.{SECOND}")

    frames = dataset.frames(clip, np.array([9, 0, 4]))

    assert frames.shape == (3, 3, 50, 50)
    np.testing.assert_allclose(frames[:, :, :10, :8].mean(axis=(1, 2, 3)), [60 + 72, 60, 60 + 32], atol=2)


@pytest.mark.parametrize("spelling", ["MyPoseFeatures/{}", "Poses_{}"])
def test_joints_in_the_world_and_cameras_give_the_same(tmp_path: Path, spelling: str) -> None:
    example.write_raw(tmp_path, spelling, takes={"S1": ("Walking 1",)})
    told, indices = opened(tmp_path), np.arange(example.FRAMES)
    wanted = {name: [told.labels(name, clip, indices) for clip in range(2)] for name in ("pose", "pose_2d")}
    for kind in ("D3_Positions_mono", "D2_Positions"):
        shutil.rmtree(tmp_path / "S1" / spelling.format(kind))
    for name in ("Walking 1", "_ALL"):
        path = tmp_path / "S1" / spelling.format("D3_Positions") / f"{name}.cdf"
        example.write_cdf(path, example.world(example.FRAMES))

    dataset = opened(tmp_path, subjects=("S1",), cameras=(FIRST, SECOND))

    assert [clip.name for clip in dataset.clips] == [f"S1 Walking 1.{FIRST}", f"S1 Walking 1.{SECOND}"]
    assert dataset.inventory().missing == ()
    for clip in range(2):
        for name, off in (("pose", 1e-2), ("pose_2d", 1e-5)):
            np.testing.assert_allclose(dataset.labels(name, clip, indices), wanted[name][clip], atol=off)


def test_poses_of_one_size_and_other_skeletons(copy: Path) -> None:
    plain, universal = opened(copy), opened(copy, universal=True)
    whole = opened(copy, skeleton="human36m_32")
    indices = np.arange(3)

    pose_NJ3 = plain.labels("pose", 0, indices)
    np.testing.assert_allclose(universal.labels("pose", 0, indices), 0.9 * pose_NJ3, atol=1e-2)
    np.testing.assert_allclose(universal.labels("pose_2d", 0, indices), plain.labels("pose_2d", 0, indices))
    np.testing.assert_allclose(whole.labels("pose", 0, indices)[:, JOINTS], pose_NJ3, atol=1e-4)
    assert whole.skeleton is not None
    assert len(whole.skeleton) == 32


def test_the_datas_own_boxes_by_hand(copy: Path) -> None:
    dataset = opened(copy, boxes="given")
    clip = named(dataset, f"S1 Directions.{FIRST}")

    # frame 3: columns 26 to 55 of 100, rows 30 to 69 of 102
    box = dataset.labels("true_box", clip, np.array([3]))[0]

    np.testing.assert_allclose(box, [0.3, 40 / 102, (26 + 56) / 100 - 1, (30 + 70) / 102 - 1], atol=1e-6)


def test_boxes_of_joints_hold_them(copy: Path) -> None:
    dataset = opened(copy)
    for clip in range(len(dataset.clips)):
        box_N4 = dataset.labels("true_box", clip, every(dataset, clip))
        pose_NJ2 = dataset.labels("pose_2d", clip, every(dataset, clip)).clip(-1, 1)
        assert (np.abs(pose_NJ2 - box_N4[:, None, 2:]) <= box_N4[:, None, :2] + 1e-5).all()


def test_3d_labels_project_on_2d_labels(copy: Path) -> None:
    dataset = opened(copy)
    for clip in range(len(dataset.clips)):
        projected, labelled = dataset.projection(clip, every(dataset, clip))
        assert projected.shape == (example.FRAMES, 32, 2)
        assert np.abs(projected - labelled).max() < 1e-3


def test_the_horizon_of_a_camera_that_looks_down_lies_high(copy: Path) -> None:
    dataset = opened(copy)
    ends = dataset.horizon(named(dataset, f"S1 Directions.{SECOND}"), 0)

    # 0.1 rad down: 114 px * tan 0.1 above the principal point's row 50 of 100
    assert ends is not None
    row = 50 - 114 * np.tan(example.COCKED)
    np.testing.assert_allclose([end[1] for end in ends], (2 * row + 1) / 100 - 1, atol=1e-6)


# ---------------------------------------------------------------- protocols


def test_protocols_split_people_and_thin_out_frames(copy: Path) -> None:
    for protocol, taught, tested in (("poses", [0, 0.1, 0.2], [0]), ("keypoints", [0, 0.1, 0.2], [0, 0.2])):
        clips = opened(copy, protocol=protocol).clips
        assert {clip.split for clip in clips if clip.subject == "S1"} == {"train"}
        assert {clip.split for clip in clips if clip.subject == "S9"} == {"test"}
        for clip in clips:
            np.testing.assert_allclose(clip.times_s, taught if clip.subject == "S1" else tested)
    np.testing.assert_allclose(opened(copy, protocol="poses", stride=4).clips[-1].times_s, [0, 0.08, 0.16])


def test_views_of_a_take_belong_together_and_backgrounds_to_a_subject(copy: Path) -> None:
    clips = opened(copy).clips
    assert len({clip.take for clip in clips}) == 3
    assert {clip.camera for clip in clips} == {f"{who} {camera}" for who in ("S1", "S9") for camera in (FIRST, SECOND)}


def test_counts_stand_beside_the_papers(copy: Path) -> None:
    inventory = opened(copy, protocol="poses").inventory()

    assert [(found.subject, found.takes, found.frames) for found in inventory.found] == [("S1", 2, 48), ("S9", 1, 24)]
    assert inventory.found[0].cameras == (FIRST, SECOND)
    assert [(count.ours, count.paper) for count in inventory.counts] == [(12, 308_760), (48, 1_559_752)]
    assert "S5: nothing of this subject" in inventory.missing
    assert (
        f"S1, camera {CAMERAS[2]}: no 3D labels, no 2D labels, no video, of Directions, WalkingDog 1"
        in inventory.missing
    )
    assert inventory.register == "http://vision.imar.ro/human3.6m"


# ---------------------------------------------------------------- bad copies


def test_what_is_missing_is_told_once(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "poserep"):
        opened(copy)
    assert len(caplog.messages) == 1
    assert "and 6 more, which `poserep data inspect` lists" in caplog.messages[0]


def test_a_subject_that_is_not_there_is_refused(copy: Path) -> None:
    with pytest.raises(DataError) as caught:
        opened(copy, subjects=("S1", "S7"), cameras=(FIRST,))
    assert str(caught.value) == (
        "this copy of Human3.6M (raw) has nothing of S7 that can be read\n"
        f"  at   {copy}\n  hint of those asked for there is: S1; the data are at http://vision.imar.ro/human3.6m"
    )
    with pytest.raises(DataError, match=r"has no labels of a camera '1'"):
        opened(copy, cameras=("1",))


def test_only_the_wanted_is_read_and_missed(copy: Path) -> None:
    dataset = opened(copy, subjects=("S1",), cameras=(SECOND,))

    assert {clip.camera for clip in dataset.clips} == {f"S1 {SECOND}"}
    assert dataset.inventory().missing == ()


def test_no_copy_is_refused(tmp_path: Path) -> None:
    for folder, message in ((tmp_path, "no copy of Human3.6M"), (tmp_path / "none", "no such folder")):
        with pytest.raises(DataError, match=message) as caught:
            opened(folder)
        assert "http://vision.imar.ro/human3.6m" in caught.value.hint


def test_all_takes_in_one_are_left_out(own: Path) -> None:
    for kind in ("D3_Positions_mono", "D2_Positions"):
        folder = own / "S1/MyPoseFeatures" / kind
        (folder / f"_ALL 1.{FIRST}.cdf").write_bytes((folder / f"Walking 1.{FIRST}.cdf").read_bytes())

    assert [clip.name for clip in opened(own).clips] == [f"S1 Walking 1.{FIRST}", f"S1 Walking 1.{SECOND}"]


def test_the_hole_of_the_data_set_is_told_as_such(tmp_path: Path) -> None:
    example.write_raw(tmp_path, takes={"S11": ("Directions",)}, cameras=CAMERAS[1:])
    dataset = opened(tmp_path, subjects=("S11",))

    assert len(dataset.clips) == 3
    assert dataset.inventory().missing == (f"S11, camera {FIRST}: a hole of the data set itself, of Directions",)


def test_a_take_without_one_of_its_cameras_is_told(own: Path) -> None:
    (own / "S1/Videos" / f"Walking 1.{SECOND}.mp4").unlink()
    dataset = opened(own, subjects=("S1",), cameras=(FIRST, SECOND))

    assert [clip.name for clip in dataset.clips] == [f"S1 Walking 1.{FIRST}"]
    assert dataset.inventory().missing == (f"S1, camera {SECOND}: no video, of Walking 1",)


@pytest.mark.parametrize(("frames", "told"), [(8, ["no picture for 4 of 12 labels"]), (11, []), (14, [])])
def test_of_video_and_annotation_the_shorter_counts(own: Path, frames: int, told: list[str]) -> None:
    size_WH = example.SIZES_WH[FIRST]
    example.write_video(own / "S1/Videos" / f"Walking 1.{FIRST}.mp4", example.pictures(frames, size_WH))
    dataset = opened(own, subjects=("S1",), cameras=(FIRST,))

    assert dataset.inventory().missing == tuple(f"S1 Walking 1, camera {FIRST}: {line}" for line in told)
    assert len(dataset.clips[0]) == min(frames, example.FRAMES)
    last = np.array([len(dataset.clips[0]) - 1])
    assert dataset.frames(0, last).shape == (1, 3, 50, 50)
    assert dataset.labels("pose", 0, last).shape == (1, 17, 3)


def test_what_many_takes_lack_is_told_once(tmp_path: Path) -> None:
    example.write_raw(tmp_path, takes={"S1": ("A", "B", "C", "D")}, cameras=CAMERAS[:1])
    for take in "AB":
        (tmp_path / "S1/MyPoseFeatures/D2_Positions" / f"{take}.{FIRST}.cdf").unlink()

    assert opened(tmp_path, subjects=("S1",), cameras=CAMERAS[:2]).inventory().missing == (
        f"S1, camera {FIRST}: no 2D labels, of A, B",
        f"S1, camera {SECOND}: no 3D labels, no 2D labels, no video, of 4 takes",
    )


def test_a_broken_label_file_costs_its_view_only(own: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = own / "S1/MyPoseFeatures/D3_Positions_mono" / f"Walking 1.{FIRST}.cdf"
    path.write_bytes(path.read_bytes()[:40])

    with caplog.at_level(logging.WARNING, "poserep"):
        dataset = opened(own, subjects=("S1",), cameras=(FIRST, SECOND))

    assert [clip.name for clip in dataset.clips] == [f"S1 Walking 1.{SECOND}"]
    assert f"S1 Walking 1, camera {FIRST}: the CDF file cannot be read" in caplog.messages[0]


def test_a_truncated_file_of_boxes_is_one_message(own: Path) -> None:
    path = own / "S1/MySegmentsMat/ground_truth_bb" / f"Walking 1.{FIRST}.mat"
    path.write_bytes(path.read_bytes()[:3000])
    dataset = opened(own, boxes="given")

    with pytest.raises(DataError, match="the HDF5 file cannot be read") as caught:
        dataset.labels("true_box", 0, np.array([0]))
    assert caught.value.where == str(path)


def test_boxes_that_are_not_there_are_asked_for_in_vain(own: Path) -> None:
    (own / "S1/MySegmentsMat").rename(own / "S1/other")
    with pytest.raises(DataError, match="this copy has no boxes of its own"):
        opened(own, boxes="given").labels("true_box", 0, np.array([0]))


def test_without_metadata_cameras_are_not_known_but_all_else_is(own: Path) -> None:
    (own / "metadata.xml").rename(own.parent.parent / "cameras.xml")
    dataset = opened(own)

    assert dataset.labels("pose", 0, np.array([0])).shape == (1, 17, 3)
    assert dataset.horizon(0, 0) is None
    assert any(line.startswith("metadata.xml, without which") for line in dataset.inventory().missing)
    with pytest.raises(DataError, match=r"this copy of Human3\.6M does not tell its cameras"):
        dataset.labels("rotation", 0, np.array([0]))
    told = opened(own, metadata=str(own.parent.parent / "cameras.xml"))
    assert told.labels("rotation", 0, np.array([0])).shape == (1, 3, 3)


@pytest.mark.slow
def test_a_million_frames_are_indexed_in_two_seconds(tmp_path: Path) -> None:
    example.write_metadata(tmp_path / "metadata.xml")
    length, takes = 2000, 125
    example.write_video(tmp_path / "long.mp4", [np.zeros((16, 16, 3), np.uint8)] * length)
    example.write_cdf(tmp_path / "3.cdf", np.zeros((length, 32, 3)))
    example.write_cdf(tmp_path / "2.cdf", np.zeros((length, 32, 2)))
    homes = {"D3_Positions_mono": "3.cdf", "D2_Positions": "2.cdf"}
    places = {tmp_path / "S1/MyPoseFeatures" / kind: (file, "cdf") for kind, file in homes.items()}
    for folder, (file, suffix) in {**places, tmp_path / "S1/Videos": ("long.mp4", "mp4")}.items():
        folder.mkdir(parents=True)
        for take in range(takes):
            for camera in CAMERAS:
                os.link(tmp_path / file, folder / f"Take {take}.{camera}.{suffix}")

    opened(tmp_path, subjects=("S1",), cameras=CAMERAS[:1])  # libraries are imported
    begin = time.process_time()  # of this process: others may be busy too
    dataset = opened(tmp_path, subjects=("S1",))

    assert time.process_time() - begin < 2
    assert sum(map(len, dataset.clips)) == length * takes * 4
    tracemalloc.start()
    opened(tmp_path, subjects=("S1",))
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()
