"""Which frames of a video file the decoded ones are: detectors count all of them, from the first."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from ...core.interfaces import Array
from .keypoints import ClipFiles


def numbered(path: Path, times_s: Array) -> tuple[ClipFiles, Array]:
    """The file's own frames, and the number of each whose time is given, (N,).

    The file is read, not decoded: every packet holds a frame, in the order of decoding, and its time.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        first = next(frame for frame in container.decode(stream) if isinstance(frame, VideoFrame))
        size = (first.width, first.height) if first.rotation % 180 == 0 else (first.height, first.width)
        fps = float(stream.average_rate or stream.guessed_rate or 25)
        container.seek(0)
        packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
    stamps = [float(packet.pts * packet.time_base) for packet in packets if packet.pts is not None]
    if len(stamps) < len(packets):  # raw streams carry no timestamps
        return ClipFiles(path.stem, (), len(packets), size), np.rint(times_s * fps).astype(np.int64)
    every_s = np.unique(stamps)
    after = np.searchsorted(every_s, times_s).clip(1, len(every_s) - 1)  # a clip has two frames at least
    nearest = np.where(times_s - every_s[after - 1] < every_s[after] - times_s, after - 1, after)
    return ClipFiles(path.stem, (), len(every_s), size), nearest
