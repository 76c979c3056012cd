"""A recipe: typed, strict, flat TOML whose parts are addressed by role.

Reading has two steps. The shape of the file is checked by `Experiment`, which knows no plugin; then what stands
beside each ``use`` is handed to that plugin's own options. Every problem of both steps is reported at once, each
with its file and line or flag.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, get_args

import tomli_w
from pydantic import Field, PositiveInt, ValidationError

from .errors import ConfigError, PartError, PluginError, Problem
from .interfaces import BodyModel, Component, Context, Kind, Options, Slot
from .outside.guard import guarded
from .problems import problems_of
from .recipe import Source
from .registry import Registry
from .tables import FineTune, LossPart, Part, Phase, Probe, Published, Training

__all__ = ["FineTune", "LossPart", "Part", "Phase", "Probe", "Published", "Training"]

Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


STAGES: tuple[Slot, ...] = get_args(Slot)
PROBED = ("dataset", "test_dataset")
"""Data that a probe may have of its own."""
INNER: Mapping[str, Kind] = {"probe.head": "head", "finetune.head": "head", **{f"probe.{n}": "dataset" for n in PROBED}}
"""Parts of the tables for measuring, and their kinds."""


class Experiment(Options):
    """One complete experiment. Every slot is a part; an empty optional slot leaves that stage out."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    """Lower case, digits, hyphens; the run folder starts with it."""
    summary: str = ""
    """One sentence for `recipes list`."""
    paper: str = ""
    """Where it was published: paper, table, row."""
    crop_size: PositiveInt = 128
    """Side of the square crop in pixels."""
    dataset: Part
    sampler: Part
    background: Part | None = None
    detector: Part
    corruption: Part = Part(use="none")
    encoder: Part
    exchange: Part = Part(use="none")
    decoder: Part | None = None
    losses: dict[Role, LossPart] = Field(min_length=1)
    phases: dict[Role, Phase] = Field(default_factory=dict)
    training: Training = Training()
    probe: Probe = Probe()
    finetune: FineTune | None = None
    published: tuple[Published, ...] = ()
    """What the paper measured of this row."""

    def parts(self) -> Iterator[tuple[str, Kind, Part]]:
        """Every filled slot as (role, kind, part), in the order in which they act."""
        for kind in STAGES:
            part = getattr(self, kind)
            if part is not None:
                yield kind, kind, part
        for role, loss in self.losses.items():
            yield f"losses.{role}", "loss", loss
        for name, phase in self.phases.items():
            if phase.sampler is not None:
                yield f"phases.{name}.sampler", "sampler", phase.sampler
        for role, inner in INNER.items():
            table, name = role.split(".")
            if (part := getattr(getattr(self, table), name, None)) is not None:
                yield role, inner, part


@dataclass(frozen=True, slots=True)
class Chosen:
    """A part resolved: its declaration and its checked options."""

    component: Component
    options: Options


@dataclass(frozen=True, slots=True)
class Resolved:
    """A checked experiment and the components that fill it, by role."""

    experiment: Experiment
    parts: Mapping[str, Chosen]


def freeze(value: Any) -> Any:
    """TOML arrays as tuples, which strict models ask for."""
    if isinstance(value, list):
        return tuple(freeze(item) for item in value)
    if isinstance(value, dict):
        return {key: freeze(item) for key, item in value.items()}
    return value


def resolve(data: Mapping[str, Any], source: Source, registry: Registry) -> Resolved:
    """Check a recipe's data against the experiment's shape and every part's own options.

    Raises:
        ConfigError: With all problems found.
        PartError: If one of them is a part that is broken.
    """
    try:
        experiment = Experiment.model_validate(freeze(dict(data)))
    except ValidationError as error:
        problems = list(problems_of(error, Experiment, (), source))
        raise ConfigError.of(problems + list(_option_problems(data, source, registry))) from None
    chosen: dict[str, Chosen] = {}
    problems = []
    for role, kind, part in experiment.parts():
        result = choose(role, kind, part.use, part.options, source, registry)
        if isinstance(result, Chosen):
            chosen[role] = result
        else:
            problems += result
    if problems:
        missing = [f"{kind}.{part.use}" for role, kind, part in experiment.parts() if role not in chosen]
        broken = any(registry.refusal(key) for key in missing)
        raise (PartError if broken else ConfigError).of(problems)
    return Resolved(experiment, chosen)


def choose(
    role: str, kind: Kind, use: str, options: Mapping[str, Any], source: Source, registry: Registry
) -> Chosen | list[Problem]:
    """One part resolved, or its problems."""
    path = tuple(role.split("."))
    try:
        component = registry.get(kind, use)
    except PluginError as error:
        return [Problem(error.what, source.locate((*path, "use")), error.hint)]
    try:
        with guarded(registry.entries[f"{kind}.{use}"], "while reading its options", ValidationError):
            return Chosen(component, component.options.model_validate(freeze(dict(options))))
    except ValidationError as error:
        return list(problems_of(error, component.options, path, source, f"{kind} {use}"))


def pick(role: str, kind: Kind, use: str, options: Mapping[str, Any], source: Source, registry: Registry) -> Chosen:
    """As `choose`, for a part that stands in no slot.

    Raises:
        ConfigError: With its problems.
        PartError: If it is broken.
    """
    found = choose(role, kind, use, options, source, registry)
    if isinstance(found, Chosen):
        return found
    raise (PartError if registry.refusal(f"{kind}.{use}") else ConfigError).of(found)


def with_bodies(context: Context, registry: Registry) -> Context:
    """The context for parts that may open body models of this registry."""
    return replace(context, open_body=partial(_open_body, registry, context))


def _open_body(registry: Registry, context: Context, name: str, options: Mapping[str, Any], where: str) -> BodyModel:
    chosen = pick(where, "body_model", name, options, Source(where), registry)
    body: BodyModel = chosen.component.build(chosen.options, context)
    return body


def _option_problems(data: Mapping[str, Any], source: Source, registry: Registry) -> Iterator[Problem]:
    """Problems of the parts' options in a file whose shape is already wrong: report all at once."""
    for role, kind, part in _loose_parts(data):
        if isinstance(part, dict) and isinstance(part.get("use"), str):
            options = {k: v for k, v in part.items() if k != "use" and not (kind == "loss" and k == "weight")}
            result = choose(role, kind, part["use"], options, source, registry)
            if not isinstance(result, Chosen):
                yield from result


def _loose_parts(data: Mapping[str, Any]) -> Iterator[tuple[str, Kind, Any]]:
    """What stands in the slots of data that need not have the shape of an experiment, as `Experiment.parts`."""
    for kind in STAGES:
        yield kind, kind, data.get(kind)
    keys = {"losses", "phases", *(role.partition(".")[0] for role in INNER)}
    tables = {key: table if isinstance(table := data.get(key), dict) else {} for key in keys}
    for role, part in tables["losses"].items():
        yield f"losses.{role}", "loss", part
    for name, phase in tables["phases"].items():
        yield f"phases.{name}.sampler", "sampler", phase.get("sampler") if isinstance(phase, dict) else None
    for role, inner in INNER.items():
        table, _, name = role.partition(".")
        yield role, inner, tables[table].get(name)


def complete(resolved: Resolved) -> dict[str, Any]:
    """The experiment with every default filled in: plain data that is itself a valid recipe."""
    experiment = resolved.experiment
    unsaid = None if experiment.published else {"published"}
    data = experiment.model_dump(mode="python", exclude_none=True, exclude=unsaid)
    for role, _kind, part in experiment.parts():
        table: dict[str, Any] = data
        for step in role.split("."):
            table = table[step]
        own = {"weight": part.weight} if isinstance(part, LossPart) else {}
        options = resolved.parts[role].options.model_dump(mode="python", exclude_none=True)
        table.clear()
        table.update({"use": part.use, **own, **options})
    return data


def to_toml(data: Mapping[str, Any]) -> str:
    """Data as TOML text; `core.recipe.read` gives it back."""
    return tomli_w.dumps(_plain(data))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None and item != {}}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
