"""What pydantic found wrong with a recipe, as problems with place, near name and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError

from .errors import Problem, did_you_mean
from .interfaces import KINDS
from .recipe import Source


def problems_of(
    error: ValidationError, model: type[BaseModel], path: Sequence[str], source: Source, owner: str = "a recipe"
) -> Iterator[Problem]:
    """A pydantic error as problems with place and hint."""
    for fault in error.errors(include_url=False):
        location = tuple(str(step) for step in fault["loc"] if step != "[key]")
        where = source.locate((*path, *location))
        dotted = ".".join((*path, *location))
        if fault["type"] == "extra_forbidden":
            keys = _keys_at(model, location[:-1])
            hint = did_you_mean(location[-1], keys, f"{owner} has: {', '.join(keys) or 'no options'}")
            yield Problem(f"{dotted}: there is no such key in {owner}", where, hint)
        elif fault["type"] == "missing":
            yield Problem(f"{dotted} is missing", where, f"add it: {_example((*path, *location))}")
        else:
            value = "" if isinstance(fault["input"], dict) else f", not {fault['input']!r}"
            message = "Must be a table" if fault["type"] == "model_type" else fault["msg"].removeprefix("Value error, ")
            yield Problem(f"{dotted}: {message[0].lower()}{message[1:]}{value}", where, HINTS.get(fault["type"], ""))


HINTS = {
    "model_type": 'a part is a table: { use = "NAME" }',
    "string_type": """text stands in quotes: KEY='"..."' on the command line""",
}


def _example(path: tuple[str, ...]) -> str:
    *table, key = path
    if key == "losses":
        return '[losses.NAME] use = "..."'
    if key in ("use", *KINDS):
        return f'[{".".join(table) if key == "use" else key}] use = "..."'
    return f"{key} = ..."


def _keys_at(model: type[BaseModel], location: Sequence[str]) -> list[str]:
    """Field names of the model that stands at a location inside another."""
    steps = iter(location)
    for step in steps:
        annotation = model.model_fields[step].annotation if step in model.model_fields else None
        inner = _models_in(annotation)
        if not inner:
            return []
        model = inner[0]
        if get_origin(annotation) is dict:
            next(steps, "")  # the name of a role or phase inside a table of them
    return sorted(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in _models_in(argument)]
