import json

import pytest

from poserep.core.interfaces import KINDS
from poserep.core.registry import Registry
from poserep.testing import bench, check
from poserep.testing.checks import CHECKS
from poserep.testing.report import Outcome, Report, expected, gaps

PART = "background.constant"
NAMES = [one.name for one in CHECKS if "background" in one.kinds]
WHOLE = Report(PART, tuple(Outcome(PART, name, "run") for name in NAMES))


def with_last(state: str, reason: str = "") -> Report:
    return Report(PART, (*WHOLE.outcomes[:-1], Outcome(PART, NAMES[-1], state, reason)))


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_checks_apply_to_a_kind_as_are_stated(kind: str) -> None:
    assert expected()[kind] == sum(kind in one.kinds for one in CHECKS)


def test_all_checks_run_is_a_pass() -> None:
    assert WHOLE.passed
    assert (WHOLE.count("run"), WHOLE.count("skipped"), WHOLE.count("failed")) == (len(NAMES), 0, 0)
    assert WHOLE.parts == [PART]


def test_a_check_that_is_not_there_fails_the_report() -> None:
    report = Report(PART, WHOLE.outcomes[:-1])
    assert not report.passed
    assert report.gaps == [f"{PART}: {len(NAMES) - 1} checks, but {len(NAMES)} apply to a background"]


def test_a_check_in_place_of_another_fails_the_report() -> None:
    assert not Report(PART, (*WHOLE.outcomes[:-1], WHOLE.outcomes[0])).passed


def test_a_report_of_nothing_fails() -> None:
    assert Report("mine", ()).gaps == ["no part of 'mine' was checked"]


def test_a_skip_passes_with_a_reason_alone() -> None:
    assert with_last("skipped", "there is no network").passed
    assert not with_last("skipped", " ").passed


def test_a_failed_check_fails_the_report() -> None:
    assert not with_last("failed", "it is bad").passed


def test_a_report_as_json_tells_all() -> None:
    told = json.loads(json.dumps(with_last("skipped", "no network").as_json()))
    assert told["counts"] == {"run": len(NAMES) - 1, "skipped": 1, "failed": 0}
    assert told["passed"] is True
    assert told["outcomes"][-1]["reason"] == "no network"


def test_checks_that_disappear_from_the_table_fail_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "CHECKS", tuple(one for one in CHECKS if one.name != "fills"))

    report = check(PART, Registry(installed=()))

    assert report.count("failed") == 0
    assert not report.passed


def test_a_shipped_part_passes_and_its_cost_is_there() -> None:
    seen = []

    def progress(items, label, total, unit):
        for item in items:
            seen.append(label)
            yield item

    report = check(PART, Registry(installed=()), progress)

    assert report.passed
    assert report.costs()[PART].keys() == {"milliseconds"}
    assert seen == ["checking"] * len(NAMES)
    assert gaps([(PART, name) for name in NAMES]) == []
