"""Where a recipe's values come from: its file, line by line, and the flags that override it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import ConfigError, Problem, did_you_mean

RECIPES = Path(__file__).parent.parent / "plugins" / "recipes"


@dataclass(slots=True)
class Source:
    """Remembers where each value was said, so that an error can point there."""

    name: str
    text: str = ""
    flags: dict[tuple[str, ...], str] = field(default_factory=dict)

    def locate(self, path: Sequence[str]) -> str:
        """``file:line`` or the flag that set a key, something inside it, or the nearest table that encloses it."""
        lines = self._lines()
        for length in range(len(path), 0, -1):
            key = tuple(path[:length])
            if flag := self.flags.get(key):
                return flag
            if key in lines and not any(key[:shorter] in self.flags for shorter in range(1, length)):
                return f"{self.name}:{lines[key]}"
            if flag := next((flag for set_key, flag in self.flags.items() if set_key[:length] == key), ""):
                return flag
        return self.name

    def _lines(self) -> dict[tuple[str, ...], int]:
        """The line on which each key or table begins."""
        found: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[\[?([^\[\]]+)\]", line):
                table = tuple(step.strip().strip('"') for step in header[1].split("."))
                here = table
            elif key := re.match(r"""\s*["']?([\w.-]+)["']?\s*=""", line):
                here = (*table, *key[1].split("."))
            else:
                continue
            for length in range(1, len(here) + 1):
                found.setdefault(here[:length], number)
        return found


def shipped() -> dict[str, Path]:
    """Shipped recipes by name."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.toml"))}


def read(recipe: str | Path, installed: Mapping[str, Path] | None = None) -> tuple[dict[str, Any], Source]:
    """A recipe's data and source, by file or by the name of an installed one; the shipped ones if none are given.

    Raises:
        ConfigError: If there is no such recipe, or it is not TOML.
    """
    named = shipped() if installed is None else installed
    path = named.get(str(recipe), Path(recipe))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = did_you_mean(str(recipe), named, "`poserep recipes list` names them all")
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigError(f"there is no recipe {str(recipe)!r} ({reason})", hint=hint) from None
    name = path.name if path.parent == RECIPES else str(path)
    try:
        return tomllib.loads(text), Source(name, text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", where=name) from None


def override(
    data: dict[str, Any], source: Source, sets: Sequence[str] = (), uses: Sequence[str] = (), drops: Sequence[str] = ()
) -> None:
    """Apply ``--drop``, ``--use`` and ``--set`` in this order, in place.

    Raises:
        ConfigError: With every flag that could not be applied.
    """
    problems = [problem for role in drops if (problem := _drop(data, role, source))]
    problems += [problem for flag in uses if (problem := _use(data, flag, source))]
    problems += [problem for flag in sets if (problem := _set(data, flag, source))]
    if problems:
        raise ConfigError.of(problems)


def _descend(data: dict[str, Any], path: Sequence[str]) -> dict[str, Any] | None:
    """The table at a path, made where it is missing; None where a value is in the way."""
    for step in path:
        data = data.setdefault(step, {})
        if not isinstance(data, dict):
            return None
    return data


def _drop(data: dict[str, Any], role: str, source: Source) -> Problem | None:
    *path, last = role.split(".")
    table: Any = data
    for step in path:
        table = table.get(step, {}) if isinstance(table, dict) else {}
    if not isinstance(table, dict) or last not in table:
        hint = did_you_mean(role, _roles(data), f"this recipe has: {', '.join(_roles(data))}")
        return Problem(f"there is no {role!r} to drop", f"--drop {role}", hint)
    del table[last]
    source.flags[(*path, last)] = f"--drop {role}"
    return None


def _use(data: dict[str, Any], flag: str, source: Source) -> Problem | None:
    role, equals, name = flag.partition("=")
    path = role.split(".")
    parent = _descend(data, path[:-1]) if equals and name and all(path) else None
    if parent is None:
        return Problem(
            f"{flag!r} does not swap a part", f"--use {flag}", "write --use ROLE=NAME, as losses.contrast=css"
        )
    old = parent.get(path[-1], {})
    kept = {"weight": old["weight"]} if path[0] == "losses" and isinstance(old, dict) and "weight" in old else {}
    parent[path[-1]] = {"use": name, **kept}
    source.flags[tuple(path)] = f"--use {flag}"
    return None


def _set(data: dict[str, Any], flag: str, source: Source) -> Problem | None:
    role, equals, text = flag.partition("=")
    path = role.split(".")
    table = _descend(data, path[:-1]) if equals and all(path) else None
    if table is None:
        return Problem(
            f"{flag!r} does not set a value", f"--set {flag}", "write --set KEY=VALUE, as training.steps=500"
        )
    table[path[-1]] = parse_value(text)
    source.flags[tuple(path)] = f"--set {flag}"
    return None


def parse_value(text: str) -> Any:
    """A value as TOML; what is not TOML, such as a path or a bare word, is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _roles(data: dict[str, Any]) -> list[str]:
    """Addresses of the parts in a recipe's data."""
    found = []
    for key, value in data.items():
        if isinstance(value, dict) and "use" in value:
            found.append(key)
        elif isinstance(value, dict):
            found += [f"{key}.{inner}" for inner, part in value.items() if isinstance(part, dict)]
    return found
