"""Outcomes come back from their file as they were; what is broken or cannot be compared is refused with its cause."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from poserep.core.errors import DataError
from poserep.core.measurement import Protocol
from poserep.core.study.results import Outcome, Row, check_alike, read_outcomes, write_outcomes

PROTOCOL = Protocol("studio", "human36m_17", "pelvis", "test", "T1, T2", 4)
OUTCOME = Outcome("trained", "N-MPJPE", "mm", 100, 97.43, 960, {"T1/gait": 95.5, "T2/gait": 99.25})


def row(arm: str, seed: int, *counts: int) -> Row:
    """A training measured at some numbers of labels."""
    outcomes = tuple(replace(OUTCOME, labels=count) for count in counts)
    return Row(arm, seed, outcomes, PROTOCOL, "ab12", "probe", "run", "poserep train")


ROWS = [row("dsl", 0, 100, 500), row("dsl", 1, 100, 500)]


def test_outcomes_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.json"
    outcomes = (OUTCOME, replace(OUTCOME, method="mean pose", value=141.2))

    write_outcomes(path, outcomes, PROTOCOL, "ab12")
    measured = read_outcomes(path)

    assert measured.outcomes == outcomes
    assert (measured.protocol, measured.data) == (PROTOCOL, "ab12")
    assert [one.name for one in tmp_path.iterdir()] == ["outcomes.json"]


@pytest.mark.parametrize("broken", [{"value": float("nan")}, {"sequences": {"T1/gait": float("inf")}}])
def test_a_value_that_is_not_finite_is_not_written(tmp_path: Path, broken: dict[str, object]) -> None:
    path = tmp_path / "outcomes.json"

    with pytest.raises(DataError) as caught:
        write_outcomes(path, [replace(OUTCOME, **broken)], PROTOCOL, "ab12")

    assert caught.value.what == "N-MPJPE of the trained method with 100 labels is not finite"
    assert caught.value.where == str(path)
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "[]", '{"outcomes": []}', '{"outcomes": [{"method": "trained"}]}'])
def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "outcomes.json"
    path.write_text(content)

    with pytest.raises(DataError, match="the outcomes cannot be read") as caught:
        read_outcomes(path)

    assert caught.value.where == str(path)
    assert caught.value.hint == "remove its folder and run the study again"


def test_an_absent_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the outcomes cannot be read"):
        read_outcomes(tmp_path / "outcomes.json")


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    write_outcomes(tmp_path / "outcomes.json", [OUTCOME], PROTOCOL, "ab12")

    content = json.loads((tmp_path / "outcomes.json").read_text())

    assert content["outcomes"][0]["sequences"] == {"T1/gait": 95.5, "T2/gait": 99.25}
    assert content["protocol"]["split"] == "test"


def test_a_row_finds_what_was_measured_and_nothing_else() -> None:
    row = Row("dsl", 3, (OUTCOME,), PROTOCOL, "ab12", "run", "pretraining", "poserep train")

    assert row.name == "dsl, seed 3"
    assert row.find("trained", "N-MPJPE", 100) is OUTCOME
    assert row.find("trained", "N-MPJPE", 500) is None
    assert row.find("mean pose", "N-MPJPE", 100) is None


def test_rows_of_another_split_are_refused_by_name() -> None:
    odd = replace(row("css", 1, 100, 500), protocol=replace(PROTOCOL, split="validation"))

    with pytest.raises(DataError) as caught:
        check_alike([*ROWS, row("css", 0, 100, 500), odd], "N-MPJPE")

    assert caught.value.what == (
        "these results were not measured alike, so no table can hold them: "
        "split is 'validation' in css, seed 1, but 'test' in the other 3"
    )
    assert caught.value.hint == "give what changes the data or the way of measuring a study of its own"


def test_rows_may_differ_by_what_their_protocol_is_called() -> None:
    check_alike([*ROWS, replace(row("css", 0, 100, 500), protocol=replace(PROTOCOL, card="studio"))], "N-MPJPE")
    odd = replace(row("css", 0, 100, 500), protocol=replace(PROTOCOL, joints="body_13"))
    with pytest.raises(DataError, match="joints is 'body_13' in css, seed 0"):
        check_alike([*ROWS, odd], "N-MPJPE")


def test_all_that_differs_is_told_at_once() -> None:
    with pytest.raises(DataError) as caught:
        check_alike([*ROWS, replace(row("css", 0, 100, 250), data="cd34")], "N-MPJPE")

    assert caught.value.what.split(": ", 1)[1] == (
        "data fingerprint is 'cd34' in css, seed 0, but 'ab12' in the other 2. "
        "label counts is '100, 250' in css, seed 0, but '100, 500' in the other 2"
    )


def test_two_rows_that_differ_are_both_named() -> None:
    with pytest.raises(DataError, match="'ab12' in dsl, seed 0, but 'cd34' in css, seed 0"):
        check_alike([ROWS[0], replace(row("css", 0, 100, 500), data="cd34")], "N-MPJPE")


def test_rows_over_other_sequences_or_frames_are_refused() -> None:
    moved = replace(OUTCOME, samples=12, sequences={"T1/gait": 80.0, "T3/jump": 80.0})

    with pytest.raises(DataError) as caught:
        check_alike([row("dsl", 0, 100), row("dsl", 1, 100), replace(row("css", 0), outcomes=(moved,))], "N-MPJPE")

    assert "test frames is '12' in css, seed 0, but '960' in the other 2" in caught.value.what
    assert "sequences is 'T1/gait, T3/jump' in css, seed 0, but 'T1/gait, T2/gait' in the other 2" in caught.value.what


def test_a_metric_that_nobody_measured_is_refused_with_those_measured() -> None:
    with pytest.raises(DataError, match="no arm was measured by P-MPJPE") as caught:
        check_alike(ROWS, "P-MPJPE")

    assert caught.value.hint == "measured: N-MPJPE"


def test_rows_that_were_measured_alike_pass() -> None:
    check_alike([*ROWS, row("css", 5, 500, 100)], "N-MPJPE")
