"""`poserep plugins list|show`: what is installed, and what one part does."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from rich.markup import escape

from ..core.console import say, show_table
from ..core.errors import PluginError
from ..core.interfaces import Component
from ..core.registry import Entry, Registry


def list_rows(registry: Registry | None = None, check: bool = False) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Declared components, and what is broken with its cause. Imports no plugin unless asked to check them all."""
    registry = registry or Registry()
    if check:
        registry.load_all()
    rows = [
        {"kind": entry.kind, "name": entry.name, "summary": entry.summary, "package": entry.package}
        for entry in registry.entries.values()
    ]
    return rows, registry.broken


def find(name: str, registry: Registry) -> Entry:
    """The entry of ``kind.name`` or of a name that only one kind has.

    Raises:
        PluginError: If there is none, or several.
    """
    if name in registry.entries:
        return registry.entries[name]
    found = [entry for entry in registry.entries.values() if entry.name == name]
    if len(found) == 1:
        return found[0]
    if cause := registry.broken.get(name):
        raise PluginError(cause, where=f"package {name}", hint="mend or uninstall it; everything else works")
    if found:
        raise PluginError(
            f"{len(found)} kinds have a part named {name!r}", hint=f"say which: {', '.join(e.key for e in found)}"
        )
    every = [*registry.entries, *(entry.name for entry in registry.entries.values())]
    near = get_close_matches(name, every, 1)
    hint = f"did you mean {near[0]!r}?" if near else "`poserep plugins list` names them all"
    raise PluginError(f"there is no part named {name!r}", hint=hint)


def describe(name: str, registry: Registry | None = None) -> dict[str, Any]:
    """One component as plain data: its entry, options, fields and roles.

    Raises:
        PluginError: If it does not exist or cannot be loaded.
    """
    registry = registry or Registry()
    entry = find(name, registry)
    component = registry.get(entry.kind, entry.name)
    return {
        "kind": entry.kind,
        "name": entry.name,
        "summary": entry.summary,
        "paper": entry.paper,
        "module": entry.module,
        "package": entry.package,
        "options": option_rows(component.options),
        "reads": _names(component, component.reads),
        "writes": _names(component, component.writes),
        "roles": _names(component, component.roles),
    }


def option_rows(model: type[BaseModel]) -> list[dict[str, str]]:
    """Name, type, default and meaning of each option; defaults as one writes them in a recipe."""
    properties = model.model_json_schema().get("properties", {})
    return [
        {
            "option": name,
            "type": _type_name(properties[name]),
            "default": "required" if field.is_required() else _toml(field.get_default(call_default_factory=True)),
            "meaning": " ".join((field.description or "").split()),
        }
        for name, field in model.model_fields.items()
    ]


def _type_name(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_type_name(choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    return str(schema.get("type", "table"))


def _toml(value: Any) -> str:
    """A value as TOML, which agrees with JSON on all that options are made of, but for tables."""
    return "" if value is None else json.dumps(value, default=BaseModel.model_dump)


def _names(component: Component, names: Any) -> list[str]:
    if not callable(names):
        return list(names)
    try:
        return list(names(component.options()))
    except ValueError:  # it has options without a default: what it reads depends on them
        return ["depends on its options"]


def show(description: dict[str, Any]) -> None:
    """Print a description."""
    say(f"[bold]{description['kind']}.{description['name']}[/]  {escape(description['summary'])}")
    for key in ("paper", "module"):
        if description[key]:
            say(f"[dim]{key:7}[/] {escape(description[key])}")
    for key in ("reads", "writes", "roles"):
        if description[key]:
            say(f"[dim]{key:7}[/] {escape(', '.join(description[key]))}")
    if description["options"]:
        say("")
        show_table(
            "", ("option", "type", "default", "meaning"), [tuple(row.values()) for row in description["options"]]
        )
