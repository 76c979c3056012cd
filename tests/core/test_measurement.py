from pathlib import Path

import pytest

from poserep.core.measurement import Measurement, Protocol, read_measurements, write_measurements

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


def test_a_protocol_says_what_must_be_equal() -> None:
    assert str(PROTOCOL) == "studio · human36m_17, root pelvis · test: 3 subjects · every 4th frame"
    every = Protocol("studio", "human36m_17", "pelvis", "test", "3 subjects", 1)
    assert str(every).endswith("every frame")
    assert every != PROTOCOL
