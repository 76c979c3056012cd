"""Outside packages in every state; each test makes its own, under a name of its own."""

import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from poserep.core.errors import DataError, PluginError
from poserep.core.fields import FIELDS
from poserep.core.outside.manifest import Entry
from poserep.core.recipe import shipped
from poserep.core.registry import Registry
from poserep.tests.fakes.outside import install, plugin

POINT = "poserep.plugins"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def manifest(package: str, key: str = "loss.own", more: str = "") -> str:
    return f'[{key}]\nmodule = "{package}.own"\nsummary = "One"\n{more}\n'


def cause(registry: Registry, kind: str = "loss", name: str = "own") -> PluginError:
    with pytest.raises(PluginError) as caught:
        registry.get(kind, name)
    assert registry.broken[f"{kind}.{name}"] == str(caught.value)
    assert registry.get("loss", "dsl").name == "dsl"  # everything else works
    return caught.value


def test_an_installed_package_is_found_by_its_entry_point(path: Path) -> None:
    install(path, "outside_fine", manifest("outside_fine"), own=plugin("loss", "own"))
    registry = Registry()
    assert registry.entries["loss.own"].package == "outside_fine"
    assert registry.get("loss", "own").name == "own"
    assert registry.broken == {}


def test_listing_imports_no_plugin(path: Path) -> None:
    install(path, "outside_unlisted", manifest("outside_unlisted"), own="raise RuntimeError")
    assert "own" in Registry().names("loss")
    assert "outside_unlisted.own" not in sys.modules


def test_a_module_may_hold_several_components(path: Path) -> None:
    text = manifest("outside_two") + '[loss.other]\nmodule = "outside_two.own"\n'
    source = plugin("loss", "own") + plugin("loss", "other").replace("register(C", "register(first); register(C")
    source = source.replace(
        "register(first)", "register(Component(kind='loss', name='own', options=Nothing, build=id))"
    )
    install(path, "outside_two", text, own=source)
    registry = Registry()
    assert [registry.get("loss", name).name for name in ("own", "other")] == ["own", "other"]


@pytest.mark.parametrize("kind", ["ValueError", "SystemExit"])
def test_a_plugin_that_raises_on_import_is_isolated(path: Path, kind: str) -> None:
    name = f"outside_raises_{kind}"
    install(path, name, manifest(name), own=f"raise {kind}('no luck')")
    error = cause(Registry())
    assert error.what == f"loss.own failed on import: {kind}: no luck"
    assert error.where == f"registry.toml of {name} [loss.own]"
    assert error.hint == f"everything else works; mend or uninstall {name}"


def test_the_cause_of_a_broken_plugin_is_the_same_when_asked_twice(path: Path) -> None:
    source = plugin("loss", "own").replace("    register(C", "    raise KeyError('x')\n    register(C")
    install(path, "outside_twice", manifest("outside_twice"), own=source)
    registry = Registry()
    assert cause(registry).what == cause(registry).what == "loss.own failed while registering: KeyError: 'x'"


def test_a_plugin_that_registers_nothing_is_told(path: Path) -> None:
    install(path, "outside_silent", manifest("outside_silent"), own="")
    error = cause(Registry())
    assert error.what == "loss.own is not what outside_silent.own registers, but nothing"
    assert error.hint == "Component(name=...) must equal the key in registry.toml"


def test_a_plugin_cannot_take_the_place_of_another(path: Path) -> None:
    install(path, "outside_thief", manifest("outside_thief"), own=plugin("loss", "dsl"))
    registry = Registry()
    error = cause(registry)
    assert error.what == "loss.own is not what outside_thief.own registers, but loss.dsl"
    assert registry.get("loss", "dsl").reads == ("variant", "time", "roles")


def test_what_is_no_component_is_refused(path: Path) -> None:
    source = plugin("loss", "own").replace("register(Component(", "register(dict(")
    install(path, "outside_dict", manifest("outside_dict"), own=source)
    assert re.fullmatch(r"loss\.own failed while registering: TypeError: .* is no Component", cause(Registry()).what)


def test_another_api_level_is_refused(path: Path) -> None:
    install(path, "outside_future", manifest("outside_future"), own=plugin("loss", "own", "api=99"))
    error = cause(Registry())
    assert error.what == "loss.own speaks API level 99, this poserep speaks 1"
    assert error.hint == "install a version of outside_future made for this poserep"


@pytest.mark.parametrize("reads", ["('normals',)", "('normals?',)", "lambda options: ('normals',)"])
def test_a_field_outside_of_the_vocabulary_is_refused(path: Path, reads: str) -> None:
    name = f"outside_field_{len(reads)}"
    install(path, name, manifest(name), own=plugin("loss", "own", f"reads={reads}"))
    error = cause(Registry())
    assert re.fullmatch(
        r"loss\.own declares the field 'normals\??', which is not in the vocabulary",
        error.what,
    )
    own = f'describe your own in registry.toml: [field."{name}:name"]'
    assert error.hint == f"use a field of poserep.core.fields, or {own}"


def test_a_declaration_that_raises_is_isolated(path: Path) -> None:
    install(path, "outside_reads", manifest("outside_reads"), own=plugin("loss", "own", "reads=lambda o: o.nope"))
    assert cause(Registry()).what.startswith("loss.own failed while declaring: AttributeError")


def test_a_name_that_two_packages_declare_is_refused_to_both(path: Path) -> None:
    for name in ("outside_one", "outside_other"):
        install(path, name, manifest(name), own=plugin("loss", "own"))
    error = cause(Registry())
    assert re.fullmatch(r"loss\.own is declared by two packages, outside_\w+ and outside_\w+", error.what)
    assert re.fullmatch(r"ask an author for another name, or leave one out: POSEREP_PLUGINS=-outside_\w+", error.hint)


def test_a_missing_outside_package_is_told_from_a_fault_in_the_plugin(path: Path) -> None:
    install(path, "outside_extra", manifest("outside_extra", more='extra = "scans"'), own="import no_such_package.sub")
    error = cause(Registry())
    assert error.what == "loss.own needs the package 'no_such_package', which is not installed"
    assert error.hint == "pip install 'outside_extra[scans]'"


def test_a_missing_package_without_an_extra_has_its_own_line(path: Path) -> None:
    install(path, "outside_bare", manifest("outside_bare"), own="import no_such_package")
    assert cause(Registry()).hint == "pip install no_such_package"


@pytest.mark.parametrize("module", ["poserep.no_such_module", "outside_typo_own.nope"])
def test_a_missing_module_of_its_own_is_a_fault_of_the_plugin(path: Path, module: str) -> None:
    name = "outside_typo_own" if module.startswith("outside") else "outside_typo"
    install(path, name, manifest(name), own=f"import {module}")
    assert cause(Registry()).what == f"loss.own cannot be imported: No module named '{module}'"


def test_a_package_that_is_not_there_any_more_is_told() -> None:
    registry = Registry(installed=[EntryPoint("gone", "no_such_package", POINT)])
    assert "the package 'no_such_package' is not installed" in registry.broken["gone"]
    assert "entry point gone" in registry.broken["gone"]


def test_whatever_happens_while_a_package_is_looked_for_is_kept_as_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        """As an installer's hook for editable packages, gone wrong."""

        def find_spec(self, name: str, path: object) -> None:
            raise OSError("no such disk")

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    registry = Registry(installed=[EntryPoint("far", "no_such_package", POINT)])
    assert registry.broken["far"] == "it cannot be read: OSError('no such disk')\n  at   entry point far"


def test_an_unknown_name_has_a_near_one() -> None:
    with pytest.raises(PluginError) as caught:
        Registry().get("loss", "dssl")
    assert (caught.value.what, caught.value.hint) == ("there is no loss named 'dssl'", "did you mean 'dsl'?")


def test_an_unknown_name_with_no_near_one_lists_all() -> None:
    with pytest.raises(PluginError) as caught:
        Registry(installed=()).get("background", "zzz")
    assert caught.value.hint == "installed: constant, halves, median, panorama, provided"


def test_all_that_can_be_loaded_is_loaded(path: Path) -> None:
    install(path, "outside_all", manifest("outside_all"), own="raise ValueError")
    registry = Registry()
    assert len(registry.load_all()) == len(registry.entries) - 1
    assert list(registry.broken) == ["loss.own"]


def test_who_writes_a_field_is_known() -> None:
    registry = Registry(installed=())
    assert set(registry.writers("box")) == {
        f"detector.{name}" for name in ("stn", "full_frame", "provided", "difference")
    }
    assert "exchange.none" in registry.writers("target")


def test_registries_share_nothing() -> None:
    one, other = Registry(installed=()), Registry([Entry("loss", "own", "nowhere")], installed=())
    assert "loss.own" not in one.entries
    assert "loss.own" in other.entries


# ---------------------------------------------------------------- what an outside part may not do


def test_an_outsider_with_a_shipped_name_is_refused_alone(path: Path) -> None:
    install(path, "outside_shadow", manifest("outside_shadow", "loss.dsl"), own=plugin("loss", "dsl"))
    registry = Registry()
    assert registry.get("loss", "dsl").reads == ("variant", "time", "roles")
    assert registry.entries["loss.dsl"].package == "poserep"
    assert registry.broken["outside_shadow/loss.dsl"].startswith("loss.dsl bears the name of a shipped part\n")
    assert "registry.toml of outside_shadow [loss.dsl]" in registry.broken["outside_shadow/loss.dsl"]


def test_a_table_that_is_refused_leaves_the_packages_other_parts(path: Path) -> None:
    text = manifest("outside_half") + '[loss.half]\nsummary = "No module"\n'
    install(path, "outside_half", text, own=plugin("loss", "own"))
    registry = Registry()
    assert registry.get("loss", "own")
    assert "[loss.half] module: Field required" in registry.broken["outside_half/loss.half"]
    with pytest.raises(PluginError, match="module: Field required"):
        registry.get("loss", "half")


@pytest.mark.parametrize("name", ["loss.own", "own", "outside_why/loss.own", "outside_why"])
def test_why_something_is_refused_is_told_by_whatever_name_one_asks(name: str) -> None:
    registry = Registry(installed=[EntryPoint("outside_why", "no_such_package", POINT)])
    if name != "outside_why":
        registry._refused = {"outside_why/loss.own": registry._refused["outside_why"]}
    assert registry.refusal(name)
    assert registry.refusal("other") is registry.refusal("wn") is None


def test_functions_of_an_outside_part_raise_expected_errors_alone(path: Path) -> None:
    source = plugin("loss", "own", "facts=lambda o: {'size': 1 // o.size}, reads=lambda o: o.size * ('variant',)")
    source = source.replace("    pass", "    size: int = 1").replace("lambda o, c: None", "lambda o, c: 1 / 0")
    install(path, "outside_late", manifest("outside_late"), own=source)
    part = Registry().get("loss", "own")
    assert part.reads(part.options(size=2)) == ("variant", "variant")
    with pytest.raises(PluginError, match=r"^loss\.own failed in its facts: ZeroDivisionError: "):
        part.facts(part.options(size=0))
    with pytest.raises(PluginError, match=r"^loss\.own failed in its build: ZeroDivisionError: "):
        part.build(part.options(), None)


def test_an_expected_error_of_an_outside_part_stays_what_it_is(path: Path) -> None:
    source = "from poserep.core.errors import DataError\ndef build(o, c):\n    raise DataError('no clips')\n"
    source += plugin("dataset", "own").replace("lambda o, c: None", "build")
    install(path, "outside_data", manifest("outside_data", "dataset.own"), own=source)
    part = Registry().get("dataset", "own")
    with pytest.raises(DataError, match="no clips"):
        part.build(part.options(), None)


# ---------------------------------------------------------------- fields and recipes

DEPTH = '[field."{0}:normals"]\naxes = "B T"\nunit = "mm"\nmeaning = "distance"\n'


def test_a_field_that_the_package_describes_may_be_declared(path: Path) -> None:
    source = plugin("loss", "own", "reads=('outside_normals:normals', 'outside_normals:normals?')")
    install(path, "outside_normals", manifest("outside_normals") + DEPTH.format("outside_normals"), own=source)
    registry = Registry()
    assert registry.get("loss", "own")
    assert registry.fields["outside_normals:normals"].axes == "B T"
    assert set(registry.fields) == {*FIELDS, "outside_normals:normals"}


def test_another_packages_field_may_be_read_once_it_is_described(path: Path) -> None:
    install(
        path, "outside_reader", manifest("outside_reader"), own=plugin("loss", "own", "reads=('outside_deep:normals',)")
    )
    assert "declares the field 'outside_deep:normals', which is not in the vocabulary" in cause(Registry()).what
    install(path, "outside_deep", DEPTH.format("outside_deep"))
    assert Registry().get("loss", "own")


def test_recipes_of_outside_packages_are_found_by_name(path: Path) -> None:
    for package, names in {"outside_a": ("mine", "both", "temporal"), "outside_b": ("both",)}.items():
        folder = install(path, package, "") / "recipes"
        folder.mkdir()
        for name in names:
            (folder / f"{name}.toml").touch()
    registry = Registry()
    assert registry.recipes["mine"] == registry.recipes["outside_a/mine"] == path / "outside_a/recipes/mine.toml"
    assert "both" not in registry.recipes
    assert {"outside_a/both", "outside_b/both"} < set(registry.recipes)
    assert registry.recipes["temporal"] == shipped()["temporal"]
    assert registry.recipes["outside_a/temporal"].parent == path / "outside_a/recipes"
    assert Registry(installed=()).recipes == shipped()
