from pathlib import Path

import pytest

from poserep.core.registry import Registry
from poserep.tests.fakes.outside import install
from poserep.verbs import doctor
from poserep.verbs.doctor import Finding, examine


def by_name() -> dict[str, Finding]:
    return {finding.check: finding for finding in examine()}


def test_this_machine_is_fine() -> None:
    found = by_name()
    assert list(found) == ["python", "packages", "torchvision", "device", "video", "frame cache", "plugins"]
    assert {finding.state for finding in found.values()} <= {"ok", "note"}
    assert "match" in found["torchvision"].what
    assert "cores" in found["device"].what


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    found = by_name()["packages"]
    assert found.state == "bad"
    assert found.what == "not installed: no-such-package; run pip install poserep"


def test_a_torchvision_of_another_build_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("importlib.import_module", fail)
    found = doctor._vision()
    assert found.state == "bad"
    assert found.what == (
        "operator torchvision::nms does not exist; "
        "install both in one go: pip install --force-reinstall torch torchvision"
    )


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEREP_CACHE", str(tmp_path / "deep" / "cache"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    found = by_name()["frame cache"]
    assert found.state == "bad"
    assert found.what == f"{tmp_path / 'deep' / 'cache'} cannot be written; set POSEREP_CACHE to another folder"


def test_little_room_is_worth_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LOW_DISK_GB", 1e9)
    assert by_name()["frame cache"].state == "note"


def test_a_broken_plugin_is_a_note_with_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "outside_sick", '[loss.own]\nmodule = "outside_sick.own"\n', own="raise ValueError('no luck')")
    found = by_name()["plugins"]
    assert found.state == "note"
    assert "broken: loss.own: loss.own failed on import: ValueError: no luck" in found.what
    assert len(Registry().load_all()) >= 25
