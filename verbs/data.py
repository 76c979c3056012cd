"""What ``poserep data`` shows: what a dataset holds and lacks, its frames with their labels, its backgrounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape

from ..core.batches import open_source
from ..core.compose import compose
from ..core.config import Chosen, pick, with_bodies
from ..core.console import note, say, show_json, show_table
from ..core.errors import ConfigError, did_you_mean
from ..core.interfaces import Context, Dataset, Inventory, declared
from ..core.inventory import HasInventory
from ..core.recipe import Source, override
from ..core.registry import Registry
from ..media.missing import untold
from .data_inventory import projection_error, show_inventory
from .data_sheet import background_sheet, contact_sheet
from .data_sides import sides_of

SHEET_FRAMES = 24


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
                fps=round(1 / gap_s, 4),
                seconds=round(float(clip.times_s[-1] - clip.times_s[0]), 3),
                size=f"{width}x{height}",
                labels=tuple(labels),
            )
        )
    return rows


def open_dataset(
    name: str, sets: Sequence[str] = (), uses: Sequence[str] = (), registry: Registry | None = None
) -> tuple[Dataset, list[str]]:
    """A dataset and the labels that it has, by the name of a recipe or of a dataset, or by a recipe's file.

    Raises:
        ConfigError: If there is neither, or a value does not fit.
        DataError: If the data cannot be opened.
    """
    registry = registry or Registry()
    chosen = choose_dataset(name, sets, uses, registry)
    if chosen is None:
        composition = compose(name, registry, sets=sets, uses=uses)
        return open_source(composition).dataset, sorted(composition.labels)
    dataset: Dataset = chosen.component.build(chosen.options, with_bodies(Context(crop_size=1), registry))
    return dataset, sorted(declared(chosen.component.writes, chosen.options))


def choose_dataset(name: str, sets: Sequence[str], uses: Sequence[str], registry: Registry) -> Chosen | None:
    """The dataset of that name with its options, or None if it is a recipe's.

    Raises:
        ConfigError: If there is neither a recipe nor a dataset of that name, or a value does not fit.
    """
    kinds = registry.names("dataset")
    if name in registry.recipes or (name not in kinds and Path(name).is_file()):
        return None
    if name not in kinds:
        hint = did_you_mean(name, [*registry.recipes, *kinds], f"datasets: {', '.join(kinds)}")
        raise ConfigError(f"there is no recipe or dataset {name!r}", hint=hint)
    data: dict[str, Any] = {"dataset": {"use": name}}
    source = Source(f"dataset {name}")
    override(data, source, sets, uses)
    if others := sorted(set(data) - {"dataset"}):
        hint = "give a recipe's name instead, or set dataset.KEY"
        raise ConfigError(f"a dataset alone has no {others[0]!r}", where=source.locate([others[0]]), hint=hint)
    options = dict(data["dataset"])
    return pick("dataset", "dataset", options.pop("use"), options, source, registry)


def inspect_command(
    name: str, sets: Sequence[str], uses: Sequence[str], output: Path | None, as_json: bool
) -> list[Row]:
    """`poserep data inspect`: print what a dataset holds, and draw a contact sheet if a place for it is given."""
    with untold():
        dataset, labels = open_dataset(name, sets, uses)
    rows = inspect(dataset, labels)
    inventory = dataset.inventory() if isinstance(dataset, HasInventory) else None
    checks = {"projection": projection_error(dataset), "sides": sides_of(dataset, labels)}
    if as_json:
        show_json(
            {
                "clips": [asdict(row) for row in rows],
                "labels": labels,
                "inventory": None if inventory is None else asdict(inventory),
                **{name: None if check is None else asdict(check) for name, check in checks.items()},
            }
        )
    else:
        _show(rows, labels, inventory)
        for check in filter(None, checks.values()):
            say(escape(str(check)))
    if output is not None:
        note(f"contact sheet  {contact_sheet(dataset, SHEET_FRAMES, output, labels)}")
    return rows


def _show(rows: list[Row], labels: Sequence[str], inventory: Inventory | None) -> None:
    if inventory is None:
        columns = ("clip", "subject", "camera", "split", "frames", "fps", "seconds", "size")
        show_table("", columns, [tuple(str(getattr(row, name)) for name in columns) for row in rows])
    else:
        show_inventory(inventory)
    known = f"labels: {', '.join(labels)}" if labels else "no labels"
    clips = f"{len(rows):,} {'clip' if len(rows) == 1 else 'clips'}"
    say(f"{clips}, {sum(row.frames for row in rows):,} frames{_timing(rows)}; {known}")


def _timing(rows: Sequence[Row]) -> str:
    """How long clips are together and how fast; of pictures that are no film, how far apart they count as taken."""
    rates = [row.fps for row in rows if row.fps]
    low, high = min(rates, default=0.0), max(rates, default=0.0)
    if high < 1:
        return f", {1 / high:.0f} s apart" if high else ""
    rate = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    return f", {sum(row.seconds for row in rows):,.1f} s at {rate} frames per second"


def background_command(recipe: str, sets: Sequence[str], uses: Sequence[str], output: Path) -> Path:
    """`poserep data background`: draw what a recipe's estimator makes of every camera.

    Raises:
        ConfigError: If the recipe has no background.
    """
    source = open_source(compose(recipe, sets=sets, uses=uses))
    if source.background is None:
        raise ConfigError("this recipe has no background", where=recipe, hint="give it one: --use background=median")
    return background_sheet(source.dataset, source.background, output)
