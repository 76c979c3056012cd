import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.plugins.samplers.likeness import around, change, difference

GREY = np.full((2, 3, 16, 32), 100, np.uint8)
MIDDLE = np.tile(np.array([0.25, 0.5, 0.0, 0.0], np.float32), (2, 1))  # 8 wide, 8 high


def test_inside_of_the_boxes_by_hand() -> None:
    frames = GREY.copy()
    frames[1, :, 4:12, 12:20] = 151  # the whole box, by a fifth of the range
    assert change(frames, MIDDLE) == pytest.approx(0.2)
    frames[1, :, 4:12, 12:16] = 100
    assert change(frames, MIDDLE) == pytest.approx(0.1)
    frames[1, 1:, 4:12] = 100
    assert change(frames, MIDDLE) == pytest.approx(0.1 / 3)


def test_what_changes_outside_of_the_boxes_does_not_count() -> None:
    frames = GREY.copy()
    frames[1, :, :, :8] = 255
    assert change(frames, MIDDLE) == 0
    assert change(frames, None) > 0.5


def test_dark_to_bright_is_as_far_as_bright_to_dark() -> None:
    frames = GREY.copy()
    frames[1] = 99
    assert change(frames, MIDDLE) == pytest.approx(1 / 255)
    assert change(frames[::-1], MIDDLE) == pytest.approx(1 / 255)


def test_without_boxes_a_small_person_before_a_large_wall_counts() -> None:
    frames = GREY.copy()
    frames[1, :, 4:6, 8:12] = 202  # one of 8 x 8 parts
    assert change(frames, None) == pytest.approx(0.4)
    assert change(frames, np.full((2, 4), np.nan)) == pytest.approx(0.4)


@given(st.integers(1, 9), st.integers(1, 9))
def test_frames_smaller_than_the_parts_are_compared_all_the_same(height: int, width: int) -> None:
    frames = np.zeros((2, 3, height, width), np.uint8)
    frames[1, :, -1, -1] = 255
    assert 0 < change(frames, None) <= 1


def test_of_large_pictures_every_nth_pixel_is_compared() -> None:
    frames = np.zeros((2, 3, 256, 200), np.uint8)
    frames[1, :, ::4, ::3] = 51
    assert change(frames, None) == pytest.approx(0.2)
    assert difference(*frames).shape == (64, 67)


def test_the_rectangle_holds_both_boxes_and_stays_inside() -> None:
    assert around(MIDDLE, (16, 32)) == (12, 4, 20, 12)
    apart = np.array([[0.25, 0.5, -0.5, 0.0], [0.25, 0.5, 0.5, 0.9]], np.float32)
    assert around(apart, (16, 32)) == (4, 4, 28, 16)
    outside = np.tile(np.array([0.1, 0.1, 3.0, -3.0], np.float32), (2, 1))
    assert around(outside, (16, 32)) == (31, 0, 32, 1)
