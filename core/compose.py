"""From a recipe to a checked plan, without torch: which part feeds which, and whether every need is met.

The stages run in one fixed order. After the detector core crops, and after the decoder core composites
(equation (1)); both are shown in the wiring like any part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import recipe as recipes
from .config import Chosen, Experiment, Resolved, resolve, with_bodies
from .errors import ConfigError, Problem, did_you_mean
from .fields import Field
from .interfaces import Context, Roles, declared
from .recipe import Source
from .registry import Registry

FRAME_FIELDS = ("frame", "time", "clip", "subject")
COMPOSITE = ("redrawn", "mask")
OF_BOXES, OF_FRAMES = {"N", "M"}, {"T", "K"}  # axes that are of one length only where a frame has one subject
OWN_STEPS = {"crop": "detector", "composite": "decoder"}  # core's own, and the part that each goes with


@dataclass(frozen=True, slots=True)
class Wire:
    """One row of the wiring: a part, what it reads, what it writes."""

    role: str
    use: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhasePlan:
    """One phase: its length, where its sampler stands, which losses count."""

    name: str
    steps: int
    sampler: str
    losses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Composition:
    """A checked experiment, ready to be built."""

    resolved: Resolved
    wires: tuple[Wire, ...]
    phases: tuple[PhasePlan, ...]
    context: Context
    fields: Mapping[str, Field]
    """What its parts may write, with the axes that it must have: the vocabulary, and outside packages' own."""

    @property
    def experiment(self) -> Experiment:
        """The typed recipe."""
        return self.resolved.experiment

    @property
    def parts(self) -> Mapping[str, Chosen]:
        """Components and options by role."""
        return self.resolved.parts

    @property
    def labels(self) -> frozenset[str]:
        """Fields beyond the frames that the dataset knows."""
        chosen = self.parts["dataset"]
        return frozenset(declared(chosen.component.writes, chosen.options))

    @property
    def steps(self) -> int:
        """Optimiser steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    @property
    def wanted(self) -> frozenset[str]:
        """What a batch must carry: every field that some part reads; of several subjects, where the clip's own is."""
        whose = {"true_box"} if self.context.facts.get("subjects", 1) > 1 else set()
        return frozenset(whose.union(*(wire.reads for wire in self.wires)))


def compose(
    recipe: str | Path,
    registry: Registry | None = None,
    *,
    sets: Sequence[str] = (),
    uses: Sequence[str] = (),
    drops: Sequence[str] = (),
) -> Composition:
    """Read a recipe, apply the overrides, check everything.

    Raises:
        ConfigError: With all the problems of the file, or else of the wiring.
    """
    registry = registry or Registry()
    data, source = recipes.read(recipe, registry.recipes)
    recipes.override(data, source, sets, uses, drops)
    return wire(resolve(data, source, registry), source, registry)


def wire(resolved: Resolved, source: Source, registry: Registry) -> Composition:
    """Check that every read field is written before and that samplers draw the roles that losses need.

    Raises:
        ConfigError: With every unmet need, each naming the parts that could supply it.
    """
    wires = settle((*_stage_wires(resolved), *_loss_wires(resolved)))
    phases = plan_phases(resolved.experiment)
    problems = [*_unmet(wires, source, registry), *_phase_problems(resolved, phases, source)]
    problems += _probe_problems(resolved, wires, source)
    facts: dict[str, int] = {}
    for role, chosen in resolved.parts.items():
        if not role.startswith("probe."):  # the model is made for the data that it learns from
            facts |= chosen.component.facts(chosen.options)
    if facts.get("subjects", 1) > 1:
        problems += _subject_problems(resolved, wires, source, registry.fields)
    if problems:
        raise ConfigError.of(problems)
    readers = Counter(name for one in wires for name in one.reads)
    known = {name: readers[name] for one in wires for name in one.writes}
    context = with_bodies(Context(resolved.experiment.crop_size, facts, known), registry)
    return Composition(resolved, wires, phases, context, registry.fields)


def plan_phases(experiment: Experiment) -> tuple[PhasePlan, ...]:
    """The phases of training; a recipe without phases has one."""
    losses = tuple(experiment.losses)
    if not experiment.phases:
        return (PhasePlan("train", experiment.training.steps, "sampler", losses),)
    plans = []
    for name, phase in experiment.phases.items():
        sampler = f"phases.{name}.sampler" if phase.sampler else "sampler"
        steps = phase.steps if experiment.training.steps else 0
        plans.append(PhasePlan(name, steps, sampler, losses if phase.losses is None else phase.losses))
    return tuple(plans)


def _stage_wires(resolved: Resolved) -> list[Wire]:
    experiment = resolved.experiment
    wires = []
    for role, kind, part in experiment.parts():
        if kind == "loss" or role.startswith(("phases.", "probe.", "finetune.")):
            continue
        chosen = resolved.parts[role]
        reads = declared(chosen.component.reads, chosen.options)
        writes = declared(chosen.component.writes, chosen.options)
        if kind == "dataset":
            # a dataset that knows its background gives it through the slot, where it can be swapped
            writes = (*FRAME_FIELDS, *(name for name in writes if name != "background"))
        elif kind == "sampler":
            writes = ("roles",)
        elif kind == "background":
            reads, writes = (), ("background",)
        wires.append(Wire(role, part.use, reads, writes))
        if kind == "detector":
            wires.append(Wire("crop", "core", ("frame", "box"), ("crop",)))
        if kind == "decoder" and "crop_decoded" in writes:  # decoded patches are not pasted
            needs = ("crop_decoded", "mask_decoded", "box", "target", "background", "depth?", "mix?")
            wires.append(Wire("composite", "core", needs, COMPOSITE))
    return wires


def _loss_wires(resolved: Resolved) -> list[Wire]:
    losses = {f"losses.{role}": part.use for role, part in resolved.experiment.losses.items()}
    chosen = {role: resolved.parts[role] for role in losses}
    return [
        Wire(
            role, losses[role], *(declared(names, one.options) for names in (one.component.reads, one.component.writes))
        )
        for role, one in chosen.items()
    ]


def settle(wires: Sequence[Wire]) -> tuple[Wire, ...]:
    """Settle what is optional (``?``): a read is kept if it is written before, a write if its optional reads are."""
    written: set[str] = set()
    settled = []
    for one in wires:
        optional = {name[:-1] for name in one.reads if name.endswith("?")}
        met = optional <= written
        reads = tuple(name.rstrip("?") for name in one.reads if not name.endswith("?") or name[:-1] in written)
        writes = tuple(name.rstrip("?") for name in one.writes if not name.endswith("?") or met)
        written |= set(writes)
        settled.append(Wire(one.role, one.use, reads, writes))
    return tuple(settled)


def _unmet(wires: Sequence[Wire], source: Source, registry: Registry) -> list[Problem]:
    written: set[str] = set()
    problems = []
    for one in wires:
        for name in one.reads:
            if name in written:
                continue
            later = [f"{other.role} writes only after it" for other in wires if name in other.writes]
            what = f"{one.role} ({one.use}) reads {name!r}, which {later[0] if later else 'nobody writes'}"
            where = source.locate(OWN_STEPS.get(one.role, one.role).split("."))
            hint = f"could supply it: {', '.join(_suppliers(name, registry)) or 'no installed plugin'}"
            problems.append(Problem(what, where, hint))
        written |= set(one.writes)
    return problems


def _suppliers(name: str, registry: Registry) -> list[str]:
    """Components that can write a field; the fields of core's own steps come from the parts before them."""
    if name == "background":
        return [f"background.{use}" for use in registry.names("background")]
    if name in COMPOSITE:
        name = "crop_decoded"
    if name == "crop":
        name = "box"
    return registry.writers(name)


def _phase_problems(resolved: Resolved, phases: Sequence[PhasePlan], source: Source) -> list[Problem]:
    problems = []
    for phase in phases:
        where = source.locate(("phases", phase.name, "losses"))
        for role in phase.losses:
            if role not in resolved.experiment.losses:
                what = f"phase {phase.name!r} names the loss {role!r}, which there is not"
                problems.append(Problem(what, where, did_you_mean(role, resolved.experiment.losses)))
        asking = [f"losses.{role}" for role in phase.losses if role in resolved.experiment.losses]
        problems += _role_problems(resolved, phase, ["exchange", *asking], source)
    return problems


def _role_problems(resolved: Resolved, phase: PhasePlan, asking: Sequence[str], source: Source) -> list[Problem]:
    """Parts that need frames in other roles than the phase's sampler draws."""
    chosen = resolved.parts[phase.sampler]
    drawn = Roles(declared(chosen.component.roles, chosen.options))
    problems = []
    for address in asking:
        part = resolved.parts[address]
        if missing := drawn.missing(declared(part.component.roles, part.options)):
            what = f"{address} ({part.component.name}) needs frames in the roles {', '.join(missing)}; "
            what += f"the sampler {chosen.component.name!r} draws {', '.join(drawn.names)}"
            hint = "swap the sampler, or give the phase its own"
            problems.append(Problem(what, source.locate(address.split(".")), hint))
    return problems


def _subject_problems(
    resolved: Resolved, wires: Sequence[Wire], source: Source, fields: Mapping[str, Field]
) -> list[Problem]:
    """Parts that take what belongs to a box for what belongs to a frame, where a frame has several boxes."""
    problems = []
    for one in wires:
        part = resolved.parts.get(one.role)
        axes = {axis for name in one.reads if name in fields for axis in fields[name].axes.split()}
        if part is not None and not part.component.several and axes & OF_BOXES and axes & OF_FRAMES:
            what = f"{one.role} ({one.use}) is made for one subject in a frame, but the detector finds several"
            hint = f"set detector.subjects = 1, or leave out {one.role}"
            problems.append(Problem(what, source.locate(one.role.split(".")), hint))
    return problems


def _probe_problems(resolved: Resolved, wires: Sequence[Wire], source: Source) -> list[Problem]:
    written = {name for one in wires for name in one.writes}
    where = source.locate(("probe", "fields"))
    unmet = [name for name in resolved.experiment.probe.fields if name not in written]
    return [
        Problem(f"the probe reads {name!r}, which nobody writes", where, did_you_mean(name, sorted(written)))
        for name in unmet
    ]
