"""The frames of one clip in a file that may be filled in any order, by several processes, each of which may be killed.

A byte for each frame tells whether it is there; then come the frames, uncompressed, each at its place. A frame is on
the disk before its byte says so: what is half-written is never read, and who comes after a killed writer goes on where
it stopped. Frames that are not there take no room.

Axes: N frames, C channels, H W pixels.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
from pathlib import Path

import numpy as np

from ..core.interfaces import Array

MISSING, USABLE, REPLACED = 0, 1, 2
"""A frame that is not there; one that is; one that could not be used and holds a copy of its neighbour."""
PAGE = 4096
RESERVE = 500_000_000
"""Bytes that are left free on the disk, for checkpoints."""


class FrameFile:
    """One such file, made if it is not there.

    Args:
        path: Where it lies.
        shape: (N, C, H, W) of all its frames.

    Raises:
        OSError: If it cannot be made or opened.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int, int]) -> None:
        self.path = path
        self._size = int(np.prod(shape[1:]))
        self._start = -(-shape[0] // PAGE) * PAGE
        size = self._start + shape[0] * self._size
        if not path.exists() or path.stat().st_size != size:  # else it may be another's, and not for writing
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.truncate(size)  # whoever makes it makes the same: zeros
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        whole: Array = np.frombuffer(self._map, np.uint8)
        self.flags_N: Array = whole[: shape[0]]
        self.frames: Array = whole[self._start :].reshape(shape)

    def read(self, numbers: Array) -> Array:
        """A copy of some frames, (n, C, H, W); zeros for those that are not there."""
        if hasattr(mmap, "MADV_WILLNEED"):  # the disk looks for all of them at once, instead of page after page
            for number in numbers.tolist():
                first = self._start + number * self._size
                aligned = first - first % mmap.PAGESIZE
                self._map.madvise(mmap.MADV_WILLNEED, aligned, first + self._size - aligned)
        picked: Array = self.frames[numbers]
        return picked

    def write(self, numbers: Array, frames: Array, flags: Array) -> None:
        """Put frames (n, C, H, W) at their places; their flags (n,) follow when they are on the disk.

        Raises:
            OSError: If there is no room or the file is not for writing.
        """
        if shutil.disk_usage(self.path.parent).free < frames.nbytes + RESERVE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with self.path.open("r+b") as file:
            for number, frame in zip(numbers.tolist(), frames, strict=True):
                file.seek(self._start + number * self._size)
                file.write(np.ascontiguousarray(frame, np.uint8).data)
            file.flush()
            os.fsync(file.fileno())
            for number, flag in zip(numbers.tolist(), flags.tolist(), strict=True):
                file.seek(number)
                file.write(bytes([flag]))
