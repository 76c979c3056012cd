"""`poserep train`: into a run folder; stops cleanly, goes on where it stopped."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch.multiprocessing.spawn import ProcessException

from ..core.batches import open_source
from ..core.checkpoint import load, save
from ..core.compose import Composition, compose
from ..core.console import err, note, progress_bar
from ..core.errors import ConfigError, DataError, DivergedError, PluginError, PoserepError, ShapeError
from ..core.fit import State, Step, fit, make_state, parameters_finite
from ..core.ranks import anybody
from ..core.registry import Registry
from ..core.run import Run, create, default_folder
from .session import use_threads

ACCELERATORS = ("auto", "cpu", "cuda")
STOPPED = 130
"""Exit code of what was asked to stop and goes on later, as of any program that Ctrl-C ends."""
UNTRAINED = ("training.steps=0",)
"""What leaves a recipe's networks as they start."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where training runs. ``threads = 0`` leaves torch's own number."""

    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    accelerator: str = "auto"
    threads: int = 0

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return self.devices * self.nodes


def train(composition: Composition, folder: Path | None, machine: Machine) -> Run:
    """Train an experiment into its run folder, going on from its newest checkpoint.

    Raises:
        PoserepError: With the cause kept in ``run.json``.
    """
    run = create(composition.resolved, folder or default_folder(composition.resolved))
    run.tell(state="running", steps=composition.steps, pid=os.getpid(), host=platform.node())
    if machine.processes == 1:
        _train_process(composition, run, Fabric(devices=1, **fabric_options(composition, machine)), machine)
        return run
    options = fabric_options(composition, machine) | {"strategy": _strategy(machine)}
    fabric = Fabric(devices=machine.devices, num_nodes=machine.nodes, **options)
    with stop_signals():  # a Ctrl-C reaches every process; this one waits for the others
        _launch(fabric, run, machine)
    return run


def _strategy(machine: Machine) -> Any:
    """By default one spawned process per device. A phase may leave weights unused, which DDP must be told."""
    if machine.strategy != "auto":
        return machine.strategy
    return DDPStrategy(start_method="spawn" if machine.nodes == 1 else "popen", find_unused_parameters=True)


def _launch(fabric: Fabric, run: Run, machine: Machine) -> None:
    """Start the processes. They read the resolved config in the run folder, never the command line.

    Raises:
        PoserepError: As the process raised it, out of ``run.json``: it comes here as the text of a traceback.
    """
    try:
        fabric.launch(partial(_train_rank, config=run.config, machine=machine))
    except ProcessException as error:
        about = run.about()
        if about.get("state") != "failed":
            raise
        kinds = {kind.__name__: kind for kind in (ConfigError, PluginError, DataError, DivergedError, ShapeError)}
        kind = kinds.get(about["error"], PoserepError)
        raise kind(about["what"], where=about["where"], hint=about["hint"]) from error


def fabric_options(composition: Composition, machine: Machine) -> dict[str, Any]:
    """Accelerator and precision for a fabric."""
    accelerator = machine.accelerator
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    return {"accelerator": accelerator, "precision": composition.experiment.training.precision}


def _train_rank(fabric: Fabric, config: Path, machine: Machine) -> None:
    """One of several processes."""
    _train_process(compose(config), Run(config.parent), fabric, machine)


def _train_process(composition: Composition, run: Run, fabric: Fabric, machine: Machine) -> None:
    use_threads(machine.threads)
    chief = fabric.global_rank == 0
    state = None
    try:
        source = open_source(composition)
        state = make_state(composition, fabric)
        load(run.folder, state)
        if chief and state.step:
            note(f"going on from step {state.step} of {composition.steps}")
        with stop_signals(quiet=machine.processes > 1) as stop:
            follow(composition, fit(composition, source, fabric, state), fabric, state, run, stop)
        if chief:
            run.tell(state="done" if state.step >= composition.steps else "stopped", step=state.step)
    except Exception as error:
        if chief:
            with suppress(DataError):  # the disk may be full
                run.tell(state="failed", step=0 if state is None else state.step, **_cause(error))
        raise


def _cause(error: Exception) -> dict[str, str]:
    """A failure as facts for ``run.json``."""
    parts = {name: str(getattr(error, name, "")) for name in ("what", "where", "hint")}
    return {"cause": str(error), "error": type(error).__name__, **parts}


@contextmanager
def stop_signals(quiet: bool = False) -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second Ctrl-C stops at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, _frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        if not quiet:
            note("stopping after this step; press Ctrl-C again to stop at once")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def follow(
    composition: Composition, steps: Iterator[Step], fabric: Fabric, state: State, run: Run, stop: threading.Event
) -> None:
    """Run the loop over the steps: record, show, checkpoint, stop."""
    training = composition.experiment.training
    chief = fabric.global_rank == 0
    if not composition.steps:  # the network as it starts: a baseline
        _checkpoint(run, state, fabric)
        return
    with progress(composition.steps, state.step, chief) as show:
        for step in steps:
            last = step.index == composition.steps or anybody(stop.is_set(), fabric.device)
            if chief and (step.index % training.log_every == 0 or last):
                run.record(step)
            show(step)
            if step.index % training.checkpoint_every == 0 or last:
                _checkpoint(run, state, fabric)
            if last:
                break


def _checkpoint(run: Run, state: State, fabric: Fabric) -> None:
    if not parameters_finite(state.model):
        raise DivergedError(
            f"a weight became infinite or NaN at step {state.step}",
            hint="the last good checkpoint is kept; lower training.learning_rate, and go on",
        )
    if fabric.global_rank == 0:
        save(run.folder, state)
    fabric.barrier()


@contextmanager
def progress(total: int, done: int, chief: bool) -> Iterator[Any]:
    """A way to show steps: a bar on a terminal, a log line every few seconds elsewhere, nothing on other ranks."""
    if not chief:
        yield lambda _step: None
    elif err().is_terminal:
        with progress_bar() as bar:
            task = bar.add_task("training", total=total, completed=done, info="")

            def show(step: Step) -> None:
                apart = "".join(f" · {name} {value:.4f}" for name, value in step.terms.items() if "." in name)
                info = f"{step.phase} · loss {step.total:.4f}{apart} · {1 / max(step.seconds, 1e-6):.1f} steps/s"
                bar.update(task, completed=step.index, info=info)

            yield show
    else:
        said = time.monotonic()

        def tell(step: Step) -> None:
            nonlocal said
            if time.monotonic() - said > 10 or step.index == total:
                said = time.monotonic()
                terms = "  ".join(f"{role} {value:.4f}" for role, value in step.terms.items())
                note(f"step {step.index}/{total}  {step.phase}  {1 / max(step.seconds, 1e-6):.1f} steps/s  {terms}")

        yield tell


def check_machine(machine: Machine) -> None:
    """Refuse machines that cannot be.

    Raises:
        ConfigError: Naming the flag.
    """
    if machine.devices < 1 or machine.nodes < 1:
        raise ConfigError("devices and nodes count from 1", where="--devices" if machine.devices < 1 else "--nodes")
    if machine.accelerator not in ACCELERATORS:
        raise ConfigError(
            f"there is no accelerator {machine.accelerator!r}",
            where=f"--accelerator {machine.accelerator}",
            hint=f"one of {', '.join(ACCELERATORS)}",
        )
    if machine.accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError("this machine has no CUDA device", where="--accelerator cuda", hint="use --accelerator cpu")


def compose_and_train(recipe: str, folder: Path | None, machine: Machine, registry: Registry, **overrides: Any) -> Run:
    """`train` from a recipe's name and the command line's overrides."""
    check_machine(machine)
    return train(compose(recipe, registry, **overrides), folder, machine)
