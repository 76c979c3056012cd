"""Pictures whose names end in a number, of whatever suffix: what lies there is listed, never built from numbers.

Axes: N pictures.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array
from ...media.file_names import FileNames
from ...media.images import image_size

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
NUMBER = re.compile(rb"(?!\.)(?:.*_)?(\d{1,18})\.(?:png|jpe?g|webp|bmp|tiff?)", re.IGNORECASE)
TRIED = 5
"""Pictures of a folder that may be broken before their size is unknown."""


def numbered(folder: Path) -> tuple[Array, FileNames]:
    """The pictures of a folder by the number that ends their name: numbers (N,) rising, and the files.

    Hidden files, as some systems put beside each picture, do not count. Of pictures with one number, as ``img_7.jpg``
    and ``img_07.png``, the first by name does.
    """
    with os.scandir(os.fsencode(folder)) as entries:
        names = np.sort(np.array([entry.name for entry in entries], np.bytes_))
    alike, numbers = _alike(names)
    for place in np.flatnonzero(~alike):
        match = NUMBER.fullmatch(names[place])
        numbers[place] = int(match[1]) if match else -1
    known = numbers >= 0
    found, first = np.unique(numbers[known], return_index=True)
    return found, FileNames(folder, names[known][first])


def _alike(names: Array) -> tuple[Array, Array]:
    """Which names differ from the last in their digits alone, as nearly all do, and the numbers of those.

    A million names one by one would take seconds.
    """
    match = NUMBER.fullmatch(names[-1]) if len(names) else None
    if match is None:
        return np.zeros(len(names), bool), np.full(len(names), -1)
    letters_NL = np.ascontiguousarray(names).view(np.uint8).reshape(len(names), -1)
    digits_NL = letters_NL[:, match.start(1) : match.end(1)] - ord("0")
    rest_NL = np.delete(letters_NL, np.s_[match.start(1) : match.end(1)], axis=1)
    alike = (digits_NL <= 9).all(axis=1) & (rest_NL == rest_NL[-1]).all(axis=1)
    return alike, np.asarray(digits_NL.astype(np.int64) @ 10 ** np.arange(digits_NL.shape[1] - 1, -1, -1))


def picture_WH(files: FileNames) -> tuple[int, int]:
    """Width and height of pictures, from the header of the first that can be read.

    Raises:
        DataError: If none of the first few can.
    """
    for number in range(len(files)):
        try:
            height, width = image_size(files[number])
        except DataError:
            if number + 1 == min(TRIED, len(files)):
                raise
        else:
            return width, height
    raise DataError("there is no picture", where=str(files.folder))
