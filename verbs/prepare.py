"""`poserep data prepare`: read every frame of a recipe's dataset once, so that training finds them prepared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.markup import escape

from ..core.compose import compose
from ..core.console import note, say, track
from ..core.errors import DataError
from ..core.interfaces import Dataset
from ..core.registry import Registry
from ..media.frame_store import cache_folder
from ..media.mended import SKIPPED
from ..media.prepared import check_room

CHUNK = 64
"""Frames that are decoded before they are written."""
OPTION = "prepared"


@dataclass(slots=True)
class Done:
    """What came of it: how many frames, how many of them stand in for bad ones by clip, clips without any frame."""

    frames: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def read_all(dataset: Dataset, done: Done, *, keeps: bool) -> Iterator[None]:
    """Read every frame of every clip in order; yields once for each, and tells in ``done`` what came of them.

    Raises:
        DataError: If frames are to be kept and there is no room for the next ones.
    """
    size = 3 * dataset.frame_size[0] * dataset.frame_size[1]
    for index, clip in enumerate(dataset.clips):
        for start in range(0, len(clip), CHUNK):
            numbers = np.arange(start, min(start + CHUNK, len(clip)))
            if keeps:
                check_room(size * len(numbers))
            try:
                dataset.frames(index, numbers)
            except DataError as error:
                done.broken[clip.name] = error.what
                yield from (None for _ in range(start, len(clip)))
                break
            done.frames += len(numbers)
            yield from (None for _ in numbers)


def prepare(
    recipe: str | Path, sets: Sequence[str] = (), uses: Sequence[str] = (), registry: Registry | None = None
) -> Done:
    """Fill the cache for a recipe's dataset, showing how far it came. What is there already is not decoded again.

    Raises:
        DataError: If there is no room, or there are clips of which no frame can be read; all others are prepared then.
    """
    composition = compose(recipe, registry, sets=sets, uses=uses)
    chosen = composition.parts["dataset"]
    keeps = OPTION in type(chosen.options).model_fields
    options = chosen.options.model_copy(update={OPTION: True}) if keeps else chosen.options
    dataset: Dataset = chosen.component.build(options, composition.context)
    total = sum(len(clip) for clip in dataset.clips)
    height, width = dataset.frame_size
    if keeps:
        check_room(0)
        free = shutil.disk_usage(cache_folder()).free / 1e9
        needed = total * 3 * height * width / 1e9
        note(f"{total} frames of {width}x{height}, {needed:.1f} GB in all")
        note(f"{free:.0f} GB free in {escape(str(cache_folder()))}")
    else:
        note(f"dataset {chosen.component.name} has no option {OPTION!r}: it keeps its frames by itself, or not at all")
    done = Done()
    for _ in track(read_all(dataset, done, keeps=keeps), "preparing", total, "frames"):
        pass
    done.skipped = {name: len(frames) for name, frames in SKIPPED.items()}
    _tell(done, recipe, advise=keeps and not getattr(chosen.options, OPTION))
    return done


def _tell(done: Done, recipe: str | Path, *, advise: bool) -> None:
    for clip, count in done.skipped.items():
        note(f"[yellow]skipped[/]  {escape(clip)}: {count} frames cannot be used; their neighbours stand in for them")
    say(f"{done.frames} frames read, {sum(done.skipped.values())} skipped")
    if done.broken:
        cause = next(iter(done.broken.values()))
        raise DataError(
            f"{len(done.broken)} clip{'s' * (len(done.broken) > 1)} without any usable frame, the first: {cause}",
            where=", ".join(list(done.broken)[:5]),
            hint="copy them again, or leave them out; all others are prepared",
        )
    if advise:
        note(f"next: poserep train {escape(str(recipe))}, with the same overrides and --set dataset.{OPTION}=true")
