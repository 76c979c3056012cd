"""Which pictures and annotation files lie below a folder, and cutting a hand out of a picture.

Axes: M pictures; 4 = left top width height of a box, in shares of the picture.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.images import resized
from ..names import natural

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Pictures:
    """Every picture below a folder, in the order of their stems.

    Attributes:
        folders: Where they lie.
        folder_M: Which of these, per picture.
        stem_M: File names without suffix, as bytes, sorted.
        suffix_M: Which of `SUFFIXES`, in the spelling of ``spellings``.
        spellings: Suffixes as files have them.
    """

    folders: Sequence[Path]
    folder_M: Array
    stem_M: Array
    suffix_M: Array
    spellings: Sequence[str]

    def __len__(self) -> int:
        return len(self.stem_M)

    def path(self, picture: int) -> Path:
        """The file of a picture."""
        name = f"{os.fsdecode(self.stem_M[picture])}.{self.spellings[self.suffix_M[picture]]}"
        return self.folders[int(self.folder_M[picture])] / name

    def first_M(self) -> Array:
        """For each picture, the first one of its stem, (M,)."""
        new = np.append(True, self.stem_M[1:] != self.stem_M[:-1])[: len(self)]
        return np.maximum.accumulate(np.where(new, np.arange(len(self)), 0))

    def find(self, stems: Array) -> Array:
        """Where pictures of these stems stand, -1 for those that are not there, (N,).

        Of several with one stem, as copies at other sizes are, that of the first folder counts.
        """
        if not len(self):
            return np.full(len(stems), -1)
        place = np.searchsorted(self.stem_M, stems).clip(max=len(self) - 1)
        return np.where(self.stem_M[place] == stems, place, -1)


def look(root: Path) -> tuple[Pictures, list[Path]]:
    """Pictures and json files below a folder, the latter in natural order.

    Raises:
        DataError: If there is no such folder.
    """
    if not root.is_dir():
        raise DataError("there is no such folder", where=str(root), hint="dataset.root names a folder of pictures")
    folders: list[Path] = []
    stems, places, suffixes, told = [], [], [], []
    spellings: dict[str, int] = {}
    for folder, inside, names in os.walk(root):
        inside.sort(key=natural)
        told += [Path(folder, name) for name in names if name.lower().endswith(".json")]
        parts = [name.rpartition(".") for name in names if name.lower().endswith(SUFFIXES) and name[0] != "."]
        if parts:
            stems.append(np.array([os.fsencode(stem) for stem, _, _ in parts], np.bytes_))
            places.append(np.full(len(parts), len(folders), np.int32))
            numbers = [spellings.setdefault(suffix, len(spellings)) for _, _, suffix in parts]
            suffixes.append(np.array(numbers, np.int8))
            folders.append(Path(folder))
    if not folders:
        empty = np.zeros(0, np.int32)
        return Pictures((), empty, np.zeros(0, np.bytes_), empty, ()), told
    stem_M = np.concatenate(stems)
    order = np.argsort(stem_M, kind="stable")
    folder_M, suffix_M = np.concatenate(places)[order], np.concatenate(suffixes)[order]
    found = Pictures(folders, folder_M, stem_M[order], suffix_M, list(spellings))
    return found, sorted(told, key=lambda path: natural(str(path)))


def square(box_4: Array, size_WH: tuple[int, int], scale: float) -> tuple[float, float, float]:
    """Left, top and side in pixels of the square about a box's middle, ``scale`` times its longer side."""
    left, top, width, height = np.asarray(box_4, np.float64) * [*size_WH, *size_WH]
    side = scale * max(width, height)
    return left + (width - side) / 2, top + (height - side) / 2, side


def read_crop(path: Path, box_4: Array, scale: float, side_px: int) -> Array:
    """The square about a box, (3, side, side) uint8; black where it reaches beyond the picture.

    Raises:
        DataError: If the picture is missing or broken.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            side = square(box_4, file.size, scale)[2]
            shrink = max(1.0, side / (2 * side_px))  # JPEG: decode no more than twice what is needed
            file.draft("RGB", (math.ceil(file.width / shrink), math.ceil(file.height / shrink)))
            image = ImageOps.exif_transpose(file).convert("RGB")
    except FileNotFoundError:
        raise DataError("there is no such image", where=str(path)) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"the image cannot be read: {error}", where=str(path)) from None
    left, top, side = square(box_4, image.size, scale)
    edges = math.floor(left), math.floor(top), math.ceil(left + side), math.ceil(top + side)
    width, height = edges[2] - edges[0], edges[3] - edges[1]
    across = (100 * (left - edges[0]) / width, 100 * (left + side - edges[0]) / width)
    down = (100 * (top - edges[1]) / height, 100 * (top + side - edges[1]) / height)
    return resized(image.crop(edges), (side_px, side_px), across, down)
