"""Frames of a video file by their number, in place: seek to the key frame before, decode up to the frame, and no more.

What comes is checked: every packet is recognised (see `packets`) and every frame carries its number, so a container
that seeks badly costs time, never a wrong frame. A few decoders stay open in each process; a decoder serves one thread
at a time, and none passes into a forked process, whose parent's file position it would move.

Axes: N frames in presentation order, P packets in decoding order.
"""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import av
import numpy as np

from .packets import BY_POSITION, COUNTED, NOWHERE, Packets
from .video_file import open_video, packets_in

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

OPEN = 8
"""Decoders that stay open in a process: each holds a dozen frames at full size."""

SKIPPING = ("h264", "hevc", "mpeg4")
"""Decoders that can be told, packet by packet, to pass over frames that no other leans on; others settle it once."""


class Decoder:
    """One open file.

    Args:
        path: The file.
        packets: What is known of it.

    Raises:
        DataError: If it cannot be opened.
    """

    def __init__(self, path: Path, packets: Packets) -> None:
        self.path = path
        self.packets = packets
        self._places = {mark: place for place, mark in enumerate(packets.mark_P.tolist())}
        self._open()

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, av.VideoFrame | None]]:
        """Frames with their numbers, in the order asked; None for one that cannot be decoded.

        Args:
            wanted: Rising numbers of frames.
        """
        self._wanted, self._last = frozenset(wanted), wanted[-1] if wanted else -1
        for index in wanted:
            yield index, self._reach(index)

    def close(self) -> None:
        """Give back the file and the decoder's memory."""
        self._container.close()

    def _open(self) -> None:
        self._container = open_video(self.path)
        self._stream = self._container.streams.video[0]
        self._stream.codec_context.thread_count = 1  # a loader reads many files at a time; threads would only queue
        self._begin()

    def _begin(self) -> None:
        """Nothing of what was decoded before counts any more."""
        self._packets: Iterator[Packet[VideoStream]] = packets_in(self._container)
        self._counted = 0
        self._from = 0
        self._fed = -1
        self._ended = False
        self._pending: set[int] = set()
        self._ready: deque[av.VideoFrame] = deque()

    def _reach(self, index: int) -> av.VideoFrame | None:
        start, order = int(self.packets.start_N[index]), int(self.packets.order_N[index])
        ahead = start - 1 <= self._fed < order and not self._ended
        if not ahead and index not in self._pending:
            self._go_to(start)
        frame = self._until(index)
        if frame is None and start > 0:  # some key frames are whole only after frames that lean on the group before
            starts = np.unique(self.packets.start_N)
            self._go_to(int(starts[np.searchsorted(starts, start) - 1]))
            frame = self._until(index)
        return frame

    def _until(self, index: int) -> av.VideoFrame | None:
        """Decode up to a frame; None if later ones come instead."""
        while (frame := self._peek()) is not None:
            number = frame.pts
            if number is not None and number > index:
                return None
            self._ready.popleft()
            self._pending.discard(-1 if number is None else number)
            if number == index:
                return frame
        return None

    def _go_to(self, start: int) -> None:
        """Stand before a key frame's packet: by seeking where that leads there, else from the file's start."""
        stamp = int(self.packets.stamp_P[start])
        if self.packets.kind != COUNTED and stamp != NOWHERE:
            with suppress(av.FFmpegError):
                self._container.seek(stamp, stream=self._stream)
                self._begin()
                first = next(self._packets, None)
                place = None if first is None else self._place(first)
                if first is not None and place is not None and place <= start:
                    self._packets = chain((first,), self._packets)
                    self._from = start
                    return
        self.close()
        self._open()
        self._from = start

    def _place(self, packet: Packet[VideoStream]) -> int | None:
        """Decoding index of a packet; None for one that was not there before."""
        kind = self.packets.kind
        if kind == COUNTED:
            self._counted += 1
            return self._counted - 1
        mark = packet.pos if kind == BY_POSITION else packet.dts
        return None if mark is None else self._places.get(mark)

    def _peek(self) -> av.VideoFrame | None:
        """The next frame that the decoder gives."""
        while not self._ready and not self._ended:
            self._feed()
        return self._ready[0] if self._ready else None

    def _feed(self) -> None:
        packet = next(self._packets, None)
        if packet is None:
            self._ended = True  # and the decoder is emptied
        elif not self._number(packet):
            return
        try:
            frames = self._stream.codec_context.decode(packet)
        except av.FFmpegError:
            return
        self._ready.extend(frame for frame in frames if not frame.is_corrupt)

    def _number(self, packet: Packet[VideoStream]) -> bool:
        """Write a frame's number on its packet, which its frame will carry; False for a packet to pass over."""
        place = self._place(packet)
        if place is None or place < self._from:
            return False
        self._fed = place
        number = int(self.packets.rank_P[place])
        whole = number in self._wanted or number > self._last
        if self._stream.codec_context.name in SKIPPING:
            self._stream.codec_context.skip_frame = "DEFAULT" if whole else "NONREF"
        if whole:
            self._pending.add(number)
        packet.pts = number
        return True


class Decoders:
    """The decoders that a process keeps open, least recently used first; one that is in use belongs to its user."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: OrderedDict[str, Decoder] = OrderedDict()
        self._inherited: list[object] = []

    @contextmanager
    def lend(self, path: Path, packets: Packets) -> Iterator[Decoder]:
        """A decoder of a file for one user; kept for the next one, unless an error leaves the block."""
        with self._lock:
            decoder = self._idle.pop(packets.key, None)
        decoder = decoder or Decoder(path, packets)
        yield decoder
        with self._lock:
            before = self._idle.pop(packets.key, None)
            self._idle[packets.key] = decoder
            surplus = [self._idle.popitem(last=False)[1] for _ in range(len(self._idle) - OPEN)]
        for one in (before, *surplus):
            if one is not None:
                one.close()

    def forked(self) -> None:
        """In a forked process: leave alone what is the parent's, locks included."""
        self._inherited.append(self._idle)
        self._lock, self._idle = Lock(), OrderedDict()


DECODERS = Decoders()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DECODERS.forked)
