import numpy as np

from poserep.plugins.datasets.thinning import kept, shortage


def test_each_nth_frame_stays() -> None:
    assert kept(np.arange(12), 5).tolist() == [0, 5, 10]
    assert kept(np.arange(12), 1).tolist() == list(range(12))
    # frames 0, 5, 10, ... are there: the first at or after 0, 64, 128
    assert (5 * kept(5 * np.arange(30), 64)).tolist() == [0, 65, 130]


def test_a_clip_that_begins_late_keeps_its_first_frame() -> None:
    assert kept(np.array([7, 8, 9, 10]), 5).tolist() == [0, 3]


def test_a_few_frames_are_not_worth_a_word() -> None:
    assert shortage("walk", labels=12, pictures=10) == []
    assert shortage("walk", labels=12, pictures=20) == []
    assert shortage("walk", labels=12, pictures=9) == ["walk: no picture for 3 of 12 labels"]
