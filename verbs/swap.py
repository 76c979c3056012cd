"""`poserep swap`: the appearance of one frame in the pose of another, as a picture grid."""

from __future__ import annotations

from pathlib import Path

from ..core.compose import Composition
from ..core.errors import ConfigError
from ..core.interfaces import Dataset
from ..core.probe import frames_of
from .samples import swap_grid
from .session import open_session
from .sheet import enlarged, save_sheet, titled

HELD_OUT_FIRST = ("test", "validation", "train")


def swap(run: Path, output: Path | None, count: int) -> Path:
    """Draw the grid: first row and column are source frames, a row has one appearance, a column one pose.

    Args:
        run: The run folder.
        output: A PNG; ``swap.png`` in the run folder if not given.
        count: How many frames, held-out ones where there are some, of different subjects where there are several.

    Raises:
        ConfigError: If the recipe has no invariant latent, or no decoder.
        DataError: If the run or its data cannot be read, or the picture not be written.
    """
    session = open_session(run)
    check_split(session.composition, run)
    draw = frames_of(session.source.dataset.clips, held_out(session.source.dataset), 1)
    count = min(count, len(draw.clip))
    found = swap_grid(session, draw, count)
    sources, grid = found["swap_frame"], found["swap"]
    corner = titled(enlarged(sources[0] * 0 + 255), "look down, pose across")
    tiles = [corner, *(titled(enlarged(frame), f"pose {index + 1}") for index, frame in enumerate(sources))]
    for row in range(count):
        tiles.append(titled(enlarged(sources[row]), f"look {row + 1}"))
        tiles += [titled(enlarged(grid[row, column]), f"look {row + 1}, pose {column + 1}") for column in range(count)]
    return save_sheet(tiles, count + 1, output or run / "swap.png")


def held_out(dataset: Dataset) -> str:
    """The first split of test, validation and train that has clips."""
    splits = {clip.split for clip in dataset.clips}
    return next(split for split in HELD_OUT_FIRST if split in splits)


def check_split(composition: Composition, run: Path) -> None:
    """Refuse a run whose look and pose cannot be told apart, or that cannot draw.

    Raises:
        ConfigError: Naming what the recipe lacks.
    """
    written = {name for wire in composition.wires for name in wire.writes}
    if "invariant" not in written:
        raise ConfigError(
            "this recipe's code is whole: there is no invariant part to swap",
            where=str(run),
            hint="train one whose encoder splits it, as `temporal` does: encoder.invariant above 0",
        )
    if "redrawn" not in written:
        raise ConfigError(
            "this recipe has no decoder: it cannot draw a frame",
            where=str(run),
            hint="train one with a decoder, as `temporal` does",
        )
