"""What ``poserep data`` shows: a dataset's clips as rows, its frames with their labels, its backgrounds.

Axes: N frames, 3 colour channels, H W pixels, J joints.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array, Background, Dataset

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

    from ..core.skeleton import Skeleton

TILE = 256
"""Pixels that the height of a frame has at least on a sheet."""
GAP = 6
HEADING = 16
SIDES = {"left": (90, 200, 255), "right": (255, 140, 60), "centre": (255, 255, 255)}
BOX = (80, 255, 80)


@dataclass(frozen=True, slots=True)
class Row:
    """One clip in figures."""

    clip: str
    subject: str
    camera: str
    split: str
    frames: int
    fps: float
    seconds: float
    size: str
    labels: tuple[str, ...]


def inspect(dataset: Dataset, labels: Sequence[str] = ()) -> list[Row]:
    """The clips of a dataset as rows.

    Args:
        dataset: Any.
        labels: The label fields that its component declares.

    Returns:
        One row per clip: ``fps`` from the middle one of the gaps between timestamps, ``size`` as WxH of the frame.
    """
    height, width = dataset.frame_size
    rows = []
    for clip in dataset.clips:
        gap_s = float(np.median(np.diff(clip.times_s))) if len(clip) > 1 else np.inf
        rows.append(
            Row(
                clip=clip.name,
                subject=clip.subject,
                camera=clip.camera,
                split=clip.split,
                frames=len(clip),
                fps=round(1 / gap_s, 3),
                seconds=round(float(clip.times_s[-1] - clip.times_s[0]), 3),
                size=f"{width}x{height}",
                labels=tuple(labels),
            )
        )
    return rows


def contact_sheet(dataset: Dataset, count: int, path: Path, labels: Sequence[str] = ()) -> Path:
    """Frames spread evenly over all clips, with skeleton and box where there are labels, as a PNG.

    Args:
        dataset: Any.
        count: How many frames.
        path: Where the picture goes.
        labels: The label fields that its component declares; ``pose_2d`` and ``true_box`` are drawn.

    Raises:
        DataError: If the picture cannot be written.
    """
    lengths = [len(clip) for clip in dataset.clips]
    starts = np.cumsum([0, *lengths])
    tiles = []
    for index in np.linspace(0, starts[-1] - 1, min(count, int(starts[-1]))).round().astype(int):
        clip = int(np.searchsorted(starts, index, side="right")) - 1
        frame = np.array([index - starts[clip]])
        picture = _picture(dataset.frames(clip, frame)[0])
        _draw_labels(picture, dataset, clip, frame, labels)
        tiles.append(_titled(picture, f"{dataset.clips[clip].name} #{frame[0]}"))
    return _save(tiles, columns=_columns(len(tiles), tiles[0]), path=path)


def background_sheet(dataset: Dataset, background: Background, path: Path) -> Path:
    """A row per camera: the middle frame of its first clip, the background, and their difference, as a PNG.

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
        middle = np.array([len(dataset.clips[index]) // 2])
        frame = dataset.frames(index, middle)[0]
        scene = background.at(dataset, index, middle)[0]
        difference = np.maximum(frame, scene) - np.minimum(frame, scene)
        titles = (f"{camera} #{middle[0]}", "background", "difference x2")
        for title, pixels in zip(titles, (frame, scene, 2 * np.minimum(difference, 127)), strict=True):
            tiles.append(_titled(_picture(pixels), title))
    return _save(tiles, columns=3, path=path)


def _picture(frame: Array) -> Image:
    """A frame (3, H, W) as a picture, enlarged by a whole factor if it is small."""
    from PIL import Image

    factor = -(-TILE // frame.shape[1])
    picture = Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0)))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def _draw_labels(picture: Image, dataset: Dataset, clip: int, frame: Array, labels: Sequence[str]) -> None:
    from PIL import ImageDraw

    draw = ImageDraw.Draw(picture)
    if "true_box" in labels:
        s_x, s_y, u_x, u_y = dataset.labels("true_box", clip, frame)[0]
        corners = _pixels(np.array([[u_x - s_x, u_y - s_y], [u_x + s_x, u_y + s_y]]), picture)
        draw.rectangle([tuple(corner) for corner in corners], outline=BOX, width=2)
    if "pose_2d" in labels and dataset.skeleton is not None:
        _draw_bones(draw, dataset.skeleton, _pixels(dataset.labels("pose_2d", clip, frame)[0], picture))


def _draw_bones(draw: ImageDraw, skeleton: Skeleton, joints_J2: Array) -> None:
    for parent, child in skeleton.bones:
        ends = [tuple(joints_J2[parent]), tuple(joints_J2[child])]
        draw.line(ends, fill=SIDES[skeleton.side(child)], width=3)


def _pixels(points: Array, picture: Image) -> Array:
    """Frame coordinates in [-1, 1], (..., 2), as pixels of a picture (a pixel's centre is a whole number)."""
    return np.asarray(((points + 1) * np.array(picture.size) - 1) / 2)


def _titled(picture: Image, title: str) -> Image:
    from PIL import Image, ImageDraw

    tile = Image.new("RGB", (picture.width, picture.height + HEADING), "white")
    tile.paste(picture, (0, HEADING))
    ImageDraw.Draw(tile).text((2, 2), title[: picture.width // 6], fill="black")
    return tile


def _columns(count: int, tile: Image) -> int:
    """As many as make the sheet about half as high as wide, or one row."""
    return min(count, max(1, round(math.sqrt(2 * count * tile.height / tile.width))))


def _save(tiles: Sequence[Image], columns: int, path: Path) -> Path:
    """Tiles of one size in rows, written as a PNG."""
    from PIL import Image

    width, height = tiles[0].width + GAP, tiles[0].height + GAP
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (GAP + index % columns * width, GAP + index // columns * height))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path, format="PNG")
    except OSError as error:
        raise DataError(f"the picture cannot be written: {error.strerror or error}", where=str(path)) from None
    return path
