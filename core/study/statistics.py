"""Whether arms differ from the baseline: paired differences, exact tests, Holm's correction, bootstrap intervals.

Papers: sign-flip test, Fisher, The Design of Experiments, 1935, section 21; signed ranks, Wilcoxon, Biometrics
Bulletin 1(6), 1945; correction, Holm, Scandinavian Journal of Statistics 6(2), 1979; bootstrap over two crossed
factors, Owen, Annals of Applied Statistics 1(2), 2007; its widening for few replicates, Hesterberg, The American
Statistician 69(4), 2015.
Differs from the papers: a bootstrap deviation is stretched as a whole (Hesterberg moves the percentile instead, which
three seeds cannot follow), and seeds and sequences each have their own stretch.

Axes: S seeds, Q sequences, N units of a test (seeds or sequences), R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from ..interfaces import Array
from .results import TRAINED, Outcome, Row, check_alike

ALPHA = 0.05
"""Rate at which a study without any difference may claim one."""
RESAMPLES = 9_999
"""Sign flips, where all of them are more than that; and bootstrap samples."""
Unit = Literal["seed", "sequence"]
Test = Literal["permutation", "wilcoxon"]


class Interval(NamedTuple):
    """Ends of a 95 % interval; NaN where a single unit gives none."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """What an arm and the baseline both have.

    Attributes:
        seeds: Seeds of the trainings.
        sequences: Names of the sequences.
        values_SQ: The arm less the baseline, in the unit of the metric.
    """

    seeds: tuple[int, ...]
    sequences: tuple[str, ...]
    values_SQ: Array

    def units(self, unit: Unit) -> Array:
        """Differences that a test takes as one observation each: means (S,) of seeds, or (Q,) of sequences."""
        if not self.values_SQ.size:
            return np.empty(0)
        return np.asarray(self.values_SQ.mean(axis=1 if unit == "seed" else 0))


@dataclass(frozen=True, slots=True)
class Difference:
    """An arm less the baseline.

    Attributes:
        arm: Name of the arm.
        pairs: What both have.
        n: Number of units of the test.
        p: Of the test, before correction; NaN without pairs.
        corrected: After Holm's correction over the arms.
        floor: The smallest ``corrected`` that so few units can give at all.
        interval: The 95 % bootstrap interval of the mean.
    """

    arm: str
    pairs: Pairs
    n: int
    p: float
    corrected: float
    floor: float
    interval: Interval

    @property
    def mean(self) -> float:
        """Mean over seeds and sequences, each sequence weighing the same; NaN without pairs."""
        return float(self.pairs.values_SQ.mean()) if self.n else math.nan

    @property
    def enough(self) -> bool:
        """Whether any outcome could have been significant."""
        return self.floor <= ALPHA

    @property
    def significant(self) -> bool:
        """Whether one may say that the arm differs."""
        return self.enough and self.corrected <= ALPHA


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared: arms to the baseline by a metric at a number of labels.

    Attributes:
        baseline: Name of the arm that the others are compared to.
        metric: Name of the metric.
        labels: Number of labelled frames.
        unit: What counts as a replicate: trainings ("seed"), or sequences, for claims about these trainings alone.
        test: Of signs ("permutation", of the mean) or of signed ranks ("wilcoxon").
    """

    baseline: str
    metric: str
    labels: int
    unit: Unit = "seed"
    test: Test = "permutation"


def compare(rows: Sequence[Row], arms: Sequence[str], question: Question) -> tuple[Difference, ...]:
    """Every arm but the baseline against it, over the seeds that both have, in order of ``arms``.

    Raises:
        DataError: If the rows were not measured alike, or not by this metric.
    """
    check_alike(rows, question.metric)
    others = [arm for arm in arms if arm != question.baseline]
    pairs = [paired(rows, arm, question) for arm in others]
    units = [one.units(question.unit) for one in pairs]
    test = sign_flip if question.test == "permutation" else signed_rank
    raw = [test(values_N) for values_N in units]
    floors = holm([smallest_p(len(values_N)) for values_N in units])
    return tuple(
        Difference(arm, one, len(values_N), p, corrected, floor, interval(one.values_SQ, question.unit))
        for arm, one, values_N, p, corrected, floor in zip(others, pairs, units, raw, holm(raw), floors, strict=True)
    )


def paired(rows: Sequence[Row], arm: str, question: Question) -> Pairs:
    """An arm less the baseline, seed by seed and sequence by sequence."""
    own, base = (_by_seed(rows, name, question) for name in (arm, question.baseline))
    seeds = tuple(sorted(own.keys() & base.keys()))
    if not seeds:
        return Pairs((), (), np.empty((0, 0)))
    names = tuple(sorted(own[seeds[0]].sequences))
    values = [[own[seed].sequences[name] - base[seed].sequences[name] for name in names] for seed in seeds]
    return Pairs(seeds, names, np.array(values, np.float64))


def _by_seed(rows: Sequence[Row], arm: str, question: Question) -> dict[int, Outcome]:
    found = {row.seed: row.find(TRAINED, question.metric, question.labels) for row in rows if row.arm == arm}
    return {seed: one for seed, one in found.items() if one is not None}


def sign_flip(values_N: Array) -> float:
    """Two-sided p of mean 0, by the sign-flip test: exact up to 13 units, by random flips above.

    Under the null each difference is as likely as its negative; nothing else is assumed.
    """
    from scipy.stats import permutation_test

    if len(values_N) < 2:
        return 1.0 if len(values_N) else math.nan
    flips: dict[str, Any] = {"permutation_type": "samples", "n_resamples": RESAMPLES, "vectorized": True}
    return float(permutation_test((values_N,), np.mean, random_state=np.random.default_rng(0), **flips).pvalue)


def signed_rank(values_N: Array) -> float:
    """Two-sided p of Wilcoxon's signed-rank test: the sign-flip test on the ranks of all differences but zeros."""
    from scipy.stats import rankdata

    moved_N = values_N[values_N != 0]
    if len(values_N) and not len(moved_N):
        return 1.0
    return sign_flip(np.sign(moved_N) * rankdata(np.abs(moved_N)))


def smallest_p(n: int) -> float:
    """The smallest two-sided p that ``n`` units can give: both ways of equal signs, out of 2^n (or of the draws)."""
    if not n:
        return math.nan
    return 2 / (RESAMPLES + 1) if 2**n > RESAMPLES else 2.0 ** (1 - n)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction; NaN (no test) stays NaN and does not count."""
    found = sorted((value, index) for index, value in enumerate(p) if not math.isnan(value))
    corrected, highest = [math.nan] * len(p), 0.0
    for rank, (value, index) in enumerate(found):
        highest = corrected[index] = max(highest, min(1.0, (len(found) - rank) * value))
    return corrected


def interval(values_SQ: Array, unit: Unit) -> Interval:
    """95 % bootstrap interval of the mean: seeds are drawn, then sequences, the same ones for all seeds drawn.

    Each level's deviation is stretched for its own number of draws. With unit "sequence" the seeds stay as they are.
    """
    seeds, sequences = values_SQ.shape
    if (seeds if unit == "seed" else sequences) < 2:
        return Interval(math.nan, math.nan)
    rng = np.random.default_rng(0)
    weights_RS = _draws(rng, seeds) if unit == "seed" else np.full((1, seeds), 1 / seeds)
    drawn_RQ = weights_RS @ values_SQ
    by_seed_R = drawn_RQ.mean(axis=1) - values_SQ.mean()
    by_sequence_R = (drawn_RQ * _draws(rng, sequences)).sum(axis=1) - drawn_RQ.mean(axis=1)
    mean_R = values_SQ.mean() + widening(seeds) * by_seed_R + widening(sequences) * by_sequence_R
    low, high = np.percentile(mean_R, [2.5, 97.5])
    return Interval(float(low), float(high))


def _draws(rng: np.random.Generator, n: int) -> Array:
    """Share of each of ``n`` units in a resample, (R, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n


def widening(n: int) -> float:
    """How much too narrow a bootstrap over ``n`` units is: sqrt(n / (n - 1)) and Student's over the normal quantile."""
    from scipy.stats import norm, t

    return float(math.sqrt(n / (n - 1)) * t.ppf(0.975, n - 1) / norm.ppf(0.975)) if n > 1 else 1.0
