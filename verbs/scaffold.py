"""`poserep plugins new`: an installable package with one part, written from the templates that lie beside this file.

Each kind has a folder of them: ``part.py`` is a small part that works, ``net.py`` what of it needs torch, and
``about.toml`` says what it does and which tables of the recipe use it. The rest is the same for every kind.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.metadata import packages_distributions
from pathlib import Path
from string import Template
from typing import Any

from .. import __version__
from ..core.errors import ConfigError, DataError
from ..core.interfaces import API_LEVEL, KINDS
from ..core.registry import Registry

TEMPLATES = Path(__file__).parent / "templates"
PREFIX = "poserep-"
NAME = re.compile(r"(?=..)[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 24
"""Letters of a name: with more, lines of the written files would be too long; the conformance kit asks for two."""


def new(name: str, kind: str, folder: Path | None = None, registry: Registry | None = None) -> tuple[Path, list[str]]:
    """Write a package with one part of a kind.

    Args:
        name: Of the part, with hyphens; the package is called ``poserep-NAME``.
        kind: One of `core.interfaces.KINDS`.
        folder: The package's own folder; ``poserep-NAME`` here if not given.
        registry: What is installed, and so taken.

    Returns:
        The folder, and the commands that one types next.

    Raises:
        ConfigError: If the kind does not exist, the name is none or taken, or the folder is in use.
        DataError: If the folder cannot be written.
    """
    name = name.removeprefix(PREFIX)
    check_kind(kind)
    check_name(name)
    check_free(name, kind, registry or Registry())
    folder = folder or Path(PREFIX + name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("there is something already", where=str(folder), hint="name another folder: -o FOLDER")
    try:
        write(folder, files(name, kind))
    except OSError as error:
        what = f"the package cannot be written: {error.strerror or error}"
        raise DataError(what, where=str(folder), hint="name another folder: -o FOLDER") from None
    return folder, next_commands(name, kind, folder)


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts by path into a folder, which is made."""
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def check_kind(kind: str) -> None:
    """Refuse a kind that there is not.

    Raises:
        ConfigError: Naming the nearest, or all.
    """
    if kind not in KINDS:
        near = get_close_matches(kind, KINDS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"kinds: {', '.join(KINDS)}"
        raise ConfigError(f"there is no kind {kind!r}" if kind else "of which kind?", where="--kind", hint=hint)


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a part, a module and a package at once.

    Raises:
        ConfigError: Saying which rule it breaks.
    """
    rule = f"lower case, digits and hyphens, 2 to {LONGEST}, a letter first: as motion-mask"
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        mended = re.sub(r"[^a-z0-9]+", "-", re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", name).lower()).strip("-0123456789")
        hint = f"as {mended!r}" if NAME.fullmatch(mended) and len(mended) <= LONGEST else rule
        raise ConfigError(f"{name!r} cannot be the name of a part: {rule}", where="NAME", hint=hint)
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in ("none", "true", "false"):
        raise ConfigError(f"{name!r} is a word of Python", where="NAME", hint=f"as {name + '-loss'!r} or the like")


def check_free(name: str, kind: str, registry: Registry) -> None:
    """Refuse a name that a part, a recipe or a package has, or the written code itself.

    Raises:
        ConfigError: Saying whose it is.
    """
    part, package = name.replace("-", "_"), (PREFIX + name).replace("-", "_")
    if entry := registry.entries.get(f"{kind}.{part}"):
        raise ConfigError(f"{entry.package} already has a {kind} named {part!r}", where="NAME", hint="choose another")
    if name in registry.recipes:
        raise ConfigError(f"there is a recipe named {name!r}", where="NAME", hint="choose another")
    if importlib.util.find_spec(package) is not None:
        (owner, *_) = packages_distributions().get(package, ["the current folder"])
        raise ConfigError(f"there is a package {package!r}, of {owner}", where="NAME", hint="choose another")
    code = "".join(path.read_text(encoding="utf-8") for path in (TEMPLATES / kind).glob("*.py.txt"))
    if re.search(rf"\b{title(part)}\b", code):
        raise ConfigError(f"the written code already names {title(part)!r}", where="NAME", hint="choose another")


def title(part: str) -> str:
    """The part's name as its class bears it: ``motion_mask`` as ``MotionMask``."""
    return "".join(word.capitalize() for word in part.split("_"))


def files(name: str, kind: str) -> dict[str, str]:
    """Every file of the package, by its path."""
    words = words_of(name, kind)
    part, package = words["part"], words["package"]
    common, own = TEMPLATES / "package", TEMPLATES / kind
    written = {
        "pyproject.toml": common / "pyproject.toml.txt",
        "README.md": common / "README.md.txt",
        ".gitignore": common / "gitignore.txt",
        ".github/workflows/test.yml": common / "test.yml.txt",
        "tests/test_conformance.py": common / "test_conformance.py.txt",
        f"{package}/__init__.py": common / "init.py.txt",
        f"{package}/registry.toml": common / "registry.toml.txt",
        f"{package}/{part}.py": own / "part.py.txt",
        f"{package}/{part}_net.py": own / "net.py.txt",
        words["experiment"]: own / "study.toml.txt",
    }
    texts = {path: fill(template, words) for path, template in written.items() if template.is_file()}
    if kind != "executor":
        texts[words["experiment"]] = recipe(words, about(kind, words)["sections"])
    return texts | {f"{package}/py.typed": ""}


def words_of(name: str, kind: str) -> dict[str, str]:
    """What the templates' placeholders stand for."""
    part, package = name.replace("-", "_"), (PREFIX + name).replace("-", "_")
    words = {"recipe": name, "kind": kind, "part": part, "Part": title(part), "package": package}
    words |= {"distribution": PREFIX + name, "version": __version__, "api": str(API_LEVEL)}
    told = about(kind, words)
    words |= {"summary": told["summary"], "paper": f'paper = "{told["paper"]}"' * bool(told["paper"])}
    words["Title"] = f"{kind.replace('_', ' ').capitalize()} {part}"
    net = (TEMPLATES / kind / "net.py.txt").is_file()
    words["files"] = f"| `{package}/{part}_net.py` | what needs torch, imported when the part is built |\n" * net
    return words | _experiment(words)


def _experiment(words: Mapping[str, str]) -> dict[str, str]:
    """How the part is tried: by the package's recipe, or a study if it is an executor."""
    name, kind, part, package = (words[key] for key in ("recipe", "kind", "part", "package"))
    if kind == "executor":
        path = f"studies/{name}.toml"
        return {
            "experiment": path,
            "experiment_holds": "a small study to run with it",
            "data": '["py.typed", "registry.toml"]',
            "try": f"poserep ablate run {path} --executor {part}",
            "usage": "Any study runs with it:\n\n```sh\nposerep ablate run STUDY.toml --executor " + part + "\n```",
        }
    role = {"loss": f"losses.{part}", "head": "probe.head"}.get(kind, kind)
    flag = f"--set dataset.body={part}" if kind == "body_model" else f"--use {role}={part}"
    return {
        "experiment": f"{package}/recipes/{name}.toml",
        "experiment_holds": f"the recipe `{name}`, small enough for a CPU",
        "data": '["py.typed", "registry.toml", "recipes/*.toml"]',
        "try": f"poserep train {name}",
        "usage": f"In any other recipe: `{flag}`.",
    }


def about(kind: str, words: Mapping[str, str]) -> dict[str, Any]:
    """What the example of a kind says of itself."""
    return tomllib.loads(fill(TEMPLATES / kind / "about.toml.txt", words))


def fill(template: Path, words: Mapping[str, str]) -> str:
    """A template with its placeholders replaced, ending in one line break."""
    return Template(template.read_text(encoding="utf-8")).substitute(words).rstrip() + "\n"


def recipe(words: Mapping[str, str], sections: str) -> str:
    """The small recipe with a part's own tables in place of those of the same name, losses beside the others."""
    base = fill(TEMPLATES / "package" / "recipe.toml.txt", words)
    tables = dict(_tables(base)) | dict(_tables(sections))
    losses = [header for header in tables if header.startswith("[losses.")]
    order = [header for header in tables if header not in losses]
    order[order.index("[training]") : order.index("[training]")] = losses
    return "\n\n".join(tables[header] for header in order) + "\n"


def _tables(text: str) -> Iterator[tuple[str, str]]:
    """Blocks between blank lines by their first line; what stands above the first table by ""."""
    for block in re.split(r"\n\n+", text.strip()):
        header = block.partition("\n")[0]
        yield (header if header.startswith("[") else ""), block


def next_commands(name: str, kind: str, folder: Path) -> list[str]:
    """What one types next."""
    attempt = words_of(name, kind)["try"].replace("studies/", f"{folder}/studies/")
    return [f"pip install -e {folder}", f"poserep plugins check {PREFIX}{name}", attempt]
