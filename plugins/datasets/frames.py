"""Dataset ``frames``: folders of images, one sub-folder per clip, read in place.

The index is one array of file names per clip, so some hundred thousand frames cost a few megabytes. With ``masks``
the dataset has the label ``true_mask``.

Axes: N frames, 3 colour channels (RGB), H W pixels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, PositiveInt

from ...core.errors import ConfigError, DataError
from ...core.hookspecs import hookimpl
from ...core.images import image_size, read_image, working_size
from ...core.interfaces import Array, Clip, Component, Context, Options
from .names import compiled, named, natural

if TYPE_CHECKING:
    from ...core.skeleton import Skeleton

SUFFIXES = (".jpg", ".jpeg", ".png")


class FramesOptions(Options):
    """Where the images lie, and how fast they follow each other."""

    path: str
    """A folder with one sub-folder of images per clip, or with the images of a single clip."""
    fps: float = Field(gt=0)
    """Images per second of time, from which the timestamps are made."""
    height: PositiveInt = 128
    """Height of the working frame in pixels; the width follows the first image's aspect."""
    stride: PositiveInt = 1
    """Keep each n-th image."""
    camera_pattern: str = ""
    """Regular expression on folder names, with a group `camera` and, if wanted, `take` and `subject`.
    Folders of equal take are simultaneous views. Empty: each folder is a take and a camera of its own."""
    masks: str = ""
    """File of the silhouette of each image, for example "../masks/{clip}/{stem}.png", relative to `path`."""


class Frames:
    """Clips of image folders.

    Attributes:
        clips: One per folder, in natural order.
        frame_size: (H, W) of every frame.
        skeleton: None, there are no poses.
    """

    skeleton: Skeleton | None = None

    def __init__(self, options: FramesOptions) -> None:
        self._root = Path(options.path).expanduser()
        self._masks = _checked_pattern(options.masks)
        pattern = compiled(options.camera_pattern, "dataset.camera_pattern")
        self._folders, self._names = [], []
        clips = []
        for folder in _folders(self._root):
            names = indexed(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
            if not len(names):
                continue
            parts = named(folder.name, pattern)
            times_s = np.arange(len(names), dtype=np.float64)[:: options.stride] / options.fps
            clips.append(Clip(folder.name, parts.subject, parts.take, parts.camera, "train", times_s))
            self._folders.append(folder)
            self._names.append(names[:: options.stride])
        if not clips:
            raise DataError(
                "there is no image in the folder or its sub-folders",
                where=str(self._root),
                hint=f"looked for {', '.join(SUFFIXES)}, one level deep",
            )
        self.clips: Sequence[Clip] = tuple(clips)
        height, width = image_size(self._file(0, 0))
        self.frame_size = working_size(width, height, options.height)

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB.

        Raises:
            DataError: If an image is missing, broken, or of another shape than the first.
        """
        return np.stack([read_image(self._file(clip, index), self.frame_size) for index in indices])

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """``true_mask``, (N, 1, H, W) uint8, if the option ``masks`` is given.

        Raises:
            DataError: For another name, or if a mask is missing or broken.
        """
        if name != "true_mask" or not self._masks:
            hint = "the option masks gives it" if name == "true_mask" else ""
            raise DataError(f"dataset frames has no label {name!r}", where=self.clips[clip].name, hint=hint)
        return np.stack([read_image(self._mask(clip, index), self.frame_size, "L") for index in indices])

    def _file(self, clip: int, index: int) -> Path:
        return self._folders[clip] / os.fsdecode(self._names[clip][index])

    def _mask(self, clip: int, index: int) -> Path:
        stem = self._file(clip, index).stem
        return self._root / self._masks.format(clip=self.clips[clip].name, stem=stem)


def indexed(names: Iterable[str]) -> Array:
    """The images among file names in natural order, (N,) as bytes of fixed width: no object per frame."""
    images = sorted((name for name in names if name.lower().endswith(SUFFIXES)), key=natural)
    return np.array([os.fsencode(name) for name in images], dtype=np.bytes_)


def _folders(root: Path) -> list[Path]:
    """Candidates for clips: the sub-folders, or the folder itself if it has none."""
    if not root.is_dir():
        raise DataError("there is no such folder", where=str(root), hint="dataset.path names a folder of images")
    inside = sorted(
        (entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith(".")), key=natural
    )
    return [*(root / name for name in inside), root]


def _checked_pattern(masks: str) -> str:
    try:
        masks.format(clip="", stem="")
    except (KeyError, IndexError, ValueError):
        raise ConfigError(
            "dataset.masks may hold {clip} and {stem} only",
            where=f"dataset.masks = {masks!r}",
            hint='for example "../masks/{clip}/{stem}.png"',
        ) from None
    return masks


def build(options: FramesOptions, context: Context) -> Frames:
    """Index the folders; no image but the first is opened."""
    return Frames(options)


def example(folder: Path) -> dict[str, Any]:
    """Two small clips with masks, written there."""
    from ...testing import tiny_frames

    return {"path": str(tiny_frames(folder)), "fps": 10.0, "height": 32, "masks": "../masks/{clip}/{stem}.png"}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``dataset.frames``."""
    register(
        Component(
            kind="dataset",
            name="frames",
            options=FramesOptions,
            build=build,
            writes=lambda options: ("true_mask",) if options.masks else (),
            example=example,
        )
    )
