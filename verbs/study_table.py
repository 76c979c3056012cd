"""The table of a study, as text: one row per arm, one column per number of labels, then the difference to the baseline.

Missing trainings are shown as missing, and too few of them are said aloud.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ..core.study.results import MEAN, RANDOM, TRAINED, Row, label_counts, unit_of, values_of
from ..core.study.statistics import ALPHA, Difference, Question, smallest_p

NOTHING = "-"
NAMED = 3
"""Arms that a note lists by name; it counts more."""
TESTS = {"permutation": "sign-flip permutation test", "wilcoxon": "Wilcoxon signed-rank test"}


@dataclass(frozen=True, slots=True)
class StudyTable:
    """Cells as text, the baseline first, then the other arms, then ``references`` rows that no arm owns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    references: int
    caption: str
    notes: tuple[str, ...]


def study_table(
    rows: Sequence[Row],
    arms: Sequence[str],
    seeds: Sequence[int],
    question: Question,
    differences: Sequence[Difference],
    causes: Mapping[tuple[str, int], str] = MappingProxyType({}),
) -> StudyTable:
    """Lay out what was measured and what came of the comparison.

    Args:
        rows: What was measured, all alike.
        arms: All arms that were asked for, the baseline among them.
        seeds: All seeds that were asked for.
        question: What is compared.
        differences: What `compare` found.
        causes: Why trainings are missing, by arm and seed, where that is known.
    """
    counts, unit = label_counts(rows, question.metric), unit_of(rows, question.metric)
    about = {one.arm: _difference_cells(one, unit) for one in differences}
    lines = []
    for arm in sorted(arms, key=lambda arm: arm != question.baseline):
        own = [row for row in rows if row.arm == arm]
        found = [values_of(own, TRAINED, question.metric, count) for count in counts]
        name = f"{arm} (baseline)" if arm == question.baseline else arm
        have = len(own) if len(own) == len(seeds) else f"{len(own)} of {len(seeds)}"
        cells = (spread(list(values.values()), unit) for values in found)
        lines.append((name, str(have), *cells, *about.get(arm, ("",) * 4)))
    references = list(_references(rows, question.metric, counts, unit))
    at = f"difference at {question.labels:,}"
    return StudyTable(
        f"{question.metric}, {unit}" if unit else question.metric,
        ("arm", "seeds", *map(labels_text, counts), at, "95 % interval", "p", "pairs"),
        (*lines, *references),
        len(references),
        _caption(rows, seeds, question, differences),
        (*_verdict(differences, question), *_twins(rows), *_missing(rows, arms, seeds, causes)),
    )


def labels_text(count: int) -> str:
    """A number of labels as a heading."""
    return f"{count:,} labels"


def number(value: float, unit: str, sign: str = "") -> str:
    """One decimal where there is a unit, three for a share."""
    return f"{value:{sign}.{1 if unit else 3}f}"


def spread(values: Sequence[float], unit: str) -> str:
    """Mean and standard deviation over seeds."""
    if not values:
        return NOTHING
    deviation = f" ± {number(statistics.stdev(values), unit)}" if len(values) > 1 else ""
    return f"{number(statistics.fmean(values), unit)}{deviation}"


def p_text(p: float) -> str:
    """Three decimals."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _difference_cells(one: Difference, unit: str) -> tuple[str, str, str, str]:
    if not one.n:
        return NOTHING, NOTHING, NOTHING, "0"
    low, high = (number(end, unit, "+") for end in one.interval)
    ends = NOTHING if math.isnan(one.interval.low) else f"[{low}, {high}]"
    star = "*" if one.significant else ""
    return (
        number(one.mean, unit, "+"),
        ends,
        p_text(one.corrected) + star,
        f"{len(one.pairs.seeds)} × {len(one.pairs.sequences)}",
    )


def _references(rows: Sequence[Row], metric: str, counts: Sequence[int], unit: str) -> Iterator[tuple[str, ...]]:
    """Rows for what is not compared: what needs no training, and fine-tuning; arms with the same numbers share one."""
    arms = list(dict.fromkeys(row.arm for row in rows))
    measured = dict.fromkeys(one.method for row in rows for one in row.outcomes)
    for method in (MEAN, RANDOM, *(one for one in measured if one not in (MEAN, RANDOM, TRAINED))):
        groups: list[tuple[list[str], dict[tuple[int, int], float]]] = []
        for arm in arms:
            own = [row for row in rows if row.arm == arm]
            found = {(seed, n): v for n in counts for seed, v in values_of(own, method, metric, n).items()}
            owners, values = next((group for group in groups if _agree(found, group[1])), ([], {}))
            groups += [(owners, values)] if found and not owners else []
            owners.append(arm)
            values |= found
        for owners, values in groups:
            name = method if len(groups) == 1 else f"{method}: {_together(owners, arms)}"
            columns = [[value for (_, n), value in sorted(values.items()) if n == count] for count in counts]
            # the mean of the labelled poses is one number, whatever the seed
            shown = [sorted(set(column)) if method == MEAN else column for column in columns]
            seeds = "" if method == MEAN else str(len({seed for seed, _ in values}))
            yield name, seeds, *(spread(column, unit) for column in shown), *("",) * 4


def _agree(one: Mapping[tuple[int, int], float], other: Mapping[tuple[int, int], float]) -> bool:
    """Whether both have numbers in common, and these are equal."""
    both = one.keys() & other.keys()
    return bool(both) and all(one[key] == other[key] for key in both)


def _together(some: Sequence[str], arms: Sequence[str]) -> str:
    """Names of some arms, as ``…/split/stn`` where just these have the same values of some axes."""
    columns = zip(*(name.split("/") for name in some), strict=False)
    shared = [column[0] if len(set(column)) == 1 else "…" for column in columns]
    fitting = [
        name
        for name in arms
        if len(parts := name.split("/")) == len(shared)
        and all(want in (part, "…") for want, part in zip(shared, parts, strict=True))
    ]
    return "/".join(shared) if len(some) > 1 and fitting == list(some) else ", ".join(some)


def _caption(rows: Sequence[Row], seeds: Sequence[int], question: Question, differences: Sequence[Difference]) -> str:
    found = rows[0].find(TRAINED, question.metric, question.labels) or rows[0].outcomes[0]
    size = f"{_count(len(seeds), 'seed')} × {_count(len(found.sequences), 'sequence')}, n = {found.samples:,} frames"
    values = "Values: mean ± standard deviation over seeds"
    if not any(one.n for one in differences):
        return f"{rows[0].protocol}. {size}. {values}."
    tested = _count(sum(one.n > 0 for one in differences), "arm")
    drawn = "seeds, then sequences" if question.unit == "seed" else "sequences, seeds averaged"
    alone = "; it speaks of these trained models alone, not of other trainings" if question.unit == "sequence" else ""
    return (
        f"{rows[0].protocol}. {size}. {values}. Differences to {question.baseline} at {labels_text(question.labels)}: "
        "paired over seed and sequence, each sequence weighing the same; below 0 the arm has the smaller error. "
        f"95 % interval: bootstrap ({drawn}), widened for few. "
        f"p: {TESTS[question.test]} over {question.unit}s, two-sided, Holm's correction for {tested}{alone}."
    )


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _verdict(differences: Sequence[Difference], question: Question) -> Iterator[str]:
    """What may be said of the tests, above all where there is too little for any."""
    tested = [one for one in differences if one.n]
    for n, floor in sorted({(one.n, one.floor) for one in tested if not one.enough}, reverse=True):
        arms = [one.arm for one in tested if (one.n, one.floor) == (n, floor)]
        who = (
            f" for {', '.join(arms) if len(arms) <= NAMED else f'{len(arms)} arms'}" if len(arms) < len(tested) else ""
        )
        needed = 1 + math.ceil(math.log2(len(tested) / ALPHA))
        corrected = f", and {p_text(floor)} after the correction for {len(tested)} arms" if len(tested) > 1 else ""
        yield (
            f"Not enough {question.unit}s{who}: with {_count(n, question.unit)} p is at least "
            f"{p_text(smallest_p(n))}{corrected}, so no difference can be claimed; {needed} {question.unit}s could."
        )
    if any(one.significant for one in tested):
        yield f"* differs from {question.baseline}: p ≤ {ALPHA} after the correction."
    elif any(one.enough for one in tested):
        yield f"No arm differs from {question.baseline} at p ≤ {ALPHA}."


def _twins(rows: Sequence[Row]) -> Iterator[str]:
    """Arms that come to one config: each is measured in the same folders."""
    folders: dict[str, list[str]] = {}
    for row in rows:
        folders.setdefault(row.run, []).append(row.arm)
    for names in dict.fromkeys(tuple(names) for names in folders.values() if len(names) > 1):
        yield f"The same trainings under {len(names)} names: {', '.join(names)}."


def _missing(
    rows: Sequence[Row], arms: Sequence[str], seeds: Sequence[int], causes: Mapping[tuple[str, int], str]
) -> Iterator[str]:
    have = {(row.arm, row.seed) for row in rows}
    absent: dict[tuple[str, str], list[str]] = {}
    for cell in itertools.product(arms, seeds):
        if cell not in have:
            absent.setdefault((cell[0], causes.get(cell, "")), []).append(str(cell[1]))
    said = [f"{arm} (seed {', '.join(own)}{f': {why}' if why else ''})" for (arm, why), own in absent.items()]
    if said:
        yield f"Missing: {'; '.join(said)}. Differences are over the seeds that both arms have."
