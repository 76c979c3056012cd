"""Footage: the frames of one clip by number, with the nearest usable frame in the place of each that is not usable.

What cannot be used is counted, and told once per clip, so that training does not end for one bad frame. A clip without
any usable frame is an error.

Axes: N frames, 3 colour channels (RGB), H W pixels. Times in seconds.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array

log = logging.getLogger("poserep")

Skip = Callable[[Array], bool]
"""Whether a frame, (3, H, W) uint8, is one that must not be shown, as one washed out by a flash."""

SKIPPED: dict[str, set[int]] = defaultdict(set)
"""Frames that this process asked for and could not use, by clip, whoever found them so."""


class Footage(Protocol):
    """The frames of one clip.

    Attributes:
        name: What the clip is called in messages.
        frame_size: (H, W) of its frames.
        instead: For each frame that could not be used so far, the one that stands in for it.
    """

    name: str
    frame_size: tuple[int, int]
    instead: dict[int, int]

    @property
    def times_s(self) -> Array:
        """Timestamps in seconds, (N,) float64."""
        ...

    @property
    def skipped(self) -> int:
        """Frames that were asked for so far and could not be used."""
        ...

    def __len__(self) -> int: ...

    def identity(self) -> Mapping[str, Any]:
        """What decides the content, JSON-able: another copy of the files is another identity.

        Raises:
            DataError: If a file is missing.
        """
        ...

    def read(self, indices: Array) -> Array:
        """Frames by number, (N, 3, H, W) uint8; the nearest usable one for each that is not usable.

        Raises:
            DataError: If no frame of the clip can be read.
            IndexError: For a number outside the clip.
        """
        ...


class Mended(ABC):
    """Footage in which the nearest usable frame stands in for one that is not.

    Args:
        name: What the clip is called in messages.
        frame_size: (H, W) of what `read` gives; pictures of another shape are stretched.
        skip: Tells further frames that must not be shown.
    """

    def __init__(self, name: str, frame_size: tuple[int, int], skip: Skip | None) -> None:
        self.name = name
        self.frame_size = frame_size
        self._skip = skip
        self.instead: dict[int, int] = {}

    @abstractmethod
    def __len__(self) -> int:
        """How many frames there are to ask for."""

    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """What decides the content, JSON-able: another copy of the files is another identity."""

    @abstractmethod
    def _existing(self) -> int:
        """How many of them there really are."""

    @abstractmethod
    def _decoded(self, indices: Sequence[int]) -> Iterator[tuple[int, Array | None]]:
        """Frames of rising numbers, (3, H, W) uint8, or None for one that cannot be read."""

    @property
    def skipped(self) -> int:
        """Frames that were asked for so far and could not be used."""
        return len(self.instead)

    def read(self, indices: Array) -> Array:
        """Frames by number, (N, 3, H, W) uint8; the nearest usable one for each that is not usable.

        Raises:
            DataError: If no frame of the clip can be read.
            IndexError: For a number outside the clip.
        """
        wanted = np.asarray(indices, np.int64).tolist()
        if not wanted:
            return np.zeros((0, 3, *self.frame_size), np.uint8)
        if min(wanted) < 0 or max(wanted) >= len(self):
            raise IndexError(f"{self.name} has {len(self)} frames, not number {min(wanted)} to {max(wanted)}")
        found = self._usable({self.instead.get(index, index) for index in wanted})
        for index in sorted(set(wanted)):
            if self.instead.get(index, index) not in found:
                near, found[near] = self._nearest(index)
        return np.stack([found[self.instead.get(index, index)] for index in wanted])

    def _usable(self, indices: Collection[int]) -> dict[int, Array]:
        existing = self._existing()
        rising = sorted(index for index in indices if index < existing)
        decoded = ((index, frame) for index, frame in self._decoded(rising) if frame is not None)
        return {index: frame for index, frame in decoded if self._skip is None or not self._skip(frame)}

    def _nearest(self, index: int) -> tuple[int, Array]:
        """The usable frame nearest to one that is not, which is noted and, if it is the first, told."""
        last = self._existing() - 1
        centre, radius = min(index, last), 1
        tried = {index}
        while True:
            around = set(range(max(0, centre - radius), min(last, centre + radius) + 1)) - tried
            if found := self._usable(around - self.instead.keys()):
                break
            if centre - radius <= 0 and centre + radius >= last:
                raise DataError(
                    "no frame of the clip can be used", where=self.name, hint="copy it again, or leave it out"
                )
            tried |= around
            radius *= 2
        near = min(found, key=lambda other: abs(other - index))
        if self.name not in SKIPPED:
            why = "there is no such frame" if index > last else "it cannot be read or must not be shown"
            log.warning("%s: frame %d: %s; frame %d stands in for it (told once per clip)", self.name, index, why, near)
        self.instead[index] = near
        SKIPPED[self.name].add(index)
        return near, found[near]
