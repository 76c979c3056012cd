"""A video file opened: its packets as far as they can be read, its frames as players show them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import av

from ..core.errors import DataError
from ..core.interfaces import Array
from .images import resized

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream
    from PIL.Image import Image


def open_video(path: Path) -> InputContainer:
    """Open a file that has a video stream.

    Raises:
        DataError: If it is missing, empty, or no video.
    """
    try:
        if path.stat().st_size == 0:
            raise DataError("the file is empty (0 bytes)", where=str(path), hint="copy it again")
        container = av.open(str(path), metadata_errors="ignore")
    except (av.FFmpegError, OSError) as error:
        raise DataError(
            f"the file cannot be opened as a video: {error.strerror or error}",
            where=str(path),
            hint="it may be missing, no video, or cut short before its index: copy it again",
        ) from None
    if not container.streams.video or not container.streams.video[0].codec_context:
        container.close()
        raise DataError("there is no video stream in the file that can be decoded", where=str(path))
    return container


def packets_in(container: InputContainer) -> Iterator[Packet[VideoStream]]:
    """Packets of the first video stream, as far as the container can be read."""
    try:
        yield from (packet for packet in container.demux(container.streams.video[0]) if packet.size)
    except (av.FFmpegError, IndexError):  # it ends in the middle of something, or a packet of no known stream comes
        return


def upright(frame: av.VideoFrame) -> Image:
    """The picture as players show it: phones store a turn instead of turned pixels."""
    image: Image = frame.to_image()
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def shown(frame: av.VideoFrame, size_HW: tuple[int, int]) -> Array:
    """A frame at another size, (3, H, W) uint8, as players show it."""
    height, width = size_HW
    if frame.rotation or frame.width < 2 * width or frame.height < 2 * height:
        return resized(upright(frame), size_HW)
    # averaging areas while colours are converted takes a quarter of the time of doing one after the other
    small = frame.reformat(width, height, "rgb24", interpolation="AREA")
    picture: Array = small.to_ndarray().transpose(2, 0, 1)
    return picture


def video_size(path: Path) -> tuple[int, int]:
    """(W, H) as shown: turned upright, pixels made square. Decodes one frame.

    Raises:
        DataError: If no frame can be decoded.
    """
    with open_video(path) as container:
        stream = container.streams.video[0]
        try:
            frame = next(container.decode(stream), None)
        except av.FFmpegError:
            frame = None
        if frame is None:
            raise DataError("no frame can be decoded", where=str(path), hint="the file is damaged: copy it again")
        size = round(frame.width * float(stream.sample_aspect_ratio or 1)), frame.height
        return size[::-1] if frame.rotation % 180 else size
