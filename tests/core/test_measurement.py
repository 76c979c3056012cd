import json
from dataclasses import replace
from pathlib import Path

import pytest

from poserep.core.measurement import Measurement, Protocol, every, read_measurements, write_measurements

PROTOCOL = Protocol("studio", "human36m_17", "pelvis", "test", "3 subjects", 4)


def one(value: float = 93.456, unit: str = "mm") -> Measurement:
    return Measurement("N-MPJPE", "trained", value, unit, 240, 100, PROTOCOL, "runs/demo")


def test_measurements_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "measurements.json"
    rows = [one(), one(0.5, "")]
    write_measurements(path, rows)
    assert read_measurements(path) == rows
    assert [file.name for file in tmp_path.iterdir()] == ["measurements.json"]


def test_an_absent_file_holds_none(tmp_path: Path) -> None:
    assert read_measurements(tmp_path / "measurements.json") == []


@pytest.mark.parametrize(
    ("row", "text"),
    [(one(), "N-MPJPE 93.5 mm (n=240, test)"), (one(0.8762, ""), "N-MPJPE 0.876 (n=240, test)")],
)
def test_a_number_never_travels_without_unit_count_and_split(row: Measurement, text: str) -> None:
    assert str(row) == text


def test_a_protocol_names_its_card_joints_and_pool() -> None:
    card = replace(PROTOCOL, joints="body_13", root="mid_hip", pool=9, card="mpi but for stride")
    data = "studio · body_13 of human36m_17, root mid_hip · test: 3 subjects"
    assert str(card) == f"card mpi but for stride · {data} · every 4th frame · labels from every 9th training frame"
    assert "human36m_17 in the frame" in str(replace(PROTOCOL, target="pose_2d"))


def test_what_a_card_is_called_makes_no_other_protocol_but_its_joints_do() -> None:
    assert replace(PROTOCOL, card="studio", pool=4) == PROTOCOL
    assert replace(PROTOCOL, joints="body_13") != PROTOCOL
    assert replace(PROTOCOL, target="pose_2d") != PROTOCOL


def test_files_of_before_cards_are_read(tmp_path: Path) -> None:
    path = tmp_path / "measurements.json"
    write_measurements(path, [one()])
    rows = json.loads(path.read_text())
    for row in rows:
        del row["reader"]
        row["protocol"] = {key: row["protocol"][key] for key in list(row["protocol"])[:6]}
    path.write_text(json.dumps(rows))
    assert read_measurements(path) == [one()]


@pytest.mark.parametrize(
    ("stride", "text"), [(1, "frame"), (2, "2nd frame"), (3, "3rd frame"), (11, "11th frame"), (21, "21st frame")]
)
def test_strides_are_told_in_words(stride: int, text: str) -> None:
    assert every(stride, "frame") == f"every {text}"


def test_a_protocol_says_what_must_be_equal() -> None:
    assert str(PROTOCOL) == "studio · human36m_17, root pelvis · test: 3 subjects · every 4th frame"
    whole = Protocol("studio", "human36m_17", "pelvis", "test", "3 subjects", 1)
    assert str(whole).endswith("every frame")
    assert whole != PROTOCOL
