"""A number never travels without its unit, its count, its split and the run that can produce it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .files import write_text


@dataclass(frozen=True, slots=True)
class Protocol:
    """What must be equal for two numbers to stand in one table; printed beside them.

    Attributes:
        dataset: Its name.
        skeleton: Whose joints the poses are made of.
        root: Joint that they are relative to.
        split: Clips that are measured on.
        subjects: Who is seen in them.
        stride: Every K-th of their frames is measured.
        joints: Which joints, if not all.
        target: What is read off: "pose", "pose_2d" or another label.
        pool: Every K-th training frame may have a label; 0 where that is not told. Told, not compared.
        card: Name of the protocol card, and what was done differently. Told, not compared.
    """

    dataset: str
    skeleton: str
    root: str
    split: str
    subjects: str
    stride: int
    joints: str = ""
    target: str = "pose"
    pool: int = field(default=0, compare=False)
    card: str = field(default="", compare=False)

    def __str__(self) -> str:
        joints = f"{self.joints} of {self.skeleton}" if self.joints else self.skeleton
        parts = [
            f"card {self.card}" if self.card else "",
            self.dataset,
            {"pose": f"{joints}, root {self.root}", "pose_2d": f"{joints} in the frame"}.get(self.target, self.target),
            f"{self.split}: {self.subjects}",
            every(self.stride, "frame"),
            f"labels from {every(self.pool, 'training frame')}" if self.pool > 1 else "",
        ]
        return " · ".join(part for part in parts if part)


def every(stride: int, what: str) -> str:
    """``every 3rd frame`` in words, ``every frame`` for 1."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if stride % 100 in (11, 12, 13) else endings.get(stride % 10, "th")
    return f"every {what}" if stride == 1 else f"every {stride}{ending} {what}"


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
        reader: From which features by which head it was read; empty where nothing was.
    """

    name: str
    method: str
    value: float
    unit: str
    samples: int
    labels: int
    protocol: Protocol
    run: str
    reader: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name} {self.value:.{digits(self.unit)}f}{unit} (n={self.samples}, {self.protocol.split})"


def digits(unit: str) -> int:
    """Decimals with which a value of this unit is told."""
    return {"": 3, "%": 3}.get(unit, 1)


def write_measurements(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write measurements as JSON."""
    write_text(path, json.dumps([asdict(one) for one in measurements], indent=1))


def read_measurements(path: Path) -> list[Measurement]:
    """Read them back; an absent file holds none."""
    if not path.is_file():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Measurement(**{**row, "protocol": Protocol(**row["protocol"])}) for row in rows]
