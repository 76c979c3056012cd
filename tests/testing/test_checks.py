"""The proof that the kit can fail: for each check there is a part that is bad in that way, and in no other."""

import pytest

from poserep.testing.bench import Bench
from poserep.testing.checks import CHECKS
from poserep.testing.report import Outcome
from poserep.tests.testing.bad import entries, expected, registry

PARTS = sorted(entry.key for entry in entries())


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[Outcome]]:
    bench = Bench("bad", registry())
    found: dict[str, list[Outcome]] = {}
    for entry, check in bench.cases:
        found.setdefault(entry.key, []).append(bench.outcome(entry, check))
    bench.close()
    return found


@pytest.mark.parametrize("part", PARTS)
def test_a_part_fails_the_check_of_what_is_wrong_with_it_and_no_other(
    part: str, outcomes: dict[str, list[Outcome]]
) -> None:
    assert {one.check: one.reason for one in outcomes[part] if one.state == "failed"}.keys() == expected(part)


@pytest.mark.parametrize("part", PARTS)
def test_whatever_is_not_run_has_a_reason(part: str, outcomes: dict[str, list[Outcome]]) -> None:
    assert all(one.reason for one in outcomes[part] if one.state != "run")


def test_every_check_can_fail() -> None:
    assert set().union(*(expected(part) for part in PARTS)) == {check.name for check in CHECKS}


def test_checks_have_names_of_their_own_and_a_claim() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.claim and not check.claim.endswith(".") for check in CHECKS)


def test_what_cannot_be_built_is_blamed_once(outcomes: dict[str, list[Outcome]]) -> None:
    assert {one.reason for one in outcomes["corruption.builds"] if one.check in ("runs", "writes", "cost")} == {
        "it failed the check 'builds' before"
    }


def test_a_cost_is_measured(outcomes: dict[str, list[Outcome]]) -> None:
    (cost,) = [one for one in outcomes["encoder.good"] if one.check == "cost"]
    assert cost.numbers["parameters"] == 3 * 6 + 6
    assert cost.numbers["megaflops"] == pytest.approx(4 * 2 * 3 * 6 / 1e6, abs=1e-3)
    assert cost.numbers["milliseconds"] > 0
