"""What came out of the checks, as data: each was run, skipped with its reason, or failed with its cause.

A report fails as well where a check is not there at all: how many apply to each kind stands in ``expected.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

State = Literal["run", "skipped", "failed"]
STATES: tuple[State, ...] = ("run", "skipped", "failed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found about one part.

    Attributes:
        part: ``kind.name``; of a package that cannot be read at all, its name.
        check: Name of the check.
        state: Whether it passed ("run"), was skipped, or failed.
        reason: Why it was skipped, or what failed.
        seconds: Time that it took.
        numbers: What it measured, as parameters.
    """

    part: str
    check: str
    state: State
    reason: str = ""
    seconds: float = 0.0
    numbers: Mapping[str, float] = field(default_factory=dict)


@cache
def expected() -> Mapping[str, int]:
    """How many checks apply to a part of each kind."""
    path = Path(__file__).with_name("expected.toml")
    checks: dict[str, int] = tomllib.loads(path.read_text(encoding="utf-8"))["checks"]
    return checks


@dataclass(frozen=True, slots=True)
class Report:
    """Every outcome of a target's parts."""

    target: str
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Nothing failed, and nothing that belongs here is missing."""
        return not self.count("failed") and not self.gaps

    @property
    def parts(self) -> list[str]:
        """The parts that were looked at, in order."""
        return list(dict.fromkeys(outcome.part for outcome in self.outcomes))

    def of(self, part: str) -> list[Outcome]:
        """The outcomes of one part."""
        return [outcome for outcome in self.outcomes if outcome.part == part]

    def count(self, state: State, part: str = "") -> int:
        """How many outcomes have a state, of one part or of all."""
        return sum(outcome.state == state and part in ("", outcome.part) for outcome in self.outcomes)

    @property
    def gaps(self) -> list[str]:
        """What should be here and is not: parts, checks, reasons."""
        if not self.outcomes:
            return [f"no part of {self.target!r} was checked"]
        return gaps([(outcome.part, outcome.check) for outcome in self.outcomes]) + [
            f"{outcome.part}: {outcome.check} {outcome.state} without a reason"
            for outcome in self.outcomes
            if outcome.state != "run" and not outcome.reason.strip()
        ]

    def costs(self) -> dict[str, dict[str, float]]:
        """What was measured of each part."""
        found: dict[str, dict[str, float]] = {part: {} for part in self.parts}
        for outcome in self.outcomes:
            found[outcome.part] |= outcome.numbers
        return found

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "target": self.target,
            "passed": self.passed,
            "counts": {state: self.count(state) for state in STATES},
            "gaps": self.gaps,
            "costs": self.costs(),
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
        }


def gaps(cases: Sequence[tuple[str, str]]) -> list[str]:
    """Parts of which fewer or more checks are listed than apply to their kind.

    Args:
        cases: Pairs of part and check.
    """
    found = []
    for part in dict.fromkeys(part for part, _ in cases):
        kind = part.partition(".")[0]
        count = len({check for one, check in cases if one == part})
        if kind in expected() and count != expected()[kind]:
            found.append(f"{part}: {count} checks, but {expected()[kind]} apply to a {kind}")
    return found
