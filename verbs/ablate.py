"""`poserep ablate plan` and `poserep ablate report`: what a study comes to, before and after. Free of torch."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape

from ..core.console import say, show_json, show_table
from ..core.errors import ConfigError, did_you_mean
from ..core.registry import Registry
from ..core.study.arms import Arm
from ..core.study.file import Study, read_study
from ..core.study.plan import Cell, Plan, plan
from ..core.study.results import Row, read_outcomes
from ..core.study.statistics import Test
from ..core.study.store import Store, default_store
from .ablate_table import kinds_of, names_of, span
from .study_report import build_study_report, study_report

STUDIES = Path(__file__).parent.parent / "plugins" / "studies"


def shipped_studies() -> dict[str, Path]:
    """Shipped studies by name."""
    return {path.stem: path for path in sorted(STUDIES.glob("*.toml"))}


def study_file(named: Path) -> Path:
    """A file of one's own, or a shipped study by its name.

    Raises:
        ConfigError: If there is neither.
    """
    shipped = shipped_studies()
    if named.exists() or named.suffix == ".toml" or len(named.parts) > 1:
        return named
    if str(named) not in shipped:
        hint = did_you_mean(str(named), shipped, "`poserep ablate list` names them all; a file ends in .toml")
        raise ConfigError(f"there is no study {str(named)!r}", hint=hint)
    return shipped[str(named)]


def list_rows() -> Iterator[dict[str, str]]:
    """Name, question, arms and seeds of each shipped study."""
    for name, path in shipped_studies().items():
        study = read_study(path)
        size = f"{len(study.arm_names)} arms, {len(study.seeds)} seeds"
        yield {"study": name, "summary": study.summary, "size": size}


def opened(path: Path, store: Path | None) -> tuple[Study, Store, Registry, Plan]:
    """A study planned.

    Raises:
        ConfigError: With the problems of its file.
    """
    study, place, registry = read_study(study_file(path)), Store(store or default_store()), Registry()
    return study, place, registry, plan(study, registry, place)


# ---------------------------------------------------------------- plan


def plan_command(path: Path, store: Path | None, as_json: bool) -> None:
    """Show arms, what is impossible and why, the stages, and about how long they take."""
    study, place, _registry, planned = opened(path, store)
    if as_json:
        show_json(plan_data(study, place, planned))
        return
    arms = [(arm.name, ", ".join(changes_of(arm, study)) or "nothing", state) for arm, state in arms_of(planned)]
    show_table("", ("arm", "differs from the base by", "seeds"), arms)
    show_impossible(planned)
    for group in planned.twins:
        say(escape(f"the same: {', '.join(group)} come to one config"))
    for text in unlike(planned):
        say(escape(text))
    todo, every = kinds_of(planned.todo), kinds_of(planned.stages.values())
    rows = [(kind, str(count), str(every[kind] - count)) for kind, count in todo.items()]
    show_table("", ("stage", "to run", "done"), rows)
    say(escape(f"{estimate_text(planned)}; stages in {place.folder}"))


def arms_of(planned: Plan) -> Iterator[tuple[Arm, str]]:
    """Each arm, and how many of its seeds are done."""
    cells: dict[str, list[Cell]] = {}
    for cell in planned.cells:
        cells.setdefault(cell.arm.name, []).append(cell)
    for group in cells.values():
        possible = [cell for cell in group if not cell.problems]
        done = sum(planned.states[cell.stages[-1].address] == "done" for cell in possible)
        yield group[0].arm, f"{done} of {len(possible)} done" if possible else "impossible"


def changes_of(arm: Arm, study: Study) -> list[str]:
    """How an arm departs from the study's recipe, beyond what the base does to every arm."""
    recipe = [] if Path(arm.recipe) in (Path(study.recipe), study.folder / study.recipe) else [f"recipe {arm.recipe}"]
    layers = arm.layers[1:]
    return recipe + [
        text for layer in layers for text in (*(f"no {role}" for role in layer.drops), *layer.uses, *layer.sets)
    ]


def show_impossible(planned: Plan) -> None:
    """Why some arms are left out."""
    told: set[str] = set()
    for cell in planned.impossible:
        if cell.arm.name in told:
            continue
        told.add(cell.arm.name)
        for problem in cell.problems:
            say(f"[yellow]impossible[/]  {escape(cell.arm.name)}: {escape(problem.what)}")
            for name, text in (("at", problem.where), ("hint", problem.hint)):
                if text:
                    say(f"  [dim]{name:4}[/]  {escape(text)}")


def unlike(planned: Plan) -> Iterator[str]:
    """Arms whose results no table can hold together, as far as their settings tell: they read other data."""
    groups: dict[str, dict[str, None]] = {}
    for cell in planned.cells:
        if cell.stages:
            told = json.dumps(cell.stages[0].config["dataset"], sort_keys=True)
            groups.setdefault(told, {})[cell.arm.name] = None
    if len(groups) > 1:
        said = " | ".join(", ".join(names) for names in groups.values())
        yield f"other data: {said}; no table holds results of different data, give each a study of its own"


def estimate_text(planned: Plan, slots: int = 1) -> str:
    """What is to be run, and about how long that takes."""
    if not planned.stages:
        return "no arm is possible, so there is nothing to run"
    if not planned.todo:
        return "nothing left to run"
    estimate = planned.estimate(slots)
    text = f"{len(planned.todo)} stages to run"
    if estimate.unknown == len(planned.todo):
        return f"{text}; how long they take is known once the first of each kind is done"
    many = f", {slots} at a time" if slots > 1 else ""
    unknown = f", and {estimate.unknown} of unknown length" if estimate.unknown else ""
    return f"{text}: about {span(estimate.seconds)}{many}{unknown}"


def plan_data(study: Study, place: Store, planned: Plan) -> dict[str, Any]:
    """A plan as plain data."""
    names, estimate = names_of(planned), planned.estimate()
    todo, every = kinds_of(planned.todo), kinds_of(planned.stages.values())
    return {
        "study": study.name,
        "store": str(place.folder),
        "cells": [
            {
                "arm": cell.arm.name,
                "seed": cell.seed,
                "recipe": cell.arm.recipe,
                "changes": changes_of(cell.arm, study),
                "problems": [asdict(problem) for problem in cell.problems],
                "stages": [stage.address for stage in cell.stages],
            }
            for cell in planned.cells
        ],
        "twins": planned.twins,
        "stages": [
            {"address": address, "what": names[address], "state": planned.states[address], "needs": stage.needs}
            | {"seconds": planned.seconds[address]}
            for address, stage in planned.stages.items()
        ],
        "kinds": {kind: {"todo": count, "done": every[kind] - count} for kind, count in todo.items()},
        "estimate": asdict(estimate),
    }


# ---------------------------------------------------------------- report


def report_command(path: Path, store: Path | None, output: Path | None, test: Test, as_json: bool) -> None:
    """Write the report of what is done so far, and show its table.

    Raises:
        DataError: If nothing is, or what is was not measured alike.
    """
    study, place, _registry, planned = opened(path, store)
    rows, folder = rows_of(planned, place), output or Path("runs") / "studies" / study.name
    published = {cell.arm.name: cell.composition.experiment.published for cell in planned.cells if cell.composition}
    causes = {(cell.arm.name, cell.seed): why for cell in planned.cells if (why := cause_of(cell, planned, place))}
    if as_json:
        report = build_study_report(study, rows, folder, test, causes, published)
        files = [str(folder / name) for name in report.files]
        show_json({"files": files, "table": asdict(report.table), "rows": [asdict(row) for row in rows]})
    else:
        study_report(study, rows, folder, test, causes, published)


def cause_of(cell: Cell, planned: Plan, place: Store) -> str:
    """Why an arm was not measured with a seed; "" if it was, or nobody tried."""
    if cell.problems:
        return "impossible"
    failed = next((stage for stage in cell.stages if planned.states[stage.address] == "failed"), None)
    return f"failed, {place.about(failed)['cause'].splitlines()[0]}" if failed else ""


def rows_of(planned: Plan, place: Store) -> list[Row]:
    """What was measured, one row per arm and seed that is done.

    Raises:
        DataError: If a file of a stage that is done is missing or broken.
    """
    return [
        _row(cell, place, planned.study.split)
        for cell in planned.cells
        if cell.stages and planned.states[cell.stages[-1].address] == "done"
    ]


def _row(cell: Cell, place: Store, split: str) -> Row:
    measured = read_outcomes(place.result_of(cell.stages[-1], "outcomes.json"))
    folder = place.path(cell.stages[-1])
    (pretraining,) = (stage for stage in cell.stages if stage.kind == "pretraining")
    again = f"runs/again-{folder.name}"
    command = f"poserep train {shlex.quote(str(folder / 'config.toml'))} --run {again} && poserep probe {again}"
    return Row(
        arm=cell.arm.name,
        seed=cell.seed,
        outcomes=measured.outcomes,
        protocol=measured.protocol,
        data=measured.data,
        run=str(folder),
        pretraining=str(place.path(pretraining)),
        command=command if split == "test" else f"{command} --split {split}",
    )
