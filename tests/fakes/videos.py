"""Videos of every awkward sort: few key frames, frames out of order, any timestamps, damage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from poserep.core.interfaces import Array
from poserep.media.video_file import shown

MILLI = Fraction(1, 1000)
FPS = 25


def pictures(count: int, side: int = 64) -> list[Array]:
    """Frames (side, side, 3) that all differ: a block that wanders over a pattern which brightens."""
    rows, columns = np.mgrid[:side, :side]
    found = []
    for index in range(count):
        grey = (rows + columns + 2 * index).astype(np.uint8)
        picture = np.stack([grey, grey // 2, 255 - grey], axis=-1)
        top, left = (5 * index) % (side - 16), (3 * index) % (side - 16)
        picture[top : top + 16, left : left + 16] = (255, 9 * index % 256, 0)
        found.append(picture)
    return found


def write_video(
    path: Path,
    frames: Sequence[Array],
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
    times_ms: Sequence[int] | None = None,
) -> Path:
    """Encode frames; ``options`` are the codec's own, ``times_ms`` timestamps instead of 25 frames per second."""
    base = Fraction(1, FPS) if times_ms is None else MILLI
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS, options=dict(options or {}))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = base
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index if times_ms is None else times_ms[index], base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def in_sequence(path: Path, size_HW: tuple[int, int]) -> Array:
    """Every frame as a decoder gives it that starts at the beginning and never seeks, (N, 3, H, W)."""
    with av.open(str(path)) as container:
        return np.stack([shown(frame, size_HW) for frame in container.decode(video=0)])


def damage(path: Path, packets: Sequence[int]) -> Path:
    """Overwrite what some packets of a file hold, counted from 0; the container stays whole."""
    with av.open(str(path)) as container:
        found = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    with path.open("r+b") as file:
        for index in packets:
            position, size = found[index]
            file.seek(position)
            file.write(b"\x55" * size)
    return path
