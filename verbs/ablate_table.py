"""How far a study is, while it runs: one row per arm, one column per seed, and the time that is left. Free of torch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ..core.console import Cells
from ..core.study.engine import Event
from ..core.study.plan import Cell, Plan
from ..core.study.stages import Stage, steps_of
from ..core.study.store import Store

TAIL = 4096  # bytes, more than a line of steps.jsonl
ENDED = ("done", "failed", "skipped")
RUNNING = ("started", "waiting")
SAID = {"failed": "failed in {}", "skipped": "no {}", "started": "{}", "waiting": "{} elsewhere"}
"""What a cell says of the furthest stage of which the last event was this, in order of importance."""


def span(seconds: float) -> str:
    """A length of time in a few letters, as "3 h 10 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{max(whole, 1)} s"
    if whole < 3600:
        return f"{round(whole / 60)} min"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def names_of(plan: Plan) -> dict[str, str]:
    """Of each stage by address, what it is and whose: "pretraining of dsl, seed 0"."""
    users: dict[str, list[Cell]] = {}
    for cell in plan.cells:
        for stage in cell.stages:
            users.setdefault(stage.address, []).append(cell)
    return {address: _name(stage, users[address]) for address, stage in plan.stages.items()}


def _name(stage: Stage, users: Sequence[Cell]) -> str:
    what = "random start's features" if stage.config.get("network") == "initial" else stage.kind
    arms, seeds = (list(dict.fromkeys(values)) for values in zip(*((c.arm.name, c.seed) for c in users), strict=True))
    whose = arms[0] if len(arms) == 1 else f"{arms[0]} and {len(arms) - 1} more"
    return f"{what} of {whose}{f', seed {seeds[0]}' if len(seeds) == 1 else ''}"


def share_done(folder: Path, steps: int) -> float:
    """Which share of its steps a training has recorded; reads no more than the end of ``steps.jsonl``."""
    try:
        with (folder / "steps.jsonl").open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return 0.0
    for line in reversed(lines):
        try:
            return float(min(1.0, json.loads(line)["index"] / steps))
        except (ValueError, KeyError, TypeError):  # half a line
            continue
    return 0.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of the stages of a study."""

    computed: int
    reused: int
    failed: Mapping[str, str]
    """Address and cause."""
    skipped: int

    def __str__(self) -> str:
        parts = [f"{self.computed} computed", f"{self.reused} reused", f"{len(self.failed)} failed"]
        return ", ".join([*parts, f"{self.skipped} not tried"] if self.skipped else parts)


class Watch:
    """Follows the events of a run.

    Args:
        plan: The study as it stood before.
        store: Where its stages lie.
        slots: How many stages run at a time.
    """

    def __init__(self, plan: Plan, store: Store, slots: int) -> None:
        self._plan, self._store, self._slots = plan, store, slots
        self._names = names_of(plan)
        self._state: dict[str, str] = {a: "done" if state == "done" else "" for a, state in plan.states.items()}
        self._began: dict[str, float] = {}
        self._took: dict[str, list[float]] = {}
        self._causes: dict[str, str] = {}
        self._computed = 0
        self.stopping: Callable[[], bool] = lambda: False

    def take(self, event: Event) -> None:
        """Note what happened."""
        if event.stage is None:
            return
        address = event.stage.address
        self._state[address] = event.what
        if event.what == "started":
            self._began[address] = time.monotonic()
        if event.what == "done":
            self._computed += address in self._began
            self._took.setdefault(event.stage.kind, []).append((event.seconds or 0.0) / _work(event.stage))
        if event.what == "failed":
            self._causes[address] = event.cause

    def tally(self) -> Tally:
        """What came of it so far."""
        states = list(self._state.values())
        return Tally(self._computed, states.count("done") - self._computed, self._causes, states.count("skipped"))

    def line(self, event: Event) -> str:
        """An event as a line of a log."""
        if event.stage is None:
            return "stopped; the same command goes on"
        why = event.cause.partition("\n")[0]
        took = span(event.seconds) if event.seconds is not None else ""
        about = f"  ({why or took})" if why or took else ""
        return f"{event.what:8} {self._names[event.stage.address]}{about}  {self._progress()}"

    def _progress(self) -> str:
        ended = sum(state in ENDED for state in self._state.values())
        return f"{ended}/{len(self._state)}{self._left()}"

    def cells(self) -> Cells:
        """The table: each cell tells the furthest that its stages are."""
        seeds = self._plan.study.seeds
        rows: dict[str, dict[int, str]] = {}
        for cell in self._plan.cells:
            rows.setdefault(cell.arm.name, {})[cell.seed] = self._cell(cell)
        table = [(arm, *(found[seed] for seed in seeds)) for arm, found in rows.items()]
        running = sum(state == "started" for state in self._state.values())
        hint = "stopping" if self.stopping() else "Ctrl-C stops cleanly"
        caption = f"{self._progress()} · {running} running · {hint}"
        return self._plan.study.name, ("arm", *(f"seed {seed}" for seed in seeds)), table, caption

    def _cell(self, cell: Cell) -> str:
        if cell.problems:
            return "impossible"
        states = {stage.address: self._state[stage.address] for stage in cell.stages}
        for said, what in SAID.items():
            for stage in reversed(cell.stages):
                if states[stage.address] == said:
                    return what.format(stage.kind) + (self._percent(stage) if said in RUNNING else "")
        done = [stage.kind for stage in cell.stages if states[stage.address] == "done"]
        if len(done) == len(cell.stages):
            return "done"
        return f"has {done[-1]}" if done else "waits"

    def _percent(self, stage: Stage) -> str:
        return f" {self._share(stage):.0%}" if stage.kind == "pretraining" else ""

    def _share(self, stage: Stage) -> float:
        return share_done(self._store.path(stage), steps_of(stage.config))

    def _left(self) -> str:
        """About how long it will take; "" where that cannot be told."""
        stages = self._plan.stages.items()
        left = [self._left_of(stage) for address, stage in stages if self._state[address] not in ENDED]
        known = [seconds for seconds in left if seconds is not None]
        if not known:
            return ""
        least = "more than " if len(known) < len(left) else ""
        return f", {least}{span(sum(known) / self._slots)} left"

    def _left_of(self, stage: Stage) -> float | None:
        own = self._took.get(stage.kind)
        whole = median(own) * _work(stage) if own else self._plan.seconds[stage.address]
        if self._state[stage.address] not in RUNNING:
            return whole
        since = time.monotonic() - self._began.get(stage.address, time.monotonic())
        share = self._share(stage) if stage.kind == "pretraining" else 0.0
        if whole is None:
            return since * (1 - share) / share if share else None
        return whole * (1 - share) if share else max(0.0, whole - since)


def _work(stage: Stage) -> int:
    return max(steps_of(stage.config), 1) if stage.kind == "pretraining" else 1


def kinds_of(stages: Iterable[Stage]) -> dict[str, int]:
    """How many stages of each kind, in order of work."""
    found = dict.fromkeys(("background", "pretraining", "features", "probe"), 0)
    for stage in stages:
        found[stage.kind] += 1
    return found
