"""`poserep plugins list|show`: what is installed, what one part does, and what is broken and why."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from rich.markup import escape

from ..core.console import say, show_table
from ..core.errors import PluginError, did_you_mean
from ..core.interfaces import Component
from ..core.outside.guard import by_default
from ..core.outside.manifest import without
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
        PluginError: If there is none, or several; with its cause if it is one that is refused.
    """
    if name in registry.entries:
        return registry.entries[name]
    found = [entry for entry in registry.entries.values() if entry.name == name]
    if len(found) == 1:
        return found[0]
    if not found and (error := registry.refusal(name)):
        raise error
    if found:
        raise PluginError(
            f"{len(found)} kinds have a part named {name!r}", hint=f"say which: {', '.join(e.key for e in found)}"
        )
    every = [*registry.entries, *(entry.name for entry in registry.entries.values())]
    hint = did_you_mean(name, every, "`poserep plugins list` names them all")
    raise PluginError(f"there is no part named {name!r}", hint=hint + without(registry.left_out))


def describe(name: str, registry: Registry | None = None) -> dict[str, Any]:
    """One component as plain data: its entry, options, roles, and the fields that it reads and writes.

    Raises:
        PluginError: If it does not exist or cannot be loaded.
    """
    registry = registry or Registry()
    entry = find(name, registry)
    component = registry.get(entry.kind, entry.name)
    reads, writes = _names(component, "reads"), _names(component, "writes")
    fields = {name: registry.fields[name] for one in (*reads, *writes) if (name := one.rstrip("?")) in registry.fields}
    return {
        "kind": entry.kind,
        "name": entry.name,
        "summary": entry.summary,
        "paper": entry.paper,
        "module": entry.module,
        "package": entry.package,
        "options": option_rows(component.options),
        "reads": reads,
        "writes": writes,
        "roles": _names(component, "roles"),
        "fields": {name: {"axes": one.axes, "unit": one.unit, "meaning": one.meaning} for name, one in fields.items()},
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
    return "" if value is None else json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else str(value)


def _names(component: Component, which: str) -> list[str]:
    names = list(by_default(component, which))
    if names or not callable(getattr(component, which)):
        return names
    unset = any(option.is_required() for option in component.options.model_fields.values())
    return ["depends on its options"] * unset


def show(description: dict[str, Any]) -> None:
    """Print a description."""
    say(f"[bold]{description['kind']}.{description['name']}[/]  {escape(description['summary'])}")
    for key in ("paper", "module"):
        if description[key]:
            say(f"[dim]{key:7}[/] {escape(description[key])}")
    axes = {name: f" ({about['axes']})" for name, about in description["fields"].items()}
    for key in ("reads", "writes", "roles"):
        if description[key]:
            names = ", ".join(name + axes.get(name.rstrip("?"), "") for name in description[key])
            say(f"[dim]{key:7}[/] {escape(names)}")
    for name, about in description["fields"].items():
        if ":" in name:
            say(f"[dim]field  [/] {escape(name)}: {escape(about['meaning'])}, {escape(about['unit'])}")
    if description["options"]:
        say("")
        show_table(
            "", ("option", "type", "default", "meaning"), [tuple(row.values()) for row in description["options"]]
        )
