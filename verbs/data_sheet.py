"""Sheets of a dataset's frames: with their labels, or beside their backgrounds.

Axes: N frames, 3 colour channels, H W pixels, J joints, 2 = x y.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.interfaces import Array, Background, Dataset
from ..core.inventory import HasHorizon
from .drawing import TRUE_BOX, Colour, draw_bones, draw_box, to_pixels
from .sheet import columns_for, enlarged, save_sheet, titled

if TYPE_CHECKING:
    from PIL.Image import Image

MOMENTS = 5
"""Rows of a clip whose background changes."""
HORIZON: Colour = (255, 60, 220)


def spread(dataset: Dataset, count: int) -> dict[int, Array]:
    """Indices of frames spread evenly over all clips, by clip in their order; all frames if there are fewer."""
    starts = np.cumsum([0, *(len(clip) for clip in dataset.clips)])
    chosen = np.linspace(0, starts[-1] - 1, min(count, int(starts[-1]))).round().astype(np.int64)
    clips = np.searchsorted(starts, chosen, side="right") - 1
    return {int(clip): chosen[clips == clip] - starts[clip] for clip in np.unique(clips)}


def contact_sheet(dataset: Dataset, count: int, path: Path, labels: Sequence[str] = ()) -> Path:
    """Frames spread evenly over all clips, with skeleton, box and horizon where they are known, as a PNG.

    Args:
        dataset: Any.
        count: How many frames.
        path: Where the picture goes.
        labels: The label fields that its component declares; ``pose_2d`` and ``true_box`` are drawn.

    Raises:
        DataError: If the picture cannot be written.
    """
    tiles = []
    for clip, indices in spread(dataset, count).items():
        for frame in indices[:, None]:
            picture = enlarged(dataset.frames(clip, frame)[0])
            draw_labels(picture, dataset, clip, frame, labels)
            tiles.append(titled(picture, f"{dataset.clips[clip].name} #{frame[0]}"))
    return save_sheet(tiles, columns_for(len(tiles), tiles[0]), path)


def background_sheet(dataset: Dataset, background: Background, path: Path) -> Path:
    """The first clip of each camera: frame, background and their difference, as a PNG.

    A static background has one row, for the middle of the clip; one that moves with the camera has several.

    Args:
        dataset: Any.
        background: Any.
        path: Where the picture goes.

    Raises:
        DataError: If the background cannot be made or the picture cannot be written.
    """
    first: dict[str, int] = {}
    for index, clip in enumerate(dataset.clips):
        first.setdefault(clip.camera, index)
    tiles = []
    for camera, index in first.items():
        times = moments(dataset, background, index)
        scenes = background.at(dataset, index, times)
        scenes = np.broadcast_to(scenes, (len(times), *scenes.shape[1:]))
        for time, frame, scene in zip(times, dataset.frames(index, times), scenes, strict=True):
            difference = np.maximum(frame, scene) - np.minimum(frame, scene)
            titles = (f"{camera} #{time}", "background", "difference x2")
            for title, pixels in zip(titles, (frame, scene, 2 * np.minimum(difference, 127)), strict=True):
                tiles.append(titled(enlarged(pixels), title))
    return save_sheet(tiles, 3, path)


def moments(dataset: Dataset, background: Background, clip: int) -> Array:
    """Frames of a clip at which its background is worth a look: the middle one, or several where it changes."""
    last = len(dataset.clips[clip]) - 1
    spread = np.unique(np.linspace(0, last, MOMENTS).round().astype(np.int64))
    scenes = background.at(dataset, clip, spread)
    return spread if (scenes != scenes[:1]).any() else np.array([(last + 1) // 2])


def draw_labels(picture: Image, dataset: Dataset, clip: int, frame: Array, labels: Sequence[str]) -> None:
    """Draw box, horizon and skeleton of one frame, (1,), of a clip over its picture, as far as they are known."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(picture)
    if "true_box" in labels:
        draw_box(draw, dataset.labels("true_box", clip, frame)[0], picture.size, TRUE_BOX)
    if isinstance(dataset, HasHorizon) and (ends := dataset.horizon(clip, int(frame[0]))) is not None:
        draw.line([tuple(end) for end in to_pixels(np.array(ends), picture.size)], fill=HORIZON, width=2)
    if "pose_2d" in labels and dataset.skeleton is not None:
        joints_J2 = to_pixels(dataset.labels("pose_2d", clip, frame)[0], picture.size)
        draw_bones(draw, dataset.skeleton, joints_J2, width=max(2, picture.height // 85))
