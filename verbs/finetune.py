"""`poserep finetune`: the whole network trained on labelled frames, from several starts and at several label counts.

Papers: Honari et al., TPAMI 2022, arXiv:2012.01511, compare pretrained weights also by training on from them end to
end; Armando et al., CVPR 2024, arXiv:2311.09104, measure by nothing else. Frames, joints, metrics and card are those of
the probe, and the numbers stand beside its own in the run's ``measurements.json``. Each start and count trains in a
folder of its own with the engine and the checkpoints of `poserep train`, and goes on where it stopped::

    RUN/finetune/trained-100-1f2e3d4c/   config.toml, run.json, steps.jsonl, checkpoints/

Axes: N frames.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from ..core.batches import Batches, Source
from ..core.checkpoint import load
from ..core.compose import Composition, PhasePlan
from ..core.config import FineTune, Resolved, complete
from ..core.console import note, show_json
from ..core.errors import ConfigError
from ..core.fit import State, fit_phase
from ..core.measurement import Measurement, read_measurements, write_measurements
from ..core.pipeline import Pipeline
from ..core.run import Run, create, fingerprint
from ..core.study.results import TRAINED
from .finetune_frames import Frames, LabelledSampler, open_frames
from .finetune_measure import Trained, measure
from .finetune_model import TASK, Setting, TaskModel, groups
from .finetune_pictures import save_pictures
from .finetune_start import RANDOM_START, begin, checkpoint_of, started
from .finetune_task import LOOKED_AT, build_task, chosen_head, looked_at, setting_of
from .pool import protocol_of
from .probe import WAYS, Ledger, results
from .probe_data import open_probe_source, probed
from .report import show_results
from .session import Session, open_session, use_threads
from .task_pictures import FOLDER
from .train import Machine, check_machine, fabric_options, follow, stop_signals

SECOND = {"none": "", "view": "two views", "copy": "the frame twice"}


@dataclass(frozen=True, slots=True)
class Bench:
    """What all starts and counts share."""

    run: Run
    composition: Composition
    source: Source
    frames: Frames
    setting: Setting
    fabric: Fabric

    @property
    def options(self) -> FineTune:
        """The recipe's table."""
        return self.setting.options


def finetune(session: Session, split: str = "test", machine: Machine | None = None) -> list[Measurement]:
    """Train, measure, and put the numbers beside those of the probe.

    Args:
        session: The run.
        split: Held-out clips to measure on: ``test``, or ``validation`` while choosing settings.
        machine: Where to train; one process.

    Returns:
        What was measured; less than all where it was stopped.

    Raises:
        ConfigError: If the head does not fit the recipe.
        DataError: If the dataset has not the labels.
    """
    ledger, whole = tune(session, split, machine)
    if not whole:
        note("stopped; the same command goes on from here")
    return keep(session.run, split, ledger.rows)


def tune(session: Session, split: str, machine: Machine | None = None) -> tuple[Ledger, bool]:
    """What `finetune` measures, not written yet, and whether that is all; raises as it does."""
    bench = open_bench(session, split, machine or Machine())
    ledger = Ledger(protocol(bench, split), session.run.folder, reader(bench))
    note(str(ledger.protocol))
    wanted = bench.options.labels or bench.composition.experiment.probe.labels
    for count in dict.fromkeys(len(bench.frames.labelled(count).clip) for count in wanted):
        for number, start in enumerate(bench.options.weights):
            model = train_one(bench, session, start, count)
            if model is None:
                return ledger, False
            trained = Trained(model, bench.source, bench.frames)
            measure(ledger, trained, method_of(bench, start), count, blind=not number)
            save_pictures(trained, Run(place(session, plan_of(bench, start, count).resolved, start, count)), split)
    return ledger, True


def finetune_command(folder: Path, split: str, machine: Machine, as_json: bool, **overrides: Any) -> None:
    """`finetune` for the command line, and its tables."""
    check_machine(machine)
    use_threads(machine.threads)
    found = finetune(open_session(folder, **overrides), split, machine)
    if as_json:
        show_json([asdict(one) for one in found])
    else:
        shown = {one.protocol for one in found}
        beside = read_measurements(results(Run(folder), split))
        show_results(folder, [one for one in beside if one.protocol in shown])


def open_bench(session: Session, split: str, machine: Machine) -> Bench:
    """Data, labels and frames of a run's fine-tuning."""
    if machine.processes > 1:
        raise ConfigError("fine-tuning runs in one process", where="--devices", hint="leave it out")
    source = open_probe_source(session.composition, session.source)
    composition = probed(session.composition)
    options = composition.experiment.finetune or FineTune()
    setting = setting_of(composition, source, options)
    wanted = composition.wanted | set(setting.labels)
    source = Source(source.dataset, source.background, wanted, composition.labels)
    frames = open_frames(composition, source, split, setting.labels, options.second)
    fabric = Fabric(devices=1, **fabric_options(composition, machine))
    return Bench(session.run, composition, source, frames, setting, fabric)


def method_of(bench: Bench, start: str) -> str:
    """How the tables call what was fine-tuned: in which way, from which weights, by which head, with which images."""
    options = bench.options
    origin = f"from {start} weights" if start in (TRAINED, RANDOM_START) else f"from {start}"
    head = f"by {options.head.use}" if options.head else ""
    return ", ".join(filter(None, [WAYS[options.frozen], origin, head, SECOND[options.second]]))


def reader(bench: Bench) -> str:
    """From which features by which head the numbers are read, and what else was done."""
    options = bench.options
    extras = [word for word, on in (("mirrored", options.mirror), ("recoloured", options.colour)) if on]
    return ", ".join([f"{' + '.join(bench.setting.reads)} by {chosen_head(bench.composition).component.name}", *extras])


def protocol(bench: Bench, split: str) -> Any:
    """The probe's, of what is learnt."""
    own = protocol_of(bench.composition, bench.source, split)
    return own if bench.frames.poses else replace(own, target=bench.setting.labels[0], joints="", root="", card="")


# ---------------------------------------------------------------- one start, one count


def train_one(bench: Bench, session: Session, start: str, count: int) -> TaskModel | None:
    """Train from a start on so many labelled frames, going on from the newest checkpoint; None if it was stopped."""
    composition, frames = plan_of(bench, start, count), bench.frames.labelled(count)
    (phase,), one = composition.phases, bench.options
    run = create(composition.resolved, place(session, composition.resolved, start, count))
    torch.manual_seed(composition.experiment.training.seed)
    pipeline = Pipeline(composition)
    begin(pipeline, session, start)
    bare = TaskModel(pipeline, torch.nn.Identity(), bench.setting)
    model = TaskModel(pipeline, build_task(composition, bench.source, bare, bench.frames), bench.setting)
    state = make_state(model, bench)
    if not load(run.folder, state):
        settled: Any = model.head
        settled.settle(*looked_at(model, bench.source, frames, LOOKED_AT))
    if state.step < one.steps:
        note(f"{method_of(bench, start)}, {count} labels: step {state.step} of {one.steps}")
        run.tell(state="running", steps=one.steps)
        drawn = Batches(bench.source, LabelledSampler(frames), one.batch, composition.experiment.training.seed)
        ahead = drawn.run(state.step, one.steps)
        with stop_signals() as stop:
            steps = fit_phase(composition, phase, ahead, bench.fabric, state, rate_of(one))
            follow(composition, steps, bench.fabric, state, run, stop)
    done = state.step >= one.steps
    about = {"method": method_of(bench, start), "labels": count, "learns": bench.setting.labels[0]}
    run.tell(state="done" if done else "stopped", step=state.step, **about)
    return model.eval() if done else None


def plan_of(bench: Bench, start: str, count: int) -> Composition:
    """The composition of a start and a count, whose one phase is the fine-tuning."""
    composition = started(bench.composition, start)
    one = bench.options.model_copy(update={"labels": (count,), "weights": (start,)})
    parts = Resolved(composition.experiment.model_copy(update={"finetune": one}), composition.parts)
    return replace(composition, resolved=parts, phases=(PhasePlan(FOLDER, one.steps, "sampler", (TASK,)),))


def place(session: Session, resolved: Resolved, start: str, count: int) -> Path:
    """Folder of a start and a count: what decides the result decides its name."""
    facts: dict[str, Any] = dict(complete(resolved))
    if checkpoint := checkpoint_of(session, start):
        facts["checkpoint"] = checkpoint.name
    word = re.sub(r"[^\w.]+", "-", Path(start).name)
    return session.run.folder / FOLDER / f"{word}-{count}-{fingerprint(facts)}"


def make_state(model: TaskModel, bench: Bench) -> State:
    """Model and AdamW on the fabric's device."""
    options = bench.options
    optimizer = torch.optim.AdamW(groups(model, options), lr=options.learning_rate)
    wrapped, main = bench.fabric.setup(model, optimizer)
    return State(model, {"main": main}, wrapped=wrapped, precision=bench.fabric.strategy.precision)


def rate_of(options: FineTune) -> Callable[[int], float]:
    """The head's rate at a step: a linear rise over the warm-up, then half a cosine down to zero at the end."""
    rise = options.warmup * options.steps

    def rate(step: int) -> float:
        if step < rise:
            return options.learning_rate * (step + 1) / (rise + 1)
        done = (step - rise) / max(options.steps - rise, 1)
        return options.learning_rate * (1 + math.cos(math.pi * done)) / 2

    return rate


def keep(run: Run, split: str, rows: list[Measurement]) -> list[Measurement]:
    """Write what was measured beside what was measured before, in place of what it measures anew."""
    path = results(run, split)
    new = {(one.name, one.method, one.labels, one.protocol) for one in rows}
    old = [one for one in read_measurements(path) if (one.name, one.method, one.labels, one.protocol) not in new]
    write_measurements(path, [*old, *rows])
    return rows
