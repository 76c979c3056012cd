"""What a study comes to before anything is run: possible and impossible cells, shared stages, time."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, get_args

from ..compose import Composition
from ..errors import ConfigError, PoserepError, Problem
from ..registry import Registry
from .arms import Arm, compose_arm, expand
from .file import Study
from .stages import Stage, StageKind, stages_of, steps_of
from .store import State, Store


@dataclass(frozen=True, slots=True)
class Cell:
    """One arm with one seed.

    Attributes:
        arm: The arm.
        seed: The seed of its training.
        composition: Its checked recipe; None if it is impossible.
        problems: Why it is impossible; empty if it is not.
        stages: Its stages in order of work: background, pretraining, features (trained, initial), probe.
    """

    arm: Arm
    seed: int
    composition: Composition | None
    problems: tuple[Problem, ...]
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long the stages that are left take.

    Attributes:
        seconds: Of those whose time can be told, over all slots: less it cannot be.
        unknown: How many others there are, of a kind that was never done in this store.
    """

    seconds: float
    unknown: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Cells and stages of a study, as they stood when it was planned.

    Attributes:
        study: The study.
        cells: Every arm with every seed, arm by arm.
        stages: The stages of all possible cells, each once, by address: those needed before those that need them,
            and all arms of the first seed before those of the next.
        states: State of each stage by address.
        seconds: Of each stage by address: how long it took, or will as far as those done before tell; else None.
        twins: Groups of arms that come to the same config, so that they share everything.
    """

    study: Study
    cells: tuple[Cell, ...]
    stages: Mapping[str, Stage]
    states: Mapping[str, State]
    seconds: Mapping[str, float | None]
    twins: tuple[tuple[str, ...], ...]

    @property
    def impossible(self) -> tuple[Cell, ...]:
        """Cells that are left out."""
        return tuple(cell for cell in self.cells if cell.problems)

    @property
    def todo(self) -> tuple[Stage, ...]:
        """Stages that are not done."""
        return tuple(stage for address, stage in self.stages.items() if self.states[address] != "done")

    def users(self, stage: Stage) -> tuple[Cell, ...]:
        """Cells that a stage is part of."""
        return tuple(cell for cell in self.cells if stage in cell.stages)

    def estimate(self, slots: int = 1) -> Estimate:
        """How long what is left takes on so many slots."""
        known = [self.seconds[stage.address] for stage in self.todo]
        told = [seconds for seconds in known if seconds is not None]
        return Estimate(sum(told) / max(slots, 1), len(known) - len(told))


def plan(study: Study, registry: Registry, store: Store) -> Plan:
    """Compose every arm with every seed, and see what is done. Runs nothing and writes nothing."""
    cells = tuple(_cell(arm, study, seed, registry) for arm in expand(study) for seed in study.seeds)
    by_seed = [cell for seed in study.seeds for cell in cells if cell.seed == seed]
    stages = {stage.address: stage for cell in by_seed for stage in cell.stages}
    times = _times(store)
    took = {address: store.seconds(address) for address in stages}
    return Plan(
        study=study,
        cells=cells,
        stages=stages,
        states={address: store.state(address) for address in stages},
        seconds={
            address: _tell(stages[address], times) if took[address] is None else took[address] for address in took
        },
        twins=_twins(cells, study.seeds[0]),
    )


def _cell(arm: Arm, study: Study, seed: int, registry: Registry) -> Cell:
    try:
        composition = compose_arm(arm, study, seed, registry)
        if problems := tuple(_unmeasured(composition, study)):
            raise ConfigError.of(problems)
        return Cell(arm, seed, composition, (), tuple(stages_of(composition, registry, study.split)))
    except Exception as error:  # whatever a plugin does when asked, the other arms can be planned
        return Cell(arm, seed, None, _why(error, arm), ())


def _why(error: Exception, arm: Arm) -> tuple[Problem, ...]:
    """Why an arm is impossible."""
    if isinstance(error, ConfigError):
        return error.problems
    if isinstance(error, PoserepError):
        return (Problem(error.what, error.where, error.hint),)
    return (Problem(f"{type(error).__name__}: {error}", f"arm {arm.name}"),)


def _unmeasured(composition: Composition, study: Study) -> Iterator[Problem]:
    """Why an arm that composes cannot be measured."""
    experiment = composition.experiment
    if "pose" not in composition.labels:
        what = f"the dataset {experiment.dataset.use!r} has no 3D poses to measure by"
        yield Problem(what, "dataset", "choose a dataset that writes 'pose'")
    labels, wanted = experiment.probe.labels, study.compare_at
    if wanted is not None and wanted not in labels:
        what = f"compare_at is {wanted}, but this recipe's probe has the labels {', '.join(map(str, labels))}"
        yield Problem(what, study.source.locate(("compare_at",)), "name labels in the study, for all arms")


def _twins(cells: Sequence[Cell], seed: int) -> tuple[tuple[str, ...], ...]:
    groups: dict[str, list[str]] = {}
    for cell in cells:
        if cell.seed == seed and cell.stages:
            groups.setdefault(cell.stages[-1].address, []).append(cell.arm.name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def _times(store: Store) -> dict[tuple[str, str], list[float]]:
    """Seconds of the stages done before, of pretraining per step, by kind and what makes them alike, and by kind."""
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for kind in get_args(StageKind):
        for about in store.finished(kind):
            for alike in (_alike(kind, about["config"]), ""):
                times[kind, alike].append(about["seconds"] / _work(kind, about["config"]))
    return times


def _tell(stage: Stage, times: Mapping[tuple[str, str], list[float]]) -> float | None:
    """Seconds that a stage will take: the median of those alike, else of all of its kind; None without any."""
    known = times.get((stage.kind, _alike(stage.kind, stage.config))) or times.get((stage.kind, ""))
    return median(known) * _work(stage.kind, stage.config) if known else None


def _work(kind: str, config: Mapping[str, Any]) -> int:
    return max(steps_of(config), 1) if kind == "pretraining" else 1


def _alike(kind: str, config: Mapping[str, Any]) -> str:
    """What stages of about the same speed have in common."""
    parts = ("encoder", "decoder", "crop_size") if kind == "pretraining" else ("network",)
    return json.dumps([config.get(part) for part in parts], sort_keys=True)
