"""The house rules that a reader of the files relies on."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import poserep

ROOT = Path(poserep.__file__).parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PARTS = ("cli", "core", "media", "networks", "plugins", "testing", "verbs")
MAX_FUNCTION, MAX_FILE, MAX_CORE, MAX_OUTSIDE, MAX_STUDY = 50, 300, 2500, 300, 1000


def sources() -> list[Path]:
    """Every module of the package."""
    return sorted([*ROOT.glob("*.py"), *(path for part in PARTS for path in (ROOT / part).rglob("*.py"))])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def code_lines(path: Path) -> int:
    """Lines that are neither empty nor comment nor docstring."""
    module, text = tree(path), path.read_text(encoding="utf-8").splitlines()
    prose: set[int] = set()
    for node in ast.walk(module):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                prose |= set(range(statement.lineno, (statement.end_lineno or 0) + 1))
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") and number not in prose
        for number, line in enumerate(text, 1)
    )


def test_functions_are_short() -> None:
    long = {
        f"{name(path)}:{function.lineno} {function.name}": length
        for path in sources()
        for function in functions(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > MAX_FUNCTION
    }
    assert long == {}


def test_files_are_short() -> None:
    lines = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {path: count for path, count in lines.items() if count > MAX_FILE} == {}


def test_core_keeps_to_its_budget_of_code() -> None:
    lines = {name(path): code_lines(path) for path in (ROOT / "core").glob("*.py")}
    assert sum(lines.values()) <= MAX_CORE, lines


def test_what_isolates_outside_packages_keeps_to_its_own_budget() -> None:
    lines = {name(path): code_lines(path) for path in (ROOT / "core" / "outside").glob("*.py")}
    assert sum(lines.values()) <= MAX_OUTSIDE, lines


def test_the_engine_of_studies_keeps_to_its_own_budget() -> None:
    lines = {name(path): code_lines(path) for path in (ROOT / "core" / "study").glob("*.py")}
    assert sum(lines.values()) <= MAX_STUDY, lines


def test_lines_of_code_are_counted_without_prose(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(
        '"""Module.\n\nMore.\n"""\n\n# why\nx = 1\n"""Of x."""\n\n\ndef f():\n    """Doc."""\n    return x\n'
    )
    assert code_lines(path) == 3


def test_the_screen_is_written_to_in_one_place() -> None:
    guilty = [
        f"{name(path)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert guilty == []
    importing = {
        name(path)
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "") in ("rich.console", "rich.progress", "rich.table")
    }
    assert importing == {"core/console.py"}


def test_every_module_says_what_it_does() -> None:
    assert [name(path) for path in sources() if not ast.get_docstring(tree(path))] == []


def test_no_check_is_switched_off_in_the_text() -> None:
    marks = ("# type: " + "ignore", "# no" + "qa")
    guilty = [name(path) for path in sources() if any(mark in path.read_text(encoding="utf-8") for mark in marks)]
    assert guilty == []


def test_the_declared_packages_are_the_folders_on_disk() -> None:
    folders = {
        ".".join(("poserep", *path.parent.relative_to(ROOT).parts))
        for part in PARTS
        for path in (ROOT / part).rglob("__init__.py")
    }
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == folders | {"poserep"}
    missing = {name(path.parent) for path in sources() if not (path.parent / "__init__.py").is_file()}
    assert missing == set()


@pytest.mark.parametrize("pattern", PYPROJECT["tool"]["setuptools"]["package-data"]["poserep"])
def test_the_declared_data_is_there(pattern: str) -> None:
    assert list(ROOT.glob(pattern))


def test_every_test_mirrors_a_module() -> None:
    """`tests/core/test_x.py` is about `core/x.py`."""
    core = {path.stem for path in (ROOT / "core").glob("*.py")}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "core").glob("test_*.py")}
    assert tests <= core
