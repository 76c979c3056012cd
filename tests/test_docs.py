"""The documents hold what they say: commands parse and run, links lead somewhere, pages and code are up to date."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import typer
from lightning_fabric import Fabric
from typer.testing import CliRunner

from poserep.cli import app
from poserep.core.batches import open_source
from poserep.core.compose import compose
from poserep.core.fit import fit, make_state
from poserep.core.recipe import shipped
from poserep.core.registry import GROUP, Registry
from poserep.verbs.catalogue import PAGES
from poserep.verbs.data import choose_dataset

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```(\w*)(?: title=\"(.+?)\")?\n(.*?)^```", re.M | re.S)
INLINE = re.compile(r"`(poserep [^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ON_RECIPES = ("compose", "train", "data inspect", "data background", "recipes show")
CHEAP = ("recipes list", "recipes show", "plugins list", "plugins show", "compose", "config schema", "doctor")
PLACEHOLDERS = {"RECIPE", "NAME"}
SMALL = (
    *("crop_size=24", "training.steps=2", "training.batch=2", "training.precision=32-true"),
    *("dataset.size=32", "dataset.subjects=1", "dataset.validation_subjects=0", "dataset.test_subjects=0"),
    *("dataset.cameras=1", 'dataset.actions=["gait"]', "dataset.seconds=4.0"),
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path) -> list[tuple[str, str, str]]:
    """Language, title and text of each fenced block."""
    return [(match[1], match[2] or "", match[3]) for match in BLOCK.finditer(path.read_text(encoding="utf-8"))]


def commands_of(path: Path) -> Iterator[str]:
    for language, _, text in blocks(path):
        if language in ("sh", "console"):
            lines = text.replace("\\\n", " ").splitlines()
            yield from (line.removeprefix("$ ") for line in lines if line.removeprefix("$ ").startswith("poserep "))
    yield from INLINE.findall(BLOCK.sub("", path.read_text(encoding="utf-8")))


def words_of(command: str) -> list[str]:
    """The words after ``poserep``, without what a shell takes for itself."""
    words = [word for word in shlex.split(command, comments=True)[1:] if word != "[OPTIONS]"]
    return words[: next((n for n, word in enumerate(words) if word in (">", "|", "&&")), len(words))]


COMMANDS = sorted({command for path in DOCUMENTS for command in commands_of(path)})


def starts(command: str, *verbs: str) -> bool:
    return any(words_of(command)[: len(verb.split())] == verb.split() for verb in verbs)


def is_example(command: str) -> bool:
    """Whether nothing in it stands for something of the reader's own: a name, or a recipe file."""
    return not any(word in PLACEHOLDERS or word.endswith(".toml") for word in words_of(command))


def runs_here(command: str) -> bool:
    """Whether it needs neither a download, as networks of full size do, nor the package of the plugin page."""
    return is_example(command) and not re.search(r"-full\b|slowness", command)


def parsed(command: str) -> dict[str, Any]:
    """What a command line gives to its command; raises if that has no such option or lacks an argument.

    A command without anything behind it is taken as a mention.
    """
    words, found = words_of(command), typer.main.get_command(app)
    while hasattr(found, "commands") and words:
        found = found.commands[words.pop(0)]
    with found.make_context(command, words, resilient_parsing=not words or "--help" in words) as context:
        return dict(context.params)


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_what_the_code_gives(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_the_documents_parses(command: str) -> None:
    assert parsed(command) is not None


@pytest.mark.parametrize("command", [c for c in COMMANDS if starts(c, *ON_RECIPES) and is_example(c)])
def test_every_recipe_and_override_in_a_command_composes(command: str, package: list[EntryPoint]) -> None:
    given = parsed(command)
    if given["recipe"] is None:
        pytest.skip("a mention")
    if starts(command, "data inspect") and choose_dataset(given["recipe"], given["sets"], given["uses"], Registry()):
        return  # a dataset's own name, and options that it has
    sets = [*given["sets"], *(["dataset.path=clip.mp4"] if given["recipe"].startswith("temporal-video") else [])]
    compose(given["recipe"], Registry(installed=package), sets=sets, uses=given["uses"], drops=given.get("drops", []))


@pytest.mark.parametrize("command", [c for c in COMMANDS if starts(c, *CHEAP) and runs_here(c)])
def test_cheap_commands_run(command: str) -> None:
    words = words_of(command)
    result = CliRunner().invoke(app, words if len(words) > 1 or words == ["doctor"] else [*words, "--help"])
    assert result.exit_code == 0, result.output or repr(result.exception)


def test_the_studio_is_drawn_by_the_command_in_the_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [c for c in COMMANDS if starts(c, "data render") and "--motion" not in c]
    assert commands
    few = ["--size", "32", "--seconds", "1", "--fps", "5"]
    result = CliRunner().invoke(app, [*words_of(commands[0]), *few])
    assert result.exit_code == 0, result.output or repr(result.exception)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(BLOCK.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(path: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", path.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_recipes_and_tests_that_are_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    recipes = set(re.findall(r"`((?:temporal|css|dsl|ae)-[a-z-]+)`", text))
    assert not recipes - set(shipped())
    if path.name in PAGES:  # names of options may begin alike
        return
    defined = {
        name for file in ROOT.glob("tests/**/*.py") for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))
    }
    assert not set(re.findall(r"`(test_\w+)`", text)) - defined


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = {name for path in DOCUMENTS for name in re.findall(r"`?\bmake ([a-z]+)`", path.read_text(encoding="utf-8"))}
    named |= {
        line.split()[1]
        for path in DOCUMENTS
        for language, _, text in blocks(path)
        for line in text.splitlines()
        if language in ("sh", "console") and line.removeprefix("$ ").startswith("make ")
    }
    assert "demo" in named
    assert named <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_code_in_the_documents_is_code(path: Path) -> None:
    for language, _, text in blocks(path):
        if language == "python":
            compile(text, str(path), "exec")
        elif language == "toml":
            tomllib.loads(text)


def test_recipes_that_are_written_out_compose(tmp_path: Path) -> None:
    whole = [text for path in DOCUMENTS for _, _, text in blocks(path) if re.match(r"name = .*\n", text)]
    assert whole
    for text in whole:
        (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
        compose(tmp_path / "recipe.toml", Registry(installed=()))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """The package of docs/plugins.md as files, importable, with the entry points that its pyproject.toml declares."""
    files = {title: text for _, title, text in blocks(ROOT / "docs" / "plugins.md") if title}
    for title, text in files.items():
        (tmp_path / title).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / title).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    points = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"][GROUP]
    yield [EntryPoint(name, value, GROUP) for name, value in points.items()]
    for module in [name for name in sys.modules if name.partition(".")[0] in points.values()]:
        del sys.modules[module]


def test_the_package_of_the_plugin_page_trains(package: list[EntryPoint]) -> None:
    registry = Registry(installed=package)
    uses = ["losses.slow=slowness", "corruption=blank"]

    composition = compose("temporal", registry, sets=SMALL, uses=uses)
    fabric = Fabric(accelerator="cpu", devices=1)
    state = make_state(composition, fabric)
    colour = state.model.pipeline.get_parameter("corruption.colour_3").detach().clone()
    steps = list(fit(composition, open_source(composition), fabric, state))

    assert not registry.broken
    assert [step.index for step in steps] == [1, 2]
    assert all(step.terms["slow"] > 0 for step in steps)
    assert (state.model.pipeline.get_parameter("corruption.colour_3") != colour).any()


def test_the_declarations_of_the_plugin_page_need_no_torch(package: list[EntryPoint], tmp_path: Path) -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from importlib.metadata import EntryPoint
from poserep.core.registry import GROUP, Registry
registry = Registry(installed=[EntryPoint(sys.argv[2], sys.argv[3], GROUP)])
registry.get("loss", "slowness"), registry.get("corruption", "blank")
assert "torch" not in sys.modules
"""
    (point,) = package
    subprocess.run([sys.executable, "-c", script, str(tmp_path), point.name, point.value], check=True)
