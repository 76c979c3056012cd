"""What a set of run folders says: runs as facts, measurements as tables. Free of torch.

Rows of different protocols never stand in one table, for their numbers cannot be compared.

Axes of the samples: N M S frames, 3 colour channels, H W frame and h w crop pixels, J joints,
C classes.
"""

from __future__ import annotations

import json
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array
from ..core.measurement import Measurement, Protocol, digits, read_measurements
from ..core.run import Run, open_run
from .protocols import read_rows
from .published import lines_of, published_of

NOTHING = "-"
MAIN = "N-MPJPE"
"""The number that a comparison is about; its table comes first."""
SHAPES: dict[str, tuple[str | int, ...]] = {
    "frame": ("N", 3, "H", "W"),
    "background": ("N", 3, "H", "W"),
    "redrawn": ("N", 3, "H", "W"),
    "mask": ("N", 1, "H", "W"),
    "crop": ("N", 3, "h", "w"),
    "box": ("N", 4),
    "true_box": ("N", 4),
    "swap": ("S", "S", 3, "H", "W"),
    "swap_frame": ("S", 3, "H", "W"),
    "pose_true": ("M", "J", 3),
    "pose_predicted": ("M", "J", 3),
    "pose_frame": ("M", 3, "H", "W"),
    "pose_error": ("M",),
    **{f"task_{name}": ("N", 3, "S", "S") for name in ("frame", "second", "true", "said", "true_uv", "said_uv")},
    "class_true": ("N",),
    "class_said": ("N",),
    "confusion": ("C", "C"),
    "classes": ("C",),
}
"""Arrays of ``samples.npz`` that a report knows; each may be absent, and equal letters mean equal lengths."""


@dataclass(frozen=True, slots=True)
class RunData:
    """A run folder, read.

    Attributes:
        label: How tables call it: the folder's name, or its whole path where two have one name.
        run: The folder.
        config: Its recipe as plain data.
        about: The facts of ``run.json``.
        steps: The recorded steps.
        measurements: What was measured, maybe nothing.
        card: The protocol card of the measurements in words, empty where none was kept.
    """

    label: str
    run: Run
    config: dict[str, Any]
    about: dict[str, Any]
    steps: list[dict[str, Any]]
    measurements: list[Measurement]
    card: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text, ready for the terminal or the page: all rows share the protocol, ``names`` were measured."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    protocol: Protocol
    names: tuple[str, ...]
    by_labels: bool


def read_runs(folders: Sequence[Path]) -> list[RunData]:
    """Read run folders; a folder named twice is read once.

    Raises:
        DataError: If a folder is no run, or a file in it cannot be read.
    """
    unique = list({folder.resolve(): folder for folder in folders}.values())
    names = [folder.resolve().name for folder in unique]
    labels = [name if names.count(name) == 1 else str(folder) for name, folder in zip(names, unique, strict=True)]
    return [_read(folder, label) for folder, label in zip(unique, labels, strict=True)]


def _read(folder: Path, label: str) -> RunData:
    run = open_run(folder)
    try:
        config = tomllib.loads(run.config.read_text(encoding="utf-8"))
        measured = read_measurements(run.measurements)
        return RunData(label, run, config, run.about(), run.steps(), measured, read_rows(folder))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"a file of the run cannot be read: {error}",
            where=str(folder),
            hint=f"measure again (poserep probe {folder}), or train again, if config.toml or run.json is broken",
        ) from None


def read_samples(run: Run) -> dict[str, Array]:
    """The known arrays of ``samples.npz``; an absent file holds none.

    Raises:
        DataError: If it cannot be read, or an array does not have its shape.
    """
    if not run.samples.is_file():
        return {}
    hint = f"write it again: poserep probe {run.folder}"
    try:
        with np.load(run.samples, allow_pickle=False) as file:
            arrays = {name: file[name] for name in SHAPES if name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"samples.npz cannot be read: {error}", where=str(run.samples), hint=hint) from None
    sizes: dict[str | int, int] = {}
    for name, array in arrays.items():
        axes = SHAPES[name]
        lengths = [axis if isinstance(axis, int) else sizes.get(axis) for axis in axes]
        if array.ndim != len(axes) or any(want not in (None, n) for want, n in zip(lengths, array.shape, strict=True)):
            wanted = ", ".join(str(axis) for axis in axes)
            raise DataError(f"{name} is {array.shape}, not ({wanted})", where=str(run.samples), hint=hint)
        if not name.startswith(("swap", "pose")):  # those may be of another size than the rest
            sizes |= dict(zip(axes, array.shape, strict=True))
    return arrays


def summary_rows(folders: Sequence[Path]) -> list[Table]:
    """Tables of all that was measured: one row per run and method, one column per number of labels.

    Raises:
        DataError: If a folder is no run, or a file in it cannot be read.
    """
    return tables_of(read_runs(folders))


def tables_of(runs: Sequence[RunData]) -> list[Table]:
    """Per protocol a table for each quantity that depends on labels, then one for those that do not."""
    found = [(data.label, one) for data in runs for one in data.measurements]
    tables: list[Table] = []
    for protocol in dict.fromkeys(one.protocol for _, one in found):
        here = [(label, one) for label, one in found if one.protocol == protocol]
        learnt = sorted(dict.fromkeys(one.name for _, one in here if one.labels), key=lambda name: name != MAIN)
        for name in learnt:
            shown = _table_by_labels(name, [pair for pair in here if pair[1].name == name], protocol)
            tables.append(replace(shown, caption=" · ".join((shown.caption, *_published(runs, name, protocol)))))
        if free := [pair for pair in here if pair[1].name not in learnt]:
            tables.append(_table_by_name(free, protocol))
    return tables


def _published(runs: Sequence[RunData], name: str, protocol: Protocol) -> Iterator[str]:
    """What papers measured of the rows that these runs are."""
    for data in runs:
        if any(one.protocol == protocol for one in data.measurements):
            for line in lines_of(published_of(data.config), name, protocol.dataset):
                yield f"{data.label}: {line}" if len(runs) > 1 else line


def _table_by_labels(name: str, found: Sequence[tuple[str, Measurement]], protocol: Protocol) -> Table:
    counts = sorted({one.labels for _, one in found})
    columns = [f"{count} labels" if count else "no labels" for count in counts]
    rows = _rows(found, [lambda one, count=count: one.labels == count for count in counts])
    unit = found[0][1].unit
    note = " · ".join(filter(None, (_readers(found), "labels: labelled frames that the regressor saw")))
    return Table(
        f"{name}, {unit}" if unit else name,
        ("run", "method", *columns),
        tuple(rows),
        " · ".join(filter(None, (str(protocol), _count(found), note))),
        protocol,
        (name,),
        by_labels=True,
    )


def _table_by_name(found: Sequence[tuple[str, Measurement]], protocol: Protocol) -> Table:
    units = {one.name: one.unit for _, one in found}
    rows = _rows(found, [lambda one, name=name: one.name == name for name in units])
    note = "shares, from 0 to 1, where no unit stands"
    return Table(
        "Measured without labels",
        ("run", "method", *(f"{name}, {unit}" if unit else name for name, unit in units.items())),
        tuple(rows),
        " · ".join(filter(None, (str(protocol), _count(found), note))),
        protocol,
        tuple(units),
        by_labels=False,
    )


def _rows(found: Sequence[tuple[str, Measurement]], columns: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    """One row per run and method; what was measured twice shows both values."""
    counted = bool(_count(found))
    for label, method in dict.fromkeys((label, one.method) for label, one in found):
        own = [one for where, one in found if (where, one.method) == (label, method)]
        cells = [" / ".join(value_text(one, counted) for one in own if column(one)) or NOTHING for column in columns]
        yield label, method, *cells


def value_text(one: Measurement, counted: bool = True) -> str:
    """The value as tables print it, with its count unless the caption counts for all."""
    text = f"{one.value:.{digits(one.unit)}f}"
    return text if counted else f"{text} (n={one.samples})"


def _readers(found: Sequence[tuple[str, Measurement]]) -> str:
    """From which features by which head poses were read; of runs that differ, each with its own."""
    readers = {label: one.reader for label, one in found if one.reader}
    if len(set(readers.values())) < 2:
        return "".join(f"read from {reader}" for reader in dict.fromkeys(readers.values()))
    return "read " + ", ".join(f"in {label} from {reader}" for label, reader in readers.items())


def _count(found: Sequence[tuple[str, Measurement]]) -> str:
    """``n = 400 frames`` if that holds for every number, else nothing."""
    counts = {one.samples for _, one in found}
    return f"n = {counts.pop()} frames" if len(counts) == 1 else ""


def differences(runs: Sequence[RunData]) -> list[tuple[str, ...]]:
    """Rows (key, value in run 1, value in run 2, ...) of all config keys in which the runs differ."""
    flat = [dict(_flatten(data.config)) for data in runs]
    keys = sorted({key for one in flat for key in one} - {"name", "summary", "paper", "published"})
    rows = [(key, *(one.get(key, NOTHING) for one in flat)) for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}.{key}" if path else key)
    else:
        yield path, json.dumps(value, default=str, ensure_ascii=False)
