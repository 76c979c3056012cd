"""`poserep ablate report`: the table of a study for the terminal, as CSV, Markdown, LaTeX and one HTML page.

Needs neither torch nor the data, only what the study measured.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from rich.markup import escape

from ..core.config import Published
from ..core.console import say, show_table
from ..core.errors import ConfigError, DataError
from ..core.files import write_text, writing
from ..core.study.file import Study
from ..core.study.results import TRAINED, Row, check_alike, label_counts, unit_of
from ..core.study.statistics import Difference, Question, Test, compare
from .published import notes_of
from .study_page import View, study_page
from .study_table import StudyTable, study_table

Causes = Mapping[tuple[str, int], str]
NONE: Causes = MappingProxyType({})
Known = Mapping[str, Sequence[Published]]
UNKNOWN: Known = MappingProxyType({})
LATEX = {char: f"\\{char}" for char in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\le$",
    "…": r"\ldots{}",
}
LATEX_USE = r"""% \usepackage{booktabs}
% \begin{table}\centering\input{table}\caption{\studycaption}\end{table}
"""


@dataclass(frozen=True, slots=True)
class StudyReport:
    """A report that was written.

    Attributes:
        folder: Where.
        files: What was written, by name.
        table: What it says, as text.
        differences: Each arm less the baseline, unrounded.
    """

    folder: Path
    files: tuple[str, ...]
    table: StudyTable
    differences: tuple[Difference, ...]


def build_study_report(
    study: Study,
    rows: Sequence[Row],
    folder: Path,
    test: Test = "permutation",
    causes: Causes = NONE,
    published: Known = UNKNOWN,
) -> StudyReport:
    """Write ``table.csv``, ``sequences.csv``, ``differences.csv``, ``table.md``, ``table.tex`` and ``study.html``.

    Args:
        study: The question.
        rows: What was measured so far, one row per arm and seed.
        folder: Folder to write to; made if need be.
        test: The test behind p.
        causes: Why trainings are missing, by arm and seed, where that is known.
        published: What papers measured of the arms.

    Raises:
        DataError: If nothing was measured yet, the rows were not measured alike, or the folder cannot be written.
        ConfigError: If the arms were not measured at the number of labels that the study compares at.
    """
    rows = [row for row in rows if row.arm in study.arm_names and row.seed in study.seeds]
    if not rows:
        raise DataError(f"the study {study.name!r} has no results yet", hint="poserep ablate run STUDY makes them")
    question = question_of(study, rows, test)
    differences = compare(rows, study.arm_names, question)
    table = study_table(rows, study.arm_names, study.seeds, question, differences, causes)
    told = notes_of(published, study.metric, rows[0].protocol.dataset)
    table = replace(table, notes=(*table.notes, *told))
    contents = {
        "table.csv": to_csv(rows, study.arm_names, study.seeds, study.metric),
        "sequences.csv": sequences_csv(rows),
        "differences.csv": differences_csv(differences),
        "table.md": to_markdown(table),
        "table.tex": to_latex(table),
        "study.html": study_page(View(study, rows, question, folder), table, differences),
    }
    with writing(folder, "report", "choose another folder with -o"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_text(folder / name, content)
    return StudyReport(folder, tuple(contents), table, differences)


def study_report(
    study: Study,
    rows: Sequence[Row],
    folder: Path,
    test: Test = "permutation",
    causes: Causes = NONE,
    published: Known = UNKNOWN,
) -> StudyReport:
    """Write the report as `build_study_report` does; show its table, its notes, and where the files are."""
    report = build_study_report(study, rows, folder, test, causes, published)
    table = report.table
    show_table(table.title, table.columns, table.rows, escape(table.caption))
    for text in (*table.notes, *(str(folder / name) for name in report.files)):
        say(escape(text))
    return report


def question_of(study: Study, rows: Sequence[Row], test: Test = "permutation") -> Question:
    """What a study compares, its number of labels among those measured: 0, or more than there are, means all.

    Raises:
        DataError: If the rows were not measured alike.
        ConfigError: If the arms were not measured at that number of labels.
    """
    check_alike(rows, study.metric)
    counts = label_counts(rows, study.metric)
    wanted = study.compare_at or counts[-1]
    if wanted not in counts and wanted < counts[-1]:
        measured = ", ".join(str(count) for count in counts)
        raise ConfigError(
            f"the arms were not measured with {wanted} labels",
            where="compare_at",
            hint=f"measured: {measured}; add {wanted} to the study's labels and run it again",
        )
    return Question(study.baseline_arm, study.metric, min(wanted, counts[-1]), study.unit, test)


def to_markdown(table: StudyTable) -> str:
    """A pipe table with its caption and notes."""
    right = ["---", *["---:"] * (len(table.columns) - 1)]
    cells = [" | ".join(cell.replace("|", r"\|") for cell in row) for row in (table.columns, right, *table.rows)]
    text = "\n\n".join((table.caption, *(note.replace("*", r"\*") for note in table.notes)))
    return f"**{table.title}**\n\n" + "".join(f"| {row} |\n" for row in cells).replace("*", r"\*") + f"\n{text}\n"


def to_latex(table: StudyTable) -> str:
    """A booktabs tabular; its caption is a macro, for the float around it."""
    lines = [" & ".join(map(_tex, row)) + r" \\" for row in table.rows]
    lines.insert(len(lines) - table.references, r"\midrule" if table.references else "")
    caption = _tex(" ".join((f"{table.title}.", table.caption, *table.notes)))
    body = [
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"\toprule",
        " & ".join(map(_tex, table.columns)) + r" \\",
        r"\midrule",
        *filter(None, lines),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return LATEX_USE + rf"\gdef\studycaption{{{caption}}}" + "\n" + "\n".join(body) + "\n"


def _tex(text: str) -> str:
    escaped = "".join(LATEX.get(char, char) for char in text)
    return re.sub(r"(?<![\w.])([+-])(?=\d)", r"$\1$", escaped)


def to_csv(rows: Sequence[Row], arms: Sequence[str], seeds: Sequence[int], metric: str) -> str:
    """Every value in long form; a missing training has a line without value for each number of labels."""
    have = {(row.arm, row.seed) for row in rows}
    wanted = [(arm, seed) for arm in arms for seed in seeds if (arm, seed) not in have]
    unit, counts = unit_of(rows, metric), label_counts(rows, metric)
    found = [
        (row.arm, row.seed, one.method, one.metric, one.unit, one.labels, one.value, one.samples, row.run)
        for row in rows
        for one in row.outcomes
    ]
    absent = [(*cell, TRAINED, metric, unit, count, "", 0, "") for cell in wanted for count in counts]
    return _csv(("arm", "seed", "method", "metric", "unit", "labels", "value", "n", "run"), [*found, *absent])


def sequences_csv(rows: Sequence[Row]) -> str:
    """Every mean over a sequence in long form: what the tests are made of."""
    found = [
        (row.arm, row.seed, one.method, one.metric, one.unit, one.labels, name, value)
        for row in rows
        for one in row.outcomes
        for name, value in one.sequences.items()
    ]
    return _csv(("arm", "seed", "method", "metric", "unit", "labels", "sequence", "value"), found)


def differences_csv(found: Sequence[Difference]) -> str:
    """Every arm's difference to the baseline: unrounded, with p before and after correction."""
    columns = ("arm", "difference", "low", "high", "p", "p_corrected", "smallest_p_corrected", "seeds", "sequences")
    rows = (
        (one.arm, one.mean, *one.interval, one.p, one.corrected, one.floor, *one.pairs.values_SQ.shape) for one in found
    )
    return _csv(columns, list(rows))


def _csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    return file.getvalue()
