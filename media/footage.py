"""The frames of one clip at working size, read where they lie: in a video or in picture files.

Opening costs nothing per frame. What cannot be read is mended as `mended` says.

Axes: N frames, 3 colour channels (RGB), H W pixels. Times in seconds.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array
from .file_names import FileNames, file_identity, files_in
from .images import read_image
from .mended import Footage, Mended, Skip
from .packets import Packets, packets_of, video_length
from .prepared import prepared
from .video_file import shown, video_size
from .video_reader import DECODERS

__all__ = [
    "FileNames",
    "Footage",
    "Skip",
    "files_in",
    "image_footage",
    "prepared",
    "video_footage",
    "video_length",
    "video_size",
]


class VideoFootage(Mended):
    """See `video_footage`."""

    def __init__(
        self, path: Path, frame_size: tuple[int, int], count: int | None, fps: float | None, skip: Skip | None
    ) -> None:
        super().__init__(str(path), frame_size, skip)
        self._path = path
        self._count = count
        self._fps = fps

    @cached_property
    def _packets(self) -> Packets:
        return packets_of(self._path)

    def __len__(self) -> int:
        return len(self._packets) if self._count is None else self._count

    @cached_property
    def times_s(self) -> Array:
        """Timestamps in seconds, (N,) float64: by the given frame rate, or the file's own."""
        if self._fps is not None:
            return np.arange(len(self)) / self._fps
        known = self._packets.times_s
        gap_s = float(np.median(np.diff(known))) if len(known) > 1 else 1.0
        missing = np.arange(1, max(0, len(self) - len(known)) + 1)
        return np.concatenate([known[: len(self)], known[-1] + missing * gap_s])

    def identity(self) -> Mapping[str, Any]:
        """The file, its size and when it was last changed."""
        return file_identity(self._path)

    def _existing(self) -> int:
        return len(self._packets)

    def _decoded(self, indices: Sequence[int]) -> Iterator[tuple[int, Array | None]]:
        with DECODERS.lend(self._path, self._packets) as decoder:
            for index, frame in decoder.frames(indices):
                yield index, None if frame is None else shown(frame, self.frame_size)


class ImageFootage(Mended):
    """See `image_footage`."""

    def __init__(self, files: Sequence[Path], frame_size: tuple[int, int], times_s: Array, skip: Skip | None) -> None:
        if not len(files):
            raise DataError("a clip needs at least one picture")
        if len(files) != len(times_s):
            raise DataError(f"{len(files)} pictures, but {len(times_s)} timestamps", where=str(files[0].parent))
        super().__init__(str(files[0].parent), frame_size, skip)
        self._files = files
        self.times_s = times_s

    def __len__(self) -> int:
        return len(self._files)

    def identity(self) -> Mapping[str, Any]:
        """A hash of the files' names, sizes and times of change."""
        digest = hashlib.sha256()
        for path in self._files:
            digest.update(json.dumps(file_identity(path)).encode())
        return {"pictures": digest.hexdigest()}

    def _existing(self) -> int:
        return len(self._files)

    def _decoded(self, indices: Sequence[int]) -> Iterator[tuple[int, Array | None]]:
        for index in indices:
            try:
                yield index, read_image(self._files[index], self.frame_size, tolerance=math.inf)
            except DataError:
                yield index, None


def video_footage(
    path: Path,
    frame_size: tuple[int, int],
    *,
    count: int | None = None,
    fps: float | None = None,
    skip: Skip | None = None,
) -> VideoFootage:
    """Frames of a video file, read in place by their number in order of presentation.

    Nothing is decoded to open it; with ``count`` and ``fps`` the file is not even touched before its first frame is
    read. A file that is shorter than ``count`` gives its last frame for those that it lacks, which is counted and told.

    Args:
        path: Any container and codec that FFmpeg reads.
        frame_size: (H, W) of the frames; the whole picture is brought to it, so give it the picture's aspect.
        count: How many frames there are labels for; all frames of the file if not given.
        fps: Frames per second that the timestamps go by; the file's own timestamps if not given.
        skip: Tells further frames that must not be shown.
    """
    return VideoFootage(Path(path), frame_size, count, fps, skip)


def image_footage(
    files: Sequence[Path], frame_size: tuple[int, int], times_s: Array, *, skip: Skip | None = None
) -> ImageFootage:
    """Frames from picture files, one file a frame.

    Args:
        files: In order; `FileNames` holds many of one folder in little memory.
        frame_size: (H, W) of the frames; the whole picture is brought to it, so give it the picture's aspect.
        times_s: Timestamps in seconds, (N,) float64.
        skip: Tells further frames that must not be shown.

    Raises:
        DataError: If there are no files, or not as many as timestamps.
    """
    return ImageFootage(files, frame_size, times_s, skip)
