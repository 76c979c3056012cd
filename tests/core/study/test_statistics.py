"""The statistics agree with scipy's, with examples worked by hand, and with the rates that they promise."""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy import stats

from poserep.core.measurement import Protocol
from poserep.core.study.results import Outcome, Row
from poserep.core.study.statistics import (
    ALPHA,
    RESAMPLES,
    Question,
    compare,
    holm,
    interval,
    paired,
    sign_flip,
    signed_rank,
    smallest_p,
    widening,
)

PROTOCOL = Protocol("studio", "human36m_17", "pelvis", "test", "T1, T2", 4)
QUESTION = Question("dsl", "N-MPJPE", 100)


def row(arm: str, seed: int, values: Sequence[float]) -> Row:
    """A training whose error on sequence k is ``values[k]``."""
    sequences = {f"T{k}/gait": float(value) for k, value in enumerate(values)}
    outcome = Outcome("trained", "N-MPJPE", "mm", 100, float(np.mean(values)), 960, sequences)
    return Row(arm, seed, (outcome,), PROTOCOL, "ab12", f"probe/{arm}-{seed}", f"run/{arm}-{seed}", "poserep train")


def study(arms: Sequence[str], seeds: int, rng: np.random.Generator, sequences: int = 12) -> list[Row]:
    """Arms without any difference: a training has luck of its own, a sequence is as hard for all."""
    hard_Q = rng.normal(90, 10, sequences)
    return [
        row(arm, seed, hard_Q + rng.normal(0, 2) + rng.normal(0, 2, sequences)) for arm in arms for seed in range(seeds)
    ]


# ------------------------------------------------------------------------------------------------ sign-flip test


def test_sign_flips_are_counted_as_by_hand() -> None:
    # 5 differences with the sum 9.5, 32 flips: it is reached by these signs and by five plus signs (10.5), and as far
    # below zero by the opposites of both: 4 of 32
    values_N = np.array([1.0, 2.0, -0.5, 3.0, 4.0])
    flips = [abs(np.dot(signs, np.abs(values_N))) for signs in itertools.product((-1, 1), repeat=5)]

    by_enumeration = np.mean(np.array(flips) >= abs(values_N.sum()) - 1e-9)

    assert by_enumeration == 4 / 32
    assert sign_flip(values_N) == pytest.approx(by_enumeration)


@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_exact_p_equals_enumeration(n: int) -> None:
    values_N = np.random.default_rng(n).normal(0.5, 1, n)
    flips = np.array(list(itertools.product((-1, 1), repeat=n))) @ values_N

    assert sign_flip(values_N) == pytest.approx(np.mean(np.abs(flips) >= abs(values_N.sum()) - 1e-9))


def test_many_units_are_flipped_at_random_and_give_the_same_p_every_time() -> None:
    values_N = np.random.default_rng(1).normal(0.3, 1, 30)

    assert sign_flip(values_N) == sign_flip(values_N)
    assert sign_flip(values_N) == pytest.approx(stats.ttest_1samp(values_N, 0).pvalue, abs=0.02)


def test_p_does_not_depend_on_order_sign_or_scale() -> None:
    values_N = np.array([1.0, 2.0, -0.5, 3.0, 4.0, 0.25])

    for same in (values_N[::-1], -values_N, 1000 * values_N):
        assert sign_flip(same) == pytest.approx(sign_flip(values_N))
        assert signed_rank(same) == pytest.approx(signed_rank(values_N))


@pytest.mark.parametrize("test", [sign_flip, signed_rank])
def test_no_difference_gives_p_of_one_and_no_data_gives_none(test: Callable[[np.ndarray], float]) -> None:
    assert test(np.zeros(5)) == 1.0
    assert test(np.array([3.0])) == 1.0
    assert math.isnan(test(np.empty(0)))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("test", [sign_flip, signed_rank])
def test_equal_signs_give_the_smallest_p_that_n_can(test: Callable[[np.ndarray], float], n: int) -> None:
    assert smallest_p(n) == 2.0 ** (1 - n)
    assert test(np.arange(1.0, n + 1)) == pytest.approx(smallest_p(n))


def test_the_smallest_p_of_random_flips_is_that_of_their_number() -> None:
    assert smallest_p(14) == 2 / (RESAMPLES + 1)
    assert sign_flip(np.arange(1.0, 31)) == pytest.approx(smallest_p(30))
    assert math.isnan(smallest_p(0))


# ------------------------------------------------------------------------------------------------ signed ranks


@pytest.mark.parametrize("n", [4, 7, 12])
def test_signed_ranks_agree_with_scipy(n: int) -> None:
    values_N = np.random.default_rng(n).normal(0.4, 1, n)

    assert signed_rank(values_N) == pytest.approx(stats.wilcoxon(values_N, method="exact").pvalue)


def test_signed_ranks_agree_with_scipy_on_ties_and_zeros() -> None:
    values_N = np.array([1.0, 1.0, 2.0, 0.0, -2.0, 3.0, 0.5])

    expected = stats.wilcoxon(values_N, zero_method="wilcox", method=stats.PermutationMethod()).pvalue

    assert signed_rank(values_N) == pytest.approx(expected)


# ------------------------------------------------------------------------------------------------ correction


def test_holm_steps_down_as_by_hand() -> None:
    # sorted 0.005, 0.01, 0.03, 0.04, times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04; the last is raised to 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_never_exceeds_one_and_ignores_what_was_not_tested() -> None:
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([0.02, math.nan]) == pytest.approx([0.02, math.nan], nan_ok=True)
    assert holm([]) == []


def test_holm_lies_between_no_correction_and_bonferroni() -> None:
    p = np.random.default_rng(3).random(20) / 20

    corrected = np.array(holm(list(p)))

    assert (corrected >= p).all()
    assert (corrected <= np.minimum(1, 20 * p)).all()
    assert (np.diff(corrected[np.argsort(p)]) >= 0).all()


# ------------------------------------------------------------------------------------------------ intervals


def test_an_interval_of_one_level_is_that_of_student_where_the_normal_holds() -> None:
    values_S = np.random.default_rng(4).normal(3, 1, 40)

    low, high = interval(values_S[:, None], "seed")

    expected = stats.t.interval(0.95, 39, values_S.mean(), stats.sem(values_S))
    assert (low, high) == pytest.approx(expected, abs=0.05)


def test_widening_undoes_what_a_bootstrap_of_few_is_too_narrow() -> None:
    assert widening(3) == pytest.approx(math.sqrt(3 / 2) * 4.302653 / 1.959964, rel=1e-6)
    assert widening(10_000) == pytest.approx(1, abs=1e-3)
    assert widening(1) == 1.0


def test_an_interval_moves_and_stretches_with_its_data() -> None:
    values_SQ = np.random.default_rng(5).normal(0, 1, (4, 6))

    low, high = interval(values_SQ, "seed")

    assert interval(10 + 3 * values_SQ, "seed") == pytest.approx((10 + 3 * low, 10 + 3 * high))
    assert interval(values_SQ, "seed") == (low, high)
    assert low < values_SQ.mean() < high


def test_a_single_unit_has_no_interval() -> None:
    assert np.isnan(interval(np.ones((1, 9)), "seed")).all()
    assert np.isnan(interval(np.ones((9, 1)), "sequence")).all()
    assert np.isnan(interval(np.empty((0, 0)), "seed")).all()


def test_seeds_widen_an_interval_only_where_they_are_what_is_drawn() -> None:
    luck_S1 = np.array([[-3.0], [0.0], [3.0]])
    values_SQ = luck_S1 + np.random.default_rng(6).normal(0, 0.1, (3, 8))

    def width(unit: str) -> float:
        low, high = interval(values_SQ, unit)
        return high - low

    assert width("sequence") < 0.3
    assert width("seed") > 10


@pytest.mark.parametrize(("seeds", "spread"), [(3, 1.0), (5, 0.5), (8, 2.0)])
def test_intervals_hold_the_true_difference_as_often_as_they_say(seeds: int, spread: float) -> None:
    rng = np.random.default_rng(7)
    repetitions, hits = 150, 0
    for _ in range(repetitions):
        luck_S1, sequence_1Q = rng.normal(0, 1, (seeds, 1)), rng.normal(0, spread, (1, 12))
        low, high = interval(2 + luck_S1 + sequence_1Q + rng.normal(0, 1, (seeds, 12)), "seed")
        hits += low <= 2 <= high

    # 95 %, less three standard errors of a count over so many repetitions
    assert hits / repetitions >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / repetitions)


# ------------------------------------------------------------------------------------------------ comparison


def test_differences_are_paired_over_seed_and_sequence() -> None:
    rows = [row("dsl", 0, [10, 20]), row("dsl", 1, [30, 40]), row("css", 0, [11, 22]), row("css", 1, [33, 44])]

    (found,) = compare(rows, ["dsl", "css"], QUESTION)

    assert found.arm == "css"
    assert found.pairs.values_SQ.tolist() == [[1, 2], [3, 4]]
    assert found.pairs.units("seed").tolist() == [1.5, 3.5]
    assert found.pairs.units("sequence").tolist() == [2, 3]
    assert (found.mean, found.n, found.p) == (2.5, 2, 0.5)


def test_only_seeds_that_both_have_are_paired() -> None:
    rows = [row("dsl", 0, [1]), row("dsl", 1, [2]), row("dsl", 2, [3]), row("css", 1, [5]), row("css", 7, [9])]

    pairs = paired(rows, "css", QUESTION)

    assert pairs.seeds == (1,)
    assert pairs.values_SQ.tolist() == [[3]]


def test_an_arm_without_pairs_has_no_difference_and_does_not_cost_the_others() -> None:
    rows = [row(arm, seed, [base + seed]) for arm, base in (("dsl", 1), ("css", 5)) for seed in range(6)]

    css, none = compare(rows, ["dsl", "css", "none"], QUESTION)

    assert css.p == css.corrected == css.floor == pytest.approx(2 / 64)
    assert none.n == 0
    assert math.isnan(none.mean)
    assert math.isnan(none.p)
    assert not none.significant


def test_identical_arms_differ_by_nothing_with_p_of_one() -> None:
    rows = [row(arm, seed, [90 + seed, 80 - seed]) for arm in ("dsl", "css") for seed in range(8)]

    for test in ("permutation", "wilcoxon"):
        (found,) = compare(rows, ["dsl", "css"], Question("dsl", "N-MPJPE", 100, test=test))
        assert (found.mean, found.p, found.interval) == (0.0, 1.0, (0.0, 0.0))
        assert not found.significant


@pytest.mark.parametrize(("seeds", "arms", "enough"), [(5, 1, False), (6, 1, True), (6, 2, False), (7, 2, True)])
def test_too_few_seeds_cannot_be_significant_however_large_the_difference(seeds: int, arms: int, enough: bool) -> None:
    names = [f"arm{k}" for k in range(arms)]
    rows = [row(name, seed, [1000 + seed]) for name in names for seed in range(seeds)]
    rows += [row("dsl", seed, [0]) for seed in range(seeds)]

    found = compare(rows, ["dsl", *names], QUESTION)

    assert {one.enough for one in found} == {enough}
    assert {one.significant for one in found} == {enough}
    assert all(one.corrected == one.floor == arms * 2.0 ** (1 - seeds) for one in found)


def null_rate(unit: str, test: str, repetitions: int = 400) -> tuple[float, float]:
    """How often one arm, and how often any of two after correction, is said to differ where none does."""
    rng = np.random.default_rng(8)
    question = Question("dsl", "N-MPJPE", 100, unit, test)
    judge = sign_flip if test == "permutation" else signed_rank
    one = family = 0
    for _ in range(repetitions):
        rows = study(("dsl", "again", "and again"), 8, rng)
        p = [judge(paired(rows, arm, question).units(unit)) for arm in ("again", "and again")]
        one += p[0] <= ALPHA
        family += min(holm(p)) <= ALPHA
    return one / repetitions, family / repetitions


@pytest.mark.parametrize("test", ["permutation", "wilcoxon"])
def test_a_study_of_the_same_arm_is_called_different_no_oftener_than_stated(test: str) -> None:
    most = ALPHA + 2.6 * math.sqrt(ALPHA * (1 - ALPHA) / 400)

    one, family = null_rate("seed", test)

    assert 0 < one <= most
    assert family <= most


def test_sequences_of_one_training_share_its_luck_so_they_are_no_replicates_of_it() -> None:
    one, _ = null_rate("sequence", "permutation", 60)

    assert one > 0.2
