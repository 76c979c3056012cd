"""The report's sections, each from run data to HTML."""

from __future__ import annotations

import json
import shlex
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from .figures import COLOURS, DASHES, MUTED, Line, error_chart, swatch, term_chart
from .next_step import completes, has_poses, looked_at, measuring
from .page import Html, command, facts, figure, section, table, tag
from .pictures import Samples, poses, strips, swap
from .summary import RunData, Table, differences
from .task_pictures import tasks

PARTS = ("dataset", "sampler", "background", "detector", "corruption", "encoder", "exchange", "decoder")
TOLD = frozenset(
    {
        *("state", "cause", "error", "what", "where", "hint", "seed", "steps", "step"),
        *("versions", "python", "machine", "git", "started", "pid", "host"),
    }
)


def ink_of(index: int) -> str:
    """The stand-in colour of the run at an index."""
    return COLOURS[index % len(COLOURS)]


def what_was_run(runs: Sequence[RunData]) -> Html:
    """Recipe, data, length, versions of every run, and where their configs differ."""
    if len(runs) == 1:
        return section("runs", "What was run", *_card(runs[0]))
    body = [tag("details", tag("summary", _name(data)), *_card(data)) for data in runs]
    if rows := differences(runs):
        caption = (
            tag("strong", "Where the runs differ"),
            " (all other settings are equal; - where there is no such key)",
        )
        body.insert(0, table(("setting", *(data.label for data in runs)), rows, *caption))
    return section("runs", "What was run", *body)


def _name(data: RunData) -> str:
    state = data.about.get("state", "done")
    return data.label if state == "done" else f"{data.label} ({state})"


def _card(data: RunData) -> Iterator[Html]:
    config, about = data.config, data.about
    if config.get("summary"):
        yield tag("p", str(config["summary"]))
    if about.get("state") == "failed":
        yield tag("p", tag("strong", "This run failed: "), str(about.get("cause", "no cause is recorded")))
    losses = ", ".join(
        f"{role} = {loss.get('use')} (weight {loss.get('weight', 1.0):g})" for role, loss in config["losses"].items()
    )
    versions = ", ".join(f"{name} {number}" for name, number in about.get("versions", {}).items())
    yield facts(
        [
            ("recipe", str(config.get("name", ""))),
            *((part, _use(config[part])) for part in PARTS if part in config),
            ("losses", losses),
            ("steps", _steps(data)),
            ("batch", f"{batch} tuples" if (batch := config.get("training", {}).get("batch")) else ""),
            ("seed", str(about.get("seed", ""))),
            ("state", str(about.get("state", ""))),
            ("started", str(about.get("started", "")).replace("T", " ")),
            ("machine", str(about.get("machine", ""))),
            ("git", str(about.get("git", ""))),
            ("time", _time(data.steps)),
            ("software", versions + (f", Python {about['python']}" if about.get("python") else "")),
            ("paper", str(config.get("paper", ""))),
            *(
                (key, json.dumps(value) if isinstance(value, dict | list) else str(value))
                for key, value in _rest(about)
            ),
        ]
    )


def _use(part: Any) -> str:
    return str(part.get("use", "")) if isinstance(part, dict) else str(part)


def _rest(about: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in about.items() if key not in TOLD]


def _steps(data: RunData) -> str:
    planned = data.about.get("steps", data.config.get("training", {}).get("steps"))
    done = data.about.get("step", data.steps[-1]["index"] if data.steps else 0)
    return f"{done} of {planned}" if planned else str(done)


def _time(steps: Sequence[dict[str, Any]]) -> str:
    """Time of the training, from the recorded steps."""
    if not steps:
        return ""
    seconds = statistics.median(row["seconds"] for row in steps)
    waited = sum(row["waited_s"] for row in steps) / max(sum(row["seconds"] for row in steps), 1e-9)
    total = duration(seconds * steps[-1]["index"])
    return f"about {total}: {seconds:.3g} s per step (median of n = {len(steps)}), {waited:.0%} of it waiting for data"


def duration(seconds: float) -> str:
    """Seconds in words."""
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def results(runs: Sequence[RunData], tables: Sequence[Table]) -> Html:
    """Every table, and beside each that depends on labels its chart."""
    body: list[Html] = []
    protocols = list(dict.fromkeys(one.protocol for one in tables))
    if len(protocols) > 1:
        body.append(tag("p", f"{len(protocols)} protocols: numbers of different tables cannot be compared."))
    for index, one in enumerate(tables):
        first = 1 if len(runs) == 1 else 0  # one run need not be named in every row
        rows = [row[first:] for row in one.rows]
        shown = table(one.columns[first:], rows, tag("strong", one.title), tag("br"), one.caption, heads=2 - first)
        chart = _error_figure(runs, one, f"e{index}") if one.by_labels else ""
        body.append(tag("div", shown, chart, class_="result") if chart else shown)
    cards: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for data in runs:
        if data.card and data.measurements:
            cards.setdefault(tuple(data.card.items()), []).append(data.label)
    for card, labels in cards.items():
        of = f" of {', '.join(labels)}" if len(runs) > 1 else ""
        body.append(tag("details", tag("summary", f"Protocol{of}: {dict(card).get('card', '')}"), facts(list(card))))
    for data in runs:
        if not data.measurements:
            body.append(_unmeasured(data))
    return section("results", "Results", *body)


def _unmeasured(data: RunData) -> Html:
    """Where else the numbers of a run are, or what would measure it."""
    if looked_at(data.run.folder, data.config):
        return tag("p", f"The numbers of {data.label} stand under Completion.")
    return missing(f"{data.label} has no measurements yet.", measuring(data.run.folder, data.config))


def missing(what: str, line: str) -> Html:
    """What is not there, and the command that makes it."""
    return tag("div", tag("p", what, " Next:"), command(line))


def _error_figure(runs: Sequence[RunData], shown: Table, key: str) -> Html:
    """Chart of one table: a run keeps its colour, a method its dash; what all runs share is drawn once, in grey."""
    series = _series(runs, shown)
    if len({x for points in series for x, _ in points[1]}) < 2:
        return Html("")
    methods = list(dict.fromkeys(method for method, _ in series))
    methods.sort(key=lambda method: method != "trained")
    lines, legend = [], []
    for (method, points), owners in sorted(series.items(), key=lambda item: methods.index(item[0][0])):
        x, y = zip(*points, strict=True)
        shared = len(owners) > 1 or (len(runs) == 1 and method != methods[0])
        ink = MUTED if shared else ink_of(owners[0])
        dash = methods.index(method) % len(DASHES)
        lines.append(Line(x, y, ink, dash))
        text = method if shared or len(runs) == 1 else f"{runs[owners[0]].label}, {method}"
        legend.append(tag("li", swatch(ink, dash), text))
    label = f"{shown.title} against the number of labelled frames; the numbers are those of the table before"
    chart = error_chart(lines, shown.title, key, label)
    return tag("div", chart, tag("ul", *legend, class_="legend"), class_="chart")


def _series(runs: Sequence[RunData], shown: Table) -> dict[tuple[str, tuple[tuple[int, float], ...]], list[int]]:
    """(method, its points) and the runs that have just these."""
    found: dict[tuple[str, tuple[tuple[int, float], ...]], list[int]] = {}
    for index, data in enumerate(runs):
        own = [one for one in data.measurements if one.protocol == shown.protocol and one.name in shown.names]
        for method in dict.fromkeys(one.method for one in own):
            points = tuple(sorted((one.labels, one.value) for one in own if one.method == method and one.labels))
            if points:
                found.setdefault((method, points), []).append(index)
    return found


def curves(runs: Sequence[RunData]) -> Html:
    """A panel for the total and one for each term, every run in its colour."""
    recorded = [(ink_of(index), data) for index, data in enumerate(runs) if data.steps]
    panels = [_panel(recorded, role, f"t{index}") for index, role in enumerate(_roles(recorded))]
    body = [tag("div", *panels, class_="panels")] if panels else []
    if panels:
        counts = " + ".join(str(len(data.steps)) for _, data in recorded)
        note = (
            f"Value of each term, before its weight, over optimiser steps. Faint: as recorded (n = {counts} records); "
        )
        body.insert(
            0,
            tag(
                "p",
                note,
                "bold: moving mean over 4% of them. Total: the weighted sum. The axes hold all but the outermost 2%.",
                class_="muted",
            ),
        )
    if len(runs) > 1:
        legend = (tag("li", swatch(ink), data.label) for ink, data in recorded)
        body.insert(1, tag("ul", *legend, class_="legend"))
    for data in runs:
        if not data.steps and data.about.get("steps") != 0:
            body.append(
                missing(f"{data.label} has no recorded steps.", f"poserep train {shlex.quote(str(data.run.config))}")
            )
    return section("curves", "Training", *body)


def _roles(recorded: Sequence[tuple[str, RunData]]) -> list[str]:
    roles = dict.fromkeys(role for _, data in recorded for row in data.steps for role in row["terms"])
    return ["", *roles] if recorded else []


def _panel(recorded: Sequence[tuple[str, RunData]], role: str, key: str) -> Html:
    """One term over the steps; an empty role stands for the total."""
    lines = []
    for ink, data in recorded:
        rows = [row for row in data.steps if not role or role in row["terms"]]
        if rows:
            values = [row["terms"][role] if role else row["total"] for row in rows]
            lines.append(Line([row["index"] for row in rows], values, ink))
    name = role or "total"
    last = ", ".join(f"{line.y[-1]:.4g}" for line in lines)
    chart = term_chart(lines, key, f"{name} over optimiser steps; last recorded: {last}")
    caption = tag("strong", name), f" · last recorded {last}"
    return figure(chart, *caption, class_="chart")


def samples_of(data: RunData, samples: Samples) -> Html:
    """Boxes, masks, redrawn frames, swaps, skeletons and learnt tasks of one run, as far as it has them."""
    body = [*strips(samples), *swap(samples), *poses(samples), *tasks(data.run)]
    if not body and completes(data.config):
        body = [tag("p", "Its pictures stand under Completion.")]
    if not body:
        body = [missing(f"{data.label} has no sample pictures.", measuring(data.run.folder, data.config))]
    return tag("article", tag("h3", data.label), *body)


def reproduce(runs: Sequence[RunData]) -> Html:
    """The command lines and configs that give the same again."""
    body = [tag("p", "The config below is a complete recipe. The same seed gives the same run on the same machine.")]
    for data in runs:
        folder = shlex.quote(str(data.run.folder))
        again = shlex.quote(f"{data.run.folder}-again")
        config = shlex.quote(str(data.run.config))
        probe = f"poserep probe {again}\n" if has_poses(data.config) else ""
        lines = f"poserep train {config} --run {again}\n{probe}poserep report {folder} {again}"
        folded = tag("details", tag("summary", "config.toml"), command(data.run.config.read_text(encoding="utf-8")))
        body.append(tag("article", tag("h3", data.label), command(lines), folded))
    return section("reproduce", "How to reproduce", *body)
