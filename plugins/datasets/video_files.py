"""Video files as frames and true timestamps: any container and codec that PyAV opens, decoded once.

Axes: N frames, 3 colour channels (RGB), H W pixels. Times in seconds: presentation timestamp x time base.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame

from ...core.errors import DataError
from ...core.interfaces import Array
from ...media.frame_store import frame_store, store_path
from ...media.images import WHOLE, Range, resized
from ...media.video_file import upright

log = logging.getLogger("poserep")

CHUNK = 32
LOST = 2
"""Frames that a container may promise without having them: edit lists cut a few."""


class UnusableVideoError(DataError):
    """One file that gives no frames; others of its folder may."""


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A file whose first frame could be decoded.

    Attributes:
        path: Where it lies.
        width: As shown: turned upright, pixels made square.
        height: As shown.
        count: Frames that the container says it has, or a guess.
        end_s: Where the container says that it ends; 0 if it does not say.
        fps: Average frame rate.
    """

    path: Path
    width: float
    height: float
    count: int
    end_s: float
    fps: float


@dataclass(frozen=True, slots=True)
class Cut:
    """What is kept of a file: its part in percent of the sides, its seconds, each n-th frame, at which (H, W)."""

    size: tuple[int, int]
    crop_x: Range = WHOLE
    crop_y: Range = WHOLE
    start_s: float = 0.0
    end_s: float | None = None
    stride: int = 1

    def key(self) -> dict[str, Any]:
        """All that decides the pixels."""
        return {name: getattr(self, name) for name in self.__slots__}


def look(path: Path) -> VideoFile:
    """Open a file and decode one frame.

    Raises:
        UnusableVideoError: If it is empty, no video, or broken from its start.
    """
    if path.stat().st_size == 0:
        raise UnusableVideoError("the file is empty (0 bytes)", where=str(path), hint="copy it again")
    with _open(path) as container:
        if not container.streams.video:
            kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
            raise UnusableVideoError("there is no video stream in the file", where=str(path), hint=f"it holds: {kinds}")
        stream = container.streams.video[0]
        frame = next(_intact(container, {"lost": 0}), None)
        if frame is None:
            raise UnusableVideoError(
                "no frame can be decoded", where=str(path), hint="the file is cut short or damaged: copy it again"
            )
        width, height = frame.width * float(stream.sample_aspect_ratio or 1), float(frame.height)
        if frame.rotation % 180:
            width, height = height, width
        fps = float(stream.average_rate or stream.guessed_rate or 25)
        end_s = _end(container)
        return VideoFile(path, width, height, stream.frames or max(1, round(end_s * fps)), end_s, fps)


def decode(file: VideoFile, cut: Cut) -> tuple[Array, Array]:
    """Frames (N, 3, H, W) uint8, memory-mapped, and their times (N,) float64, increasing.

    A stream that breaks in its middle gives the frames that can be decoded, and a warning that counts the others.

    Raises:
        UnusableVideoError: If fewer than two frames come.
        DataError: If the frame cache cannot be written.
    """
    stat = file.path.stat()
    key = {"path": str(file.path.resolve()), "bytes": stat.st_size, "modified": stat.st_mtime_ns, **cut.key()}
    stored = store_path("video", key)
    times_path = stored.with_suffix(".times.npy")
    if not times_path.exists():
        stored.unlink(missing_ok=True)

    def produce() -> Iterator[Array]:
        times: list[float] = []
        chunk: list[Array] = []
        for time_s, picture in _kept(file, cut):
            times.append(time_s)
            chunk.append(picture)
            if len(chunk) == CHUNK:
                yield np.stack(chunk)
                chunk.clear()
        if chunk:
            yield np.stack(chunk)
        temporary = times_path.with_suffix(f".{uuid.uuid4().hex}.npy")
        np.save(temporary, np.array(times, np.float64))
        temporary.replace(times_path)  # before the frames get their name: frames never lack their times

    frames = frame_store("video", key, (_expected(file, cut), 3, *cut.size), produce, f"decoding {file.path.name}")
    if len(frames) < 2:
        whole = cut.start_s == 0 and cut.end_s is None and cut.stride == 1
        raise UnusableVideoError(
            f"the video gives {len(frames)} frame{'s' * (len(frames) != 1)}; two are the least",
            where=str(file.path),
            hint="is it a still picture?" if whole else "widen start_s and end_s, or lower stride",
        )
    return frames, np.load(times_path)


def _end(container: InputContainer) -> float:
    stream = container.streams.video[0]
    if stream.duration and stream.time_base:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    return ((container.start_time or 0) + (container.duration or 0)) / av.time_base


def _expected(file: VideoFile, cut: Cut) -> int:
    last = file.count if cut.end_s is None else min(file.count, round(cut.end_s * file.fps) + 1)
    return max(1, -(-(last - round(cut.start_s * file.fps)) // cut.stride))


def _open(path: Path) -> InputContainer:
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise UnusableVideoError(
            f"the file cannot be opened as a video: {error.strerror or error}",
            where=str(path),
            hint="it may be no video, or cut short before its index: copy or convert it again",
        ) from None


def _kept(file: VideoFile, cut: Cut) -> Iterator[tuple[float, Array]]:
    """The frames of a cut with their times, brought to size."""
    for time_s, frame in islice(_timed(file, cut), 0, None, cut.stride):
        yield time_s, resized(upright(frame), cut.size, cut.crop_x, cut.crop_y)


def _timed(file: VideoFile, cut: Cut) -> Iterator[tuple[float, VideoFrame]]:
    """The frames between start and end, in rising time; says how many were lost."""
    end_s = np.inf if cut.end_s is None else cut.end_s
    tally = {"lost": 0}
    seen, last_s = 0, -1.0
    with _open(file.path) as container:
        container.streams.video[0].thread_type = "AUTO"
        if cut.start_s > 0:
            container.seek(round(cut.start_s * av.time_base))  # to the key frame before it
        for frame in _intact(container, tally):
            time_s = seen / file.fps if frame.time is None else frame.time  # raw streams carry no timestamps
            seen += 1
            if time_s > end_s:
                break
            if time_s > last_s:
                last_s = time_s
                if time_s >= cut.start_s:
                    yield time_s, frame
    unseen = round((min(file.end_s, end_s) - last_s) * file.fps) - 1
    if lost := tally["lost"] + (unseen if unseen > LOST else 0):
        log.warning("%s: the stream is broken: %d frames are lost, %d can be decoded", file.path, lost, seen)


def _intact(container: InputContainer, tally: dict[str, int]) -> Iterator[VideoFrame]:
    """Frames of the first video stream that decode without a fault; the others are counted."""
    packets = container.demux(container.streams.video[0])
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError:  # the container itself ends in the middle of something
            tally["lost"] += 1
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            tally["lost"] += 1
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame) and not frame.is_corrupt:
                yield frame
            else:
                tally["lost"] += 1
