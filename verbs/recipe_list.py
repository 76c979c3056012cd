"""`poserep recipes list`: recipes by the published tables whose rows they are, then the others. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from ..core.config import Published
from ..core.console import show_json, show_table
from ..core.errors import ConfigError, did_you_mean
from ..core.registry import Registry
from .published import best, place
from .recipes import list_rows

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI")
FULL = 128
"""Side in pixels of the crops of the paper's size."""


def list_command(table: str = "", as_json: bool = False, registry: Registry | None = None) -> None:
    """Show all recipes, or those that are rows of one table.

    Raises:
        ConfigError: If no recipe is a row of that table.
    """
    rows = list_rows(registry)
    groups = by_table(rows)
    if table:
        name = named(table, list(groups))
        rows, groups = [dict(row) for row, _one in groups[name]], {name: groups[name]}
    if as_json:
        show_json([{**row, "published": [one.model_dump(mode="json") for one in row["published"]]} for row in rows])
        return
    for name, found in groups.items():
        cells = [(row["recipe"], escape(one.row), size(row), best(one)) for row, one in found]
        show_table(place(name), ("recipe", "row", "data", "published"), cells)
    others = [row for row in rows if not row["published"]]
    if others:
        columns = ("recipe", "what it is", "paper", "from")
        cells = [(row["recipe"], row["summary"], row["paper"], row["package"]) for row in others]
        show_table("Others" if groups else "", columns, [tuple(map(escape, cell)) for cell in cells])


def by_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[Mapping[str, Any], Published]]]:
    """Recipes of each published table with the row that they are, rows as printed, the paper's data first."""
    groups: dict[str, list[tuple[Mapping[str, Any], Published]]] = {}
    for row in rows:
        for one in row["published"]:
            groups.setdefault(one.table, []).append((row, one))
    tables = sorted(groups, key=lambda name: (ROMAN.index(name) if name in ROMAN else len(ROMAN), name))
    return {name: sorted(groups[name], key=lambda pair: order(*pair)) for name in tables}


def order(row: Mapping[str, Any], one: Published) -> tuple[float, str, int, str]:
    """By the published error, greatest first, so that the rows of one method stand together."""
    last = next(iter(one.values.values()))[-1]
    return -last, one.row, ("studio" in size(row)) + (size(row) == "studio, CPU"), row["recipe"]


def size(row: Mapping[str, Any]) -> str:
    """What a recipe is trained on, and in which size."""
    if row["data"] != "studio":
        return str(row["data"])
    return "studio, GPU" if row["crop"] >= FULL else "studio, CPU"


def named(table: str, known: Sequence[str]) -> str:
    """A table by its number, Roman or not, or its name.

    Raises:
        ConfigError: If no recipe is a row of it.
    """
    wanted = ROMAN[int(table) - 1] if table.isdecimal() and 0 < int(table) <= len(ROMAN) else table
    for name in known:
        if name.lower() == wanted.lower():
            return name
    hint = did_you_mean(table, known, f"there are {', '.join(known)}")
    raise ConfigError(f"no recipe is a row of table {table!r}", where="--table", hint=hint)
