from pathlib import Path

import pytest
from pydantic import Field

from poserep.core.errors import PluginError
from poserep.core.interfaces import Options
from poserep.core.registry import Registry
from poserep.tests.fakes.outside import install, plugin
from poserep.verbs.plugins import describe, find, list_rows, option_rows, show

REGISTRY = Registry(installed=())


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Registry:
    """A registry with one outside package whose only plugin raises."""
    monkeypatch.syspath_prepend(tmp_path)
    package = f"outside_{request.node.name}"
    install(tmp_path, package, f'[loss.own]\nmodule = "{package}.own"\n', own="raise ValueError('no luck')")
    return Registry()


def test_every_declared_part_is_listed_with_what_it_does() -> None:
    rows, causes = list_rows(REGISTRY)
    assert {"kind": "loss", "name": "dsl"}.items() <= next(row for row in rows if row["name"] == "dsl").items()
    assert all(row["summary"] and row["package"] == "poserep" for row in rows)
    assert causes == {}


def test_listing_cannot_know_that_a_plugin_is_broken_but_checking_does(broken: Registry) -> None:
    assert list_rows(broken)[1] == {}
    rows, causes = list_rows(broken, check=True)
    assert "own" in {row["name"] for row in rows}
    assert causes["loss.own"].startswith("loss.own failed on import: ValueError: no luck\n")


def test_showing_a_broken_plugin_tells_its_cause(broken: Registry) -> None:
    with pytest.raises(PluginError, match="failed on import: ValueError: no luck"):
        describe("own", broken)
    assert describe("dsl", broken)["name"] == "dsl"


def test_a_package_with_an_unreadable_manifest_is_told_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "outside_unreadable", "[loss")
    registry = Registry()
    assert "the manifest cannot be read" in list_rows(registry)[1]["outside_unreadable"]
    with pytest.raises(PluginError, match="the manifest cannot be read"):
        describe("outside_unreadable", registry)


def test_an_outsider_that_bears_a_shipped_name_is_told_and_the_shipped_part_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "outside_usurper", '[loss.dsl]\nmodule = "outside_usurper.own"\n')
    registry = Registry()
    assert describe("dsl", registry)["package"] == "poserep"
    for name in ("outside_usurper/loss.dsl", "outside_usurper"):
        with pytest.raises(PluginError, match="bears the name of a shipped part"):
            describe(name, registry)


def test_fields_are_shown_with_their_axes_and_a_packages_own_with_their_meaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    text = '[field."outside_seen:depth"]\naxes = "B T"\nunit = "mm"\nmeaning = "distance [of all]"\n'
    source = plugin("loss", "own", "reads=('variant', 'outside_seen:depth?')")
    install(tmp_path, "outside_seen", f'[loss.own]\nmodule = "outside_seen.own"\n{text}', own=source)
    description = describe("own")
    assert description["reads"] == ["variant", "outside_seen:depth?"]
    assert description["fields"]["outside_seen:depth"] == {
        "axes": "B T",
        "unit": "mm",
        "meaning": "distance [of all]",
    }
    show(description)
    out = capsys.readouterr().out
    assert "reads   variant (B N V), outside_seen:depth? (B T)\n" in out
    assert "field   outside_seen:depth: distance [of all], mm\n" in out


def test_a_part_is_found_by_its_key_or_by_its_name_alone() -> None:
    assert find("loss.dsl", REGISTRY) is find("dsl", REGISTRY)


def test_a_name_that_several_kinds_have_must_be_told_apart() -> None:
    with pytest.raises(PluginError) as caught:
        find("none", REGISTRY)
    assert caught.value.what == "2 kinds have a part named 'none'"
    assert caught.value.hint == "say which: corruption.none, exchange.none"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("dssl", "did you mean 'dsl'?"),
        ("los.dsl", "did you mean 'loss.dsl'?"),
        ("zzzz", "`poserep plugins list` names them all"),
    ],
)
def test_an_unknown_part_has_a_near_one_or_the_list(name: str, hint: str) -> None:
    with pytest.raises(PluginError) as caught:
        find(name, REGISTRY)
    assert (caught.value.what, caught.value.hint) == (f"there is no part named {name!r}", hint)


def test_a_description_holds_what_the_code_declares() -> None:
    found = describe("dsl", REGISTRY)
    assert found["reads"] == ["variant", "time", "roles"]
    assert found["roles"] == ["reference", "positive", "intermediate", "negative"]
    assert found["options"][0] == {
        "option": "threshold_s",
        "type": "number",
        "default": "4.0",
        "meaning": "Distance in seconds from which on two frames must be unlike: "
        "the sampler's least distance of a negative.",
    }


class Inner(Options):
    """A table."""

    a: int = 1
    """A number."""


class Many(Options):
    """Options of every type."""

    must: str
    """Without a default."""
    empty: str = ""
    """Empty text."""
    flag: bool = True
    """Yes or no."""
    pair: tuple[float, float] = (0.5, 1.0)
    """Two numbers."""
    maybe: int | None = None
    """Perhaps."""
    inner: Inner = Inner()
    """A table."""
    made: tuple[int, ...] = Field(default_factory=tuple)
    """Made."""
    path: Path = Path("here")
    """A place."""


def test_options_are_told_as_one_writes_them_in_a_recipe() -> None:
    rows = {row["option"]: (row["type"], row["default"]) for row in option_rows(Many)}
    assert rows == {
        "must": ("string", "required"),
        "empty": ("string", '""'),
        "flag": ("boolean", "true"),
        "pair": ("array", "[0.5, 1.0]"),
        "maybe": ("integer", ""),
        "inner": ("table", '{"a": 1}'),
        "made": ("array", "[]"),
        "path": ("string", '"here"'),
    }


def test_every_shipped_part_can_be_described_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for key in REGISTRY.entries:
        description = describe(key, REGISTRY)
        show(description)
        out = capsys.readouterr().out
        assert key in out
        assert all(row["option"] in out for row in description["options"])


def test_fields_that_depend_on_options_without_a_default_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = plugin("loss", "own", "reads=lambda options: (options.field,)").replace("    pass", "    field: str")
    install(tmp_path, "outside_depends", '[loss.own]\nmodule = "outside_depends.own"\n', own=source)
    assert describe("own")["reads"] == ["depends on its options"]
