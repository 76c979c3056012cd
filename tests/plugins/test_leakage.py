from dataclasses import replace

import numpy as np
import pytest

from poserep.core.errors import DataError
from poserep.core.interfaces import Clip, Context
from poserep.plugins.samplers.leakage import unseen
from poserep.plugins.samplers.mixed import MixedOptions, build

TIMES = np.arange(30) / 10


def clip(subject: str, take: str, camera: str = "l", split: str = "train") -> Clip:
    return Clip(f"{subject}-{take}-{camera}", subject, take, camera, split, TIMES)


TRAIN = [clip(subject, f"{subject} walks", camera) for subject in ("S1", "S5") for camera in "lr"]
ALL = np.arange(len(TRAIN))


def test_clean_splits_are_drawn_from_whole_and_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    clips = [*TRAIN, clip("S9", "S9 walks", split="test"), clip("S8", "S8 walks", split="validation")]
    assert unseen("mixed", clips, ALL, (), "drop").tolist() == [0, 1, 2, 3]
    assert caplog.messages == []


def test_a_subject_of_the_test_split_is_never_drawn_and_named(caplog: pytest.LogCaptureFixture) -> None:
    clips = [*TRAIN, clip("S5", "S5 sits", split="test")]
    made = build(MixedOptions(), Context(crop_size=8))
    made.prepare(clips, ALL)
    assert set(made.draw(np.random.default_rng(0), 100).clip.ravel()) == {0, 1}
    assert caplog.messages == [
        "sampler 'mixed': 2 clips are left out, for they show subjects or takes of the dataset's test split: "
        "subject 'S5'"
    ]


def test_with_warn_they_are_drawn_and_named(caplog: pytest.LogCaptureFixture) -> None:
    clips = [*TRAIN, clip("S5", "S5 sits", split="test")]
    assert unseen("mixed", clips, ALL, (), "warn").tolist() == [0, 1, 2, 3]
    assert caplog.messages == [
        "sampler 'mixed': 2 clips are trained on, though they show subjects or takes of the dataset's test split: "
        "subject 'S5'"
    ]


def test_a_take_of_which_one_camera_is_held_out_is_never_drawn() -> None:
    clips = [replace(one, subject="") for one in (*TRAIN, clip("S1", "S1 walks", "top", "test"))]
    assert unseen("mixed", clips, ALL, (), "drop").tolist() == [2, 3]


def test_test_subjects_of_another_dataset_are_never_drawn_even_with_warn(caplog: pytest.LogCaptureFixture) -> None:
    assert unseen("cross_pose", TRAIN, ALL, ("S1", "S11"), "warn").tolist() == [2, 3]
    assert caplog.messages == [
        "sampler 'cross_pose': 2 clips are left out, for they show who or what is tested on: subject 'S1'"
    ]


def test_nothing_left_is_refused_with_what_to_do() -> None:
    clips = [*TRAIN, clip("S1", "a", split="test"), clip("S5", "b", split="test")]
    with pytest.raises(DataError) as caught:
        unseen("mixed", clips, ALL, (), "drop")
    assert caught.value.what == (
        "the sampler 'mixed' is left without a clip: all 4 show subjects or takes that are tested on: subject 'S1', "
        "subject 'S5'"
    )
    assert caught.value.hint == 'sampler.leakage = "warn" trains on them all the same'
    with pytest.raises(DataError) as caught:
        unseen("mixed", TRAIN, ALL, ("S1", "S5 walks"), "warn")
    assert caught.value.where == "sampler.tested_on"
    assert "subject 'S1', take 'S5 walks'" in caught.value.what


def test_unknown_subjects_are_nobody(caplog: pytest.LogCaptureFixture) -> None:
    clips = [clip("", "a"), clip("", "b", split="test")]
    assert unseen("mixed", clips, np.array([0]), (), "drop").tolist() == [0]
    assert caplog.messages == []


def test_many_names_are_counted() -> None:
    clips = [clip(f"S{number:02}", f"take {number}") for number in range(20)]
    with pytest.raises(DataError, match=r"subject 'S11' and 8 more"):
        unseen("mixed", clips, np.arange(20), [one.subject for one in clips], "drop")
