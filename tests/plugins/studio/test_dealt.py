"""Who trains and who tests in the studio, under each protocol."""

from collections import Counter

import numpy as np
import pytest

from poserep.core.interfaces import Clip
from poserep.plugins.datasets.studio.takes import dealt

CLIPS = [
    Clip(f"{subject}/{take}/{camera}", subject, f"{subject}/{take}", camera, split, np.arange(3.0))
    for subject, split in (("S01", "train"), ("S02", "test"))
    for take in ("walk", "run", "jump", "sit")
    for camera in ("cam0", "cam1")
]


def test_people_keep_their_splits() -> None:
    assert list(dealt(CLIPS, "poses")) == CLIPS


def test_with_all_data_everybody_trains() -> None:
    assert {clip.split for clip in dealt(CLIPS, "all_data")} == {"train"}


def test_by_takes_everybody_trains_and_tests_and_no_take_does_both() -> None:
    found = list(dealt(CLIPS, "takes"))
    splits = {split: {clip.take for clip in found if clip.split == split} for split in ("train", "test")}
    assert splits["test"] == {"S01/jump", "S02/jump"}
    assert not splits["train"] & splits["test"]
    assert Counter(clip.subject for clip in found if clip.split == "test") == {"S01": 2, "S02": 2}


@pytest.mark.parametrize("protocol", ["poses", "takes", "all_data"])
def test_nothing_but_the_split_changes(protocol: str) -> None:
    assert [clip.name for clip in dealt(CLIPS, protocol)] == [clip.name for clip in CLIPS]
