"""What a part declares: its manifest entry, its module, its options, the fields that it names."""

from __future__ import annotations

import importlib
import re
import tomllib
from collections.abc import Iterator

from pydantic import BaseModel

from ...core.config import freeze, to_toml
from ...core.errors import DataError, PluginError
from ...core.interfaces import KINDS, Options
from ..claims import EVERY, Check, SkippedError, demand
from ..offline import offline
from ..subject import Subject

NAME = re.compile(r"[a-z][a-z0-9_]{1,29}")
SOURCE = re.compile(r"arXiv:\d{4}\.\d{4,5}|doi|https?://", re.IGNORECASE)
ARXIV = re.compile(r"arXiv:\d{4}\.\d{4,5}")
SHORTEST, LONGEST = 10, 120


def loads(subject: Subject) -> None:
    """The registry finds the component."""
    found = subject.load()
    demand((found.kind, found.name) == (subject.entry.kind, subject.entry.name), "it registers another part")


def light(subject: Subject) -> None:
    """Its module is imported where torch is refused."""
    cause = subject.bench.heavy[subject.key]
    demand(not cause, cause)


def name(subject: Subject) -> None:
    """Short, lower case, of a known kind."""
    entry = subject.entry
    demand(entry.kind in KINDS, f"there is no kind {entry.kind!r}")
    demand(NAME.fullmatch(entry.name) is not None, f"{entry.name!r} is not 2 to 30 of a-z, 0-9, _ after a letter")


def summary(subject: Subject) -> None:
    """One sentence without its full stop."""
    text = subject.entry.summary
    demand(SHORTEST <= len(text) <= LONGEST, f"its summary has {len(text)} characters, not {SHORTEST} to {LONGEST}")
    demand(not text.endswith("."), "its summary ends with a full stop")


def docstring(subject: Subject) -> None:
    """The module says what it does and, where the manifest names a paper, where it comes from."""
    text = importlib.import_module(subject.entry.module).__doc__ or ""
    demand(bool(text.strip()), f"{subject.entry.module} has no docstring")
    if subject.entry.paper:
        wanted = ARXIV if ARXIV.search(subject.entry.paper) else SOURCE
        demand(wanted.search(text) is not None, "its docstring does not cite the paper (arXiv number, DOI or address)")


def options(subject: Subject) -> None:
    """Every option has a sentence."""
    model = subject.component.options
    demand(issubclass(model, Options), f"{model.__name__} does not derive from poserep.core.interfaces.Options")
    missing = list(undocumented(model))
    demand(not missing, f"without a sentence that ends: {', '.join(missing)}")


def undocumented(model: type[BaseModel]) -> Iterator[str]:
    """Options, and models of options, without documentation."""
    if not model.__doc__:
        yield model.__name__
    for key, option in model.model_fields.items():
        if not (option.description or "").rstrip().endswith((".", "`", ")")):
            yield f"{model.__name__}.{key}"
        if isinstance(option.annotation, type) and issubclass(option.annotation, BaseModel):
            yield from undocumented(option.annotation)


def example(subject: Subject) -> None:
    """The options of the example are valid."""
    demand(isinstance(subject.options, subject.component.options), "its example gives no options")


def round_trip(subject: Subject) -> None:
    """Options written as TOML are read again as the same."""
    text = to_toml(subject.options.model_dump(mode="python", exclude_none=True))
    again = subject.component.options.model_validate(freeze(tomllib.loads(text)))
    demand(again == subject.options, f"its options come back from TOML as {again!r}")


def vocabulary(subject: Subject) -> None:
    """Fields are known, and named once."""
    for names in (subject.reads, subject.writes):
        bare = [one.rstrip("?") for one in names]
        strange = [one for one in bare if one not in subject.vocabulary]
        own = 'one of the package is described in registry.toml under [field."package:name"]'
        demand(not strange, f"not in the vocabulary: {', '.join(strange)}; {own}")
        demand(len(set(bare)) == len(bare), f"named twice: {', '.join(sorted(bare))}")


def facts(subject: Subject) -> None:
    """Facts are whole numbers."""
    for key, number in subject.component.facts(subject.options).items():
        demand(type(number) is int, f"its fact {key} is {number!r}, not a whole number")


def roles(subject: Subject) -> None:
    """Roles are named once, in lower case."""
    names = subject.names(subject.component.roles)
    bad = [one for one in names if not NAME.fullmatch(one)]
    demand(not bad, f"not a role's name: {', '.join(bad)}")
    demand(len(set(names)) == len(names), f"named twice: {', '.join(names)}")
    demand(bool(names) or subject.kind != "sampler", "a sampler must declare the roles that it draws")


def builds(subject: Subject) -> None:
    """It is built with the options of its example."""
    try:
        demand(subject.shared is not None, "its build gives nothing")
    except PluginError as error:
        if not subject.entry.extra or "not installed" not in error.what:
            raise
        raise SkippedError(f"{error.what}: {error.hint}") from None


def defaults(subject: Subject) -> None:
    """Its defaults are valid, unless an option has none, and it is built with them, without a network."""
    model = subject.component.options
    required = [key for key, option in model.model_fields.items() if option.is_required()]
    if required:
        raise SkippedError(f"it asks for {', '.join(required)}")
    valid = model()
    if subject.kind == "executor":
        raise SkippedError("the defaults of an executor may start as many processes as the machine has cores")
    try:
        with offline():
            part = subject.component.build(valid, subject.context)
    except DataError as error:
        raise SkippedError(f"its defaults need what is not on this machine: {error.what}") from None
    demand(part is not None, "its build gives nothing")


CHECKS = (
    Check("loads", "its module is imported and hands over the part that its manifest names", EVERY, loads, ""),
    Check("light", "declaring it imports no torch", EVERY, light, ""),
    Check("name", "its name is short and in lower case, its kind is known", EVERY, name, ""),
    Check("summary", "its manifest says in one sentence what it does", EVERY, summary, ""),
    Check("docstring", "its module says what it does and where that comes from", EVERY, docstring, "loads"),
    Check("options", "every option is documented", EVERY, options, "loads"),
    Check("example", "its example gives valid options", EVERY, example, "loads"),
    Check("builds", "it is built from its example", EVERY, builds, "example"),
    Check("round_trip", "its options survive being written as a recipe", EVERY, round_trip, "example"),
    Check("defaults", "its defaults are valid, and it is built from them", EVERY, defaults, "builds"),
    Check("vocabulary", "the fields that it declares are known, each named once", EVERY, vocabulary, "example"),
    Check("facts", "the facts that it states are whole numbers", EVERY, facts, "example"),
    Check("roles", "its roles are well named", ("sampler", "loss"), roles, "example"),
)
