"""One recording as one camera saw it, of the training or the test set.

Axes: N frames, J joints, 3 = x y z in mm, 2 = x y in pixels of the original image, W H width and height.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ....core.interfaces import Array
from ....media.file_names import PICTURES, FileNames
from ....media.images import image_size

if TYPE_CHECKING:
    from ....media.camera import Camera
    from ....media.footage import Footage

Kind = Literal["annot2", "annot3", "univ_annot3"]
Skip = Callable[[Array], bool]
WHITE = 240
NUMBERED = re.compile(rb"(\d+)\.[^.]*$")


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Whose recording it is, and which camera saw it.

    Attributes:
        subject: S1 to S8, TS1 to TS6.
        take: Seq1 or Seq2; empty in the test set.
        camera: Its number; "0" in the test set.
        numbers_N: Frames that have a picture and labels, counted from 0; rising.
        fps: Frames per second.
    """

    subject: str
    take: str
    camera: str
    numbers_N: Array
    fps: float

    @property
    def recording(self) -> str:
        """Subject and take."""
        return f"{self.subject} {self.take}".rstrip()


class View(ABC):
    """Pictures and labels of one camera's view of a recording.

    Attributes:
        place: What it is a view of.
        skeleton: Name of the skeleton of its labels.
    """

    skeleton: str

    def __init__(self, place: Place) -> None:
        self.place = place

    @abstractmethod
    def size_WH(self) -> tuple[int, int]:
        """Size of the original image in pixels."""

    @abstractmethod
    def footage(self, size_HW: tuple[int, int], skip: Skip | None) -> Footage:
        """Its frames at a size; frame n is that of row n of `labels`."""

    @abstractmethod
    def labels(self, kind: Kind) -> Array:
        """Joints of all its frames, (N, J, 2) or (N, J, 3) float32.

        Raises:
            DataError: If they cannot be read.
        """

    @abstractmethod
    def camera(self) -> Camera | None:
        """Its calibration; None where only the lens can be known."""

    @abstractmethod
    def intrinsics_33(self) -> Array:
        """Focal lengths and principal point."""

    def masks(self, size_HW: tuple[int, int]) -> Footage | None:
        """Frames of masks, if the data have any that fit for cutting the subject out."""
        return None


def washed_out(frame_3HW: Array, share: float) -> bool:
    """Whether more than a share of a frame is nearly white, as in the light of a flash."""
    return bool((frame_3HW.min(axis=0) >= WHITE).mean() > share)


def numbered(names_N: Array) -> Array:
    """The number at the end of each name, before the suffix, (N,) int64; 0 where there is none.

    Args:
        names_N: As bytes. Names of one length and suffix, which most folders have, are read all at once.
    """
    width, dot = names_N.dtype.itemsize, names_N[0].rfind(b".") if len(names_N) else 0
    letters_NL: Array = names_N.view(np.uint8).reshape(len(names_N), width)[:, : max(dot, 0)]
    others_L = np.asarray(((letters_NL < ord("0")) | (letters_NL > ord("9"))).any(axis=0))
    count = dot - 1 - int(np.flatnonzero(others_L)[-1]) if others_L.any() else dot
    alike = all(len(set(part)) == 1 for part in (np.char.str_len(names_N), np.char.rfind(names_N, b".")))
    if alike and 0 < count < 18:
        powers = 10 ** np.arange(count - 1, -1, -1, dtype=np.int64)
        return np.asarray((letters_NL[:, -count:].astype(np.int64) - ord("0")) @ powers)
    return np.array([int(match[1]) if (match := NUMBERED.search(name)) else 0 for name in names_N.tolist()], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Numbered picture files of a folder.

    Attributes:
        files: In order of their numbers.
        numbers_N: Their numbers from 0, rising; names count from 1.
    """

    files: FileNames
    numbers_N: Array

    @classmethod
    def of(cls, folder: Path, prefix: str = "") -> Pictures | None:
        """Those whose names begin with a prefix and end in a number; None if there are none."""
        if not folder.is_dir():
            return None
        starts, ends = os.fsencode(prefix), tuple(map(os.fsencode, PICTURES))
        with os.scandir(os.fsencode(folder)) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(starts)]
        names_N = np.array([name for name in names if name.lower().endswith(ends)], "S")
        numbers_N = numbered(names_N) - 1
        order = np.argsort(numbers_N, kind="stable")[np.count_nonzero(numbers_N < 0) :]
        return cls(FileNames(folder, names_N[order]), numbers_N[order]) if len(order) else None

    def size_WH(self) -> tuple[int, int]:
        """That of the first."""
        height, width = image_size(self.files[0])
        return width, height

    def footage(self, numbers_N: Array, size_HW: tuple[int, int], fps: float, skip: Skip | None) -> Footage:
        """Those of some numbers as frames."""
        from ....media.footage import image_footage

        rows_N = np.searchsorted(self.numbers_N, numbers_N)
        files = FileNames(self.files.folder, self.files.names[rows_N])
        return image_footage(files, size_HW, numbers_N / fps, skip=skip)
