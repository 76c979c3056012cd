"""Video in and out: frames of a file at given times, decoded again at full size; pictures with times to H.264.

Times in seconds. Written files start at 0 and keep the gaps between the timestamps, whatever the frame rate does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array

if TYPE_CHECKING:
    from PIL.Image import Image

TICK = Fraction(1, 60000)  # MPEG-4 part 2 has no finer one
SAME_S = 1e-6


def pictures_at(path: Path, times_s: Array) -> Iterator[Image]:
    """The frames of a file that bear these timestamps, turned upright, at full size.

    Raises:
        DataError: If the file does not have one of them any more.
    """
    wanted = iter(times_s)
    time_s = next(wanted, None)
    for seen_s, frame in _frames(path):
        if time_s is None:
            return
        if abs(seen_s - time_s) < SAME_S:
            image: Image = frame.to_image()
            yield image.rotate(frame.rotation, expand=True) if frame.rotation else image
            time_s = next(wanted, None)
    if time_s is not None:
        raise DataError(f"the frame at {time_s:.3f} s could not be decoded a second time", where=str(path))


def _frames(path: Path) -> Iterator[tuple[float, Any]]:
    """Whole frames of the first video stream with their times; faulty packets are passed over."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        fps = float(stream.average_rate or stream.guessed_rate or 25)
        seen = 0
        for packet in _packets(container):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                if not frame.is_corrupt:
                    yield (seen / fps if frame.time is None else frame.time), frame
                    seen += 1


def _packets(container: Any) -> Iterator[Any]:
    try:
        yield from container.demux(container.streams.video[0])
    except av.FFmpegError:  # the container ends in the middle of something
        return


Write = Callable[[Array, float], None]


@contextmanager
def video_writer(path: Path, fps: float) -> Iterator[Write]:
    """A function that appends a picture (H, W, 3) uint8, H and W even, at a time; the file exists once it is whole.

    Args:
        path: An ``.mp4``; H.264 where the codec is there, else MPEG-4.
        fps: About how many frames come per second, for the rate control.

    Raises:
        DataError: If it cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part.mp4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(temporary), "w") as container:
            stream = _stream(container, fps)
            yield _appender(container, stream)
            container.mux(stream.encode(None))
        temporary.replace(path)
    except (OSError, av.FFmpegError) as error:
        raise DataError(f"the video cannot be written: {error.strerror or error}", where=str(path)) from None
    finally:
        with suppress(OSError):  # not there, or never could be
            temporary.unlink()


def _stream(container: Any, fps: float) -> Any:
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    options = {"crf": "20", "preset": "fast"} if codec == "libx264" else {"q": "4"}
    stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1000), options=options)
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = TICK
    return stream


def _appender(container: Any, stream: Any) -> Write:
    first_s: float | None = None

    def write(picture_HW3: Array, time_s: float) -> None:
        nonlocal first_s
        if first_s is None:
            first_s = time_s
            stream.height, stream.width = picture_HW3.shape[:2]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture_HW3), format="rgb24")
        frame.time_base = TICK
        frame.pts = round((time_s - first_s) / TICK)
        container.mux(stream.encode(frame))

    return write
