"""Dataset ``frames``: folders of images, one sub-folder per clip, read in place.

The index is one array of file names per clip, so some hundred thousand frames cost a few megabytes. With ``masks``
the dataset has the label ``true_mask``; with ``paste_on`` too, its subjects stand before other pictures, and the label
``background`` is what is behind them. With ``keypoints`` it has the label ``pose_2d``.

Axes: N frames, 3 colour channels (RGB), H W pixels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, PositiveInt

from ...core.errors import ConfigError, DataError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Clip, Component, Context, Options
from ...core.skeleton import HUMAN36M_17, Skeleton
from ...media.images import image_size, read_image, working_size
from .keypoints import ClipFiles, read_poses
from .names import compiled, named, natural
from .pasting import Each, Pictures, paste

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
    keypoints: str = ""
    """File of 2D joints, found by a detector or marked by people: COCO keypoint JSON (annotations or results) or npz,
    relative to `path`; one for all clips, or one for each: "../keypoints/{clip}.json". Gives the label `pose_2d` in
    Human3.6M order, NaN where a joint is missing."""
    keypoints_min_score: float = Field(default=0.3, ge=0)
    """Joints of less confidence are missing."""
    paste_on: str = ""
    """A folder of pictures: subjects are cut out by their masks and pasted on one drawn at random."""
    paste_each: Each = "clip"
    """Draw a picture for each clip, or for each frame."""
    paste_seed: int = Field(default=0, ge=0)
    """Seed of the draw."""


class Frames:
    """Clips of image folders.

    Attributes:
        clips: One per folder, in natural order.
        frame_size: (H, W) of every frame.
        skeleton: That of the 2D poses; None without keypoints.
    """

    def __init__(self, options: FramesOptions) -> None:
        self._root = Path(options.path).expanduser()
        self._masks = _checked_pattern(options.masks)
        pattern = compiled(options.camera_pattern, "dataset.camera_pattern")
        self._folders, self._names, every = [], [], []
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
            every.append(names)
        if not clips:
            raise DataError(
                "there is no image in the folder or its sub-folders",
                where=str(self._root),
                hint=f"looked for {', '.join(SUFFIXES)}, one level deep",
            )
        self.clips: Sequence[Clip] = tuple(clips)
        height, width = image_size(self._file(0, 0))
        self.frame_size = working_size(width, height, options.height)
        self._pictures = _pictures(options, self.frame_size)
        self.skeleton: Skeleton | None = HUMAN36M_17 if options.keypoints else None
        self._poses = self._read_poses(options, every) if options.keypoints else []

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB.

        Raises:
            DataError: If an image is missing, broken, or of another shape than the first.
        """
        frames = np.stack([read_image(self._file(clip, index), self.frame_size) for index in indices])
        if self._pictures is None:
            return frames
        return paste(frames, self._mask_of(clip, indices), self._pictures.behind(self.clips[clip].name, indices))

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """``true_mask``, (N, 1, H, W), with the option ``masks``; ``background``, (1 or N, 3, H, W), if pasted; uint8.

        ``pose_2d``, (N, 17, 2) float32, with the option ``keypoints``.

        Raises:
            DataError: For another name, or if a mask is missing or broken.
        """
        if name == "background" and self._pictures is not None:
            return self._pictures.behind(self.clips[clip].name, indices)
        if name == "pose_2d" and self._poses:
            poses: Array = self._poses[clip][indices]
            return poses
        if name != "true_mask" or not self._masks:
            givers = {"true_mask": "masks", "pose_2d": "keypoints"}
            hint = f"the option {givers[name]} gives it" if name in givers else ""
            raise DataError(f"dataset frames has no label {name!r}", where=self.clips[clip].name, hint=hint)
        return self._mask_of(clip, indices)

    def _read_poses(self, options: FramesOptions, every: Sequence[Array]) -> list[Array]:
        files = []
        for number, (clip, names) in enumerate(zip(self.clips, every, strict=True)):
            size_WH = image_size(self._file(number, 0))[::-1]
            files.append(ClipFiles(clip.name, [os.fsdecode(name) for name in names], len(names), size_WH))
        poses = read_poses(self._root, options.keypoints, files, options.keypoints_min_score)
        return [pose_NJ2[:: options.stride] for pose_NJ2 in poses]

    def _file(self, clip: int, index: int) -> Path:
        return self._folders[clip] / os.fsdecode(self._names[clip][index])

    def _mask_of(self, clip: int, indices: Array) -> Array:
        return np.stack([read_image(self._mask(clip, index), self.frame_size, "L") for index in indices])

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


def _pictures(options: FramesOptions, size_HW: tuple[int, int]) -> Pictures | None:
    if not options.paste_on:
        return None
    if not options.masks:
        raise ConfigError(
            "subjects can be pasted only where there are masks to cut them out",
            where=f"dataset.paste_on = {options.paste_on!r}",
            hint="give dataset.masks, or leave paste_on empty",
        )
    return Pictures(options.paste_on, options.paste_seed, options.paste_each, size_HW)


def known(options: FramesOptions) -> tuple[str, ...]:
    """The labels that it has."""
    given = {"true_mask": options.masks, "background": options.paste_on, "pose_2d": options.keypoints}
    return tuple(name for name, option in given.items() if option)


def build(options: FramesOptions, context: Context) -> Frames:
    """Index the folders; no image but the first is opened."""
    return Frames(options)


def example(folder: Path) -> dict[str, Any]:
    """Two small clips with masks and keypoints, written there."""
    from ...testing import tiny_frames

    images = tiny_frames(folder)
    for home in images.iterdir():
        start_J2, count = np.linspace(4, 24, 2 * 17).reshape(17, 2), len(list(home.iterdir()))
        np.savez(folder / f"{home.name}.npz", keypoints=start_J2 + np.arange(count)[:, None, None])
    labels = {"masks": "../masks/{clip}/{stem}.png", "keypoints": "../{clip}.npz"}
    return {"path": str(images), "fps": 10.0, "height": 32, **labels}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``dataset.frames``."""
    register(
        Component(
            kind="dataset",
            name="frames",
            options=FramesOptions,
            build=build,
            writes=known,
            facts=lambda options: {"joints": len(HUMAN36M_17)} if options.keypoints else {},
            example=example,
        )
    )
