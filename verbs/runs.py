"""`poserep runs list` and `poserep runs diff`: what was run, and what tells two runs apart. Free of torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.markup import escape

from ..core.console import note, say, show_json, show_table
from ..core.errors import ConfigError
from ..core.measurement import Measurement
from .run_diff import Diff, Numbers, diff_runs
from .run_facts import STATES, Facts, ago, find_runs, read_facts
from .summary import NOTHING, value_text

SHORT = 60


def list_command(folders: Sequence[Path], state: str, as_json: bool) -> None:
    """Show the runs below some folders, the newest first.

    Raises:
        ConfigError: If there is no such state.
        DataError: If a folder is not there.
    """
    if state and state not in STATES:
        raise ConfigError(f"there is no state {state!r}", where=f"--state {state}", hint=f"one of {', '.join(STATES)}")
    found = [read_facts(folder) for folder in find_runs(folders)]
    found = sorted((one for one in found if state in ("", one.state)), key=lambda one: one.age_s)
    if as_json:
        show_json([one.data() for one in found])
    elif found:
        show_table("", ("run", "recipe", "state", "step", "seed", "N-MPJPE, mm", "age", "cause"), map(row, found))
    else:
        places = ", ".join(map(str, folders))
        note(escape(f"no run{f' that is {state}' if state else ''} below {places}: a run has config.toml and run.json"))


def row(facts: Facts) -> tuple[str, ...]:
    """A run as a line of the table."""
    main = facts.main
    number = f"{value_text(main)} ({main.labels} labels, n={main.samples})" if main else NOTHING
    cause = facts.cause.partition("\n")[0]
    short = cause if len(cause) <= SHORT else f"{cause[: SHORT - 1]}…"
    return (
        *(str(facts.folder), facts.recipe, facts.state, facts.steps_text, facts.seed_text),
        *(number, ago(facts.age_s), short),
    )


def diff_command(a: Path, b: Path, as_json: bool) -> None:
    """Show what tells two runs apart.

    Raises:
        DataError: If a folder is no run, or a file in it cannot be read.
    """
    diff = diff_runs(a, b)
    if as_json:
        show_json(diff.data() | {"a": read_facts(a).data(), "b": read_facts(b).data()})
        return
    sides = read_facts(a), read_facts(b)
    rows = [(name, *(getattr(side, name) for side in sides)) for name in ("state", "steps_text", "seed_text")]
    show_table("", ("", str(a), str(b)), [(name.removesuffix("_text"), *texts) for name, *texts in rows])
    say(escape(headline(diff)))
    for change in diff.parts:
        say(f"[bold]{escape(str(change))}[/]")
    for change in diff.values:
        say(escape(str(change)))
    if diff.own:
        say(f"[dim]with the parts[/]  {escape('; '.join(map(str, diff.own)))}")
    for change in diff.surroundings:
        say(f"[dim]{escape(str(change))}[/]")
    show_numbers(diff)


def headline(diff: Diff) -> str:
    """The main number's difference, and what it may come from."""
    main = diff.main
    if main is None or main.a is None or main.b is None:
        return diff.explained
    values = f"{main.one.name} at {main.one.labels} labels: {value_text(main.a)} -> {value_text(main.b)}"
    if main.difference is None:
        return f"{values}, not subtracted ({main.unequal}); {diff.explained}"
    return f"{values} {main.one.unit}, {main.difference:+.1f} (n={main.one.samples}); {diff.explained}"


def show_numbers(diff: Diff) -> None:
    """The numbers that differ, each with its count; those that cannot be compared are not subtracted."""
    if not diff.numbers:
        note("neither run has measurements: poserep probe RUN makes them")
        return
    differing = [one for one in diff.numbers if one.difference != 0]
    if both := [one for one in differing if one.a and one.b]:
        protocols = dict.fromkeys(str(side.protocol) for one in both for side in (one.a, one.b) if side)
        columns = ("number", "method", "labels", "a", "b", "b - a")
        show_table("", columns, map(number_row, both), "   and   ".join(protocols))
    if equal := len(diff.numbers) - len(differing):
        say(f"{equal} of {len(diff.numbers)} numbers are equal")
    for text in reasons(differing):
        say(escape(text))
    if any(one.key.partition(".")[0] == "dataset" for one in (*diff.parts, *diff.values)):
        note("the datasets were set differently: the same protocol need not mean the same frames")


def reasons(numbers: Iterable[Numbers]) -> list[str]:
    """Why some numbers were not subtracted, each reason once."""
    counts: dict[str, int] = {}
    for one in numbers:
        if one.unequal:
            counts[one.unequal] = counts.get(one.unequal, 0) + 1
    return [f"not subtracted ({count}): {reason}" for reason, count in counts.items()]


def number_row(numbers: Numbers) -> tuple[str, ...]:
    """A quantity as a line of the table."""
    one, difference = numbers.one, numbers.difference
    change = NOTHING if difference is None else f"{difference:+.{1 if one.unit else 3}f}"
    name = f"{one.name}, {one.unit}" if one.unit else one.name
    return name, one.method, str(one.labels or NOTHING), counted(numbers.a), counted(numbers.b), change


def counted(one: Measurement | None) -> str:
    """A value with its count."""
    return value_text(one, counted=False) if one else NOTHING
