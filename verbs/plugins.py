"""`poserep plugins list|show`: what is installed, and what one part does."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from rich.markup import escape

from ..core.console import say, show_table
from ..core.errors import PluginError
from ..core.interfaces import Component
from ..core.registry import Entry, Registry


def list_rows(registry: Registry | None = None) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Declared components, and packages whose manifest could not be read with the cause. Imports no plugin."""
    registry = registry or Registry()
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
    """Name, type, default and meaning of each option."""
    rows = []
    properties = model.model_json_schema()["properties"] if model.model_fields else {}
    for name, field in model.model_fields.items():
        default = "required" if field.default is PydanticUndefined and not field.default_factory else str(field.get_default(call_default_factory=True))
        kind = properties[name].get("type") or " or ".join(
            sorted({str(choice.get("type", "")) for choice in properties[name].get("anyOf", [])} - {""})
        )
        choices = properties[name].get("enum")
        rows.append(
            {
                "option": name,
                "type": " | ".join(map(str, choices)) if choices else kind or "",
                "default": default or '""',
                "meaning": " ".join((field.description or "").split()),
            }
        )
    return rows


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
        show_table("", ("option", "type", "default", "meaning"), [tuple(row.values()) for row in description["options"]])
