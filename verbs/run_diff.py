"""Two runs side by side: what was set differently, and which numbers differ. Free of torch.

Numbers are subtracted only where protocol and count of frames are equal: others say nothing about the runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.measurement import Measurement
from .summary import MAIN, NOTHING, RunData, differences, read_runs

SURROUNDINGS = ("git", "machine", "host", "python")


@dataclass(frozen=True, slots=True)
class Change:
    """One key with its value in both runs, as text; `NOTHING` where there is no such key."""

    key: str
    a: str
    b: str

    def __str__(self) -> str:
        return f"{self.key}: {self.a} -> {self.b}"


@dataclass(frozen=True, slots=True)
class Numbers:
    """One quantity in both runs.

    Attributes:
        a: In the first run, if measured there.
        b: In the second run, if measured there.
        unequal: Why the two cannot be subtracted; empty where they can.
    """

    a: Measurement | None
    b: Measurement | None
    unequal: str = ""

    @property
    def one(self) -> Measurement:
        """Either of them, for what they share: name, method, labels, unit."""
        found = self.a or self.b
        assert found is not None
        return found

    @property
    def difference(self) -> float | None:
        """Second minus first."""
        return None if self.unequal or self.a is None or self.b is None else self.b.value - self.a.value


@dataclass(frozen=True, slots=True)
class Diff:
    """All that tells two runs apart.

    Attributes:
        a: The first run.
        b: The second run.
        parts: Swapped, added and dropped parts.
        values: Settings that both runs have.
        own: Settings that came or went with a part.
        surroundings: Versions, git, machine.
        numbers: Of every quantity measured in either run.
    """

    a: RunData
    b: RunData
    parts: tuple[Change, ...]
    values: tuple[Change, ...]
    own: tuple[Change, ...]
    surroundings: tuple[Change, ...]
    numbers: tuple[Numbers, ...]

    @property
    def explained(self) -> str:
        """In a sentence, what a difference of the numbers comes from."""
        if self.parts or self.values:
            found = [*self.parts, *self.values]
            return f"explained by {found[0]}" if len(found) == 1 else f"any of {len(found)} settings may explain it"
        return "same settings" + (", but other surroundings" if self.surroundings else " and surroundings")

    @property
    def main(self) -> Numbers | None:
        """The main number at the most labels that both have."""
        found = [one for one in self.numbers if one.one.name == MAIN and one.one.method == "trained"]
        return max((one for one in found if one.a and one.b), key=lambda one: one.one.labels, default=None)

    def data(self) -> dict[str, Any]:
        """As plain data, for ``--json``."""
        pairs = [asdict(one) | {"difference": one.difference} for one in self.numbers]
        told = {name: [asdict(one) for one in getattr(self, name)] for name in ("parts", "values", "own")}
        surroundings = [asdict(one) for one in self.surroundings]
        runs = {"a": str(self.a.run.folder), "b": str(self.b.run.folder), "explained": self.explained}
        return runs | told | {"surroundings": surroundings, "numbers": pairs}


def diff_runs(a: Path, b: Path) -> Diff:
    """Compare two runs.

    Raises:
        DataError: If a folder is no run, or a file in it cannot be read.
    """
    first, second = read_runs([a])[0], read_runs([b])[0]
    parts, values, own = sorted_changes(first, second)
    told = {**flat(first.about)}, {**flat(second.about)}
    keys = dict.fromkeys((*told[0], *told[1]))
    changes = (Change(key, told[0].get(key, NOTHING), told[1].get(key, NOTHING)) for key in keys)
    surroundings = tuple(one for one in changes if one.a != one.b)
    return Diff(first, second, parts, values, own, surroundings, tuple(pairs(first.measurements, second.measurements)))


def flat(about: Mapping[str, Any]) -> dict[str, str]:
    """Versions, git and machine out of ``run.json``."""
    versions = {f"version of {name}": str(number) for name, number in about.get("versions", {}).items()}
    return versions | {key: str(about[key]) for key in SURROUNDINGS if key in about}


def sorted_changes(a: RunData, b: RunData) -> tuple[tuple[Change, ...], tuple[Change, ...], tuple[Change, ...]]:
    """Config keys that differ: parts, settings of parts that both have, settings that belong to one run's part."""
    changes = [Change(key, *(text.strip('"') for text in values)) for key, *values in differences([a, b])]
    parts = [Change(one.key.removesuffix(".use"), one.a, one.b) for one in changes if one.key.endswith(".use")]
    swapped = tuple(f"{one.key}." for one in parts)
    rest = [one for one in changes if not one.key.endswith(".use")]
    own = [one for one in rest if one.key.startswith(swapped) and NOTHING in (one.a, one.b)] if swapped else []
    return tuple(parts), tuple(one for one in rest if one not in own), tuple(own)


def pairs(a: Sequence[Measurement], b: Sequence[Measurement]) -> Iterable[Numbers]:
    """Numbers of one name, method and count of labels beside each other, those of the first run first."""
    first, second = ({(one.name, one.method, one.labels): one for one in found} for found in (a, b))
    for key in dict.fromkeys((*first, *second)):
        yield Numbers(first.get(key), second.get(key), unequal(first.get(key), second.get(key)))


def unequal(a: Measurement | None, b: Measurement | None) -> str:
    """Why two numbers must not be subtracted."""
    if a is None or b is None:
        return "measured in one of the runs alone"
    before, after = asdict(a.protocol), asdict(b.protocol)
    other = [f"{key} {before[key]} / {after[key]}" for key in before if before[key] != after[key]]
    if other:
        return f"another protocol: {', '.join(other)}"
    return "" if a.samples == b.samples else f"other frames: n = {a.samples} / {b.samples}"
