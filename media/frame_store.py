"""Decoded or rendered frames on disk, memory-mapped: done once, then random access without holding them in memory.

A store is one ``.npy`` file named by a hash of what its frames are made from, so it needs no invalidation. It is
written under another name and renamed when complete: a killed writer leaves nothing that would be read, and of
several writers of the same store the last wins, with the same content.

Axes: N frames, C channels (R G B, and whatever belongs to each pixel), H W pixels.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..core.console import track
from ..core.errors import DataError
from ..core.interfaces import Array

STALE_S = 3600.0


def cache_folder() -> Path:
    """Where stores lie: POSEREP_CACHE, or ``~/.cache/poserep``."""
    return Path(os.environ.get("POSEREP_CACHE") or "~/.cache/poserep").expanduser()


@contextmanager
def cache_at(folder: Path) -> Iterator[None]:
    """Keep stores in another folder, for this process and those that it starts meanwhile."""
    before = os.environ.get("POSEREP_CACHE")
    os.environ["POSEREP_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["POSEREP_CACHE"]
        else:
            os.environ["POSEREP_CACHE"] = before


def store_path(kind: str, key: Mapping[str, Any]) -> Path:
    """File of a store, named by a hash of the key; ``kind`` and ``key`` as in `frame_store`."""
    text = json.dumps(key, sort_keys=True)
    return cache_folder() / kind / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npy"


def frame_store(
    kind: str,
    key: Mapping[str, Any],
    shape: tuple[int, int, int, int],
    produce: Callable[[], Iterable[Array]],
    label: str,
) -> Array:
    """Frames from disk, produced first if they are not there yet.

    Args:
        kind: Sub-folder of the cache.
        key: All that decides the content, as JSON-able values.
        shape: (N, C, H, W) expected; the store holds as many frames as came, be it fewer or more.
        produce: Yields chunks (n, C, H, W) uint8, of which one is held at a time. An OSError that leaves it is
            taken for the cache's, so it raises its own faults as DataError.
        label: What the progress bar says.

    Returns:
        (N, C, H, W) uint8, read-only and memory-mapped; an empty array, not stored, if nothing was produced.

    Raises:
        DataError: If the cache cannot be written, or has no room.
    """
    path = store_path(kind, key)
    if (stored := _opened(path)) is not None:
        return stored
    megabytes = math.prod(shape) / 1e6
    temporary = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        if shutil.disk_usage(path.parent).free < megabytes * 1e6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        frames = (frame for chunk in produce() for frame in chunk)
        with temporary.open("wb") as file:
            written = _write(file, track(frames, label, shape[0], "frames"), shape)
        if written:
            temporary.replace(path)
    except OSError as error:
        raise DataError(
            f"the frame cache cannot be written: {error.strerror or error}; about {megabytes:.0f} MB are needed",
            where=str(path.parent),
            hint="make room there, or set POSEREP_CACHE to a folder on another disk",
        ) from error
    finally:
        if temporary.exists():
            temporary.unlink()
    stored = _opened(path)
    return np.zeros((0, *shape[1:]), np.uint8) if stored is None else stored


def _write(file: IO[bytes], frames: Iterable[Array], shape: tuple[int, ...]) -> int:
    """Append frames to an open ``.npy`` file; how many came."""
    _header(file, shape)
    written = 0
    for frame in frames:
        file.write(np.ascontiguousarray(frame, np.uint8).data)
        written += 1
    file.seek(0)
    _header(file, (written, *shape[1:]))  # numpy pads the header for any count, so its length stays
    file.flush()
    os.fsync(file.fileno())
    return written


def _header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _opened(path: Path) -> Array | None:
    """A store that is there and whole."""
    try:
        stored: Array = np.load(path, mmap_mode="r")
    except (OSError, ValueError):  # not there, or cut short by a disk that failed
        return None
    return stored


def _sweep(path: Path) -> None:
    """Remove what killed writers of this store left; a living one touches its file all the time."""
    for left in path.parent.glob(f"{path.stem}.*.tmp"):
        if time.time() - left.stat().st_mtime > STALE_S:
            left.unlink()
