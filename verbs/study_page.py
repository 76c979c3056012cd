"""A study as one self-contained HTML page: its table, its charts, and every run with the command that repeats it."""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from .. import __version__
from ..core.study.file import Study
from ..core.study.results import TRAINED, Row, label_counts, unit_of, values_of
from ..core.study.statistics import Difference, Question
from .figures import COLOURS, DASHES, MUTED, swatch
from .page import Html, command, document, figure, join, section, table, tag
from .sections import ink_of
from .study_figures import Band, difference_chart, label_chart, limits_of
from .study_table import NOTHING, StudyTable, labels_text, number

CONTENTS = {"table": "Table", "labels": "Labels", "differences": "Differences", "runs": "Runs"}
TOGETHER = 3
"""Arms that one chart can hold; more have a chart each, beside the baseline."""
BANDS = (
    "over the labelled frames that the regressor saw: mean over seeds, and a band of one standard deviation to both "
    "sides where there are several."
)
BOXES = (
    "Box: quartiles of all paired differences, one for each seed and sequence, whiskers to 1.5 of their range. Rings: "
    "seeds. Bar and diamond below: 95 % interval and mean. Left of 0 the arm has the smaller error."
)


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows, and the folder that its links are relative to."""

    study: Study
    rows: Sequence[Row]
    question: Question
    folder: Path

    @property
    def arms(self) -> list[str]:
        """The baseline, then the others, as the table has them."""
        return sorted(self.study.arm_names, key=lambda arm: arm != self.study.baseline_arm)

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of labels."""
        return label_counts(self.rows, self.question.metric)

    @property
    def unit(self) -> str:
        """Unit of the metric."""
        return unit_of(self.rows, self.question.metric)

    @property
    def title(self) -> str:
        """The metric and its unit."""
        return f"{self.question.metric}, {self.unit}" if self.unit else self.question.metric

    def values(self, arm: str, labels: int) -> dict[int, float]:
        """Error of an arm by seed."""
        return values_of([row for row in self.rows if row.arm == arm], TRAINED, self.question.metric, labels)


def study_page(view: View, shown: StudyTable, found: Sequence[Difference]) -> Html:
    """The whole page."""
    parts = {
        "table": _table(view, shown),
        "labels": _labels(view) if len(view.counts) > 1 else "",
        "differences": _differences(view, found),
        "runs": _runs(view),
    }
    return document(
        f"poserep · study {view.study.name}",
        [(key, CONTENTS[key]) for key, part in parts.items() if part],
        *([tag("p", view.study.summary)] if view.study.summary else []),
        *filter(None, parts.values()),
        footer=f"Written by poserep {__version__} ablate report.",
    )


def _table(view: View, shown: StudyTable) -> Html:
    """The table, each of its means a link to its runs."""
    first = 2  # columns before the means
    body: list[Sequence[str]] = []
    for index, (arm, cells) in enumerate(zip(view.arms, shown.rows, strict=False)):
        means = [_mean(view, index, arm, count, cell) for count, cell in zip(view.counts, cells[first:], strict=False)]
        name = tag("strong", cells[0]) if arm == view.study.baseline_arm else cells[0]
        body.append((name, cells[1], *means, *map(_signed, cells[first + len(means) :])))
    for cells in shown.rows[len(shown.rows) - shown.references :]:
        body.append([tag("span", cell, class_="muted") for cell in cells])
    caption = tag("strong", shown.title), tag("br"), _signed(shown.caption)
    notes = [tag("p", tag("strong", note) if note.startswith("Not enough") else note) for note in shown.notes]
    return section("table", "Table", table(shown.columns, body, *caption), *notes)


def _mean(view: View, index: int, arm: str, labels: int, cell: str) -> str:
    """A cell that tells what it is made of, and leads to the runs."""
    made = ", ".join(f"seed {seed}: {number(value, view.unit)}" for seed, value in view.values(arm, labels).items())
    return tag("a", cell, href=f"#arm-{index}", title=made) if made else cell


def _signed(text: str) -> str:
    """Hyphens before digits as minus signs."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text)


def _labels(view: View) -> Html:
    """Error against labels: few arms in one chart, many in one each beside the baseline, all with the same axes."""
    bands = {arm: band for index, arm in enumerate(view.arms) if (band := _band(view, arm, index))}
    limits = limits_of(list(bands.values()))
    note = tag("p", f"{view.title}, {BANDS}", class_="muted")
    if len(bands) <= TOGETHER:
        label = f"{view.title} of {', '.join(bands)} against the number of labels; the numbers are those of the table"
        chart = label_chart(list(bands.values()), view.title, limits, "l", label)
        legend = [tag("li", swatch(band.ink, band.dash), arm) for arm, band in bands.items()]
        both = tag("div", chart, tag("ul", *legend, class_="legend"), class_="chart")
        return section("labels", "Error against labels", note, tag("div", both, class_="result"))
    base = bands.pop(view.study.baseline_arm, None)
    grey = [replace(base, ink=MUTED, dash=1)] if base else []
    panels = []
    for index, (arm, band) in enumerate(bands.items()):
        chart = label_chart(
            [*grey, band], "", limits, f"l{index}", f"{view.title} of {arm} against the number of labels"
        )
        panels.append(figure(chart, tag("strong", arm), class_="chart"))
    entry = tag("li", swatch(MUTED, 1), f"{view.study.baseline_arm}, the baseline, in every chart")
    legend = [tag("ul", entry, class_="legend")] if base else []
    return section("labels", "Error against labels", note, *legend, tag("div", *panels, class_="panels"))


def _band(view: View, arm: str, index: int) -> Band | None:
    """Mean and deviation of an arm at each number of labels, if it has any."""
    found = {count: list(values.values()) for count in view.counts if (values := view.values(arm, count))}
    if not found:
        return None
    deviations = (statistics.stdev(values) if len(values) > 1 else 0.0 for values in found.values())
    dash = index // len(COLOURS) % len(DASHES)
    return Band(tuple(found), tuple(map(statistics.fmean, found.values())), tuple(deviations), ink_of(index), dash)


def _differences(view: View, found: Sequence[Difference]) -> Html:
    """A box per arm, and its differences seed by seed."""
    inks = {one.arm: ink_of(index) for index, one in enumerate(found, 1) if one.n}
    if not inks:
        text = f"No other arm has a seed in common with {view.question.baseline}."
        return section("differences", "Differences", tag("p", text))
    tested = [one for one in found if one.n]
    axis = f"arm less {view.question.baseline}{f', {view.unit}' if view.unit else ''}"
    label = f"{view.title}: each arm less {view.question.baseline}; the means are those of the table"
    chart = figure(difference_chart(tested, list(inks.values()), axis, "d", label), BOXES, class_="chart")
    seeds = sorted({seed for one in tested for seed in one.pairs.seeds})
    columns = ("arm", *(f"seed {seed}" for seed in seeds), "pairs below 0")
    caption = f"{axis}, at {labels_text(view.question.labels)}: mean over sequences"
    rows = [_by_seed(view, one, seeds) for one in tested]
    by_seed = table(columns, rows, tag("strong", "Seed by seed"), tag("br"), caption)
    return section("differences", "Differences", tag("div", chart, by_seed, class_="result"))


def _by_seed(view: View, one: Difference, seeds: Sequence[int]) -> tuple[str, ...]:
    means = dict(zip(one.pairs.seeds, one.pairs.units("seed"), strict=True))
    cells = (_signed(number(means[seed], view.unit, "+")) if seed in means else NOTHING for seed in seeds)
    values_SQ = one.pairs.values_SQ
    return one.arm, *cells, f"{int((values_SQ < 0).sum())} of {values_SQ.size}"


def _runs(view: View) -> Html:
    """Every training: its value, its folders, and the command that gives it again."""
    have = {(row.arm, row.seed): row for row in view.rows}
    body = [(arm, *(_run_cell(view, have.get((arm, seed))) for seed in view.study.seeds)) for arm in view.arms]
    columns = ("arm", *(f"seed {seed}" for seed in view.study.seeds))
    caption = f"{view.title}, {labels_text(view.question.labels)}: each number leads to the folder of its measurements"
    folded = [_arm(view, index, arm) for index, arm in enumerate(view.arms)]
    again = tag("p", "What produces each training and its measurements again:")
    return section("runs", "Runs", table(columns, body, caption), again, *folded)


def _run_cell(view: View, row: Row | None) -> Html:
    found = row.find(TRAINED, view.question.metric, view.question.labels) if row else None
    if row is None or found is None:
        return tag("span", "missing", class_="muted")
    return tag("a", number(found.value, view.unit), href=_link(view, row.run), title=row.command)


def _arm(view: View, index: int, arm: str) -> Html:
    """What the table's cells lead to."""
    own = sorted((row for row in view.rows if row.arm == arm), key=lambda row: row.seed)
    told = [join((tag("h4", f"seed {row.seed}"), _folders(view, row), command(row.command))) for row in own]
    return tag("details", tag("summary", arm), *(told or [tag("p", "Not measured yet.")]), id=f"arm-{index}")


def _folders(view: View, row: Row) -> Html:
    measured, trained = (tag("a", tag("code", path), href=_link(view, path)) for path in (row.run, row.pretraining))
    return tag("p", "measured ", measured, tag("br"), "trained ", trained)


def _link(view: View, path: str) -> str:
    """The way from the page to a folder, so that both can be moved together."""
    return quote(Path(os.path.relpath(path, view.folder)).as_posix()) + "/"
