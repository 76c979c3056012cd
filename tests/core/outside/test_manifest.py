"""Manifests as data, which packages have one, and which of them are let in. Nothing is imported."""

import logging
import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import poserep
from poserep.core.errors import PluginError
from poserep.core.interfaces import API_LEVEL, KINDS, SPOKEN
from poserep.core.outside.manifest import (
    GROUP,
    Entry,
    allowed,
    check_level,
    find_manifest,
    installed_points,
    read_manifest,
)
from poserep.tests.fakes.outside import install

OWN = '[loss.own]\nmodule = "pack.own"\n'
DEPTH = '[field."pack:depth"]\naxes = "B T 1 H W"\nunit = "mm"\nmeaning = "distance from the camera"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "registry.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_manifest_declares_every_kind() -> None:
    manifest = read_manifest(Path(poserep.__file__).parent / "registry.toml", "poserep")
    assert {entry.kind for entry in manifest.entries} == set(KINDS)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", entry.name) and entry.shipped for entry in manifest.entries)
    assert not manifest.fields
    assert not manifest.refused


def test_a_manifest_declares_parts_and_fields(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, f"api = {SPOKEN[-1]}\n{OWN}{DEPTH}"), "pack")
    assert manifest.entries == [Entry("loss", "own", "pack.own", package="pack")]
    (field,) = manifest.fields
    assert (field.name, field.axes, field.unit) == ("pack:depth", "B T 1 H W", "mm")
    assert manifest.folder == tmp_path


@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        ("[los.own]\nmodule = 'x'", "los.own", "[los.own] kind: Input should be 'dataset', "),
        ("[loss.own]\nsummary = 'x'", "loss.own", "[loss.own] module: Field required"),
        ("[loss.own]\nmodule = ''", "loss.own", "[loss.own] module: String should have at least 1 character"),
        ("[loss.own]\nmodule = 3", "loss.own", "[loss.own] module: Input should be a valid string"),
        ("[loss.own]\nmodule = 'x'\nauthor = 'y'", "loss.own", "[loss.own] author: Unexpected keyword argument"),
        ("[loss.own]\nmodule = 'x'\npackage = 'poserep'", "loss.own", "multiple values for keyword argument 'package'"),
        ("[loss.'Own part']\nmodule = 'x'", "loss.Own part", "[loss.Own part] name: String should match pattern"),
        ("[loss.'a/b']\nmodule = 'x'", "loss.a/b", "name: String should match pattern"),
        ("[loss]\nown = 'x'", "loss.own", "argument after ** must be a mapping, not str"),
        ("loss = 3", "loss.", "argument after ** must be a mapping, not int"),
        (DEPTH.replace("pack:", ""), "field.depth", "is not under the package's own prefix: 'pack:NAME'"),
        (DEPTH.replace("pack:", "other:"), "field.other:depth", "is not under the package's own prefix: 'pack:NAME'"),
        (DEPTH.replace("depth", "a:b"), "field.pack:a:b", "name: String should match pattern"),
        (DEPTH.replace("B T 1 H W", "B, T"), "field.pack:depth", "axes: String should match pattern"),
        (DEPTH.replace('"mm"', "1"), "field.pack:depth", "unit: Input should be a valid string"),
        (DEPTH.replace('"mm"', '""'), "field.pack:depth", "unit: String should have at least 1 character"),
        ('[field."pack:depth"]\naxes = "B"', "field.pack:depth", "unit: Field required; meaning: Field required"),
    ],
)
def test_a_table_of_nonsense_is_kept_with_its_cause_and_harms_no_other(
    tmp_path: Path, text: str, key: str, told: str
) -> None:
    manifest = read_manifest(written(tmp_path, f"{text}\n[head.fine]\nmodule = 'pack.fine'\n"), "pack")
    assert [entry.key for entry in manifest.entries] == ["head.fine"]
    assert not manifest.fields
    assert list(manifest.refused) == [key]
    assert told in manifest.refused[key].what
    assert manifest.refused[key].where == f"{tmp_path / 'registry.toml'} (pack)"


@pytest.mark.parametrize("content", [b"[loss.own", b"\xff\xfe", None])
def test_a_manifest_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "registry.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PluginError, match=r"^the manifest cannot be read: ") as caught:
        read_manifest(path, "pack")
    assert caught.value.where == f"{path} (pack)"


@pytest.mark.parametrize("level", ["0", "99", "'1'", "true", "1.0"])
def test_a_manifest_for_another_api_level_is_refused_as_a_whole(tmp_path: Path, level: str) -> None:
    with pytest.raises(PluginError, match=r"^pack speaks API level .*, this poserep speaks 1\b") as caught:
        read_manifest(written(tmp_path, f"api = {level}\n{OWN}"), "pack")
    assert caught.value.hint == "install a version of pack made for this poserep"


def test_every_level_that_is_spoken_passes() -> None:
    for level in SPOKEN:
        check_level(level, "pack", "pack", "")
    assert SPOKEN in ((API_LEVEL,), (API_LEVEL - 1, API_LEVEL))


# ---------------------------------------------------------------- where it lies


@pytest.mark.parametrize("package", ["manifest_flat", "manifest_deep.inner.own"])
def test_a_manifest_is_found_without_importing_the_package_or_its_parents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, package, "", __init__="raise RuntimeError")
    for parent in Path(*package.split(".")).parents[:-1]:
        (tmp_path / parent / "__init__.py").write_text("raise RuntimeError", encoding="utf-8")
    found = find_manifest(EntryPoint("own", package, GROUP))
    assert found == tmp_path.joinpath(*package.split("."), "registry.toml")
    assert not [name for name in sys.modules if name.startswith("manifest_")]


def test_a_package_without_an_init_may_hold_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    home = install(tmp_path, "manifest_space.own", "")
    (home / "__init__.py").unlink()
    assert find_manifest(EntryPoint("own", "manifest_space.own", GROUP)) == home / "registry.toml"


@pytest.mark.parametrize("value", ["no_such_package", "no_such.package", "poserep.nope", "sys", "poserep:cli"])
def test_what_is_no_installed_package_is_told(value: str) -> None:
    with pytest.raises(PluginError, match="is not installed") as caught:
        find_manifest(EntryPoint("own", value, GROUP))
    assert caught.value.where == "entry point own"


def test_metadata_that_cannot_be_read_hides_no_other_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "manifest_bad", "")
    install(tmp_path, "manifest_good", "")
    (tmp_path / "manifest_bad-1.0.dist-info" / "entry_points.txt").write_text("[poserep.plugins]\nnonsense\n")
    assert "manifest_good" in {point.value for point in installed_points()}
    assert "the entry points of an installed package cannot be read" in caplog.text


# ---------------------------------------------------------------- who is let in


class Distribution:
    """As much of a distribution as names it."""

    name = "Other-Name"


ONE, TWO = EntryPoint("one", "pack_one", GROUP), EntryPoint("Two_Parts", "pack.two", GROUP)
vars(TWO)["dist"] = Distribution()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (None, [ONE, TWO]),
        ("", []),
        ("none", []),
        (" , ", []),
        ("one", [ONE]),
        ("ONE, two-parts", [ONE, TWO]),
        ("pack_one", [ONE]),
        ("pack-two", [TWO]),
        ("other_name", [TWO]),
        ("-one", [TWO]),
        ("- one,-other-name".replace(" ", ""), []),
        ("one,two_parts,-pack.two", [ONE]),
    ],
)
def test_the_list_lets_in_whom_it_names(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, said: str | None, kept: list[EntryPoint]
) -> None:
    monkeypatch.delenv("POSEREP_PLUGINS", raising=False)
    if said is not None:
        monkeypatch.setenv("POSEREP_PLUGINS", said)
    assert allowed(iter((ONE, TWO))) == (kept, [point.name for point in (ONE, TWO) if point not in kept])
    assert caplog.text == ""


def test_a_name_that_is_not_installed_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("POSEREP_PLUGINS", "one,-gone,too")
    with caplog.at_level(logging.WARNING):
        assert allowed([ONE, TWO]) == ([ONE], ["Two_Parts"])
    assert caplog.messages == [
        f"POSEREP_PLUGINS=one,-gone,too: there is no {name} installed" for name in ("gone", "too")
    ]
