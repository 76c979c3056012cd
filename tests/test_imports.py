"""Who imports whom: core no plugin, a plugin no other, and what must answer at once nothing heavy."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import poserep
from poserep.core.recipe import read, shipped

ROOT = Path(poserep.__file__).parent
HEAVY = ("torch", "timm", "kornia", "torchvision", "lightning_fabric", "av", "matplotlib")
MANIFEST = tomllib.loads((ROOT / "registry.toml").read_text(encoding="utf-8"))
MODULES = sorted({entry["module"] for components in MANIFEST.values() for entry in components.values()})

PROBE = """
import sys
{code}
heavy = [name for name in {heavy!r} if name in sys.modules]
assert not heavy, f"imported: {{heavy}}"
"""
COMMAND = """
sys.argv = ["poserep", *{arguments!r}]
from poserep.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""
ENGINE_FREE = (
    *("errors", "fields", "interfaces", "hookspecs", "registry", "recipe", "config", "compose"),
    *("console", "run", "measurement", "skeleton"),
)


def light(code: str) -> subprocess.CompletedProcess[str]:
    """Run code, which fails if something heavy was imported."""
    return subprocess.run(
        [sys.executable, "-c", PROBE.format(code=code, heavy=HEAVY)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["plugins", "list"],
        ["plugins", "list", "--check"],
        ["plugins", "show", "dsl"],
        ["recipes", "list"],
        ["recipes", "show", "temporal"],
        ["config", "schema"],
    ],
    ids=" ".join,
)
def test_what_must_answer_at_once_imports_nothing_heavy(arguments: list[str]) -> None:
    done = light(COMMAND.format(arguments=arguments))
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_this_check_would_see_a_heavy_import() -> None:
    done = light("import torch")
    assert done.returncode == 1
    assert "imported: ['torch'" in done.stderr


def test_the_wiring_of_every_shipped_recipe_is_checked_without_torch() -> None:
    sets = {name: ["dataset.path=clips"] if read(name)[0]["dataset"].get("path") == "" else [] for name in shipped()}
    code = f"from poserep.core.compose import compose\nfor name, sets in {sets!r}.items(): compose(name, sets=sets)"
    done = light(code)
    assert done.returncode == 0, done.stderr


def test_core_without_the_engine_is_light() -> None:
    done = light("\n".join(f"import poserep.core.{name}" for name in ENGINE_FREE))
    assert done.returncode == 0, done.stderr


def test_no_declared_plugin_imports_torch() -> None:
    done = light("import importlib\n" + "\n".join(f"importlib.import_module({module!r})" for module in MODULES))
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- by the text


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of each module that a file imports, wherever in it."""
    package = ("poserep", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            yield node.lineno, ".".join((*base, *filter(None, [node.module])))
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


def every(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def guilty(folder: str, forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} {module}"
        for path in every(folder)
        for line, module in imports(path)
        if any(module == name or module.startswith(f"{name}.") for name in forbidden)
    ]


def test_core_imports_no_plugin_no_verb_and_no_command_line() -> None:
    assert guilty("core", ("poserep.plugins", "poserep.verbs", "poserep.cli", "typer", "kornia")) == []


def test_plugins_import_no_verb() -> None:
    assert guilty("plugins", ("poserep.verbs", "poserep.cli", "typer")) == []


def test_imports_inside_the_package_are_relative() -> None:
    text = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("cli", "core", "plugins", "verbs")
        for path in every(folder)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("poserep"))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("poserep") for alias in node.names))
    ]
    assert text == []


def owner(module: str) -> str:
    """The declared plugin that a module belongs to; empty for a helper that those of a folder share."""
    if module.removesuffix("_net") in MODULES:
        return module.removesuffix("_net")
    homes = {declared.rpartition(".")[0]: declared for declared in MODULES if declared.count(".") > 3}
    return next((declared for home, declared in homes.items() if module.startswith(f"{home}.")), "")


def kind(module: str) -> str:
    return module.split(".")[2]


def test_a_plugin_imports_no_other() -> None:
    found = []
    for path in every("plugins"):
        own = ".".join(("poserep", *path.relative_to(ROOT).with_suffix("").parts))
        for line, module in imports(path):
            if module.startswith("poserep.plugins.") and (
                kind(module) != kind(own) or owner(module) not in ("", owner(own))
            ):
                found.append(f"{path.relative_to(ROOT)}:{line} {module}")
    assert found == []


def test_who_owns_a_module_is_known() -> None:
    assert owner("poserep.plugins.losses.pose2d_net") == "poserep.plugins.losses.pose2d"
    assert owner("poserep.plugins.datasets.studio.motion.bvh") == "poserep.plugins.datasets.studio.dataset"
    assert owner("poserep.plugins.samplers.windows") == ""


@pytest.mark.parametrize("module", MODULES)
def test_a_declared_plugin_names_nothing_heavy_at_its_top(module: str) -> None:
    path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
    if not path.is_file():
        path = path.with_suffix("") / "__init__.py"
    body = ast.parse(path.read_text(encoding="utf-8")).body
    names = [node.module or "" for node in body if isinstance(node, ast.ImportFrom) and not node.level]
    names += [alias.name for node in body if isinstance(node, ast.Import) for alias in node.names]
    assert not {name.partition(".")[0] for name in names} & set(HEAVY)
