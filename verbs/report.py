"""`poserep report`: tables for the terminal and one HTML file, from nothing but run folders.

Needs neither torch nor the data, so that a report can be made on a laptop from a cluster's runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .. import __version__
from ..core.console import note, say, show_json, show_table
from ..core.errors import DataError
from ..core.files import write_text, writing
from ..core.measurement import Measurement
from .completion_pictures import completion_section
from .next_step import looked_at, measuring
from .page import document, section, tag
from .sections import curves, reproduce, results, samples_of, what_was_run
from .summary import RunData, Table, read_runs, read_samples, summary_rows, tables_of

__all__ = ["Report", "Table", "build_report", "report_command", "show_results", "summary_rows"]

CONTENTS = (
    ("runs", "Runs"),
    ("results", "Results"),
    ("curves", "Training"),
    ("completion", "Completion"),
    ("pictures", "Pictures"),
    ("reproduce", "Reproduce"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was written.

    Attributes:
        path: The HTML file.
        tables: What it says in figures, for the terminal.
        runs: How many runs it shows.
        missing: Runs without measurements, by name.
    """

    path: Path
    tables: tuple[Table, ...]
    runs: int
    missing: tuple[str, ...]


def build_report(folders: Sequence[Path], output: Path) -> Report:
    """Write one self-contained HTML file about runs.

    Args:
        folders: Run folders, one or more.
        output: The file to write; its folder is made if need be.

    Raises:
        DataError: If a folder is no run, a file in it cannot be read, or the output cannot be written.
    """
    runs = read_runs(folders)
    if not runs:
        raise DataError("a report needs at least one run folder", hint="poserep report RUN...")
    tables = tables_of(runs)
    title = f"poserep · {runs[0].label}" if len(runs) == 1 else f"poserep · {len(runs)} runs"
    completed = completion_section(runs)
    page = document(
        title,
        [link for link in CONTENTS if link[0] != "completion" or completed],
        tag("p", _counts(runs), class_="muted"),
        what_was_run(runs),
        results(runs, tables),
        curves(runs),
        completed,
        section("pictures", "Pictures", *(samples_of(data, read_samples(data.run)) for data in runs)),
        reproduce(runs),
        footer=f"Written by poserep {__version__} report.",
    )
    with writing(output, "report", "choose another place"):
        output.parent.mkdir(parents=True, exist_ok=True)
        write_text(output, page)
    return Report(output, tuple(tables), len(runs), tuple(data.label for data in runs if not data.measurements))


def report_command(folders: Sequence[Path], output: Path, as_json: bool = False, tables: bool = True) -> None:
    """Write the report, show its tables, and say what is missing."""
    report = build_report(folders, output)
    if as_json:
        found = [one for data in read_runs(folders) for one in data.measurements]
        show_json({"report": str(report.path), "measurements": [asdict(one) for one in found]})
        return
    if tables:
        show_tables(report.tables)
        say(str(report.path))
    for data in read_runs(folders):
        if not data.measurements and not looked_at(data.run.folder, data.config):
            note(f"{data.label} has no measurements yet: {measuring(data.run.folder, data.config)}")


def show_results(folder: Path, found: Sequence[Measurement]) -> None:
    """Show measurements of a run as tables, as its report has them."""
    (data,) = read_runs([folder])
    show_tables(tables_of([replace(data, measurements=list(found))]))


def show_tables(tables: Sequence[Table]) -> None:
    """Print tables with their protocol beneath."""
    for table in tables:
        show_table(table.title, table.columns, table.rows, table.caption)


def _counts(runs: Sequence[RunData]) -> str:
    measured = [one for data in runs for one in data.measurements]
    counts = ((len(runs), "run"), (len(measured), "measurement"), (len({one.protocol for one in measured}), "protocol"))
    return " · ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)
