import sys
from pathlib import Path

import pytest

from poserep.core.errors import PluginError
from poserep.core.registry import Registry
from poserep.testing import check
from poserep.testing.targets import broken_packages, entries_of
from poserep.tests.fakes.outside import install, plugin

MANIFEST = '[background.dark]\nmodule = "night.dark"\nsummary = "No background at all"\n'


def keys(target: str, registry: Registry) -> list[str]:
    return [entry.key for entry in entries_of(target, registry)]


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "night"]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def test_a_part_by_kind_and_name_and_by_name() -> None:
    registry = Registry(installed=())
    assert keys("loss.dsl", registry) == keys("dsl", registry) == ["loss.dsl"]


def test_a_name_means_all_kinds_that_have_it() -> None:
    assert keys("none", Registry(installed=())) == ["corruption.none", "exchange.none"]


def test_a_package_by_its_import_package_and_by_its_distribution(outside: Path) -> None:
    install(outside, "night", MANIFEST, dark=plugin("background", "dark"))
    about = outside / "night-1.0.dist-info" / "METADATA"
    about.write_text(about.read_text().replace("Name: night", "Name: black-sky"), encoding="utf-8")
    (outside / "night-1.0.dist-info").rename(outside / "black_sky-1.0.dist-info")
    registry = Registry()

    assert keys("night", registry) == keys("black-sky", registry) == ["background.dark"]
    assert {"background.dark", "loss.dsl"} <= set(keys("all", registry))
    assert "background.dark" not in keys("poserep", registry)


def test_what_does_not_exist_is_refused_with_what_is_near() -> None:
    with pytest.raises(PluginError, match="there is no part and no package") as caught:
        entries_of("loss.dsll", Registry(installed=()))
    assert caught.value.hint == "did you mean 'loss.dsl'?"


def test_a_package_that_cannot_be_read_is_a_failed_outcome(outside: Path) -> None:
    install(outside, "night", "[background.dark")

    report = check("night", Registry())

    assert [(one.part, one.check, one.state) for one in report.outcomes] == [("night", "loads", "failed")]
    assert "cannot be read" in report.outcomes[0].reason
    assert not report.passed


def test_a_part_that_bears_a_shipped_name_is_a_failed_outcome(outside: Path) -> None:
    install(outside, "night", MANIFEST.replace("dark", "median", 1), dark=plugin("background", "median"))

    report = check("night", Registry())

    assert [(one.part, one.state) for one in report.outcomes] == [("night/background.median", "failed")]
    assert "bears the name of a shipped part" in report.outcomes[0].reason


def test_a_part_that_does_not_import_is_a_failed_outcome_and_skips_the_rest(outside: Path) -> None:
    install(outside, "night", MANIFEST, dark="import sys\nsys.exit('gone')\n")

    report = check("night", Registry())

    failed = {one.check: one.reason for one in report.outcomes if one.state == "failed"}
    assert failed.keys() == {"loads", "light"}
    assert "gone" in failed["loads"]
    assert "SystemExit" in failed["light"]
    assert report.count("skipped") == 10
    assert report.gaps == []


def test_broken_packages_of_others_are_not_mine(outside: Path) -> None:
    install(outside, "night", "[background.dark")

    assert broken_packages("poserep", Registry()) == {}
    assert list(broken_packages("all", Registry())) == ["night"]
