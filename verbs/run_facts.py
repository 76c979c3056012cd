"""Run folders as facts: found, read with patience for what is broken, and told apart by state. Free of torch."""

from __future__ import annotations

import json
import os
import platform
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..core.errors import DataError
from ..core.measurement import Measurement, read_measurements
from ..core.run import Run, open_run
from .summary import MAIN, NOTHING

STATES = ("new", "running", "stopped", "done", "failed", "killed", "unreadable")
"""``killed``: said to run, but its process is gone. ``unreadable``: ``run.json`` cannot be read."""
DEEPEST = 4
"""Levels below a folder that are searched: ``runs/stages/pretraining/KEY`` lies on the third."""
TAIL = 8192


@dataclass(frozen=True, slots=True)
class Facts:
    """A run folder in short.

    Attributes:
        folder: Where it lies.
        recipe: Its recipe's name.
        state: One of `STATES`.
        step: The last step that is known of.
        steps: How many there shall be; 0 where that is not known.
        seed: Of the training.
        measured: What was measured.
        age_s: Seconds since it was created.
        cause: Why it failed, or what cannot be read; empty if all is well.
        about: ``run.json``.
        config: ``config.toml``.
    """

    folder: Path
    recipe: str
    state: str
    step: int
    steps: int
    seed: int | None
    measured: tuple[Measurement, ...]
    age_s: float
    cause: str
    about: dict[str, Any]
    config: dict[str, Any]

    @property
    def main(self) -> Measurement | None:
        """N-MPJPE of the trained network with the most labels."""
        own = [one for one in self.measured if (one.name, one.method) == (MAIN, "trained")]
        return max(own, key=lambda one: one.labels, default=None)

    @property
    def steps_text(self) -> str:
        """How far it came."""
        return f"{self.step}/{self.steps}" if self.steps else str(self.step)

    @property
    def seed_text(self) -> str:
        """The seed as text."""
        return NOTHING if self.seed is None else str(self.seed)

    def data(self) -> dict[str, Any]:
        """In short as plain data, for ``--json``."""
        own = ("recipe", "state", "step", "steps", "seed", "cause")
        told = {"run": str(self.folder), **{name: getattr(self, name) for name in own}}
        return told | {"age_s": round(self.age_s), "main": asdict(self.main) if self.main else None}


def find_runs(roots: Sequence[Path]) -> list[Path]:
    """Run folders in and below some folders, not searching inside of runs.

    Raises:
        DataError: If a folder is not there.
    """
    found: dict[Path, None] = {}
    for root in roots:
        if not root.is_dir():
            raise DataError(f"there is no folder {root}", hint="train something first: poserep train RECIPE")
        found |= dict.fromkeys(_below(root, DEEPEST))
    return list(found)


def _below(folder: Path, levels: int) -> Iterator[Path]:
    if (folder / "config.toml").is_file() and (folder / "run.json").is_file():
        yield folder
    elif levels:
        try:
            inner = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
        except OSError:  # not ours to read
            return
        for name in inner:
            if not name.startswith("."):
                yield from _below(folder / name, levels - 1)


def read_facts(folder: Path) -> Facts:
    """A run folder in short; what is broken is said in ``cause`` and hinders nothing else.

    Raises:
        DataError: If it is no run folder.
    """
    run = open_run(folder)
    causes: list[str] = []
    about = _patient(causes, "run.json", run.about, {})
    config = _patient(causes, "config.toml", lambda: tomllib.loads(run.config.read_text(encoding="utf-8")), {})
    measured = _patient(causes, "measurements.json", lambda: read_measurements(run.measurements), [])
    state = "unreadable" if any(cause.startswith("run.json") for cause in causes) else state_of(about)
    told = str(about.get("cause", "")) if state == "failed" else ""
    training = config.get("training", {})
    return Facts(
        folder=folder,
        recipe=str(config.get("name", "")),
        state=state,
        step=int(about["step"]) if state in ("done", "stopped", "failed") and "step" in about else last_step(run),
        steps=int(about.get("steps") or 0),
        seed=about.get("seed", training.get("seed") if isinstance(training, dict) else None),
        measured=tuple(measured),
        age_s=max(0.0, time.time() - started(run, about)),
        cause="; ".join(filter(None, [told, *causes])),
        about=about,
        config=config,
    )


def _patient(causes: list[str], name: str, read: Any, otherwise: Any) -> Any:
    """What a file holds; a file that cannot be read, or holds something else, is added to the causes."""
    try:
        found = read()
        if not isinstance(found, type(otherwise)):
            raise TypeError(f"it holds no {type(otherwise).__name__}")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        causes.append(f"{name} cannot be read: {error}")
        return otherwise
    return found


def state_of(about: Mapping[str, Any]) -> str:
    """The state as told, save that a run whose process is gone from this machine was killed."""
    state = str(about.get("state", "new"))
    if state != "running" or about.get("host") != platform.node() or not isinstance(about.get("pid"), int):
        return state
    return "running" if alive(about["pid"]) else "killed"


def alive(pid: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def last_step(run: Run) -> int:
    """Index of the last record in ``steps.jsonl``, from its tail alone."""
    path = run.folder / "steps.jsonl"
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    for line in reversed(lines):
        try:
            return int(json.loads(line)["index"])
        except (ValueError, KeyError, TypeError):  # half a line, of a killed run or of the tail
            continue
    return 0


def started(run: Run, about: Mapping[str, Any]) -> float:
    """When a run was created, in seconds of the epoch: as told, or else by its file."""
    try:
        return datetime.strptime(str(about.get("started")), "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except ValueError:
        return run.config.stat().st_mtime


def ago(seconds: float) -> str:
    """A stretch of time in its two largest units at most."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if minutes < 2:
        return f"{seconds:.0f} s"
    if hours < 2:
        return f"{minutes} min"
    return f"{hours} h" if days < 2 else f"{days} d"
