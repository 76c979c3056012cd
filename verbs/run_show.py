"""`poserep runs show`: one run, from what was set to what came out, and the command that goes on. Free of torch."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.markup import escape

from ..core import recipe as recipes
from ..core.config import complete, resolve
from ..core.console import say, show_json, show_table
from ..core.errors import PoserepError
from ..core.registry import Registry
from ..core.run import Run
from .next_step import going_on, measuring
from .report import show_tables
from .run_diff import Change, sorted_changes
from .run_facts import Facts, ago, read_facts
from .sections import duration
from .summary import RunData, tables_of

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 24
TOLD = ("what", "where", "hint", "versions", "python", "git", "machine", "host", "started")


def show_command(folder: Path, recipe: str, as_json: bool) -> None:
    """Show one run.

    Args:
        folder: The run folder.
        recipe: What to compare its config with; the recipe of its name if empty.
        as_json: Print plain data.

    Raises:
        DataError: If it is no run folder.
        ConfigError: If a recipe is named and cannot be read.
    """
    facts = read_facts(folder)
    changes = against_recipe(facts, recipe)
    steps = Run(folder).steps()
    if as_json:
        show_json(as_data(facts, changes, losses(steps)))
        return
    say(f"[bold]{escape(str(folder))}[/]  {facts.state}, step {facts.steps_text}, {ago(facts.age_s)} old")
    for name, text in lines(facts, steps).items():
        say(f"{name:9} {escape(text)}")
    show_changes(recipe or facts.recipe, changes)
    if steps:
        rows = [(role, f"{values[-1]:.4g}", sparkline(values)) for role, values in losses(steps).items()]
        show_table("losses", ("term", "last", "from first to last"), rows)
    run = Run(folder)
    show_tables(tables_of([RunData(folder.resolve().name, run, facts.config, facts.about, [], [*facts.measured])]))
    if not facts.measured:
        say("measured  nothing yet")
    if following(facts):
        say(f"next      {escape(following(facts))}")


def as_data(facts: Facts, changes: Sequence[Change] | None, terms: dict[str, list[float]]) -> dict[str, Any]:
    """All that is shown as plain data."""
    return {
        **facts.data(),
        **{name: facts.about[name] for name in TOLD if name in facts.about},
        "differs": None if changes is None else [asdict(one) for one in changes],
        "losses": {role: values[-1] for role, values in terms.items()},
        "measurements": [asdict(one) for one in facts.measured],
        "next": following(facts),
    }


def lines(facts: Facts, steps: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What is said in a line each, under its name: first the cause of a failure, in full."""
    about = facts.about
    failed = {"cause": str(about.get("what") or facts.cause), "where": about.get("where"), "hint": about.get("hint")}
    software = ", ".join(f"{name} {number}" for name, number in about.get("versions", {}).items())
    told = {
        **(failed if facts.state == "failed" else {"cause": facts.cause}),
        "seed": facts.seed_text,
        "software": software + (f", Python {about['python']}" if about.get("python") else ""),
        "git": about.get("git"),
        "machine": ", ".join(str(about[name]) for name in ("machine", "host") if about.get(name)),
        "started": str(about.get("started", "")).replace("T", " "),
        "took": time_text(steps),
    }
    return {name: str(text) for name, text in told.items() if text}


def time_text(steps: Sequence[dict[str, Any]]) -> str:
    """Time of the training, from the recorded steps."""
    if not steps:
        return ""
    each = sum(one["seconds"] for one in steps) / len(steps)
    return f"about {duration(each * steps[-1]['index'])}: {each:.3g} s per step (mean of n = {len(steps)})"


def show_changes(recipe: str, changes: Sequence[Change] | None) -> None:
    """What was set differently from the recipe."""
    if changes is None:
        say(f"recipe    {escape(recipe)}, which is not at hand: --recipe FILE compares with it")
    elif not changes:
        say(f"recipe    {escape(recipe)}, as it is")
    else:
        say(f"recipe    {escape(recipe)}, but for")
        show_table("", ("setting", "recipe", "this run"), [(one.key, one.a, one.b) for one in changes])


def against_recipe(facts: Facts, recipe: str) -> list[Change] | None:
    """What a run set differently from the recipe of its name, or from a named one; None if that is not at hand.

    Raises:
        ConfigError: If a recipe is named and cannot be read.
    """
    try:
        registry = Registry()
        data, source = recipes.read(recipe or facts.recipe, registry.recipes)
        whole = complete(resolve(data, source, registry))
    except PoserepError:
        if recipe:
            raise
        return None
    before, after = (RunData("", Run(facts.folder), config, {}, [], []) for config in (whole, facts.config))
    parts, values, own = sorted_changes(before, after)
    return [*parts, *values, *own]


def losses(steps: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Recorded values of the total and of every term."""
    found: dict[str, list[float]] = {}
    for one in steps:
        for role, value in {"total": one["total"], **one["terms"]}.items():
            found.setdefault(role, []).append(value)
    return found


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """A curve as text: means over equal stretches, drawn between the least and the greatest of them."""
    finite = [value for value in values if math.isfinite(value)]
    count = min(width, len(finite))
    edges = [round(index * len(finite) / count) for index in range(count + 1)] if count else []
    means = [sum(finite[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, span = min(means, default=0.0), max(means, default=0.0) - min(means, default=0.0)
    return "".join(BARS[round((mean - low) / span * (len(BARS) - 1)) if span else 0] for mean in means)


def following(facts: Facts) -> str:
    """The command that goes on with a run."""
    if facts.state in ("running", "unreadable"):
        return ""
    if facts.state != "done":
        return going_on(facts.folder)
    report = f"poserep report {shlex.quote(str(facts.folder))}"
    return report if facts.measured else measuring(facts.folder, facts.config)
