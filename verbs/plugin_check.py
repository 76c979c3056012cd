"""`poserep plugins check`: the conformance kit on the parts of a package, with its result as tables or as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape

from ..core.console import say, show_json, show_table, track
from ..core.registry import Registry
from ..testing.report import Report
from ..testing.runner import check

COSTS = {"parameters": "parameters", "megaflops": "MFLOPs", "milliseconds": "ms"}


def check_command(target: str, as_json: bool, registry: Registry | None = None) -> bool:
    """Check the parts of a target and show what came out; whether all is well."""
    report = check(target, registry, track)
    if as_json:
        show_json(report.as_json())
    else:
        show(report)
    return report.passed


def show(report: Report) -> None:
    """Print a report: a line per part, why checks were skipped, what failed."""
    costs = report.costs()
    show_table(
        "",
        ("part", "run", "skipped", "failed", *COSTS.values()),
        [
            (
                part,
                *(str(report.count(state, part)) for state in ("run", "skipped", "failed")),
                *(number(costs[part].get(name)) for name in COSTS),
            )
            for part in report.parts
        ],
        caption="costs are those of one tuple and of the small part that its example gives",
    )
    skipped = list(skips(report))
    if skipped:
        say("")
        show_table("skipped", ("part", "why", "checks"), skipped)
    for outcome in report.outcomes:
        if outcome.state == "failed":
            say(f"[bold red]failed[/]  {escape(outcome.part)} {outcome.check}: {escape(outcome.reason)}")
    for gap in report.gaps:
        say(f"[bold red]missing[/]  {escape(gap)}")
    said = ", ".join(f"{report.count(state)} {state}" for state in ("run", "skipped", "failed"))
    say(f"{'[green]passed[/]' if report.passed else '[bold red]not passed[/]'}: {said}")


def number(value: float | None) -> str:
    """A measured number, short."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def skips(report: Report) -> Iterator[tuple[str, str, str]]:
    """Part, reason and checks, for each part and reason."""
    for part in report.parts:
        reasons: dict[str, list[str]] = {}
        for outcome in report.of(part):
            if outcome.state == "skipped":
                reasons.setdefault(outcome.reason, []).append(outcome.check)
        yield from ((part, reason, ", ".join(checks)) for reason, checks in reasons.items())
