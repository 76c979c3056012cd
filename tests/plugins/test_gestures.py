"""Gesture pictures in the format of both releases of HaGRID and in plain folders, and copies that lack something."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from poserep.core.errors import ConfigError, DataError
from poserep.core.interfaces import Context
from poserep.plugins.datasets.gestures.annotations import read_hands, split_of
from poserep.plugins.datasets.gestures.dataset import Gestures, GesturesOptions
from poserep.plugins.datasets.gestures.example import COLOURS, first_release, second_release, write_example
from poserep.plugins.datasets.gestures.pictures import read_crop, square
from poserep.plugins.datasets.gestures.samples import chance

SIZE_WH = (90, 60)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path_factory.mktemp("cache")))


def opened(root: Path, **options: Any) -> Gestures:
    values = {"root": str(root), "height": 24, **options}
    return Gestures(GesturesOptions.model_validate(values), Context(crop_size=24))


def error_of(root: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        opened(root, **options)
    return f"{caught.value.what} | {caught.value.where} | {caught.value.hint}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(write_example(tmp_path)["root"])


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE_WH, "grey").save(path)


def written(root: Path, gesture: str, entries: Mapping[str, Any], folder: str = "ann_train_val") -> Path:
    """Annotations of a gesture and grey pictures for them."""
    for stem in entries:
        picture(root / gesture / f"{stem}.png")
    path = root / folder / f"{gesture}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries))
    return path


def crowd(root: Path, users: int, gestures: tuple[str, ...] = ("call", "like")) -> Path:
    """A copy as of the first release: training and validation in one folder."""
    for gesture in gestures:
        entries = {f"{gesture}-{user:03}": second_release(f"user{user}", gesture) for user in range(users)}
        written(root, gesture, entries)
    return root


def labels(hands: Gestures, split: str = "train") -> list[str]:
    return [
        hands.classes[number]
        for clip, one in enumerate(hands.clips)
        if one.split == split
        for number in hands.labels("gesture", clip, np.arange(len(one)))
    ]


# ---------------------------------------------------------------- what is read


def test_a_clip_is_one_person_in_the_split_that_the_folder_tells(root: Path) -> None:
    hands = opened(root)
    assert [(clip.subject, clip.split) for clip in hands.clips] == [
        *(("anna", "train"), ("bert", "train"), ("cleo", "validation"), ("dora", "test"))
    ]
    # two gestures, of each one picture with another hand at rest and one without
    assert [len(clip) for clip in hands.clips] == [6] * 4
    assert hands.classes == ("call", "like", "no_gesture")


def test_the_label_is_that_of_the_hand_in_the_crop(root: Path) -> None:
    hands = opened(root)
    for clip, one in enumerate(hands.clips):
        whole = np.arange(len(one))
        middle_N3 = hands.frames(clip, whole)[:, :, 12, 12]
        wanted = [COLOURS[hands.classes[number]] for number in hands.labels("gesture", clip, whole)]
        np.testing.assert_allclose(middle_N3, wanted, atol=12)


def test_labels_are_whole_numbers_of_chosen_classes(root: Path) -> None:
    hands = opened(root, classes=("like",))
    assert hands.classes == ("like",)
    assert hands.labels("gesture", 0, np.array([0])).dtype == np.int64
    assert set(labels(hands)) == {"like"}
    with pytest.raises(DataError, match="dataset gestures has no label 'pose'"):
        hands.labels("pose", 0, np.array([0]))


def test_a_batch_carries_the_label(root: Path) -> None:
    import torch

    from poserep.core.batches import Source
    from poserep.core.interfaces import Draw

    source = Source(opened(root), None, frozenset(("frame", "gesture")), frozenset(("gesture", "true_box")))
    batch = source.read(Draw(np.array([[0, 3]]), np.array([[0, 1]])))
    assert batch["gesture"].shape == (1, 2)
    assert batch["gesture"].dtype == torch.int64


def hands_of(path: Path) -> list[tuple[str, str, list[float]]]:
    hands = read_hands(path)
    assert hands is not None
    return [
        (hands.labels[label], hands.users[user], box_4.round(5).tolist())
        for label, user, box_4 in zip(hands.label_H, hands.user_H, hands.box_H4, strict=True)
    ]


def test_keys_of_one_release_only_are_not_needed(tmp_path: Path) -> None:
    path = written(tmp_path, "call", {"a": first_release("u", "call"), "b": second_release("u", "call")})
    assert [hand[:2] for hand in hands_of(path)] == [("no_gesture", "u"), ("call", "u"), ("call", "u")]
    path = written(tmp_path, "call", {"a": {"labels": ["call"], "bboxes": [[0, 0, 1, 1]]}})
    assert hands_of(path) == [("call", "", [0, 0, 1, 1])]


def test_where_both_hands_make_one_gesture_their_common_box_counts(tmp_path: Path) -> None:
    entry = second_release("u", "hand_heart") | {
        "labels": ["hand_heart", "hand_heart", "no_gesture"],
        "bboxes": [[0.1, 0.1, 0.2, 0.2], [0.3, 0.1, 0.2, 0.2], [0.8, 0.8, 0.1, 0.1]],
        "united_label": ["hand_heart"],
        "united_bbox": [[0.1, 0.1, 0.4, 0.2]],
    }
    found = hands_of(written(tmp_path, "hand_heart", {"a": entry}))
    assert [hand[0] for hand in found] == ["hand_heart", "no_gesture"]
    np.testing.assert_allclose([hand[2] for hand in found], [[0.1, 0.1, 0.4, 0.2], [0.8, 0.8, 0.1, 0.1]], rtol=1e-4)


def test_annotations_are_parsed_once_for_each_state_of_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "call", {"a": second_release("u", "call")})
    before = hands_of(path)
    with monkeypatch.context() as patched:
        patched.setattr(json, "loads", lambda _text: pytest.fail("it is parsed again"))
        assert hands_of(path) == before
    written(tmp_path, "call", {"a": second_release("another", "call")})
    assert hands_of(path) != before


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("hagrid_annotations/train/call.json", "train"),
        ("ann_train_val/call.json", ""),
        ("ann_trainval/call.json", ""),
        ("ann_test/call.json", "test"),
        ("annotations/val/call.json", "validation"),
        ("evaluation/call.json", ""),
        ("test/ann_subsample/call.json", "test"),
        ("train.json", ""),
    ],
)
def test_folders_tell_the_split(path: str, split: str) -> None:
    assert split_of(Path("/data") / path, Path("/data")) == split


# ---------------------------------------------------------------- crops


def test_the_crop_is_a_square_about_the_box() -> None:
    # a box 20 wide and 30 high whose middle is (50, 45), in a picture of 100 x 100: 1.5 times 30
    assert square(np.array([0.4, 0.3, 0.2, 0.3]), (100, 100), 1.5) == pytest.approx((27.5, 22.5, 45))


def test_a_larger_picture_gives_the_same_crop(tmp_path: Path) -> None:
    for scale in (1, 4):
        image = Image.new("RGB", (100 * scale, 80 * scale), "black")
        image.paste("white", (40 * scale, 30 * scale, 60 * scale, 50 * scale))
        image.save(tmp_path / f"{scale}.png")
    box_4 = np.array([0.4, 0.375, 0.2, 0.25])
    small, large = (read_crop(tmp_path / f"{scale}.png", box_4, 2.0, 20).astype(int) for scale in (1, 4))
    assert np.abs(small - large).max() <= 10
    assert (small[0, 5:15, 5:15] > 220).all()  # half of each side
    assert small.mean() / 255 == pytest.approx(0.25, abs=0.02)


def test_beyond_the_picture_is_black(tmp_path: Path) -> None:
    Image.new("RGB", (50, 50), "white").save(tmp_path / "a.png")
    crop = read_crop(tmp_path / "a.png", np.array([0, 0, 0.4, 0.4]), 1.5, 30)
    assert (crop[:, :4] == 0).all()
    assert (crop[:, 6:, 6:] == 255).all()


def test_the_true_box_is_the_hand_within_its_crop(root: Path) -> None:
    hands = opened(root, classes=("call",))
    # 0.2 of 96 and 0.4 of 64 pixels, in 1.5 times the longer
    np.testing.assert_allclose(
        hands.labels("true_box", 0, np.array([0]))[0], [19.2 / 38.4, 25.6 / 38.4, 0, 0], rtol=1e-5
    )


# ---------------------------------------------------------------- splits and few labels


def test_people_are_in_one_split_and_the_same_ones_in_a_larger_copy(tmp_path: Path) -> None:
    small, large = opened(crowd(tmp_path / "a", 60)), opened(crowd(tmp_path / "b", 120))
    splits = {clip.subject: clip.split for clip in large.clips}
    assert len(splits) == len(large.clips) == 120
    assert all(splits[clip.subject] == clip.split for clip in small.clips)
    counts = Counter(splits.values())
    assert counts["train"] > 80
    assert all(3 <= counts[name] <= 25 for name in ("validation", "test"))
    assert all((chance(user) < 0.1) == (split == "validation") for user, split in splits.items())


def test_only_splits_that_a_copy_does_not_tell_are_drawn(tmp_path: Path) -> None:
    crowd(tmp_path, 60)
    tests = {f"t{user}": second_release(f"tester{user}", "call") for user in range(5)}
    for stem in tests:
        picture(tmp_path / "test" / "call" / f"{stem}.png")
    written(tmp_path, "call", tests, "ann_test")
    # both files are called call.json: the one of training lies in another folder and stays
    hands = opened(tmp_path)
    by_split = {name: {clip.subject for clip in hands.clips if clip.split == name} for name in ("test", "validation")}
    assert by_split["test"] == {f"tester{user}" for user in range(5)}
    assert by_split["validation"]
    assert {clip.split for clip in opened(tmp_path, held_out=0.0).clips} == {"train", "test"}


@pytest.mark.parametrize(("few", "each"), [({"per_class": 3}, 3), ({"fraction": 0.1}, 4), ({"fraction": 0.001}, 1)])
def test_few_labels_are_the_same_number_of_each_class(tmp_path: Path, few: dict[str, Any], each: int) -> None:
    crowd(tmp_path, 40)
    hands = opened(tmp_path, held_out=0.0, **few)
    assert Counter(labels(hands)) == {"call": each, "like": each}


def names(hands: Gestures) -> set[tuple[str, str]]:
    return {
        (clip.subject, label)
        for n, clip in enumerate(hands.clips)
        if clip.split == "train"
        for label in (hands.classes[number] for number in hands.labels("gesture", n, np.arange(len(clip))))
    }


def test_few_labels_are_fixed_by_the_seed_and_nested(tmp_path: Path) -> None:
    crowd(tmp_path, 40)
    one, again, five = (names(opened(tmp_path, per_class=count)) for count in (1, 1, 5))
    assert one == again
    assert one < five
    assert names(opened(tmp_path, per_class=5, seed=1)) != five
    only = names(opened(tmp_path, per_class=5, classes=("call",)))
    assert only == {pair for pair in five if pair[1] == "call"}


def test_few_labels_leave_validation_and_test_whole(tmp_path: Path) -> None:
    crowd(tmp_path, 60)
    whole, few = opened(tmp_path), opened(tmp_path, per_class=1)
    for split in ("validation", "test"):
        assert labels(whole, split) == labels(few, split)


# ---------------------------------------------------------------- folders without annotations


def test_a_folder_per_gesture_is_enough(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for gesture, colour in (("fist", "red"), ("palm", "blue")):
            for user in range(2):
                path = tmp_path / split / gesture / f"{split}{user}_0.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (40, 20), colour).save(path)
    hands = opened(tmp_path, user_pattern=r"(?P<user>[a-z]+\d+)_", held_out=0.0)
    assert hands.classes == ("fist", "palm")
    assert [(clip.subject, clip.split, len(clip)) for clip in hands.clips] == [
        *(("train0", "train", 2), ("train1", "train", 2), ("test0", "test", 2), ("test1", "test", 2))
    ]
    frame = hands.frames(0, np.array([0]))[0]
    assert frame[0, 12, 2] > 200  # the whole width is shown,
    assert (frame[:, :4] == 0).all()  # with black above and below
    with pytest.raises(DataError, match="there is no folder of the class 'fits'") as caught:
        opened(tmp_path, classes=("fits",))
    assert caught.value.hint == "did you mean 'fist'?"


def test_people_who_are_not_known_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(50):
        picture(tmp_path / "fist" / f"{number}.png")
    hands = opened(tmp_path)
    assert {clip.split for clip in hands.clips} == {"train", "validation", "test"}
    assert {clip.subject for clip in hands.clips} == {""}
    assert "one person may be in several splits" in caplog.text
    with pytest.raises(DataError, match="user_pattern does not match"):
        opened(tmp_path, user_pattern="(?P<user>[a-z]+)_")
    for pattern, told in (("(", "is not a regular expression"), ("a", "has no group named user")):
        with pytest.raises(ConfigError, match=told):
            opened(tmp_path, user_pattern=pattern)


# ---------------------------------------------------------------- copies that lack something


def test_what_is_missing_is_counted_and_told(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "hagrid_dataset" / "call" / "call-anna-0.jpg").unlink()
    picture(root / "hagrid_dataset" / "call" / "stranger.png")
    hands = opened(root)
    told = hands.inventory()
    assert told.missing == (
        "1 annotated pictures are not there",
        "1 pictures have no annotation of a wanted class, and are left out",
    )
    assert [(found.subject, found.takes, found.frames) for found in told.found] == [
        *(("train", 2, 11), ("validation", 1, 6), ("test", 1, 6))
    ]
    assert [(count.ours, count.paper) for count in told.counts] == [(11, 509_323), (4, 43_669)]
    assert "1 annotated pictures are not there" in caplog.text
    assert "hagrid" in told.register


def test_a_copy_of_the_second_release_is_compared_with_its_numbers(tmp_path: Path) -> None:
    crowd(tmp_path, 4, ("grip", "holy"))
    assert [count.paper for count in opened(tmp_path).inventory().counts] == [821_458, 99_200, 165_500]
    crowd(tmp_path / "other", 4, ("wink",))
    assert opened(tmp_path / "other").inventory().counts == ()


def test_a_person_in_two_splits_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written(tmp_path, "call", {"a": second_release("u", "call")}, "train")
    written(tmp_path, "call", {"b": second_release("u", "call")}, "test")
    opened(tmp_path)
    assert "1 people are in several splits, as 'u'" in caplog.text


def test_of_two_pictures_with_the_annotated_name_the_first_folders_counts(tmp_path: Path) -> None:
    written(tmp_path, "call", {"a": second_release("u", "call")})
    picture(tmp_path / "small_copy" / "a.png")
    hands = opened(tmp_path)
    assert sum(map(len, hands.clips)) == 1
    assert not hands.inventory().missing


def test_a_picture_of_which_two_files_tell_counts_once(tmp_path: Path) -> None:
    entries = {"a": second_release("u", "call")}
    written(tmp_path, "call", entries, "ann_subsample")
    written(tmp_path, "call", entries, "ann_test")
    assert [(clip.split, len(clip)) for clip in opened(tmp_path).clips] == [("test", 1)]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"bboxes": [[0, 0, 1, 1]]}, "it lacks 'labels'"),
        ({"bboxes": [[0, 0, 1, 1]], "labels": []}, "it has 1 boxes, but 0 labels"),
        ({"bboxes": [[0, 0, 1]], "labels": ["call"]}, "not enough values"),
        ({"bboxes": [[0, 0, "x", 1]], "labels": ["call"]}, "could not convert"),
        ({"bboxes": [[10, 20, 100, 100]], "labels": ["call"]}, "is not in shares of the picture"),
        ({"bboxes": [[0, 0, float("nan"), 1]], "labels": ["call"]}, "is not in shares of the picture"),
    ],
)
def test_a_broken_annotation_is_named(tmp_path: Path, entry: dict[str, Any], told: str) -> None:
    path = written(tmp_path, "call", {"good": second_release("u", "call"), "bad": entry})
    assert told in error_of(tmp_path)
    assert f"{path}: bad" in error_of(tmp_path)


def test_an_unknown_class_is_refused_unless_classes_are_chosen(tmp_path: Path) -> None:
    written(tmp_path, "call", {"a": second_release("u", "cal"), "b": second_release("u", "call")})
    told = error_of(tmp_path)
    assert told.startswith("there is no class 'cal'")
    assert "did you mean 'call'?; name the gestures that you want in dataset.classes" in told
    assert len(opened(tmp_path, classes=("call",)).clips[0]) == 1
    told = error_of(tmp_path, classes=("call", "lyke"))
    assert told.startswith("there is no picture of the class 'lyke'")


def test_torn_and_foreign_json_are_told_apart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path, "call", {"a": second_release("u", "call")})
    (tmp_path / "package.json").write_text('{"name": "x"}')
    opened(tmp_path)
    assert "package.json: these are no annotations of hands" in caplog.text
    path.write_text(path.read_text()[:-5])
    assert error_of(tmp_path).startswith("the annotations cannot be read: ")


def test_a_copy_without_pictures_is_refused(tmp_path: Path) -> None:
    assert error_of(tmp_path / "none").startswith("there is no such folder")
    assert error_of(tmp_path).startswith("there is no hand to be seen")
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "call.json").write_text(json.dumps({"a": second_release("u", "call")}))
    assert "there is no hand to be seen" in error_of(tmp_path)
    assert "1 annotated pictures are not there" in error_of(tmp_path)


def test_boxes_without_area_are_left_out_and_counted(tmp_path: Path) -> None:
    flat = second_release("u", "call") | {"bboxes": [[0.5, 0.5, 0.0, 0.1]]}
    written(tmp_path, "call", {"a": flat, "b": second_release("u", "call")})
    assert "1 boxes without area are left out" in opened(tmp_path).inventory().missing


def test_a_broken_picture_is_replaced_by_one_of_its_class(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    hands = opened(root)
    gestures = hands.labels("gesture", 0, np.arange(6))
    before = hands.frames(0, np.arange(6))
    broken = root / "hagrid_dataset" / "call" / "call-anna-0.jpg"
    broken.write_bytes(broken.read_bytes()[:100])
    after = hands.frames(0, np.arange(6))
    (changed,) = np.flatnonzero((before != after).any(axis=(1, 2, 3)) | (gestures == 0))[:1]
    assert hands.classes[gestures[changed]] == "call"
    np.testing.assert_allclose(after[changed][:, 12, 12], COLOURS["call"], atol=12)
    assert hands.skipped == 1
    assert "stands in for it (told once)" in caplog.text


def test_a_class_without_a_readable_picture_is_an_error(root: Path) -> None:
    hands = opened(root, classes=("call",))
    for path in (root / "hagrid_dataset" / "call").iterdir():
        path.write_bytes(b"torn")
    with pytest.raises(DataError, match="the image cannot be read") as caught:
        hands.frames(0, np.array([0]))
    assert "those of the same class" in caught.value.hint


def test_prepared_crops_are_the_same(root: Path) -> None:
    plain, kept = opened(root), opened(root, prepared=True)
    for _ in range(2):
        for clip, one in enumerate(plain.clips):
            whole = np.arange(len(one))
            np.testing.assert_array_equal(kept.frames(clip, whole), plain.frames(clip, whole))
    other = opened(root, prepared=True, box_scale=3.0)
    assert (other.frames(0, np.array([0])) != plain.frames(0, np.array([0]))).any()
