"""What a paper measured of a recipe's row, told beside what is measured here, always with the data that it is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ..core.config import Published, freeze

DATA = {
    "h36m": "Human3.6M",
    "mpi_inf_3dhp": "MPI-INF-3DHP",
    "diving": "dives that are not public",
    "ski_poseptz": "Ski-PosePTZ",
    "threedpw": "3DPW",
}
PRIVATE = {"diving"}
"""Readers of one's own data: what a paper measured there nobody else can."""
OTHER = "other data: compare the order of rows, not the numbers"


def published_of(config: Mapping[str, Any]) -> tuple[Published, ...]:
    """What a run's config tells of its paper; nothing of one that an other version wrote in another way."""
    try:
        return tuple(Published.model_validate(freeze(one)) for one in config.get("published", ()))
    except (ValidationError, TypeError):
        return ()


def place(table: str) -> str:
    """A table's name in a sentence."""
    return f"Table {table}" if set(table) <= set("IVXLC") else table


def source(one: Published, measured: str) -> str:
    """Where a row stands and what it was measured on, and whether that is what ``measured`` names."""
    told = DATA.get(one.dataset, one.dataset)
    same = one.dataset == measured and one.dataset not in PRIVATE
    return f"{place(one.table)}, on {told}" + ("" if same else f" ({OTHER})")


def numbers(values: Sequence[float]) -> str:
    """Errors side by side."""
    return " / ".join(f"{value:.1f}" for value in values)


def counts(labels: Sequence[int]) -> str:
    """Numbers of labels side by side, with their noun."""
    told = " / ".join(f"{count:,}" if count else "all" for count in labels)
    return f"{told} label{'' if told == '1' else 's'}"


def lines_of(published: Sequence[Published], metric: str, measured: str) -> Iterator[str]:
    """One sentence for each published row that has a metric."""
    for one in published:
        for values in (values for name, values in one.values.items() if name == metric):
            cm = ", printed in cm" if one.printed == "cm" else ""
            told = f"{numbers(values)} mm with {counts(one.labels)}{cm}"
            yield f"published: {source(one, measured)}, row {one.row}: {told}"


def notes_of(published: Mapping[str, Sequence[Published]], metric: str, measured: str) -> Iterator[str]:
    """One sentence for each published table that some arms of a study are rows of; most arms of it first."""
    groups: dict[tuple[str, tuple[int, ...]], dict[str, Sequence[float]]] = {}
    for arm, rows in published.items():
        for one in rows:
            for values in (values for name, values in one.values.items() if name == metric):
                groups.setdefault((source(one, measured), one.labels), {})[arm] = values
    most = max(map(len, groups.values()), default=0)
    for (where, labels), arms in groups.items():
        if len(arms) == most:
            told = "; ".join(f"{arm} {numbers(values)}" for arm, values in arms.items())
            yield f"Published: {where}, {metric} in mm with {counts(labels)}: {told}."


def best(one: Published) -> str:
    """A row in few words: its first metric with the fewest and with the most labels."""
    metric, values = next(iter(one.values.items()))
    span = f"{values[0]:.1f}" if len(values) == 1 else f"{values[0]:.1f} to {values[-1]:.1f}"
    return f"{metric} {span} mm"
