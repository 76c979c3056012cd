"""`poserep ablate run`: a study's stages on an executor, shown while they run. It stops cleanly and goes on."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.markup import escape

from ..core import errors
from ..core.config import pick
from ..core.console import err, live_table, note, say
from ..core.errors import ConfigError, PartError, PoserepError
from ..core.interfaces import Context, Executor
from ..core.recipe import Source, parse_value
from ..core.registry import Registry
from ..core.study import engine
from ..core.study.arms import compose_arm
from ..core.study.plan import Plan
from ..core.study.store import Store
from .ablate import estimate_text, opened, unlike
from .ablate_table import Watch, names_of
from .stages import run_stage
from .train import STOPPED, stop_signals


@dataclass(frozen=True, slots=True)
class Where:
    """Where stages run: an executor and its options as ``KEY=VALUE``, or so many processes here; else one by one.

    ``threads`` are torch's in each job; 0 leaves the executor's or torch's own number.
    """

    executor: str = ""
    sets: tuple[str, ...] = ()
    jobs: int = 0
    threads: int = 0


def build_executor(where: Where, registry: Registry) -> Executor:
    """The executor that is asked for.

    Raises:
        ConfigError: If there is no such executor or option.
    """
    if where.executor and where.jobs:
        raise ConfigError(
            "--jobs is short for the executor `processes`",
            where=f"--jobs {where.jobs}",
            hint=f"set the option of {where.executor} with --set; `poserep plugins show executor.{where.executor}`",
        )
    name = where.executor or ("processes" if where.jobs else "serial")
    share = max(1, (os.cpu_count() or 1) // where.jobs) if where.jobs else 0
    options = {"jobs": where.jobs, "threads": where.threads or share} if where.jobs else {}
    source = Source(f"executor {name}", flags={("executor",): f"--executor {name}"})
    for flag in where.sets:
        key, equals, value = flag.partition("=")
        if not equals:
            raise ConfigError(f"{flag!r} does not set a value", where=f"--set {flag}", hint="write --set KEY=VALUE")
        options[key] = parse_value(value)
        source.flags["executor", key] = f"--set {flag}"
    chosen = pick("executor", "executor", name, options, source, registry)
    executor: Executor = chosen.component.build(chosen.options, Context(1))
    return executor


def run_command(path: Path, store: Path | None, where: Where, keep_going: bool = True) -> int:
    """Run what is left of a study, and tell what came of it.

    Returns:
        The command's exit code: 0, 130 if it was stopped, or that of the first failure.

    Raises:
        ConfigError: If the study or the executor's options are wrong, or no arm is possible.
    """
    study, place, registry, planned = opened(path, store)
    if not planned.stages:
        raise refusal(planned, registry)
    for text in warnings_of(planned):
        note(escape(text))
    executor = build_executor(where, registry)
    watch = Watch(planned, place, executor.slots)
    note(escape(f"{study.name}: {estimate_text(planned, executor.slots)}"))
    stopped = False
    try:
        for event in follow(planned, place, executor, watch, partial(run_stage, threads=where.threads), keep_going):
            stopped = event.what == "stopped"
    except KeyboardInterrupt:  # the second one
        stopped = True
    for line in failures(watch.tally().failed, names_of(planned)):
        say(line)
    say(escape(f"{watch.tally()}{'; stopped, the same command goes on' if stopped else ''}"))
    if stopped:
        return STOPPED
    if failed := watch.tally().failed:
        return failure_code(place, next(iter(failed)))
    note(escape(f"next: poserep ablate report {shlex.quote(str(path))}"))
    return 0


def refusal(planned: Plan, registry: Registry) -> ConfigError:
    """Why no arm is possible, as a fault of a plugin if the first arm names a part that is broken."""
    every = list(dict.fromkeys(problem for cell in planned.impossible for problem in cell.problems))
    first = planned.cells[0]
    with suppress(Exception):
        try:
            compose_arm(first.arm, planned.study, first.seed, registry)
        except PartError:
            return PartError.of(every)
    return ConfigError.of(every)


def warnings_of(planned: Plan) -> Iterator[str]:
    """What one should know before hours are spent."""
    if planned.impossible:
        names = dict.fromkeys(cell.arm.name for cell in planned.impossible)
        yield f"impossible, and left out: {', '.join(names)}; `poserep ablate plan` tells why"
    yield from unlike(planned)


def follow(
    planned: Plan, place: Store, executor: Executor, watch: Watch, job: engine.Job, keep_going: bool
) -> Iterator[engine.Event]:
    """Run the stages and show how far they are."""
    log = not err().is_terminal
    with closing(executor), stop_signals(quiet=not log) as stop, live_table(watch.cells):
        watch.stopping = stop.is_set
        for event in engine.run(planned, executor, place, job, stop, keep_going):
            watch.take(event)
            if log:
                note(escape(watch.line(event)))
            yield event


def failures(failed: Mapping[str, str], names: Mapping[str, str]) -> Iterator[str]:
    """One line per cause."""
    causes: dict[str, list[str]] = {}
    for address, cause in failed.items():
        causes.setdefault(cause, []).append(address)
    for cause, addresses in causes.items():
        first, *others = addresses
        more = f" and {len(others)} more" if others else ""
        what, *rest = (line.strip() for line in cause.splitlines())
        about = f" ({'; '.join(rest)})" if rest else ""
        yield f"[bold red]failed[/]  {escape(f'{names[first]}{more}: {what}{about}')}  [dim]{escape(first)}[/]"


def failure_code(place: Store, address: str) -> int:
    """The exit code that goes with what a stage failed of; 1 if its process was killed."""
    about = place.about(address)
    kind = getattr(errors, about.get("error", ""), PoserepError) if about.get("state") == "failed" else PoserepError
    return int(kind.exit_code) if isinstance(kind, type) and issubclass(kind, PoserepError) else 1
