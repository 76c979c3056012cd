"""The arms of a study: what each does to its recipe, and the recipe composed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .. import recipe as recipes
from ..compose import Composition, wire
from ..config import resolve, to_toml
from ..errors import ConfigError, Problem
from ..recipe import Source
from ..registry import Registry
from .file import Change, Single, Study, Table, tables_of


@dataclass(frozen=True, slots=True)
class Flags:
    """One layer of changes as command-line flags, and the line of the study that says each."""

    sets: tuple[str, ...]
    uses: tuple[str, ...]
    drops: tuple[str, ...]
    places: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to train: a recipe and the layers of changes to it, in the order in which they act.

    Layers act one after the other, so that a part put in by an axis forgets what an earlier layer set in the part
    that it replaces.

    Attributes:
        name: Values of the axes joined with ``/``, or the name of a single arm.
        recipe: Name or file of the recipe.
        layers: Changes: the study's base, then one per axis, or the single arm's own.
    """

    name: str
    recipe: str
    layers: tuple[Flags, ...]


def expand(study: Study) -> list[Arm]:
    """Every arm of a study, in the order of the file."""
    arms = []
    for name, tables in tables_of(study):
        changes = [_change(study, table) for table in tables]
        own = changes[-1].recipe if isinstance(changes[-1], Single) else None
        recipe = own if own is not None else study.recipe
        if recipe.endswith(".toml"):
            recipe = str(study.folder / recipe)
        layers = zip(changes, tables, strict=True)
        arms.append(Arm(name, recipe, tuple(_flags(change, table, study.source) for change, table in layers)))
    return arms


def compose_arm(arm: Arm, study: Study, seed: int, registry: Registry) -> Composition:
    """The recipe of one arm with one seed, checked; the study's label counts in place of the recipe's.

    Raises:
        ConfigError: With all problems, each where the study or the recipe says it.
    """
    layers = (*arm.layers, _own_flags(study, seed))
    places = {flag: place for layer in layers for flag, place in layer.places.items()}
    data, source = recipes.read(arm.recipe, registry.recipes)
    problems: list[Problem] = []
    for layer in layers:
        try:
            recipes.override(data, source, layer.sets, layer.uses, layer.drops)
        except ConfigError as error:
            problems += error.problems
    try:
        if problems:
            raise ConfigError.of(problems)
        return wire(resolve(data, source, registry), source, registry)
    except ConfigError as error:
        said = [replace(problem, where=places.get(problem.where, problem.where)) for problem in error.problems]
        raise type(error).of(said) from None


def _change(study: Study, table: Table) -> Change:
    """The changes that a table of the file says."""
    if table[0] == "axes":
        return study.axes[table[1]][table[2]]
    return study.arms[table[1]] if table[0] == "arms" else study.base


def _flags(change: Change, table: Table, source: Source) -> Flags:
    places = {}
    for role in change.drop:
        places[f"--drop {role}"] = source.locate((*table, "drop"))
    for role, name in change.use.items():
        places[f"--use {role}={name}"] = source.locate((*table, "use", *role.split(".")))
    sets = {key: f"{key}={_inline(value)}" for key, value in _leaves(change.set)}
    for key, flag in sets.items():
        places[f"--set {flag}"] = source.locate((*table, "set", *key.split(".")))
    return Flags(
        tuple(sets.values()), tuple(f"{role}={name}" for role, name in change.use.items()), change.drop, places
    )


def _own_flags(study: Study, seed: int) -> Flags:
    """What the study sets in every arm."""
    sets = {"seeds": f"training.seed={seed}"}
    if study.labels is not None:
        sets["labels"] = f"probe.labels={_inline(study.labels)}"
    places = {f"--set {flag}": study.source.locate((key,)) for key, flag in sets.items()}
    return Flags(tuple(sets.values()), (), (), places)


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted key: TOML reads ``training.steps`` as a table in a table, and ``"training.steps"`` as a key."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _inline(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_inline(key)} = {_inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return to_toml({"value": value}).removeprefix("value = ").rstrip("\n")
