"""A number never travels without its unit, its count, its split and the run that can produce it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .files import write_text


@dataclass(frozen=True, slots=True)
class Protocol:
    """What must be equal for two numbers to stand in one table; printed beside them."""

    dataset: str
    skeleton: str
    root: str
    split: str
    subjects: str
    stride: int

    def __str__(self) -> str:
        return (
            f"{self.dataset} · {self.skeleton}, root {self.root} · {self.split}: {self.subjects} · "
            f"every {'' if self.stride == 1 else f'{self.stride}th '}frame"
        )


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured value.

    Attributes:
        name: What was measured, as "N-MPJPE" or "box IoU".
        method: Of what: "trained", "random encoder", "mean pose".
        value: The number.
        unit: Its unit; "" for a share.
        samples: Over how many frames.
        labels: How many labelled frames the regressor saw; 0 where it saw none.
        protocol: Data, joints and split.
        run: Folder that can produce it again.
    """

    name: str
    method: str
    value: float
    unit: str
    samples: int
    labels: int
    protocol: Protocol
    run: str

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name} {self.value:.{1 if self.unit else 3}f}{unit} (n={self.samples}, {self.protocol.split})"


def write_measurements(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write measurements as JSON."""
    write_text(path, json.dumps([asdict(one) for one in measurements], indent=1))


def read_measurements(path: Path) -> list[Measurement]:
    """Read them back; an absent file holds none."""
    if not path.is_file():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Measurement(**{**row, "protocol": Protocol(**row["protocol"])}) for row in rows]
