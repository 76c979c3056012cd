"""Packages written by `poserep plugins new`: clean code of every kind that composes, trains and keeps the contract."""

import ast
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import CancelledError
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from lightning_fabric import Fabric
from typer.testing import CliRunner

import poserep
from poserep.cli import app
from poserep.core.batches import open_source
from poserep.core.compose import compose
from poserep.core.errors import ConfigError, DataError
from poserep.core.fit import fit, make_state
from poserep.core.interfaces import API_LEVEL, KINDS, Context
from poserep.core.registry import GROUP, Registry
from poserep.core.study.file import read_study
from poserep.core.study.plan import plan
from poserep.core.study.store import Store
from poserep.testing import check
from poserep.verbs.scaffold import LONGEST, new

ROOT = Path(poserep.__file__).parent
TRAINED = [kind for kind in KINDS if kind != "executor"]
IN_PAIRS = ("detector", "corruption", "encoder", "exchange", "decoder", "head")
"""Kinds that the kit also runs in two processes, which takes some seconds to start; losses stand for them."""
HEAVY = ("torch", "timm", "kornia", "torchvision", "lightning_fabric")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of every kind, its name as long as it may be."""
    root = tmp_path_factory.mktemp("written")
    for kind in KINDS:
        new(name_of(kind), kind, root / kind, Registry(installed=()))
    return root


def name_of(kind: str) -> str:
    return f"{kind.replace('_', '-')}-of-a-rather-long-name"[:LONGEST].rstrip("-")


def part_of(kind: str) -> str:
    return name_of(kind).replace("-", "_")


@pytest.fixture
def registry(written: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The packages as if they were installed."""
    before = set(sys.modules)
    for kind in KINDS:
        monkeypatch.syspath_prepend(written / kind)
    points = [EntryPoint(f"poserep-{name_of(kind)}", f"poserep_{part_of(kind)}", GROUP) for kind in KINDS]
    monkeypatch.setattr(poserep.core.registry, "installed_points", lambda: points)  # a dataset opens its body model
    yield Registry(installed=points)
    for module in set(sys.modules) - before:
        if module.startswith("poserep_"):
            del sys.modules[module]


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_holds_all_that_an_author_needs(written: Path, kind: str) -> None:
    package, part = f"poserep_{part_of(kind)}", part_of(kind)
    found = {str(path.relative_to(written / kind)) for path in (written / kind).rglob("*") if path.is_file()}
    experiment = f"studies/{name_of(kind)}.toml" if kind == "executor" else f"{package}/recipes/{name_of(kind)}.toml"
    assert found - {f"{package}/{part}_net.py"} == {
        *("pyproject.toml", "README.md", ".gitignore", ".github/workflows/test.yml", "tests/test_conformance.py"),
        *(f"{package}/{file}" for file in ("__init__.py", "py.typed", "registry.toml", f"{part}.py")),
        experiment,
    }
    project = tomllib.loads((written / kind / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"][GROUP] == {f"poserep-{name_of(kind)}": package}
    assert "license" not in project
    assert "licence" in (written / kind / "README.md").read_text(encoding="utf-8")
    manifest = tomllib.loads((written / kind / package / "registry.toml").read_text(encoding="utf-8"))
    assert manifest["api"] == API_LEVEL
    assert manifest[kind][part]["module"] == f"{package}.{part}"


@pytest.mark.parametrize("kind", KINDS)
def test_its_tests_are_one_line_of_the_kit(written: Path, kind: str) -> None:
    tree = ast.parse((written / kind / "tests" / "test_conformance.py").read_text(encoding="utf-8"))
    assert [ast.unparse(line) for line in tree.body] == [
        "from poserep.testing import conformance_tests",
        f"test_conformance = conformance_tests('poserep-{name_of(kind)}')",
    ]


def test_no_placeholder_is_left(written: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in written.rglob("*") if path.is_file()]
    assert not any("$" in text or "{Part}" in text for text in texts)


def test_the_code_is_formatted_and_lints_under_its_own_rules(written: Path) -> None:
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", str(written)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.slow  # torch's types take a quarter of a minute to read
def test_the_code_is_typed_strictly(written: Path, tmp_path: Path) -> None:
    (tmp_path / "poserep").symlink_to(ROOT)  # mypy does not see an editable install that is no folder of that name
    homes = ":".join([str(tmp_path), *(str(written / kind) for kind in KINDS)])
    own = tomllib.loads((written / "loss" / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert own["strict"]
    settings = f"untyped_calls_exclude = {','.join(own['untyped_calls_exclude'])}\nmypy_path = {homes}\n"
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\nstrict = true\nnamespace_packages = true\nexplicit_package_bases = true\n{settings}", encoding="utf-8"
    )
    packages = [word for kind in KINDS for word in ("-p", f"poserep_{part_of(kind)}")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(tmp_path / "mypy.ini"), *packages],
        capture_output=True,
        text=True,
    )
    errors = [line for line in done.stdout.splitlines() if ": error:" in line and str(written) in line]
    assert "source files" in done.stdout, done.stdout + done.stderr
    assert errors == []


@pytest.mark.parametrize("kind", TRAINED)
def test_its_recipe_uses_it_composes_and_trains(registry: Registry, kind: str) -> None:
    composition = compose(name_of(kind), registry, sets=["training.steps=2", "dataset.subjects=1"])
    fabric = Fabric(accelerator="cpu", devices=1)
    steps = list(fit(composition, open_source(composition), fabric, make_state(composition, fabric)))

    used = {(chosen.component.kind, chosen.component.name) for chosen in composition.parts.values()}
    used.add(("body_model", getattr(composition.parts["dataset"].options, "body", "")))
    assert (kind, part_of(kind)) in used
    assert [step.index for step in steps] == [1, 2]
    assert not registry.broken


def test_every_arm_of_the_study_of_an_executor_is_possible(written: Path, registry: Registry, tmp_path: Path) -> None:
    study = read_study(written / "executor" / "studies" / f"{name_of('executor')}.toml")
    planned = plan(study, registry, Store(tmp_path))
    assert not planned.impossible
    assert len(planned.cells) == 4


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in IN_PAIRS)) for kind in KINDS])
def test_it_keeps_the_contract(registry: Registry, kind: str) -> None:
    report = check(f"{kind}.{part_of(kind)}", registry)
    assert report.passed, [one for one in report.outcomes if one.state == "failed"] or report.gaps


def test_declaring_them_needs_no_torch(written: Path) -> None:
    homes = [str(written / kind) for kind in KINDS]
    points = [(f"poserep-{name_of(kind)}", f"poserep_{part_of(kind)}") for kind in KINDS]
    script = f"""
import sys
sys.path[:0] = {homes!r}
from importlib.metadata import EntryPoint
from poserep.core.registry import GROUP, Registry
registry = Registry(installed=[EntryPoint(name, value, GROUP) for name, value in {points!r}])
loaded = [one.name for one in registry.load_all()]
assert not registry.broken, registry.broken
assert {part_of("executor")!r} in loaded
assert not [name for name in {HEAVY!r} if name in sys.modules]
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_command_says_what_to_type_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["plugins", "new", "poserep-slow-motion", "--kind", "loss"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "poserep-slow-motion" / "poserep_slow_motion" / "slow_motion.py").is_file()
    assert [line.strip() for line in result.output.splitlines()[-3:]] == [
        "pip install -e poserep-slow-motion",
        "poserep plugins check poserep-slow-motion",
        "poserep train slow-motion",
    ]
    assert "no licence" in result.output


def test_a_folder_may_be_named_but_not_one_in_use(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    assert new("slow", "loss", folder)[0] == folder
    with pytest.raises(ConfigError) as caught:
        new("slow", "loss", folder)
    assert caught.value.where == str(folder)
    assert "-o FOLDER" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("SlowMotion", "cannot be the name of a part", "as 'slow-motion'"),
        ("slow_motion", "cannot be the name of a part", "as 'slow-motion'"),
        ("3d", "cannot be the name of a part", "as motion-mask"),
        ("d", "cannot be the name of a part", "2 to"),
        ("", "cannot be the name of a part", "lower case"),
        ("slow--motion", "cannot be the name of a part", "as 'slow-motion'"),
        ("../slow", "cannot be the name of a part", "as 'slow'"),
        ("a" * (LONGEST + 1), "cannot be the name of a part", "2 to"),
        ("class", "a word of Python", "as 'class-loss'"),
        ("none", "a word of Python", "as 'none-loss'"),
        ("dsl", "poserep already has a loss named 'dsl'", "choose another"),
        ("box-prior", "poserep already has a loss named 'box_prior'", "choose another"),
        ("temporal", "a recipe named 'temporal'", "choose another"),
        ("tensor", "already names 'Tensor'", "choose another"),
    ],
)
def test_a_name_that_would_not_do_is_refused(tmp_path: Path, name: str, said: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        new(name, "loss", tmp_path / "out")
    assert said in caught.value.what
    assert hint in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_name_that_another_package_bears_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "poserep_taken").mkdir()
    (tmp_path / "poserep_taken" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="there is a package 'poserep_taken'"):
        new("taken", "loss", tmp_path / "out")


def test_a_kind_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        new("slow", "los", tmp_path / "out")
    assert caught.value.hint == "did you mean 'loss'?"
    for unlike in ("zzz", ""):
        with pytest.raises(ConfigError) as caught:
            new("slow", unlike, tmp_path / "out")
        assert all(kind in caught.value.hint for kind in KINDS)


def test_a_place_that_cannot_be_written_is_an_expected_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written: Not a directory"):
        new("slow", "loss", tmp_path / "file" / "inside", Registry(installed=()))


def test_a_written_executor_that_is_closed_tells_of_jobs_that_were_stopped_not_failed(
    written: Path, registry: Registry
) -> None:
    component = registry.get("executor", part_of("executor"))
    executor = component.build(component.options(), Context(1))
    task = executor.submit(time.sleep, 60)
    time.sleep(0.5)
    executor.close()
    with pytest.raises(CancelledError):
        task.result(timeout=300)
