"""Prepared footage: frames at working size on disk, kept as they are read, so that they are decoded once.

Each clip is a `frame_file`, named by a hash of all that decides its content: another version of the video, another size
or another way of decoding is another name. `tests/benchmarks/test_footage_speed.py` compares this form with others.

Axes: N frames, 3 colour channels (RGB), H W pixels.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array
from .frame_file import MISSING, REPLACED, RESERVE, USABLE, FrameFile
from .frame_store import cache_folder, store_path
from .mended import SKIPPED, Footage

log = logging.getLogger("poserep")

KIND = "prepared"
VERSION = 1
"""Raised whenever decoding or resizing gives other pixels, so that old files are not used any more."""
TOLD: set[int | None] = set()
"""Why this process could not keep frames."""


def check_room(size: int) -> None:
    """Refuse to write where it cannot be done.

    Args:
        size: How many bytes are wanted.

    Raises:
        DataError: If the cache folder cannot be written, or its disk would be left without reserve.
    """
    folder = cache_folder() / KIND
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if shutil.disk_usage(folder).free < size + RESERVE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise DataError(
            f"prepared frames cannot be written: {error.strerror or error}; {size / 1e6:.0f} MB are needed, and "
            f"{RESERVE / 1e6:.0f} MB are left free",
            where=str(folder),
            hint="make room there, or set POSEREP_CACHE to a folder on another disk; what is prepared stays",
        ) from None


class PreparedFootage:
    """See `prepared`."""

    def __init__(self, footage: Footage, key: Mapping[str, Any]) -> None:
        self._footage = footage
        self._key = key
        self.name = footage.name
        self.frame_size = footage.frame_size
        self.instead = footage.instead
        self._opened: FrameFile | None = None

    def __len__(self) -> int:
        return len(self._footage)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}  # another process opens the file for itself

    @property
    def times_s(self) -> Array:
        """Timestamps in seconds, (N,) float64."""
        return self._footage.times_s

    @property
    def skipped(self) -> int:
        """Frames that could not be used, whoever found them so."""
        return int((self._file().flags_N == REPLACED).sum())

    @property
    def path(self) -> Path:
        """The clip's file.

        Raises:
            DataError: If the footage is not there.
            OSError: If the cache cannot be written.
        """
        return self._file().path

    def identity(self) -> Mapping[str, Any]:
        """What decides the content."""
        return {**self._footage.identity(), **self._key}

    def missing(self) -> int:
        """How many frames are not prepared yet."""
        return int((self._file().flags_N == MISSING).sum())

    def read(self, indices: Array) -> Array:
        """Frames by number, (N, 3, H, W) uint8: those that are prepared, and others decoded and kept.

        Raises:
            DataError: If no frame of the clip can be read.
            IndexError: For a number outside the clip.
        """
        numbers = np.asarray(indices, np.int64)
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"{self.name} has {len(self)} frames, not number {numbers.min()} to {numbers.max()}")
        try:
            file = self._file()
        except OSError as error:
            _tell(error)
            return self._footage.read(numbers)
        lacks = file.flags_N[numbers] == MISSING
        picked = file.read(numbers)
        if lacks.any():
            wanted, place = np.unique(numbers[lacks], return_inverse=True)
            decoded = self._footage.read(wanted)
            picked[lacks] = decoded[place]
            self._keep(file, wanted, decoded)
        return picked

    def _file(self) -> FrameFile:
        if self._opened is None:
            shape = (len(self), 3, *self.frame_size)
            about = {"version": VERSION, "footage": self.identity(), "shape": shape}
            self._opened = FrameFile(store_path(KIND, about).with_suffix(".frames"), shape)
            _make_known(self.name, np.flatnonzero(self._opened.flags_N == REPLACED))
        return self._opened

    def _keep(self, file: FrameFile, numbers: Array, frames: Array) -> None:
        flags = np.where([number in self.instead for number in numbers.tolist()], REPLACED, USABLE)
        try:
            file.write(numbers, frames, flags)
        except OSError as error:
            _tell(error)


def _make_known(name: str, bad: Array) -> None:
    if len(bad):
        SKIPPED[name].update(bad.tolist())


def _tell(error: OSError) -> None:
    """Once per process and cause: frames are read all the same."""
    if error.errno not in TOLD:
        TOLD.add(error.errno)
        where = cache_folder() / KIND
        log.warning("%s: %s: frames are read in place and not kept", where, error.strerror or error)


def prepared(footage: Footage, key: Mapping[str, Any] | None = None) -> PreparedFootage:
    """Footage whose frames are decoded once: what is read is kept at working size in the cache folder.

    Opening touches no file. Where the cache cannot be written the frames are read in place, which is told.

    Args:
        footage: From `video_footage` or `image_footage`.
        key: What decides the pixels beside files, numbers and frame size, JSON-able: what ``skip`` looks for.
    """
    return PreparedFootage(footage, key or {})
