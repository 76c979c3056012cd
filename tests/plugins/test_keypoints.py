"""Files of 2D joints as COCO and detectors write them, and what becomes of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Component, Context, declared
from poserep.core.skeleton import COCO_17, HUMAN36M_17
from poserep.plugins.datasets.frames import Frames, FramesOptions, build, poserep_register
from poserep.plugins.datasets.keypoints import ClipFiles, read_poses, to_frame, to_human36m
from poserep.plugins.datasets.video import Video, VideoOptions
from poserep.plugins.datasets.video import build as build_video
from poserep.testing import tiny_video

SIZE_WH = (64, 48)


def person(shift: float = 0.0, confidence: float = 0.9, **others: float) -> list[float]:
    """51 numbers: joint n at (n + shift, 2 n), with the given confidence, or one of its own by name."""
    return [
        number
        for n, joint in enumerate(COCO_17.joints)
        for number in (n + shift, 2.0 * n, others.get(joint, confidence))
    ]


def dataset_json(names: Sequence[str], rows: Sequence[Mapping[str, Any]], **image: int) -> str:
    """COCO's format of annotations."""
    size = {"width": SIZE_WH[0], "height": SIZE_WH[1], **image}
    images = [{"id": 10 + n, "file_name": name, **size} for n, name in enumerate(names)]
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.joints), "skeleton": [[16, 14]]}
    annotations = [{"id": n, "category_id": 1, "iscrowd": 0, **row} for n, row in enumerate(rows)]
    return json.dumps({"info": {}, "images": images, "annotations": annotations, "categories": [category]})


def clip(count: int = 3, name: str = "walk", names: Sequence[str] | None = None) -> ClipFiles:
    names = [f"{index:03}.png" for index in range(count)] if names is None else names
    return ClipFiles(name, names, count, SIZE_WH)


def video(count: int = 3, name: str = "walk") -> ClipFiles:
    return ClipFiles(name, (), count, SIZE_WH)


def read(folder: Path, text: str | bytes, *clips: ClipFiles, name: str = "found.json", score: float = 0.3) -> Any:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_poses(folder, name, clips or [clip()], score)


def error_of(folder: Path, text: str | bytes, *clips: ClipFiles, name: str = "found.json") -> str:
    with pytest.raises(DataError) as caught:
        read(folder, text, *clips, name=name)
    assert caught.value.where == str(folder / name)
    return f"{caught.value.what} | {caught.value.hint}"


def nose_x(pose_J2: np.ndarray) -> float:
    """The nose's x in pixels again; COCO's first joint, the neck of Human3.6M."""
    return float((pose_J2[HUMAN36M_17.index("neck"), 0] + 1) / 2 * SIZE_WH[0] - 0.5)


# ---------------------------------------------------------------- joints


def test_joints_that_coco_has_are_taken_and_the_others_put_where_they_belong() -> None:
    pose_J3 = np.array(person()).reshape(1, 17, 3)
    found = dict(zip(HUMAN36M_17.joints, to_human36m(pose_J3, 0.3)[0].tolist(), strict=True))
    assert found["left_wrist"] == [9, 18]
    assert found["neck"] == [0, 0]
    assert found["pelvis"] == [11.5, 23]
    assert found["thorax"] == [5.5, 11]
    assert found["spine"] == [8.5, 17]
    assert found["head"] == pytest.approx([3.5 + 0.6 * (3.5 - 5.5), 7 + 0.6 * (7 - 11)])


def test_where_a_person_stands_and_how_large_does_not_change_the_pose() -> None:
    pose_J3 = np.array(person()).reshape(1, 17, 3)
    moved = pose_J3 * [2, 2, 1] + [30, -7, 0]
    np.testing.assert_allclose(to_human36m(moved, 0.3), 2 * to_human36m(pose_J3, 0.3) + [30, -7])


def test_a_joint_without_confidence_is_missing_with_all_that_is_made_of_it() -> None:
    pose_J3 = np.array(person(left_hip=0.29, right_ear=0.0, left_knee=0.3)).reshape(1, 17, 3)
    missing = np.isnan(to_human36m(pose_J3, 0.3)[0]).all(axis=-1)
    assert {joint for joint, gone in zip(HUMAN36M_17.joints, missing, strict=True) if gone} == {
        *("left_hip", "pelvis", "spine", "head")
    }


def test_a_joint_that_is_no_number_is_missing() -> None:
    pose_J3 = np.array(person()).reshape(1, 17, 3)
    pose_J3[0, COCO_17.index("left_knee"), 0] = np.nan
    assert np.isnan(to_human36m(pose_J3, 0.0)[0]).any(axis=-1).sum() == 1


def test_pixels_become_coordinates_of_the_part_that_is_shown() -> None:
    corner, middle = np.array([-0.5, -0.5]), np.array([31.5, 23.5])
    size, whole = np.array(SIZE_WH), (0.0, 100.0)
    assert to_frame(corner, size, (whole, whole)).tolist() == [-1, -1]
    assert to_frame(middle, size, (whole, whole)).tolist() == [0, 0]
    assert to_frame(middle, size, ((50.0, 100.0), (25.0, 75.0))).tolist() == [-1, 0]


# ---------------------------------------------------------------- COCO


def test_annotations_go_to_their_pictures_in_the_pixels_that_the_file_tells(tmp_path: Path) -> None:
    rows = [{"image_id": 11, "keypoints": person(5)}]
    text = dataset_json(["walk/000.png", "walk/002.png"], rows, width=128, height=96)
    (pose_NJ2,) = read(tmp_path, text)
    assert pose_NJ2.dtype == np.float32
    assert np.isnan(pose_NJ2[:2]).all()
    np.testing.assert_allclose(pose_NJ2[2, HUMAN36M_17.index("neck")], [2 * 5.5 / 128 - 1, 2 * 0.5 / 96 - 1], rtol=1e-5)


def test_an_annotators_flags_count_as_confidence(tmp_path: Path) -> None:
    rows = [{"image_id": 10, "keypoints": person(0, 2, left_knee=1, left_wrist=0), "num_keypoints": 16}]
    (pose_NJ2,) = read(tmp_path, dataset_json(["000.png"], rows))
    missing = np.isnan(pose_NJ2[0]).any(axis=-1)
    assert [HUMAN36M_17.joints[joint] for joint in np.flatnonzero(missing)] == ["left_wrist"]


@pytest.mark.parametrize("image_id", ["001.png", "walk/001.png", "/data/walk/001.png", 1])
def test_results_name_a_picture_by_its_file_or_its_number(tmp_path: Path, image_id: str | int) -> None:
    rows = [{"image_id": image_id, "category_id": 1, "keypoints": person(7), "score": 2.9}]
    (pose_NJ2,) = read(tmp_path, json.dumps(rows))
    assert np.isnan(pose_NJ2[[0, 2]]).all()
    assert nose_x(pose_NJ2[1]) == pytest.approx(7, abs=1e-4)


def test_of_several_people_the_surest_counts(tmp_path: Path) -> None:
    rows = [
        {"image_id": 1, "keypoints": person(shift), "score": score} for shift, score in ((3, 0.5), (4, 0.8), (5, 0.1))
    ]
    assert nose_x(read(tmp_path, json.dumps(rows))[0][1]) == pytest.approx(4, abs=1e-4)
    rows = [{"image_id": 1, "keypoints": person(shift, sure)} for shift, sure in ((3, 0.9), (4, 0.5))]
    assert nose_x(read(tmp_path, json.dumps(rows))[0][1]) == pytest.approx(3, abs=1e-4)


def test_crowds_are_no_ones_joints(tmp_path: Path) -> None:
    crowd = {"image_id": 10, "keypoints": [0] * 51, "iscrowd": 1, "score": 1.0, "segmentation": {"counts": [1]}}
    (pose_NJ2,) = read(tmp_path, dataset_json(["000.png"], [{"image_id": 10, "keypoints": person(4)}, crowd]))
    assert nose_x(pose_NJ2[0]) == pytest.approx(4, abs=1e-4)
    told = error_of(tmp_path, dataset_json(["000.png"], [crowd]))
    assert told.startswith("no joint is known")


def test_of_people_who_are_marked_alike_the_larger_counts(tmp_path: Path) -> None:
    rows = [{"image_id": 10, "keypoints": person(shift, 2), "area": area} for shift, area in ((3, 9e3), (4, 2e2))]
    assert nose_x(read(tmp_path, dataset_json(["000.png"], rows))[0][0]) == pytest.approx(3, abs=1e-4)
    rows[0]["keypoints"] = person(3, 2, left_wrist=0)  # fewer joints marked
    assert nose_x(read(tmp_path, dataset_json(["000.png"], rows))[0][0]) == pytest.approx(4, abs=1e-4)


def test_hidden_joints_are_known_and_unmarked_ones_are_not(tmp_path: Path) -> None:
    keypoints = person(0, 2, left_knee=1, left_wrist=0)
    at = 3 * COCO_17.index("left_wrist")
    keypoints[at : at + 2] = [0, 0]  # as COCO has it
    (pose_NJ2,) = read(tmp_path, dataset_json(["000.png"], [{"image_id": 10, "keypoints": keypoints}]))
    missing = np.isnan(pose_NJ2[0]).any(axis=-1)
    assert [HUMAN36M_17.joints[joint] for joint in np.flatnonzero(missing)] == ["left_wrist"]


@pytest.mark.parametrize(("told", "asked"), [("a1", "a1"), ("10", 10), (10, "10"), (10, 10)])
def test_ids_of_images_may_be_text(tmp_path: Path, told: str | int, asked: str | int) -> None:
    text = dataset_json(["000.png", "001.png"], [{"image_id": asked, "keypoints": person(7)}])
    data = json.loads(text)
    data["images"][0]["id"] = told
    (pose_NJ2,) = read(tmp_path, json.dumps(data))
    assert nose_x(pose_NJ2[0]) == pytest.approx(7, abs=1e-4)
    assert np.isnan(pose_NJ2[1:]).all()
    data["images"][1]["id"] = str(told)
    assert "several of its images have the same id" in error_of(tmp_path, json.dumps(data))


def test_pictures_and_people_without_annotations_are_not_known(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"image_id": 10, "keypoints": person(2, 2), "num_keypoints": 17, "bbox": [0, 0, 9, 9]},
        {"image_id": 11, "keypoints": [0] * 51, "num_keypoints": 0},  # somebody far away, whom nobody marked
        {"image_id": 11, "bbox": [0, 0, 5, 5]},  # of another kind
    ]
    (pose_NJ2,) = read(tmp_path, dataset_json(["000.png", "001.png", "002.png"], rows))
    assert np.isfinite(pose_NJ2).all(axis=(1, 2)).tolist() == [True, False, False]


def test_one_file_may_be_for_all_clips_and_each_may_have_its_own(tmp_path: Path) -> None:
    clips = [clip(name="walk"), clip(name="run")]
    rows = [{"image_id": "run/001.png", "keypoints": person(5)}, {"image_id": "walk/001.png", "keypoints": person(6)}]
    walk, run = read(tmp_path, json.dumps(rows), *clips)
    assert (nose_x(walk[1]), nose_x(run[1])) == pytest.approx((6, 5), abs=1e-4)
    for name, shift in (("walk", 8), ("run", 9)):
        (tmp_path / f"{name}.json").write_text(json.dumps([{"image_id": "001.png", "keypoints": person(shift)}]))
    walk, run = read_poses(tmp_path, "{clip}.json", clips, 0.3)
    assert (nose_x(walk[1]), nose_x(run[1])) == pytest.approx((8, 9), abs=1e-4)


def test_frames_of_a_video_go_by_number_or_by_the_order_of_the_list(tmp_path: Path) -> None:
    for image_id in (2, "2.jpg", "frame_000002.png"):
        rows = [{"image_id": image_id, "keypoints": person(7)}]
        (pose_NJ2,) = read(tmp_path, json.dumps(rows), video())
        assert np.isfinite(pose_NJ2).all(axis=(1, 2)).tolist() == [False, False, True]
    text = dataset_json(["f10.png", "f8.png", "f9.png"], [{"image_id": 10, "keypoints": person(7)}])
    (pose_NJ2,) = read(tmp_path, text, video())
    assert np.isfinite(pose_NJ2).all(axis=(1, 2)).tolist() == [False, False, True]


# ---------------------------------------------------------------- npz


def save_npz(folder: Path, *clips: ClipFiles, **arrays: np.ndarray) -> list[np.ndarray]:
    np.savez(folder / "found.npz", **arrays)
    return read_poses(folder, "found.npz", clips or [clip()], 0.3)


def test_an_npz_has_a_row_for_every_picture_in_order(tmp_path: Path) -> None:
    rows = np.array([person(shift) for shift in (1, 2, 3)]).reshape(3, 17, 3)
    for of in (clip(), video()):
        (pose_NJ2,) = save_npz(tmp_path, of, keypoints=rows)
        assert [nose_x(pose_J2) for pose_J2 in pose_NJ2] == pytest.approx([1, 2, 3], abs=1e-4)
    rows[1, :, 2] = 0
    (pose_NJ2,) = save_npz(tmp_path, keypoints=rows[..., :2], scores=rows[..., 2])
    assert np.isfinite(pose_NJ2).all(axis=(1, 2)).tolist() == [True, False, True]


def test_an_npz_without_confidence_has_zeros_where_a_joint_is_missing(tmp_path: Path) -> None:
    rows = np.array([person(shift) for shift in (1, 2, 3)]).reshape(3, 17, 3)[..., :2]
    rows[2, COCO_17.index("left_knee")] = 0
    (pose_NJ2,) = save_npz(tmp_path, keypoints=rows)
    assert np.argwhere(np.isnan(pose_NJ2[..., 0])).tolist() == [[2, HUMAN36M_17.index("left_knee")]]


def test_an_npz_may_have_several_people(tmp_path: Path) -> None:
    two = np.array([[person(1, 0.5), person(5, 0.8)]] * 3).reshape(3, 2, 17, 3)
    assert nose_x(save_npz(tmp_path, keypoints=two)[0][0]) == pytest.approx(5, abs=1e-4)


# ---------------------------------------------------------------- faults


def test_what_is_missing_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file of keypoints"):
        read_poses(tmp_path, "none.json", [clip()], 0.3)
    assert "of this kind are not understood | COCO keypoint JSON" in error_of(tmp_path, "", name="found.csv")
    assert "cannot be read: Expecting value" in error_of(tmp_path, "")
    assert "cannot be read: it lacks 'images'" in error_of(tmp_path, "{}")
    assert "annotations have no keypoints" in error_of(tmp_path, '[{"image_id": 1, "bbox": [0, 0, 1, 1]}]')
    assert "annotation 0 has 6 numbers" in error_of(tmp_path, '[{"image_id": 1, "keypoints": [1, 2, 1, 3, 4, 1]}]')
    other = dataset_json([], []).replace('"nose"', '"chin"')
    assert "its joints are chin, left_eye" in error_of(tmp_path, other)
    assert "cannot be read" in error_of(tmp_path, b"PK torn", name="found.npz")
    for arrays, cause in (
        ({"poses": np.zeros(3)}, "it has poses, not `keypoints`"),
        ({"keypoints": np.zeros((3, 13, 2))}, "`keypoints` is (3, 13, 2), not (N, 17, 2 or 3)"),
        ({"keypoints": np.zeros((3, 17, 2)), "scores": np.zeros(3)}, "`scores` is (3,), not (3, 17)"),
        ({"keypoints": np.array([{"a": 1}])}, "Object arrays cannot be loaded"),
    ):
        np.savez(tmp_path / "made.npz", **arrays)
        assert cause in error_of(tmp_path, (tmp_path / "made.npz").read_bytes(), name="found.npz")


def test_another_number_of_pictures_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "made.npz", keypoints=np.ones((5, 17, 2)))
    five = (tmp_path / "made.npz").read_bytes()
    for of in (clip(), video()):
        told = error_of(tmp_path, five, of, name="found.npz")
        assert told.startswith("the keypoints are of 5 pictures, but 'walk' has 3 | a row for each")
    assert "one npz cannot be for 2 clips" in error_of(tmp_path, five, clip(), clip(), name="found.npz")
    told = error_of(tmp_path, dataset_json(["1.png"], [{"image_id": 10, "keypoints": person()}]), video())
    assert told.startswith("the keypoints are of 1 pictures, but 'walk' has 3")
    told = error_of(tmp_path, json.dumps([{"image_id": 3, "keypoints": person()}]), video())
    assert told.startswith("the keypoints are of the frame 3, but 'walk' has 3 frames | frames are counted from 0")


def test_pictures_that_are_not_there_are_refused(tmp_path: Path) -> None:
    for image_id in ("009.png", "run/001.png", 9):
        told = error_of(tmp_path, json.dumps([{"image_id": image_id, "keypoints": person()}]))
        assert told == f"the keypoints are of the picture {image_id!r}, which is not there | " + (
            "pictures are called as 'walk/000.png'"
        )
    assert "of the picture 'x.png'" in error_of(tmp_path, dataset_json(["x.png"], []))
    told = error_of(tmp_path, dataset_json(["000.png"], [{"image_id": 99, "keypoints": person()}]))
    assert "annotation 0 is of the image 99, which is not among its images" in told
    both = [{"image_id": "001.png", "keypoints": person()}]
    told = error_of(tmp_path, json.dumps(both), clip(name="walk"), clip(name="run"))
    assert told.startswith("more than one picture fits the keypoints of '001.png' | name pictures with their folder")


def test_a_file_in_which_nobody_is_known_is_refused(tmp_path: Path) -> None:
    told = error_of(tmp_path, json.dumps([{"image_id": 1, "keypoints": person(0, 0.1)}]))
    assert told.startswith("no joint is known with a confidence of 0.3 in any picture | lower dataset.keypoints_min")


def test_a_pattern_that_cannot_work_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"dataset.keypoints may hold \{clip\} only"):
        read_poses(tmp_path, "{stem}.json", [clip()], 0.3)
    with pytest.raises(ConfigError, match="one file of keypoints cannot be for 2 videos"):
        read_poses(tmp_path, "found.json", [video(), video()], 0.3)


# ---------------------------------------------------------------- datasets


def images(folder: Path, count: int = 4) -> Path:
    for index in range(count):
        path = folder / "images" / "walk" / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE_WH).save(path)
    return folder / "images"


def open_frames(path: Path, **options: object) -> Frames:
    values = {"path": str(path), "fps": 10.0, "height": 12, **options}
    return build(FramesOptions.model_validate(values), Context(crop_size=32))


def test_frames_have_the_label_at_the_frames_that_are_kept(tmp_path: Path) -> None:
    path = images(tmp_path)
    rows = [{"image_id": f"{index:03}.png", "keypoints": person(index)} for index in (0, 2)]
    (tmp_path / "walk.json").write_text(json.dumps(rows))
    frames = open_frames(path, stride=2, keypoints="../{clip}.json")
    assert frames.skeleton is HUMAN36M_17
    pose_NJ2 = frames.labels("pose_2d", 0, np.array([1, 0]))
    assert pose_NJ2.shape == (2, 17, 2)
    assert [nose_x(pose_J2) for pose_J2 in pose_NJ2] == pytest.approx([2, 0], abs=1e-4)


def test_the_label_and_the_joints_are_declared_only_with_keypoints(tmp_path: Path) -> None:
    components: list[Component] = []
    poserep_register(components.append)
    without = FramesOptions.model_validate({"path": "a", "fps": 10.0})
    given = without.model_copy(update={"keypoints": "a.json"})
    assert declared(components[0].writes, without) == ()
    assert declared(components[0].writes, given) == ("pose_2d",)
    assert (components[0].facts(without), components[0].facts(given)) == ({}, {"joints": 17})
    frames = open_frames(images(tmp_path))
    assert frames.skeleton is None
    with pytest.raises(DataError) as caught:
        frames.labels("pose_2d", 0, np.array([0]))
    assert caught.value.hint == "the option keypoints gives it"


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "cache"))
    path = tiny_video(tmp_path)  # 12 frames of 32 x 32
    rows = [{"image_id": f"{index}.jpg", "keypoints": person(index), "score": 1.0} for index in range(12)]
    (tmp_path / "tiny.json").write_text(json.dumps(rows))
    return path


def open_video(path: Path, **options: object) -> Video:
    values = {"path": str(path), "height": 16, "keypoints": "{clip}.json", **options}
    return build_video(VideoOptions.model_validate(values), Context(crop_size=32))


@pytest.mark.parametrize(
    ("options", "kept"),
    [({}, range(12)), ({"stride": 5}, (0, 5, 10)), ({"start_s": 0.3, "end_s": 0.7, "stride": 2}, (3, 5, 7))],
)
def test_videos_have_the_label_at_the_frames_that_are_kept(film: Path, options: Any, kept: Sequence[int]) -> None:
    opened = open_video(film, **options)
    pose_NJ2 = opened.labels("pose_2d", 0, np.arange(len(opened.clips[0])))
    assert opened.skeleton is HUMAN36M_17
    neck_N = pose_NJ2[:, HUMAN36M_17.index("neck"), 0]
    np.testing.assert_allclose((neck_N + 1) / 2 * 32 - 0.5, list(kept), atol=1e-4)


def test_joints_follow_the_part_of_a_video_that_is_kept(film: Path) -> None:
    pose_NJ2 = open_video(film, crop_x=(0, 50)).labels("pose_2d", 0, np.arange(12))
    neck_N = pose_NJ2[:, HUMAN36M_17.index("neck"), 0]
    np.testing.assert_allclose((neck_N + 1) / 2 * 16 - 0.5, np.arange(12), atol=1e-4)


def test_a_video_with_fewer_frames_than_its_keypoints_is_refused(film: Path) -> None:
    np.savez(film.parent / "tiny.npz", keypoints=np.ones((13, 17, 3)))
    with pytest.raises(DataError, match="the keypoints are of 13 pictures, but 'tiny' has 12"):
        open_video(film, keypoints="tiny.npz")


def test_weak_labels_from_a_file_are_learnt_from(film: Path) -> None:
    from lightning_fabric import Fabric

    from poserep.core.batches import open_source
    from poserep.core.compose import compose
    from poserep.core.fit import fit, make_state
    from poserep.core.registry import Registry
    from poserep.tests.fakes.tiny import TINY

    own = [f'dataset.path="{film}"', 'dataset.keypoints="{clip}.json"', "dataset.height=32", "losses.pose.width=8"]
    sets = [text for text in TINY if not text.startswith(("dataset", "probe", "sampler"))]
    composition = compose(
        "temporal-video",
        Registry(installed=()),
        sets=[*sets, *own, "sampler.negative_min_s=0.5", "losses.pose.weight=10.0", "training.steps=30"],
        uses=["losses.pose=pose2d"],
    )
    assert composition.context.facts["joints"] == 17
    fabric = Fabric(accelerator="cpu", devices=1)
    steps = list(fit(composition, open_source(composition), fabric, make_state(composition, fabric)))
    first, last = (sum(step.terms["pose"] for step in part) for part in (steps[:5], steps[-5:]))
    assert last < first
