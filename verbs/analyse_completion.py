"""`poserep analyse completion`: how well hidden patches are completed, and how much the second image helps.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104, which shows such pictures.
Differs from the paper: it is measured. Held-out targets are completed with their reference, with that of a stranger,
and with themselves as reference, the most that any reference could tell. The reference gain is the error with the
stranger over the error with the true reference: 1 where the reference is not looked at.

Axes: N pairs, 3 h w crop.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from PIL.Image import Image
from rich.markup import escape
from torch import Tensor

from ..core.console import note, say, show_json, show_table
from ..core.interfaces import Array
from ..media.pairs import KindOfPair
from .completed import check_completes, complete, scale_of
from .completion import reference_gain
from .completion_pairs import Pairs, Wanted, choose
from .completion_pictures import (
    COLUMNS,
    ERROR_COLUMNS,
    ERRORS,
    GAIN_COLUMNS,
    HIGH,
    ITSELF,
    LOW,
    PSNR,
    STRANGER,
    TRUE,
    Analysed,
    error_rows,
    gain_name,
    gain_rows,
)
from .next_step import COMPLETION
from .pool import protocol_of
from .probe import Ledger
from .samples import as_bytes, save_samples
from .session import Session
from .sheet import enlarged, save_sheet, titled
from .swap import held_out

SHOWN = 6
"""Pairs of each kind that the pictures show."""
RESAMPLES = 1000
Found = dict[str, dict[str, Tensor]]
"""Of one kind of pairs: by reference what `complete` returns."""


def completions(session: Session, pairs: Pairs, seed: int) -> Found:
    """The targets of pairs completed with each of the three references."""
    draws = {
        TRUE: pairs.draw,
        STRANGER: pairs.with_reference(1, pairs.stranger),
        ITSELF: pairs.with_reference(0),
    }
    return {name: complete(session, draw, seed) for name, draw in draws.items()}


def gain_of(found: Found, error: str) -> tuple[float, float, float]:
    """Reference gain of an error, and the middle 95 % of what it is for pairs drawn from these again and again.

    Frames without such patches do not count. NaN where there is no frame.
    """
    other_N, own_N = (found[name][error].double() for name in (STRANGER, TRUE))
    there_N = own_N.isfinite() & other_N.isfinite()
    other_N, own_N = other_N[there_N], own_N[there_N]
    if not len(own_N):
        return (float("nan"),) * 3
    again = np.random.default_rng(0).integers(len(own_N), size=(RESAMPLES, len(own_N)))
    rows = torch.from_numpy(again)
    drawn = other_N[rows].mean(1) / own_N[rows].mean(1)
    low, high = torch.quantile(drawn, drawn.new_tensor([0.025, 0.975])).tolist()
    return float(reference_gain(other_N, own_N)), low, high


def add_numbers(ledger: Ledger, kind: str, found: Found) -> None:
    """Errors with each reference, and the gains with their spread, of one kind of pairs."""
    for reference, of_frame in found.items():
        for name in (*ERRORS, PSNR):
            values = of_frame[name][of_frame[name].isfinite()]
            value = float(values.mean()) if len(values) else float("nan")
            ledger.add(f"{kind}: {reference}", 0, len(values), {name: value}, "dB" if name == PSNR else "")
    for error in ERRORS:
        gain, low, high = gain_of(found, error)
        count = int(found[TRUE][error].isfinite().sum())
        name = gain_name(error)
        ledger.add(kind, 0, count, {name: gain, f"{name}, {LOW}": low, f"{name}, {HIGH}": high}, "")


def notes(session: Session, pairs: Mapping[KindOfPair, Pairs], frames: str) -> list[str]:
    """What one has to know to read numbers and pictures; ``frames`` tells which were completed."""
    labels, wanted = session.composition.labels, session.source.wanted
    told = [frames, "strangers show " + ", ".join(f"{one.foreign} ({kind})" for kind, one in pairs.items())]
    if scale_of(session.composition).normalised:
        told.append(
            "predicted without each patch's mean and deviation; pictures, raw errors and PSNR take the true ones"
        )
    person = "differs from the background" if "background" in wanted else "not known, so that every patch counts"
    told.append(f"person: {'true silhouettes' if 'true_mask' in labels else person}")
    return told


def which_frames(session: Session, wanted: Wanted, sets: Sequence[str]) -> str:
    """Data and split in words, and whether anything of it is held out."""
    dataset = session.composition.experiment.dataset.use
    told = [f"{dataset}, {wanted.split} split", *sets]
    if wanted.after_s:
        told.append(f"from {wanted.after_s:g} s on")
    config = tomllib.loads(session.run.config.read_text(encoding="utf-8"))
    later = 0 < config["dataset"].get("end_s", 0) <= wanted.after_s
    if wanted.split != "train" or later:
        told.append("held out")
    elif not sets:
        told.append("NOT held out: these were trained on")
    return ", ".join(told)


def completion_command(
    session: Session, wanted: Wanted, sets: Sequence[str], output: Path | None, as_json: bool
) -> None:
    """Print the numbers, draw the pairs, and leave both in the run's folder for its report.

    Args:
        session: The run, opened with ``sets``.
        wanted: Which pairs, and how many.
        sets: What of the run's config was changed, to be told.
        output: The PNG.
        as_json: Whether to print JSON.

    Raises:
        ConfigError: If the run completes nothing.
        DataError: If there are no pairs, or a file cannot be written.
    """
    composition, source, folder = session.composition, session.source, session.run.folder
    check_completes(composition, str(folder))
    wanted = replace(wanted, split=wanted.split or held_out(source.dataset))
    pairs = choose(composition, source.dataset, wanted)
    found = {kind: completions(session, one, wanted.seed + place) for place, (kind, one) in enumerate(pairs.items())}
    ledger = Ledger(protocol_of(composition, source, wanted.split), folder)
    for kind, one in found.items():
        add_numbers(ledger, kind, one)
    told = notes(session, pairs, which_frames(session, wanted, sets))
    pictures = pictures_of(found)
    rows = [asdict(row) for row in ledger.rows]
    about = {"measurements": rows, "notes": told}
    save_samples(folder / COMPLETION, pictures | {"about": np.array(json.dumps(about))})
    analysed = Analysed(rows, told, pictures)
    if as_json:
        show_json(about)
    else:
        show_table("", ERROR_COLUMNS, error_rows(analysed))
        show_table("", GAIN_COLUMNS, gain_rows(analysed))
        for line in told:
            say(escape(line))
    note(str(save_sheet(sheet(analysed), len(COLUMNS), output or folder / "completion.png", told)))


def pictures_of(found: Mapping[KindOfPair, Found]) -> dict[str, Array]:
    """Of each kind the first few pairs' pictures by column, (R, 3, h, w) uint8, as ``kind_column``."""
    arrays: dict[str, Array] = {}
    for kind, by_reference in found.items():
        own, other = by_reference[TRUE], by_reference[STRANGER]
        columns = {name: own[name] for name in ("target", "masked", "reference", "completed")}
        columns |= {"stranger": other["reference"], "with_stranger": other["completed"]}
        arrays |= {f"{kind}_{name}": as_bytes(pictures[:SHOWN]) for name, pictures in columns.items()}
    return arrays


def sheet(found: Analysed) -> list[Image]:
    """A row for each pair, kind by kind."""
    return [
        titled(enlarged(found.pictures[f"{kind}_{column}"][row]), f"{kind} {row + 1}: {title}")
        for kind in found.kinds
        for row in range(len(found.pictures[f"{kind}_target"]))
        for column, title in COLUMNS.items()
    ]
