"""`poserep demo`: the whole road on the embedded studio within a budget of minutes."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from lightning_fabric import Fabric

from ..core.batches import open_source
from ..core.compose import Composition, compose
from ..core.console import note, say
from ..core.errors import ConfigError
from ..core.fit import fit, make_state
from ..core.registry import Registry
from ..core.run import Run
from .probe import probe
from .report import report_command, show_results
from .session import open_session, use_threads
from .train import Machine, train

RECIPE = "temporal"
WARM_STEPS, TIMED_STEPS = 30, 40
MEASURING_STEPS = 900  # so many steps' time is probing, mirror images too, and pictures
HEADROOM = 0.95  # machines slow down, too
LEAST_STEPS = 50


def run_demo(minutes: float, folder: Path, seed: int = 0, threads: int = 0) -> Run:
    """Draw, train, probe, and write the report; how long to train is read off a few timed steps.

    Args:
        minutes: Time for all of it.
        folder: Run folder. If it holds a demo of other length or seed, that one stays and this is an error.
        seed: Seed of weights, draws and noise.
        threads: Threads of torch; 0 leaves its own number.
    """
    begin = time.monotonic()
    use_threads(threads)
    sets = [f"training.seed={seed}"]
    if (folder / "config.toml").is_file():
        composition = compose(folder / "config.toml")
        note(f"{folder} holds a demo already; going on with it (delete it or give another --run to start anew)")
    else:
        steps = steps_within(minutes * 60, compose(RECIPE, sets=sets), begin)
        composition = compose(RECIPE, sets=[*sets, f"training.steps={steps}"])
    note(f"training {composition.steps} steps of the full method on {_cast(composition)}")
    run = train(composition, folder, Machine(threads=threads))
    found = probe(open_session(run.folder, Registry()))
    show_results(run.folder, found)
    report_command([run.folder], run.folder / "report.html", as_json=False, tables=False)
    say(f"{(time.monotonic() - begin) / 60:.1f} minutes; look at it:  {run.folder / 'report.html'}")
    return run


def _cast(composition: Composition) -> str:
    options = composition.parts["dataset"].options.model_dump()
    return f"{options['subjects']} people, {options['cameras']} cameras, {options['size']} px"


def steps_within(budget_s: float, composition: Composition, begin: float) -> int:
    """How many steps fit into a budget that began at a monotonic time, by timing a few.

    Raises:
        ConfigError: If it is too short to learn anything.
    """
    source = open_source(composition)
    fabric = Fabric(accelerator="auto", devices=1, precision=composition.experiment.training.precision)
    state = make_state(composition, fabric)
    seconds = []
    for step in fit(composition, source, fabric, state):
        seconds.append(step.seconds)
        if step.index == WARM_STEPS + TIMED_STEPS:
            break
    typical = float(torch.tensor(seconds[WARM_STEPS:]).quantile(0.25))  # the first steps are slower than the rest
    left = (budget_s - (time.monotonic() - begin)) * HEADROOM
    steps = int(left / typical) - MEASURING_STEPS
    if steps < LEAST_STEPS:
        raise ConfigError(
            f"{budget_s / 60:g} minutes leave room for {max(steps, 0)} steps of {typical:.2f} s",
            where="--minutes",
            hint="give it more time, or free the machine",
        )
    return steps
