"""Sheets of pictures of one size, written as a PNG.

Axes: 3 colour channels, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array

if TYPE_CHECKING:
    from PIL.Image import Image

TILE = 256
"""Pixels that the height of a frame has at least on a sheet."""
GAP = 6
HEADING = 16


def enlarged(frame_3HW: Array) -> Image:
    """A uint8 frame as a picture, enlarged by a whole factor if it is small."""
    from PIL import Image

    factor = -(-TILE // frame_3HW.shape[1])
    picture = Image.fromarray(np.ascontiguousarray(frame_3HW.transpose(1, 2, 0)))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def titled(picture: Image, title: str) -> Image:
    """The picture below a line of text."""
    from PIL import Image, ImageDraw

    tile = Image.new("RGB", (picture.width, picture.height + HEADING), "white")
    tile.paste(picture, (0, HEADING))
    ImageDraw.Draw(tile).text((2, 2), title[: picture.width // 6], fill="black")
    return tile


def columns_for(count: int, tile: Image) -> int:
    """As many as make the sheet about half as high as wide, or one row."""
    return min(count, max(1, round(math.sqrt(2 * count * tile.height / tile.width))))


def save_sheet(tiles: Sequence[Image], columns: int, path: Path, caption: Sequence[str] = ()) -> Path:
    """Tiles of one size in rows, as a PNG, with lines of text below.

    Raises:
        DataError: If it cannot be written.
    """
    from PIL import Image, ImageDraw

    width, height = tiles[0].width + GAP, tiles[0].height + GAP
    rows = -(-len(tiles) // columns)
    below = rows * height + GAP
    sheet = Image.new("RGB", (columns * width + GAP, below + HEADING * len(caption)), "white")
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (GAP + index % columns * width, GAP + index // columns * height))
    for number, line in enumerate(caption):
        ImageDraw.Draw(sheet).text((GAP, below + HEADING * number), line, fill="black")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path, format="PNG")
    except OSError as error:
        raise DataError(f"the picture cannot be written: {error.strerror or error}", where=str(path)) from None
    return path
