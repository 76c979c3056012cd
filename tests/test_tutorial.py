"""The tutorial is typed, command by command, in a clean environment with the built wheel."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from poserep.tests.fakes.clean import ROOT, Clean, Done, make_clean
from poserep.verbs.scaffold import new

PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w*)(?: title=\"(.+?)\")?\n(.*?)^```", re.M | re.S)
ELSEWHERE = {
    "python3 -m venv .venv": "the environment is there",
    ". .venv/bin/activate": "the environment is used by its path",
    "pip install poserep pytest": "the built wheel is installed, what it needs is there",
    "twine upload dist/*": "nothing is uploaded by a test",
}
MINUTES = 15


def blocks() -> list[tuple[str, str, str]]:
    """Language, title and text of each fenced block of the page, in order."""
    return [(match[1], match[2] or "", match[3]) for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]


def lines(text: str) -> list[str]:
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def test_all_that_is_left_out_is_on_the_page() -> None:
    typed = [line for language, _, text in blocks() if language == "bash" for line in lines(text)]
    assert set(ELSEWHERE) <= set(typed)
    assert sum(line.startswith("poserep ") for line in typed) >= 8


def test_every_block_is_a_file_or_commands() -> None:
    assert all(title or language == "bash" for language, title, _ in blocks())


def test_its_files_replace_those_that_are_written_or_are_new(tmp_path: Path) -> None:
    new("straight", "loss", tmp_path / "package")
    for _, title, _ in blocks():
        folder = title.partition("/")[0]
        assert not title or (tmp_path / "package" / folder).is_dir() or folder == "studies"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clean]:
    folder = tmp_path_factory.mktemp("tutorial")
    yield make_clean(folder)
    shutil.rmtree(folder)


def typed(clean: Clean, folder: Path) -> Iterator[Done]:
    """Do what the page says, and give what each command of poserep came to."""
    for language, title, text in blocks():
        if title:
            (folder / title).parent.mkdir(parents=True, exist_ok=True)
            (folder / title).write_text(text, encoding="utf-8")
        elif language == "bash":
            for line in lines(text):
                words = shlex.split(line, comments=True)
                if line in ELSEWHERE:
                    continue
                if words[0] == "cd":
                    folder = folder / words[1]
                elif words[0] == "poserep":
                    yield from clean.poserep([(folder, words[1:])])
                else:
                    clean.call(*words, folder=folder)


@pytest.mark.slow
def test_whoever_types_the_tutorial_comes_to_its_end(clean: Clean) -> None:
    done = list(typed(clean, clean.folder))
    assert [one for one in done if one.code] == [], "\n".join(str(one) for one in done if one.code)
    assert sum(one.seconds for one in done) < 60 * MINUTES

    package = clean.folder / "poserep-straight"
    assert [path.name for path in (package / "dist").iterdir()] == ["poserep_straight-0.1.0-py3-none-any.whl"]
    (report,) = [one for one in done if one.words[:2] == ["ablate", "report"]]
    assert all(words in report.out for words in ("without", "little", "much", "Not enough seeds"))
    assert (package / "runs" / "studies" / "straight-weight" / "table.md").is_file()
    for line in ("format", "--check"), ("check",):
        clean.call("python", "-m", "ruff", *line, "--no-cache", ".", folder=package)
