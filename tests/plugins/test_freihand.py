"""FreiHAND in its own format: what is read, what is made of it, and copies that lack something."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Context, declared
from poserep.core.registry import Registry
from poserep.core.skeleton import SKELETONS
from poserep.plugins.datasets.freihand.dataset import Freihand, FreihandOptions, project
from poserep.plugins.datasets.freihand.example import BEND, FOCAL, SAMPLES, hand, write_example
from poserep.plugins.datasets.freihand.layout import ROWS
from poserep.plugins.datasets.freihand.numbers import stored_numbers

HAND = SKELETONS["hand_21"]
WHOLE = np.arange(SAMPLES)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(write_example(tmp_path)["root"])


def opened(root: Path, **options: Any) -> Freihand:
    values = {"root": str(root), "height": 32, **options}
    return Freihand(FreihandOptions.model_validate(values), Context(crop_size=32))


def error_of(root: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        opened(root, **options)
    return f"{caught.value.what} | {caught.value.where} | {caught.value.hint}"


# ---------------------------------------------------------------- clips


def test_each_background_is_a_clip_and_the_evaluation_set_the_test_split(root: Path) -> None:
    hands = opened(root)
    assert [(clip.name, clip.split, len(clip)) for clip in hands.clips] == [
        *((f"training/{version}", "train", SAMPLES) for version in ("gs", "hom", "sample", "auto")),
        ("evaluation", "test", 2),
    ]
    assert len({clip.take for clip in hands.clips}) == len(hands.clips)  # no two are views of one moment
    assert hands.skeleton is HAND


def test_a_sample_has_the_same_labels_before_each_background(root: Path) -> None:
    hands = opened(root)
    first = [hands.labels("pose", clip, WHOLE) for clip in range(4)]
    for other in first[1:]:
        np.testing.assert_array_equal(first[0], other)
    colours = [hands.frames(clip, WHOLE)[:, :, 2, 2].mean(axis=0) for clip in range(4)]
    assert len({tuple(np.round(colour / 20)) for colour in colours}) == 4


def test_made_up_times_keep_samplers_of_near_frames_away(root: Path) -> None:
    from poserep.plugins.samplers.temporal import Temporal, TemporalOptions
    from poserep.plugins.samplers.uniform import Uniform, UniformOptions

    clips = opened(root).clips
    with pytest.raises(DataError, match="no frame of 4 clips can be the reference of the sampler 'temporal'"):
        Temporal(TemporalOptions(), Context(crop_size=32)).prepare(clips, np.arange(4))
    uniform = Uniform(UniformOptions(), Context(crop_size=32))
    uniform.prepare(clips, np.arange(4))
    assert uniform.draw(np.random.default_rng(0), 8).frame.shape == (8, 4)


def test_the_last_samples_are_for_validation_before_every_background(root: Path) -> None:
    hands = opened(root, validation=0.2, versions=("gs", "auto"))
    assert [(clip.name, len(clip)) for clip in hands.clips[:4]] == [
        *(("training/gs", 4), ("training/auto", 4), ("validation/gs", 1), ("validation/auto", 1))
    ]
    pose = hands.labels("pose", 2, np.array([0]))
    np.testing.assert_array_equal(pose, opened(root).labels("pose", 0, np.array([4])))
    assert [clip.split for clip in hands.clips] == ["train", "train", "validation", "validation", "test"]


def test_every_nth_sample_may_be_kept(root: Path) -> None:
    hands = opened(root, stride=2)
    assert len(hands.clips[0]) == 3
    np.testing.assert_array_equal(hands.labels("pose", 0, np.array([1])), opened(root).labels("pose", 0, np.array([2])))


# ---------------------------------------------------------------- labels


def test_poses_are_millimetres_from_the_wrist(root: Path) -> None:
    pose_J3 = opened(root).labels("pose", 0, WHOLE)[1]
    assert pose_J3[0].tolist() == [0, 0, 0]
    np.testing.assert_allclose(pose_J3, 1000 * (hand(0.2) - hand(0.2)[0]), atol=1e-3)


def test_a_point_is_projected_by_the_samples_own_camera() -> None:
    k_33 = np.array([[500.0, 0, 112], [0, 400, 100], [0, 0, 1]])
    xyz = np.array([[[0.1, -0.05, 0.5], [0.0, 0.0, 2.0]]])
    np.testing.assert_allclose(project(xyz, k_33[None]), [[[212, 60], [112, 100]]])
    np.testing.assert_allclose(project(1000 * xyz, k_33[None]), project(xyz, k_33[None]))  # in any unit


def test_2d_joints_lie_on_the_drawn_hand(root: Path) -> None:
    hands = opened(root, height=224, masks=True)
    for clip in range(4):
        pose_NJ2 = hands.labels("pose_2d", clip, WHOLE)
        mask_NHW = hands.labels("true_mask", clip, WHOLE)[:, 0]
        pixels = np.rint((pose_NJ2 + 1) / 2 * 224 - 0.5).astype(int)
        for mask_HW, pixels_J2 in zip(mask_NHW, pixels, strict=True):
            assert (mask_HW[pixels_J2[:, 1], pixels_J2[:, 0]] > 200).all()
    wrist = pose_NJ2[0, 0]  # (0, 0.06) m at 0.5 m, and the middle of the picture is 0
    np.testing.assert_allclose(wrist, [0, 0.06 / 0.5 * FOCAL / 112], atol=1e-5)


def test_the_box_holds_every_joint(root: Path) -> None:
    hands = opened(root)
    box_N4, pose_NJ2 = hands.labels("true_box", 0, WHOLE), hands.labels("pose_2d", 0, WHOLE)
    share, centre = box_N4[:, None, :2], box_N4[:, None, 2:]
    assert (np.abs(pose_NJ2 - centre) < share).all()


def test_the_thumb_of_the_made_up_hand_is_a_right_ones(root: Path) -> None:
    pose = dict(zip(HAND.joints, opened(root).labels("pose", 0, WHOLE)[0], strict=True))
    out_of_palm = np.cross(pose["index_mcp"] - pose["wrist"], pose["little_mcp"] - pose["wrist"])
    for finger in ("index", "middle", "ring", "little"):
        assert (pose[f"{finger}_tip"] - pose["wrist"]) @ out_of_palm > 0  # fingers bend towards the palm
    mirrored = {name: joint * [-1, 1, 1] for name, joint in pose.items()}
    turned = np.cross(mirrored["index_mcp"], mirrored["little_mcp"])
    assert mirrored["index_tip"] @ turned < 0


def test_parameters_scales_and_vertices_are_those_of_the_sample(root: Path) -> None:
    hands = opened(root, mesh=True)
    assert hands.mano(0, np.array([2]))[0, 60] == pytest.approx(0.02)
    assert hands.scale_m(0, WHOLE).tolist() == pytest.approx([0.045 * np.sqrt(1 + BEND**2)] * SAMPLES, rel=1e-4)
    vertices = hands.labels("vertices", 0, WHOLE)
    assert vertices.shape == (SAMPLES, 778, 3)
    np.testing.assert_allclose(vertices[:, :21], hands.labels("pose", 0, WHOLE), atol=1e-2)
    with pytest.raises(DataError, match=r"there is no evaluation_mano\.json"):
        hands.mano(4, np.array([0]))


def test_the_labels_that_it_declares_are_those_that_the_options_ask_for(root: Path) -> None:
    component = Registry(installed=()).get("dataset", "freihand")
    plain = FreihandOptions(root=str(root))
    more = plain.model_copy(update={"masks": True, "mesh": True})
    assert declared(component.writes, plain) == ("pose", "pose_2d", "true_box")
    assert declared(component.writes, more) == ("pose", "pose_2d", "true_box", "true_mask", "vertices")
    for name, option in (("true_mask", "masks"), ("vertices", "mesh"), ("rotation", "")):
        with pytest.raises(DataError, match=f"dataset freihand has no label '{name}'") as caught:
            opened(root).labels(name, 0, WHOLE)
        assert option in caught.value.hint


# ---------------------------------------------------------------- copies that lack something


def test_an_inventory_compares_a_copy_with_the_papers_numbers(root: Path) -> None:
    (root / "training" / "rgb" / f"{SAMPLES + 1:08d}.jpg").unlink()
    told = opened(root).inventory()
    assert [(count.what, count.ours, count.paper) for count in told.counts] == [
        ("training samples", 5, 32560),
        ("training pictures", 19, 130240),
        ("evaluation samples", 2, 3960),
    ]
    assert told.missing == ("1 of 5 training pictures with the background 'hom'", "evaluation_mano.json")
    assert [found.frames for found in told.found] == [5, 4, 5, 5, 2]
    assert "uni-freiburg" in told.register


def test_a_copy_without_the_evaluation_labels_has_no_test_split(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "evaluation_xyz.json").unlink()
    hands = opened(root)
    assert {clip.split for clip in hands.clips} == {"train"}
    assert "no evaluation_xyz.json, so no test split" in caplog.text
    assert "evaluation_xyz.json: without it there is no test split" in hands.inventory().missing


@pytest.mark.parametrize("name", ["K", "xyz", "verts"])
def test_a_missing_file_of_numbers_is_named(root: Path, name: str) -> None:
    (root / f"training_{name}.json").unlink()
    assert f"there is no training_{name}.json" in error_of(root, mesh=True)


def test_files_that_disagree_on_the_number_of_samples_are_refused(root: Path) -> None:
    rows = json.loads((root / "training_K.json").read_text())
    (root / "training_K.json").write_text(json.dumps(rows[:2]))
    assert "training_K.json has 2 rows, training_xyz.json has 5" in error_of(root)


def test_more_pictures_than_labels_are_refused(root: Path) -> None:
    Image.new("RGB", (224, 224)).save(root / "training" / "rgb" / "00000020.jpg")
    assert error_of(root).startswith("00000020.jpg is one too many: the labels are of 20 pictures")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[[1, 2, 3], [4, 5", "it is empty or cut short"),
        ("", "it is empty or cut short"),
        ("[[1, 2, null]]", "it holds 'null' among its numbers"),
        ("[[1, 2, 3e]]", "it holds something that is no number"),
        ("[[1, 2, 3, 4]]", "its numbers do not make rows of 21 x 3: 4 are left over"),
    ],
)
def test_a_broken_file_of_numbers_is_refused_and_not_kept(root: Path, tmp_path: Path, text: str, told: str) -> None:
    path = root / "training_xyz.json"
    path.write_text(text)
    for _ in range(2):
        assert told in error_of(root)
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_numbers_are_the_same_however_small_the_pieces(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from poserep.plugins.datasets.freihand import numbers

    monkeypatch.setattr(numbers, "PIECE", 7)
    path = root / "training_xyz.json"
    found = stored_numbers(path, ROWS["xyz"])
    np.testing.assert_allclose(found, json.loads(path.read_text()), rtol=1e-6)
    monkeypatch.setattr(numbers, "PIECE", 0)  # nothing would be read: the second time the cache is
    np.testing.assert_array_equal(stored_numbers(path, ROWS["xyz"]), found)


def test_a_copy_without_pictures_or_folder_is_refused(root: Path, tmp_path: Path) -> None:
    for path in (root / "training" / "rgb").iterdir():
        path.unlink()
    assert error_of(root).startswith("there is no picture | ")
    assert error_of(tmp_path / "none").startswith("there is no such folder | ")


def test_missing_masks_are_counted_before_anything_is_trained(root: Path) -> None:
    (root / "training" / "mask" / "00000001.jpg").unlink()
    assert error_of(root, masks=True).startswith("1 of 5 masks are missing")
    opened(root)
    with pytest.raises(DataError, match="there are masks of training pictures only"):
        opened(Path(write_example(root / "other")["root"]), masks=True).labels("true_mask", 4, np.array([0]))


def test_backgrounds_that_a_copy_lacks_are_told(root: Path) -> None:
    for number in range(SAMPLES, 4 * SAMPLES):
        (root / "training" / "rgb" / f"{number:08d}.jpg").unlink()
    assert [clip.name for clip in opened(root).clips] == ["training/gs", "evaluation"]
    with pytest.raises(ConfigError, match="there is no picture with these backgrounds") as caught:
        opened(root, versions=("hom",))
    assert caught.value.hint == "this copy has: gs"


def test_a_broken_picture_is_replaced_by_the_same_hand_before_another_background(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = root / "training" / "rgb" / "00000001.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    hands = opened(root)
    frames = hands.frames(0, WHOLE)
    np.testing.assert_array_equal(frames[1], hands.frames(1, np.array([1]))[0])
    hands.frames(0, WHOLE)
    assert hands.skipped == 1
    assert caplog.text.count("stands in for it") == 1
    assert "00000001.jpg" in caplog.text


def test_a_hand_that_no_picture_shows_is_an_error(root: Path) -> None:
    (root / "evaluation" / "rgb" / "00000000.jpg").write_bytes(b"torn")
    with pytest.raises(DataError, match="the image cannot be read") as caught:
        opened(root).frames(4, np.array([0]))
    assert caught.value.where.endswith("00000000.jpg")
    assert "before another background" in caught.value.hint


def test_prepared_frames_are_the_same_and_need_no_pictures_any_more(root: Path) -> None:
    plain, kept = opened(root), opened(root, prepared=True)
    broken = root / "training" / "rgb" / "00000001.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    for clip in (0, 4):
        whole = np.arange(len(kept.clips[clip]))
        np.testing.assert_array_equal(kept.frames(clip, whole), plain.frames(clip, whole))
    again = opened(root, prepared=True)
    np.testing.assert_array_equal(again.frames(0, WHOLE), plain.frames(0, WHOLE))
    assert again.skipped == 1
