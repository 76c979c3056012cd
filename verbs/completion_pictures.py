"""The report's section on completion: what `poserep analyse completion` left in a run's folder. Free of torch.

The file holds pictures as ``kind_column``, and in ``about`` measurements and notes as JSON.

Axes: R pairs that are shown, 3 h w crop as uint8.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array
from .next_step import COMPLETION, completes, completing
from .page import Html, figure, section, table, tag
from .pictures import image
from .sections import missing
from .summary import RunData

COLUMNS = {
    "target": "target",
    "masked": "masked",
    "reference": "reference",
    "completed": "completed",
    "stranger": "stranger",
    "with_stranger": "with stranger",
}
"""The pictures of a pair, and their titles."""
TRUE, STRANGER, ITSELF = REFERENCES = ("its reference", "a stranger's reference", "itself as reference")
MASKED, RAW, PERSON, PSNR = "masked error", "raw masked error", "on the person", "foreground PSNR"
ERRORS = (MASKED, f"{MASKED} {PERSON}", RAW, f"{RAW} {PERSON}")
GAIN, LOW, HIGH = "reference gain", "2.5 %", "97.5 %"
KINDS = {"view": "Another camera, the same moment", "pose": "The same camera, another moment", "both": "Both differ"}


@dataclass(frozen=True, slots=True)
class Analysed:
    """An analysis of completion.

    Attributes:
        rows: What was measured.
        notes: What one has to know to read it.
        pictures: (R, 3, h, w) uint8 each.
    """

    rows: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    pictures: Mapping[str, Array]

    @property
    def kinds(self) -> list[str]:
        """Of pairs, those that there are."""
        return [kind for kind in KINDS if f"{kind}_target" in self.pictures]

    def value(self, method: str, name: str) -> float:
        """One number; NaN if it is not there."""
        found = (row["value"] for row in self.rows if (row["method"], row["name"]) == (method, name))
        return float(next(found, float("nan")))

    def samples(self, method: str, name: str) -> int:
        """Over how many frames it is."""
        return next((int(row["samples"]) for row in self.rows if (row["method"], row["name"]) == (method, name)), 0)


def gain_name(error: str) -> str:
    """How the reference gain of an error is called."""
    return f"{GAIN} ({error})"


def read_analysed(folder: Path) -> Analysed | None:
    """What a run's folder holds; None where completion was not analysed.

    Raises:
        DataError: If the file cannot be read.
    """
    path = folder / COMPLETION
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("about")))
        found = Analysed(about["measurements"], about["notes"], arrays)
        if any(f"{kind}_{column}" not in arrays for kind in found.kinds for column in COLUMNS):
            raise KeyError("pictures are missing")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        hint = f"write it again: {completing(folder)}"
        raise DataError(f"{COMPLETION} cannot be read: {error}", where=str(path), hint=hint) from None
    return found


def error_rows(found: Analysed) -> Iterator[tuple[str, ...]]:
    """Kind, reference, and the errors with it."""
    for kind in found.kinds:
        for reference in REFERENCES:
            errors = (found.value(f"{kind}: {reference}", name) for name in (*ERRORS, PSNR))
            yield kind, reference, *(f"{value:.4f}" if value < 10 else f"{value:.1f}" for value in errors)


def gain_rows(found: Analysed) -> Iterator[tuple[str, ...]]:
    """Kind, error, and the gain with its spread."""
    for kind in found.kinds:
        for error in ERRORS:
            name = gain_name(error)
            one, low, high = (found.value(kind, each) for each in (name, f"{name}, {LOW}", f"{name}, {HIGH}"))
            yield kind, error, f"{one:.3f}", f"{low:.3f} to {high:.3f}", str(found.samples(kind, name))


ERROR_COLUMNS = ("pairs", "completed with", *ERRORS, f"{PSNR}, dB")
GAIN_COLUMNS = ("pairs", "of the", GAIN, "95 %", "n")


def completion_section(runs: Sequence[RunData]) -> Html:
    """Of each run that predicts patches what it completes, and how much the reference helps; empty if none does."""
    body = []
    for data in runs:
        found = read_analysed(data.run.folder)
        if found is not None:
            body.append(tag("article", tag("h3", data.label), *_shown(found)))
        elif completes(data.config):
            what = f"What {data.label} completes was not looked at yet."
            body.append(missing(what, completing(data.run.folder)))
    return section("completion", "Completion", *body) if body else Html("")


def _shown(found: Analysed) -> Iterator[Html]:
    notes = "; ".join(found.notes)
    gain = (
        f"Error with a stranger's reference over that with the true one: above 1 where it is looked at. Here: {notes}."
    )
    yield table(GAIN_COLUMNS, gain_rows(found), tag("strong", "Reference gain"), tag("br"), gain, heads=2)
    lower = "Mean squared error of hidden patches: by their own mean and deviation, and raw, of colours from 0 to 1."
    yield table(ERROR_COLUMNS, error_rows(found), tag("strong", "Errors"), tag("br"), lower, heads=2)
    for kind in found.kinds:
        yield tag("h4", KINDS[kind])
        for row in range(len(found.pictures[f"{kind}_target"])):
            cells = (
                figure(image(found.pictures[f"{kind}_{column}"][row], f"{title}, {kind} pair {row + 1}"), title)
                for column, title in COLUMNS.items()
            )
            yield tag("div", *cells, class_="strip")
