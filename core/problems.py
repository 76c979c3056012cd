"""What is wrong with a recipe, out of pydantic's errors: in plain words, with place, near name and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError

from .errors import Problem, did_you_mean
from .interfaces import KINDS
from .recipe import Source

Fault = Mapping[str, Any]
"""One of pydantic's errors."""


def problems_of(
    error: ValidationError, model: type[BaseModel], path: Sequence[str], source: Source, owner: str = "a recipe"
) -> Iterator[Problem]:
    """A pydantic error as problems. Of a value and one inside it, only the inner is told: it is the cause."""
    faults: dict[tuple[str, ...], list[Fault]] = {}
    for fault in error.errors(include_url=False):
        faults.setdefault(_place(fault), []).append(fault)
    for place, own in faults.items():
        if any(other[: len(place)] == place != other for other in faults):
            continue
        location = tuple(step for step in place if step != "[key]")
        where, dotted = source.locate((*path, *location)), ".".join((*path, *location))
        if own[0]["type"] == "extra_forbidden":
            keys = _keys_at(model, location[:-1])
            hint = did_you_mean(location[-1], keys, f"{owner} has: {', '.join(keys) or 'no options'}")
            yield Problem(f"{dotted}: there is no such key in {owner}", where, hint)
        elif own[0]["type"] == "missing":
            flag = where.startswith(("--set", "--use")) or not source.text  # that is where it is added, too
            example = f"--set {dotted}=..." if flag else _example((*path, *location))
            yield Problem(f"{dotted} is missing", where, f"add it: {example}")
        else:
            yield Problem(
                f"{dotted}: {_words(own)}{_given(own[0])}", where, _hint(own[0], dotted, _keys_at(model, location))
            )


SCALARS = ("str", "int", "float", "bool")
WORDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "greater_than": "greater than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "of the form {pattern}",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of {max_length} at most",
}
"""What a value must be, by pydantic's name of the fault."""


def _place(fault: Fault) -> tuple[str, ...]:
    """Where a fault is, without the names of types that pydantic adds where a value may be of several."""
    steps = (step for step in fault["loc"] if isinstance(step, int) or step not in SCALARS)
    return tuple(str(step) for step in steps if step == "[key]" or "[" not in str(step))


def _words(faults: Sequence[Fault]) -> str:
    """What a value must be; several faults are those of its several types."""
    known = [WORDS[fault["type"]].format(**fault.get("ctx", {})) for fault in faults if fault["type"] in WORDS]
    if known:
        return f"must be {' or '.join(dict.fromkeys(known))}"
    message = str(faults[0]["msg"]).removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def _given(fault: Fault) -> str:
    """The value, as one writes it in TOML; a table says nothing of itself."""
    value = fault["input"]
    if isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    return f", not {list(value) if isinstance(value, tuple) else value!r}"


def _hint(fault: Fault, dotted: str, keys: Sequence[str]) -> str:
    if fault["type"] == "string_type":
        return """text stands in quotes: KEY='"..."' on the command line"""
    if fault["type"] == "model_type":
        example = f"set the keys inside it, as {dotted}.KEY=VALUE"
        return 'a part is a table: { use = "NAME" }' if "use" in keys else example
    return ""


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
