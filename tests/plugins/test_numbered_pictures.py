from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poserep.core.errors import DataError
from poserep.media.file_names import FileNames
from poserep.plugins.datasets.numbered_pictures import numbered, picture_WH


def listed(folder: Path, *names: str) -> tuple[list[int], list[str]]:
    for name in names:
        (folder / name).touch()
    numbers, files = numbered(folder)
    return numbers.tolist(), [file.name for file in files]


def test_numbers_end_the_names_however_many_zeros_they_have(tmp_path: Path) -> None:
    names = ("img_000010.png", "img_000002.png", "frame_3.JPG", "7.tif", "a_b_000100.jpeg", "00011.webp", "x_12.bmp")
    assert listed(tmp_path, *names) == (
        [2, 3, 7, 10, 11, 12, 100],
        ["img_000002.png", "frame_3.JPG", "7.tif", "img_000010.png", "00011.webp", "x_12.bmp", "a_b_000100.jpeg"],
    )


def test_what_is_no_numbered_picture_is_passed_over(tmp_path: Path) -> None:
    names = ("bg.png", "img_1.txt", "img_1.png.part", "imgx1.png", "img_.png", "img_1a.png", "img_5.png", "._img_5.png")
    assert listed(tmp_path, *names) == ([5], ["img_5.png"])


def test_of_pictures_with_one_number_the_first_by_name_counts(tmp_path: Path) -> None:
    assert listed(tmp_path, "img_7.png", "img_7.jpg", "img_07.png") == ([7], ["img_07.png"])


def test_numbers_of_eighteen_digits_are_exact_and_longer_ones_are_none(tmp_path: Path) -> None:
    assert listed(tmp_path, "img_123456789012345678.png", "img_1234567890123456789.png") == (
        [123456789012345678],
        ["img_123456789012345678.png"],
    )


def test_an_empty_folder_has_no_pictures_and_no_size(tmp_path: Path) -> None:
    numbers, files = numbered(tmp_path)
    assert (len(numbers), len(files)) == (0, 0)
    with pytest.raises(DataError, match="no picture"):
        picture_WH(files)


def test_the_size_is_that_of_the_first_picture_that_can_be_read(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"img_{number}.png").write_bytes(b"")
    Image.new("RGB", (6, 4)).save(tmp_path / "img_2.png")
    numbers, files = numbered(tmp_path)
    assert picture_WH(files) == (6, 4)
    late = FileNames(tmp_path, files.names[np.flatnonzero(numbers > 2)])
    with pytest.raises(DataError, match="cannot be read"):
        picture_WH(late)
