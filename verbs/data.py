"""What ``poserep data`` shows: a dataset's clips as rows, its frames with their labels, its backgrounds.

Axes: N frames, 3 colour channels, H W pixels, J joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.batches import Source, open_source
from ..core.compose import Composition, compose
from ..core.console import note, say, show_json, show_table
from ..core.errors import ConfigError
from ..core.interfaces import Array, Background, Dataset
from .drawing import TRUE_BOX, draw_bones, draw_box, to_pixels
from .sheet import columns_for, enlarged, save_sheet, titled

if TYPE_CHECKING:
    from PIL.Image import Image

SHEET_FRAMES = 24
MOMENTS = 5
"""Rows of a clip whose background changes."""


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
    """Draw the true box and skeleton of one frame, (1,), of a clip over its picture, as far as there are labels."""
    from PIL import ImageDraw

    draw = ImageDraw.Draw(picture)
    if "true_box" in labels:
        draw_box(draw, dataset.labels("true_box", clip, frame)[0], picture.size, TRUE_BOX)
    if "pose_2d" in labels and dataset.skeleton is not None:
        joints_J2 = to_pixels(dataset.labels("pose_2d", clip, frame)[0], picture.size)
        draw_bones(draw, dataset.skeleton, joints_J2, width=max(2, picture.height // 85))


def _opened(recipe: str, sets: Sequence[str], uses: Sequence[str]) -> tuple[Composition, Source]:
    composition = compose(recipe, sets=sets, uses=uses)
    return composition, open_source(composition)


def inspect_command(
    recipe: str, sets: Sequence[str], uses: Sequence[str], output: Path | None, as_json: bool
) -> list[Row]:
    """`poserep data inspect`: print a recipe's clips, and draw a contact sheet if a place for it is given."""
    composition, source = _opened(recipe, sets, uses)
    labels = sorted(composition.labels)
    rows = inspect(source.dataset, labels)
    if as_json:
        show_json([asdict(row) for row in rows])
    else:
        columns = ("clip", "subject", "camera", "split", "frames", "fps", "seconds", "size")
        show_table("", columns, [tuple(str(getattr(row, name)) for name in columns) for row in rows])
        seconds = sum(row.seconds for row in rows)
        known = f"labels: {', '.join(labels)}" if labels else "no labels"
        say(f"{len(rows)} clips, {sum(row.frames for row in rows)} frames, {seconds:.1f} s; {known}")
    if output is not None:
        note(f"contact sheet  {contact_sheet(source.dataset, SHEET_FRAMES, output, labels)}")
    return rows


def background_command(recipe: str, sets: Sequence[str], uses: Sequence[str], output: Path) -> Path:
    """`poserep data background`: draw what a recipe's estimator makes of every camera.

    Raises:
        ConfigError: If the recipe has no background.
    """
    _composition, source = _opened(recipe, sets, uses)
    if source.background is None:
        raise ConfigError("this recipe has no background", where=recipe, hint="give it one: --use background=median")
    return background_sheet(source.dataset, source.background, output)
