"""Run the stages of a plan on an executor, as many at a time as it has slots, each once its needs are done.

What became of a stage is read in the store alone; what a task raises counts only where its job never got to it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from threading import Event as Flag
from typing import Literal

from ..interfaces import Executor, Task
from .plan import Plan
from .stages import Stage
from .store import StageLostError, StageStoppedError, Store

POLL_S = (0.02, 0.5)
"""Shortest and longest wait between two looks at running jobs: longer while nothing happens."""
LOOK_S = 1.0
"""Seconds between two looks at the stages that other processes work on."""
STOP_S = 60.0
"""How long jobs that were asked to stop are waited for."""
RETURNS = 3
"""How often a job may return without having done its stage, as it does when another process was faster."""

Job = Callable[[str, str], object]
"""``job(store folder, stage address)``: does a stage from its ``stage.json`` alone, inside of `Store.claim`. What it
returns does not matter; it raises what went wrong, or `StageStoppedError`."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a stage.

    Attributes:
        what: ``started``: handed to the executor; ``waiting``: another process works on it; ``done``; ``failed``;
            ``skipped``: a stage that it needs failed, or the study is not kept going after a failure; ``stopped``: it
            was asked to stop. The last event of a study that was stopped is ``stopped`` without a stage.
        stage: The stage.
        cause: Of ``failed`` and ``skipped`` why, of ``waiting`` who works on it; else "".
        seconds: Of ``done``, how long it took, all attempts together.
    """

    what: Literal["started", "waiting", "done", "failed", "skipped", "stopped"]
    stage: Stage | None
    cause: str = ""
    seconds: float | None = None


def run(plan: Plan, executor: Executor, store: Store, job: Job, stop: Flag, keep_going: bool = True) -> Iterator[Event]:
    """Run every stage of a plan that is not done.

    A stage that failed or stopped in an earlier run is tried again. A stage that another process works on is waited
    for, and taken up if that process gives it up. A failure fails only the stages that need it, and, if
    ``keep_going`` is false, keeps new ones from starting. Once ``stop`` is set no stage is started; those that run
    are asked to stop by ``executor.close()`` and waited for. Otherwise the caller closes the executor.

    Raises:
        DataError: If the store cannot be written.
    """
    work = _Work(plan, executor, store, job, keep_going)
    pause = POLL_S[0]
    while True:
        events = [*work.collect(stop), *work.look(), *work.skip()]
        yield from events
        if stop.is_set():
            yield from work.halt()
            return
        if not work.left:
            return
        left, busy = len(work.left), len(work.running) + len(work.waiting)
        yield from work.begin(stop)
        if events or (left, busy) != (len(work.left), len(work.running) + len(work.waiting)):
            pause = POLL_S[0]
        else:
            stop.wait(pause)
            pause = min(2 * pause, POLL_S[1])


class _Work:
    """Where each stage of a plan stands while it is run. A stage is ``left`` until it is done, failed or skipped."""

    def __init__(self, plan: Plan, executor: Executor, store: Store, job: Job, keep_going: bool) -> None:
        self.executor, self.store, self.job, self.keep_going = executor, store, job, keep_going
        self.left = {address: stage for address, stage in plan.stages.items() if store.state(address) != "done"}
        self.running: dict[str, tuple[Task, int]] = {}  # and how often it was attempted before
        self.waiting: set[str] = set()
        self.broken: dict[str, str] = {}  # what happened: failed, or was skipped
        self.returns: Counter[str] = Counter()
        self.looked = 0.0

    def begin(self, stop: Flag) -> Iterator[Event]:
        """Start the first stage that can be."""
        if len(self.running) >= self.executor.slots or (self.broken and not self.keep_going):
            return
        for address, stage in self.left.items():
            if address in self.running or address in self.waiting or any(need in self.left for need in stage.needs):
                continue
            state = self.store.state(stage)
            if state == "done":
                yield self._done(stage)
            elif state == "running":
                self.waiting.add(address)
                yield Event("waiting", stage, self.store.holder(stage))
            else:
                yield from self._start(stage, stop)
            return

    def _start(self, stage: Stage, stop: Flag) -> Iterator[Event]:
        self.store.put(stage)
        before = self._attempt(stage)
        yield Event("started", stage)
        if stop.is_set():  # by whoever was told
            yield Event("stopped", stage)
            return
        task = self.executor.submit(self.job, str(self.store.folder.absolute()), stage.address)
        self.running[stage.address] = (task, before)

    def collect(self, stop: Flag) -> Iterator[Event]:
        """What became of the jobs that have ended."""
        for address, (task, before) in list(self.running.items()):
            if task.done():
                del self.running[address]
                yield from self._ended(self.left[address], task, before, stop)

    def _ended(self, stage: Stage, task: Task, before: int, stop: Flag) -> Iterator[Event]:
        error = _raised(task)
        about = self.store.about(stage)
        told = about["state"] if self._attempt(stage) > before else ""
        if about.get("state") == "done":
            yield self._done(stage)
        elif isinstance(error, StageStoppedError | KeyboardInterrupt | CancelledError) or (error and told == "stopped"):
            stop.set()
            yield Event("stopped", stage)
        elif error is None or isinstance(error, StageLostError):
            self.waiting.add(stage.address)  # another process was faster
            self.looked = 0.0
            self.returns[stage.address] += 1
        else:
            yield self._break(
                "failed", stage, about["cause"] if told == "failed" else str(error) or type(error).__name__
            )

    def look(self) -> Iterator[Event]:
        """What became of the stages that other processes worked on."""
        if not self.waiting or time.monotonic() - self.looked < LOOK_S:
            return
        self.looked = time.monotonic()
        for address in sorted(self.waiting):
            stage, state = self.left[address], self.store.state(address)
            if state != "running":
                self.waiting.remove(address)
            if state == "done":
                yield self._done(stage)
            elif state == "failed":
                yield self._break("failed", stage, self.store.about(stage)["cause"])
            elif state != "running" and self.returns[address] >= RETURNS:
                yield self._break("failed", stage, "its job ended without doing it")

    def skip(self) -> Iterator[Event]:
        """Stages that cannot be done any more."""
        for address, stage in list(self.left.items()):
            if broken := next((need for need in stage.needs if need in self.broken), ""):
                yield self._break("skipped", stage, f"it needs {broken}, which {self.broken[broken]}")
            elif self.broken and not self.keep_going and address not in self.running and address not in self.waiting:
                yield self._break("skipped", stage, "another stage failed")

    def halt(self) -> Iterator[Event]:
        """Ask running jobs to stop, and wait for them."""
        for task, _before in self.running.values():
            task.cancel()
        self.executor.close()
        until = time.monotonic() + STOP_S
        while self.running and time.monotonic() < until:
            yield from self.collect(Flag())
            if self.running:
                time.sleep(POLL_S[0])
        yield Event("stopped", None)

    def _attempt(self, stage: Stage) -> int:
        """How often a stage was begun, by anybody."""
        return int(self.store.about(stage).get("attempt", 0))

    def _done(self, stage: Stage) -> Event:
        del self.left[stage.address]
        return Event("done", stage, seconds=self.store.seconds(stage))

    def _break(self, what: Literal["failed", "skipped"], stage: Stage, cause: str) -> Event:
        del self.left[stage.address]
        self.broken[stage.address] = what if what == "failed" else "was skipped"
        return Event(what, stage, cause)


def _raised(task: Task) -> BaseException | None:
    """What a task that has ended raised."""
    try:
        task.result()
    except (Exception, KeyboardInterrupt) as error:
        return error
    return None
