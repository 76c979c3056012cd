"""`poserep recipes` and `poserep config schema`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.compose import compose
from ..core.config import PROBED, Experiment, complete, to_toml
from ..core.interfaces import KINDS, Kind
from ..core.outside.guard import schema_of
from ..core.outside.manifest import SHIPPED
from ..core.registry import Registry
from .published import published_of

SCHEMA = "http://json-schema.org/draft-07/schema#"


def list_rows(registry: Registry | None = None) -> list[dict[str, Any]]:
    """What each installed recipe says of itself, the shipped ones first; imports no plugin.

    Its name, summary, paper row and package, the dataset's name, the side of its crops, and the published rows.
    """
    recipes = (registry or Registry()).recipes
    owners = {path: name.rpartition("/")[0] for name, path in recipes.items() if "/" in name}
    names = {path: name for name, path in recipes.items()}  # the short name comes last, where it is free
    rows = []
    for path, name in sorted(names.items(), key=lambda one: one[0] in owners):
        about = {"summary": "", "paper": "", "data": "", "crop": 0, "published": ()} | _about(path)
        rows.append({"recipe": name, **about, "package": owners.get(path, SHIPPED)})
    return rows


def _about(path: Path) -> dict[str, Any]:
    """What a recipe says of itself, or why it cannot be read: one that is broken hides no other."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return {"summary": f"cannot be read: {error}"}
    told: dict[str, Any] = {key: str(data[key]) for key in ("summary", "paper") if key in data}
    dataset, crop = data.get("dataset"), data.get("crop_size")
    told["data"] = str(dataset.get("use", "")) if isinstance(dataset, dict) else ""
    told["crop"] = crop if isinstance(crop, int) else 0
    return told | {"published": published_of(data)}


def complete_text(recipe: str, sets: Sequence[str] = (), uses: Sequence[str] = (), drops: Sequence[str] = ()) -> str:
    """A recipe with every default filled in, as TOML."""
    return to_toml(complete(compose(recipe, sets=sets, uses=uses, drops=drops).resolved))


def schema(registry: Registry | None = None) -> dict[str, Any]:
    """JSON schema of a recipe: the experiment's shape, each slot a choice among the installed parts' options."""
    registry = registry or Registry()
    parts: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    definitions: dict[str, Any] = {}
    for component in registry.load_all():
        own = dict(schema_of(component.options))
        definitions |= own.pop("$defs", {})
        properties = {"use": {"const": component.name}, **own.get("properties", {})}
        if component.kind == "loss":
            properties["weight"] = {"type": "number", "default": 1.0}
        entry = registry.entries[f"{component.kind}.{component.name}"]
        parts[component.kind].append(
            {
                "title": entry.key,
                "description": entry.summary,
                "type": "object",
                "properties": properties,
                "required": ["use", *own.get("required", [])],
                "additionalProperties": False,
            }
        )
    whole = Experiment.model_json_schema(ref_template="#/$defs/{model}")
    definitions |= whole.pop("$defs", {})
    definitions |= {f"part.{kind}": {"oneOf": choices} for kind, choices in parts.items()}
    _place_parts(whole, definitions)
    return {"$schema": SCHEMA, **whole, "$defs": definitions}


def _place_parts(whole: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Let each slot point to the choice among its kind's parts."""
    slots = whole["properties"]
    for kind in KINDS:
        if kind in slots:
            slots[kind] = {"$ref": f"#/$defs/part.{kind}"}
    for roles in (slots["losses"], slots["phases"]):
        roles["additionalProperties"] = False
    (role,) = slots["losses"]["patternProperties"]
    slots["losses"]["patternProperties"] = {role: {"$ref": "#/$defs/part.loss"}}
    definitions["Phase"]["properties"]["sampler"] = {"$ref": "#/$defs/part.sampler"}
    for table in ("Probe", "FineTune"):
        definitions[table]["properties"]["head"] = {"$ref": "#/$defs/part.head"}
    for name in PROBED:
        definitions["Probe"]["properties"][name] = {"$ref": "#/$defs/part.dataset"}
    for unused in ("Part", "LossPart"):
        definitions.pop(unused, None)
