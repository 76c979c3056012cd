"""Subjects cut out by their masks and pasted on random pictures, which then are the known background.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4 (MPI-INF-3DHP "MV-data"). The masks serve nothing else:
no network sees one, and none has to redraw one.
Not stated there: whether a picture stays behind a whole clip or changes with every frame; it stays, as behind a camera
that stands still, unless ``each`` says otherwise. A picture of another shape is squeezed into the frame's.

Axes: N frames, 3 colour channels, H W pixels; uint8.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array
from ...media.images import read_image
from .names import natural

Each = Literal["clip", "frame"]
SUFFIXES = (".jpg", ".jpeg", ".png")
REMEMBERED = 64
"""Pictures that are kept at the frame's size."""


def paste(frames_N3HW: Array, masks_N1HW: Array, behind_N3HW: Array) -> Array:
    """Equation (1) with known masks: M I + (1 - M) B, rounded; all uint8, M = 255 inside the subject."""
    share = masks_N1HW.astype(np.uint16)
    mixed = share * frames_N3HW + (255 - share) * behind_N3HW  # at most 255 * 255, which 16 bits hold
    return np.asarray(((mixed + 127) // 255).astype(np.uint8))


class Pictures:
    """The pictures of a folder, of which each clip or frame gets one; equal seed, clip and frame, equal picture.

    Args:
        folder: Where they lie, one level deep.
        seed: Of the choice.
        each: What gets a picture of its own.
        size_HW: Of the frames.

    Raises:
        DataError: If there is no picture.
    """

    def __init__(self, folder: str, seed: int, each: Each, size_HW: tuple[int, int]) -> None:
        root = Path(folder).expanduser()
        found = [file for file in root.iterdir() if file.suffix.lower() in SUFFIXES] if root.is_dir() else []
        if not found:
            raise DataError(
                "there is no picture to paste subjects on", where=str(root), hint=f"looked for {', '.join(SUFFIXES)}"
            )
        files = sorted(found, key=lambda file: natural(file.name))
        self._count, self._seed, self._each = len(files), seed, each
        self._read = lru_cache(REMEMBERED)(lambda index: read_image(files[index], size_HW, tolerance=np.inf))

    def behind(self, clip: str, indices: Array) -> Array:
        """What is behind frames of a clip of that name: (1, 3, H, W), or (N, 3, H, W) if each frame has its own.

        Raises:
            DataError: If a picture is broken.
        """
        frames = indices if self._each == "frame" else [0]
        return np.stack([self._read(self._chosen(clip, int(frame))) for frame in frames])

    def _chosen(self, clip: str, frame: int) -> int:
        rng = np.random.default_rng([self._seed, zlib.crc32(clip.encode()), frame])
        return int(rng.integers(self._count))
