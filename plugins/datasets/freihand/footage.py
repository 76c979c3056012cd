"""The pictures of one clip, with the same hand before another background for one that cannot be read.

Axes: N frames of the clip, H W pixels.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from ....core.interfaces import Array
from ....media.mended import SKIPPED
from .shelves import MADE_UP_S, Shelf, read_picture

log = logging.getLogger("poserep")


class HandFootage:
    """A `media.mended.Footage`: what stands in for a picture has its number, as it shows the same hand.

    Args:
        name: Of the clip.
        shelf: Its pictures.
        frame_size: (H, W).
    """

    def __init__(self, name: str, shelf: Shelf, frame_size: tuple[int, int]) -> None:
        self.name = name
        self.frame_size = frame_size
        self.instead: dict[int, int] = {}
        self._shelf = shelf

    def __len__(self) -> int:
        return len(self._shelf.samples)

    @property
    def times_s(self) -> Array:
        """Made-up timestamps, (N,)."""
        return MADE_UP_S * np.arange(len(self), dtype=np.float64)

    @property
    def skipped(self) -> int:
        """Pictures that were asked for so far and could not be read."""
        return len(self.instead)

    def identity(self) -> Mapping[str, Any]:
        """The pictures, their sizes and when they were last changed."""
        digest = hashlib.sha256()
        for sample in self._shelf.samples.tolist():
            path = self._shelf.part.picture(self._shelf.version, sample)
            if path is not None and path.is_file():
                state = path.stat()
                digest.update(json.dumps([str(path), state.st_size, state.st_mtime_ns]).encode())
        return {"hands": digest.hexdigest()}

    def read(self, indices: Array) -> Array:
        """Frames by number, (N, 3, H, W) uint8.

        Raises:
            DataError: If a sample can be read before no background.
        """
        frames = [self._frame(int(index)) for index in indices]
        return np.stack(frames) if frames else np.zeros((0, 3, *self.frame_size), np.uint8)

    def _frame(self, index: int) -> Array:
        frame, fault, name = read_picture(self._shelf, int(self._shelf.samples[index]), self.frame_size)
        if fault is not None:
            if not self.instead:
                log.warning("%s: %s; %s stands in for it (told once per clip)", fault.where, fault.what, name)
            self.instead[index] = index
            SKIPPED[self.name].add(index)
        return frame
