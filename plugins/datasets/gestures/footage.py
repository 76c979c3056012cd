"""The hands of all samples, cut out, with one of the same class and split for one that cannot be read.

Axes: S samples, H W pixels.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.mended import SKIPPED
from .pictures import Pictures, read_crop
from .samples import Samples

log = logging.getLogger("poserep")

TRIES = 16
"""Broken pictures in a row after which a copy is given up."""


class HandFootage:
    """A `media.mended.Footage` of all samples one after another.

    Args:
        name: What it is called in messages.
        pictures: Where hands are seen.
        samples: The hands.
        side_px: Side of a crop.
        scale: The same as a multiple of the box.
    """

    def __init__(self, name: str, pictures: Pictures, samples: Samples, side_px: int, scale: float) -> None:
        self.name = name
        self.frame_size = (side_px, side_px)
        self.instead: dict[int, int] = {}
        self._pictures = pictures
        self._samples = samples
        self._scale = scale

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def times_s(self) -> Array:
        """Samples have no time: their numbers, (S,)."""
        return np.arange(len(self), dtype=np.float64)

    @property
    def skipped(self) -> int:
        """Samples that were asked for so far and could not be read."""
        return len(self.instead)

    def identity(self) -> Mapping[str, Any]:
        """The boxes, and the pictures with their sizes and when they were last changed."""
        digest = hashlib.sha256(self._samples.box_S4.tobytes())
        for picture in self._samples.picture_S.tolist():
            path = self._pictures.path(picture)
            state = path.stat() if path.is_file() else None
            told = [str(path), state.st_size, state.st_mtime_ns] if state else [str(path)]
            digest.update(json.dumps(told).encode())
        return {"hands": digest.hexdigest(), "scale": self._scale}

    def read(self, indices: Array) -> Array:
        """Crops by number, (N, 3, H, W) uint8.

        Raises:
            DataError: If a picture cannot be read, nor one of the same class near it.
        """
        frames = [self._hand(int(index)) for index in indices]
        return np.stack(frames) if frames else np.zeros((0, 3, *self.frame_size), np.uint8)

    def _hand(self, row: int) -> Array:
        """The sample's crop, or else that of the nearest one of its class and split that can be read."""
        try:
            return self._crop(self.instead.get(row, row))
        except DataError as error:
            fault = error
        for other in self._alike(row)[:TRIES]:
            try:
                crop = self._crop(other)
            except DataError:
                continue
            if not self.instead:
                name = self._pictures.path(self._samples.picture_S[other]).name
                log.warning("%s: %s; %s stands in for it (told once)", fault.where, fault.what, name)
            self.instead[row] = other
            SKIPPED[self.name].add(row)
            return crop
        fault.hint = "nor can those of the same class beside it: copy the pictures again"
        raise fault

    def _alike(self, row: int) -> list[int]:
        """The other samples of the same class and split, the nearest first."""
        gesture_S, split_S = self._samples.gesture_S, self._samples.split_S
        others = np.flatnonzero((gesture_S == gesture_S[row]) & (split_S == split_S[row]))
        others = others[np.argsort(np.abs(others - row), kind="stable")]
        return [int(other) for other in others if other != row]

    def _crop(self, row: int) -> Array:
        path = self._pictures.path(self._samples.picture_S[row])
        return read_crop(path, self._samples.box_S4[row], self._scale, self.frame_size[0])
