"""A recipe: typed, strict, flat TOML whose parts are addressed by role.

Reading has two steps. The shape of the file is checked by `Experiment`, which knows no plugin; then what stands
beside each ``use`` is handed to that plugin's own options. Every problem of both steps is reported at once, each
with its file and line or flag.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import tomli_w
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from .errors import ConfigError, PartError, PluginError, Problem
from .interfaces import Component, Kind, Options, Slot
from .outside.guard import guarded
from .problems import problems_of
from .recipe import Source
from .registry import Registry

Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Part(BaseModel):
    """``{ use = "stn", min_size = 0.3 }``: a component's name and, beside it, its options."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    use: str

    @property
    def options(self) -> dict[str, Any]:
        """What stands beside ``use``, not yet checked."""
        return dict(self.model_extra or {})


class LossPart(Part):
    """A loss and its weight in the total; the weight belongs to the role and survives ``--use``."""

    weight: float = Field(default=1.0, allow_inf_nan=False)


class Phase(Options):
    """A stretch of training with its own length and, if it differs, its own sampler and losses."""

    steps: PositiveInt
    """Optimiser steps of this phase."""
    sampler: Part | None = None
    """Sampler of this phase; the recipe's if not given."""
    losses: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Roles of the losses that count in this phase; all if not given."""


class Training(Options):
    """How long and how fast to train."""

    steps: int = Field(default=1000, ge=0)
    """Optimiser steps, where the recipe has no phases; with 0 it is left as it starts, phases or not."""
    batch: PositiveInt = 8
    """Tuples per step, over all processes."""
    learning_rate: PositiveFloat = 1e-4
    """Adam's rate at full height."""
    warmup_steps: int = Field(default=0, ge=0)
    """Steps over which the rate rises from zero."""
    decay: float = Field(default=0.0, ge=0, le=1)
    """Share of all steps, at the end, over which the rate falls linearly to zero."""
    clip: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Largest norm of the gradient, longer ones are shortened to it; 0 leaves them as they are."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Lightning Fabric's name for the arithmetic."""
    seed: int = Field(default=0, ge=0)
    """Seed of weights, draws and noise."""
    checkpoint_every: PositiveInt = 500
    """Steps between checkpoints."""
    log_every: PositiveInt = 10
    """Steps between records of the losses."""


PoseMetric = Literal["N-MPJPE", "MPJPE", "P-MPJPE"]


class Probe(Options):
    """How pose is read off the frozen features."""

    protocol: str = ""
    """Name of the card that these settings are of, see `poserep protocols list`; empty if of none."""
    target: Literal["pose", "pose_2d"] = "pose"
    """What is read off: 3D joints in mm, or 2D joints in the frame."""
    joints: str | tuple[str, ...] = "all"
    """Joints that are read off: `all`, a named set as `body_13`, or their names."""
    root: str = "root"
    """Joint that poses are relative to, or `mid_hip`; `root` is the dataset's own."""
    metrics: Annotated[tuple[PoseMetric, ...], Field(min_length=1)] = get_args(PoseMetric)
    """How 3D poses are aligned before their error is taken: by scale, not at all, by scale and rotation."""
    head: Part = Part(use="mlp")
    """The regressor from features to joints."""
    fields: tuple[str, ...] = ("variant",)
    """Latents that it sees, and 2D joints: `pose_2d` from the labels, `pose_2d_predicted` from a loss's network."""
    labels: tuple[Annotated[int, Field(ge=0)], ...] = (100, 500, 0)
    """Numbers of labelled frames; 0 stands for all of the pool."""
    stride: PositiveInt = 1
    """Every K-th labelled training frame is in the pool of labels."""
    test_stride: PositiveInt = 1
    """Every K-th frame of the held-out clips is tested."""
    steps: PositiveInt = 1000
    """Optimiser steps of the regressor."""
    batch: PositiveInt = 128
    """Frames per step."""
    learning_rate: PositiveFloat = 1e-3
    """Adam's rate at the first step."""
    schedule: Literal["linear", "constant"] = "linear"
    """Whether the rate falls to zero over the steps or stays."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay."""
    mirror: bool = False
    """Show the regressor each labelled frame's mirror image, too, and take the mean of what it reads off a test frame
    and off its mirror image. For 3D poses."""

    @model_serializer(mode="wrap")
    def _terse(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without later keys at their defaults: run folders and stages that do not know them keep their names."""
        later = ("protocol", "target", "joints", "root", "metrics", "schedule", "mirror")
        return {k: v for k, v in handler(self).items() if k not in later or getattr(self, k) != LATER[k]}


LATER = {name: field.default for name, field in Probe.model_fields.items()}


STAGES: tuple[Slot, ...] = get_args(Slot)


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
        yield "probe.head", "head", self.probe.head


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
    tables = {key: table if isinstance(table := data.get(key), dict) else {} for key in ("losses", "phases", "probe")}
    for role, part in tables["losses"].items():
        yield f"losses.{role}", "loss", part
    for name, phase in tables["phases"].items():
        yield f"phases.{name}.sampler", "sampler", phase.get("sampler") if isinstance(phase, dict) else None
    yield "probe.head", "head", tables["probe"].get("head")


def complete(resolved: Resolved) -> dict[str, Any]:
    """The experiment with every default filled in: plain data that is itself a valid recipe."""
    experiment = resolved.experiment
    data = experiment.model_dump(mode="python", exclude_none=True)
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
