"""What a video file holds, learnt without decoding it: which packet is which frame, its time, where decoding begins.

A frame is found by its place in presentation order, never by dividing a time by a frame rate. Containers store packets
in decoding order with presentation timestamps; sorting by those gives the order. Where there are none to be trusted
(raw streams, H.264 in AVI) the file is decoded once to learn the order. What was learnt is kept in the cache folder.

Axes: P packets in decoding order, N frames in presentation order. Times in seconds: timestamp x time base.
"""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
import zipfile
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array
from .file_names import file_identity
from .frame_store import cache_folder
from .video_file import open_video, packets_in

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

log = logging.getLogger("poserep")

VERSION = 1
NOWHERE = -(2**62)
"""Stands for a timestamp or a position that the container does not give."""
COUNTED, BY_POSITION, BY_DECODING_TIME = range(3)
UNORDERED = ("avi",)
"""Containers that give H.264 with B-frames timestamps in decoding order."""


@dataclass(frozen=True, slots=True, eq=False)
class Packets:
    """The packets of a file's first video stream.

    Attributes:
        times_s: When each frame is shown, (N,) float64, increasing.
        order_N: Decoding index of each frame's packet, int32.
        start_N: Decoding index of the key frame from which a frame can be decoded, int32.
        rank_P: Which frame a packet gives, int32; -1 for one that is decoded but not shown.
        stamp_P: Presentation time of each packet in time base units, to seek by, int64; NOWHERE where there is none.
        mark_P: What a packet is recognised by after seeking, int64; see `kind`.
        key: Name for this state of the file.
        kind: What the marks are: nothing (packets are counted from the start), byte positions, decoding times.
    """

    times_s: Array
    order_N: Array
    start_N: Array
    rank_P: Array
    stamp_P: Array
    mark_P: Array
    key: str
    kind: int

    def __len__(self) -> int:
        return len(self.times_s)


def video_length(path: Path) -> int:
    """How many frames the container says it has, or, where it does not, how many packets; nothing is decoded.

    Raises:
        DataError: If the file cannot be opened.
    """
    with open_video(path) as container:
        if container.streams.video[0].frames > 0:
            return int(container.streams.video[0].frames)
    return len(packets_of(path))


def packets_of(path: Path) -> Packets:
    """The packets of a file, from the cache if it was looked at before and has not changed since.

    Raises:
        DataError: If the file cannot be opened or has no frames.
    """
    store = _store(path)
    if (known := _load(store)) is not None:
        return known
    with open_video(path) as container:
        rows = _rows(container)
        if not len(rows):
            raise DataError("there is no frame in the file", where=str(path), hint="it is damaged: copy it again")
        rate = float(container.streams.video[0].average_rate or container.streams.video[0].guessed_rate or 25)
        base = container.streams.video[0].time_base or 1
        order_N = None if _unordered(container, rows) else _sorted_by_time(rows)
    if order_N is None:
        log.info("%s: gives no order of presentation; decoding it once to learn it", path)
        order_N, times_s = _learnt(path), None
    else:
        times_s = rows["pts"][order_N] * float(base)
    found = _packets(store.stem, rows, order_N, np.arange(len(order_N)) / rate if times_s is None else times_s)
    _save(store, found)
    return found


_ROW = np.dtype([("pts", "i8"), ("dts", "i8"), ("pos", "i8"), ("key", "?"), ("hidden", "?")])


def _row(packet: Packet[VideoStream]) -> tuple[int, int, int, bool, bool]:
    pts, dts = (NOWHERE if value is None else value for value in (packet.pts, packet.dts))
    pos = NOWHERE if packet.pos is None else packet.pos
    return pts, dts, pos, packet.is_keyframe, packet.is_discard


def _rows(container: InputContainer) -> Array:
    return np.array([_row(packet) for packet in packets_in(container)], _ROW)


def _unordered(container: InputContainer, rows: Array) -> bool:
    """Whether the timestamps do not tell the order in which frames are shown."""
    pts = rows["pts"][~rows["hidden"]]
    if (pts == NOWHERE).any() or len(np.unique(pts)) < len(pts):
        return True
    reorders = bool(container.streams.video[0].codec_context.has_b_frames)
    return container.format.name in UNORDERED and reorders and bool((np.diff(pts) > 0).all())


def _sorted_by_time(rows: Array) -> Array:
    shown = np.flatnonzero(~rows["hidden"])
    return shown[np.argsort(rows["pts"][shown], kind="stable")]


def _learnt(path: Path) -> Array:
    """Decoding indices in the order in which frames come out of the decoder."""
    order: list[int] = []
    total = 0
    with open_video(path) as container:
        decoder = container.streams.video[0].codec_context
        decoder.thread_type = "AUTO"
        for place, packet in enumerate(packets_in(container)):
            total, packet.pts = place + 1, place
            order += _numbers(decoder, packet)
        order += _numbers(decoder, None)
    for place in sorted(set(range(total)) - set(order)):  # what cannot be decoded keeps its place in the count
        order.insert(order.index(place - 1) + 1 if place else 0, place)
    return np.array(order, np.int64)


def _numbers(decoder: VideoCodecContext, packet: Packet[VideoStream] | None) -> list[int]:
    try:
        return [frame.pts for frame in decoder.decode(packet) if frame.pts is not None]
    except av.FFmpegError:
        return []


def _packets(key: str, rows: Array, order_N: Array, times_s: Array) -> Packets:
    rank_P = np.full(len(rows), -1, np.int32)
    rank_P[order_N] = np.arange(len(order_N))
    # frames shown before a key frame but stored after it lean on the group before it
    keys = np.flatnonzero(rows["key"] & (rank_P >= 0))
    shown_K = np.maximum.accumulate(rank_P[keys]) if len(keys) else np.zeros(0, np.int32)
    group_N = np.searchsorted(shown_K, np.arange(len(order_N)), side="right") - 1
    start_N = np.where(group_N < 0, 0, keys[np.maximum(group_N, 0)] if len(keys) else 0)
    kind, mark_P = _marks(rows)
    stamp_P = np.where(rows["pts"] == NOWHERE, rows["dts"], rows["pts"])
    return Packets(
        np.asarray(times_s, np.float64),
        order_N.astype(np.int32),
        start_N.astype(np.int32),
        rank_P,
        stamp_P,
        mark_P,
        key,
        kind,
    )


def _marks(rows: Array) -> tuple[int, Array]:
    for kind, name in ((BY_POSITION, "pos"), (BY_DECODING_TIME, "dts")):
        values = rows[name]
        if (values > NOWHERE).all() and len(np.unique(values)) == len(values):
            return kind, values.copy()
    return COUNTED, np.arange(len(rows))


def _store(path: Path) -> Path:
    text = json.dumps([VERSION, file_identity(path)])
    return cache_folder() / "packets" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"


def _load(store: Path) -> Packets | None:
    try:
        with store.open("rb") as opened, np.load(opened) as file:
            values: dict[str, Any] = {field.name: file[field.name] for field in fields(Packets)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # not there, or cut short by a full disk
        return None
    return Packets(**values | {"kind": int(values["kind"]), "key": store.stem})


def _save(store: Path, found: Packets) -> None:
    temporary = store.with_name(f"{store.stem}.{uuid.uuid4().hex}.tmp")
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.savez(file, **{field.name: getattr(found, field.name) for field in fields(Packets)})
        temporary.replace(store)
    except OSError as error:  # it is learnt again the next time
        log.debug("%s: %s", store, error)
        with suppress(OSError):
            temporary.unlink()
