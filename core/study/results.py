"""What one trained arm gave: each error with its unit, its frames and its mean per sequence.

A sequence is one take of one subject; the views of several cameras are averaged in it, for they show one motion. Only
what was measured alike is ever compared.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ..errors import DataError
from ..files import write_text
from ..measurement import Protocol

TRAINED, RANDOM, MEAN = "trained", "random encoder", "mean pose"
"""Methods of an outcome: the arm itself, the same network at its random start, and the mean of the labelled poses."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One error of one method at one number of labels.

    Attributes:
        method: "trained", "random encoder" or "mean pose".
        metric: What was measured, as "N-MPJPE".
        unit: Its unit; "" for a share.
        labels: How many labelled frames the regressor saw.
        value: The mean over all test frames.
        samples: How many frames those are.
        sequences: The mean over each sequence ("SUBJECT/TAKE"), its cameras together.
    """

    method: str
    metric: str
    unit: str
    labels: int
    value: float
    samples: int
    sequences: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """What an ``outcomes.json`` holds: the outcomes, how they were measured, and the fingerprint of the data."""

    outcomes: tuple[Outcome, ...]
    protocol: Protocol
    data: str


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of a study: an arm trained with a seed.

    Attributes:
        arm: Name of the arm.
        seed: Seed of the training.
        outcomes: What was measured.
        protocol: How.
        data: Fingerprint of the data.
        run: Folder of the measurements.
        pretraining: Folder of the training run.
        command: Shell line that produces it again.
    """

    arm: str
    seed: int
    outcomes: tuple[Outcome, ...]
    protocol: Protocol
    data: str
    run: str
    pretraining: str
    command: str

    @property
    def name(self) -> str:
        """Arm and seed, for messages."""
        return f"{self.arm}, seed {self.seed}"

    def find(self, method: str, metric: str, labels: int) -> Outcome | None:
        """The outcome of a method, if it was measured."""
        wanted = (method, metric, labels)
        return next((one for one in self.outcomes if (one.method, one.metric, one.labels) == wanted), None)


def write_outcomes(path: Path, outcomes: Sequence[Outcome], protocol: Protocol, data: str) -> None:
    """Write outcomes as JSON.

    Raises:
        DataError: If a value is not finite.
    """
    for one in outcomes:
        if not all(map(math.isfinite, (one.value, *one.sequences.values()))):
            what = f"{one.metric} of the {one.method} method with {one.labels} labels is not finite"
            raise DataError(what, where=str(path), hint="the features or the regressor diverged; lower its rate")
    content = {"protocol": asdict(protocol), "data": data, "outcomes": [asdict(one) for one in outcomes]}
    write_text(path, json.dumps(content, indent=1, allow_nan=False))


def read_outcomes(path: Path) -> Measured:
    """Read them back.

    Raises:
        DataError: If there is no such file, or it holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        outcomes = tuple(Outcome(**one) for one in content["outcomes"])
        return Measured(outcomes, Protocol(**content["protocol"]), str(content["data"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"the outcomes cannot be read: {error}", where=str(path), hint="remove its folder and run the study again"
        ) from None


def check_alike(rows: Sequence[Row], metric: str) -> None:
    """Refuse rows whose numbers cannot be compared, telling what differs in which of them.

    Raises:
        DataError: Also if no row has this metric.
    """
    if not label_counts(rows, metric):
        measured = ", ".join(sorted({one.metric for row in rows for one in row.outcomes})) or "nothing yet"
        raise DataError(f"no arm was measured by {metric}", hint=f"measured: {measured}")
    facts = {row.name: _facts(row, metric) for row in rows}
    found = []
    for key in next(iter(facts.values())):
        owners: dict[str, list[str]] = {}
        for name, one in facts.items():
            owners.setdefault(one[key], []).append(name)
        *few, (most, others) = sorted(owners.items(), key=lambda item: len(item[1]))
        said = [f"{value!r} in {'; '.join(names)}" for value, names in few]
        rest = f"the other {len(others)}" if len(others) > 1 else others[0]
        found += [f"{key} is {', '.join(said)}, but {most!r} in {rest}"] if few else []
    if found:
        raise DataError(
            f"these results were not measured alike, so no table can hold them: {'. '.join(found)}",
            hint="give what changes the data or the way of measuring a study of its own",
        )


def _facts(row: Row, metric: str) -> dict[str, str]:
    """What must be equal for two rows to stand in one table."""
    own = [one for one in row.outcomes if (one.method, one.metric) == (TRAINED, metric)]
    return {one.name: str(getattr(row.protocol, one.name)) for one in fields(row.protocol) if one.compare} | {
        "data fingerprint": row.data[:12],
        "label counts": ", ".join(str(count) for count in sorted(one.labels for one in own)),
        "test frames": ", ".join(sorted({str(one.samples) for one in own})),
        "sequences": ", ".join(sorted({name for one in own for name in one.sequences})),
    }


def label_counts(rows: Sequence[Row], metric: str) -> tuple[int, ...]:
    """Numbers of labelled frames at which the arms were measured, ascending."""
    found = {one.labels for row in rows for one in row.outcomes if (one.method, one.metric) == (TRAINED, metric)}
    return tuple(sorted(found))


def unit_of(rows: Sequence[Row], metric: str) -> str:
    """Unit of a metric."""
    return next(one.unit for row in rows for one in row.outcomes if one.metric == metric)


def values_of(rows: Sequence[Row], method: str, metric: str, labels: int) -> dict[int, float]:
    """Value by seed."""
    found = {row.seed: row.find(method, metric, labels) for row in rows}
    return {seed: one.value for seed, one in found.items() if one is not None}
