"""Executor ``ray``: each job of a study is a remote function of Ray, on a cluster or on a Ray of its own.

Ray only places the jobs. What they hand over lies in folders, so a cluster needs a file system that all its machines
see, and the same Python environment on each. Ray's usage statistics, its dashboard and its copies of the workers'
output are off.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import NonNegativeFloat, PositiveInt

from ...core.errors import ConfigError, PoserepError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options
from .outcome import Outcome, capture_in, need, stop

if TYPE_CHECKING:
    from ...core.interfaces import Task


class RayOptions(Options):
    """Which cluster, and what a job takes of it."""

    address: str = ""
    """Cluster to join, as "auto" or "10.0.0.1:6379"; empty: start a Ray on this machine, and end it afterwards."""
    cpus: PositiveInt = 1
    """Cores of a job."""
    gpus: NonNegativeFloat = 0.0
    """GPUs of a job; 0.5 lets two share one."""
    jobs: PositiveInt = 2
    """Jobs that may run at a time."""


class RayTask:
    """One job that was handed over."""

    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray = ray
        self._reference = reference
        self._cancelled = False
        self._kept: Outcome | None = None

    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._kept is not None or bool(self._ray.wait([self._reference], timeout=0)[0])

    def result(self) -> object:
        """Wait for its end; what it returned.

        Raises:
            CancelledError: If it was cancelled before it came to a result.
            PoserepError: If its process died.
            Exception: What the job raised.
        """
        return (self._kept or self._outcome()).unwrap()

    def _outcome(self) -> Outcome:
        try:
            found: Outcome = self._ray.get(self._reference)
        except self._ray.exceptions.RayError as error:
            return Outcome(error=CancelledError() if self._cancelled else lost(error))
        return found

    def keep(self) -> None:
        """Hold on to what it came to: Ray is about to end, and with it the job if it still runs."""
        self._kept = self._outcome() if self.done() else Outcome(error=CancelledError())

    def cancel(self) -> None:
        """Keep it from starting, or stop it as by Ctrl-C; once, for a second Ctrl-C would not let it end cleanly."""
        if not self._cancelled and not self.done():
            self._cancelled = True
            self._ray.cancel(self._reference, force=False)


def lost(error: Exception) -> PoserepError:
    """The error of a job whose process died."""
    words = str(error).splitlines() or [type(error).__name__]
    return PoserepError(
        f"the job ended without a result: {words[-1]}",
        where="the logs of Ray's workers, /tmp/ray/session_latest/logs on their machine",
        hint="the same command goes on from what was saved; a killed job often lacked memory",
    )


class RayExecutor:
    """Hands jobs to Ray.

    Raises:
        PluginError: If Ray is not installed.
        ConfigError: If there is no cluster at the address, or a Ray of this machine could never run a job.
    """

    def __init__(self, options: RayOptions, context: Context) -> None:
        self._ray = need("ray", "ray")
        self.slots = options.jobs
        self._tasks: list[RayTask] = []
        self._owned = not self._ray.is_initialized()
        if self._owned:
            start(self._ray, options)
        remote = self._ray.remote(num_cpus=options.cpus, num_gpus=options.gpus, max_retries=0)
        self._capture = remote(capture_in)

    def submit(self, job: Callable[..., object], *arguments: object) -> Task:
        """Hand over a job."""
        variables = {name: value for name, value in os.environ.items() if name.startswith("POSEREP_")}
        reference = self._capture.remote(str(Path.cwd()), variables, job, *arguments)
        task = RayTask(self._ray, reference)
        self._tasks.append(task)
        return task

    def close(self) -> None:
        """Stop what has not ended, wait a little for its clean end, and give back what was started here."""
        stop(self._tasks)
        if self._owned:
            self._owned = False
            for task in self._tasks:
                task.keep()
            self._ray.shutdown()


def start(ray: Any, options: RayOptions) -> None:
    """Join the cluster, or start a Ray that has room for all jobs.

    Raises:
        ConfigError: If there is none at the address, or this machine has fewer GPUs than a job asks for.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    with signals_kept():
        if not options.address:
            ray.init(num_cpus=options.cpus * options.jobs, include_dashboard=False, **quiet)
        else:
            try:
                ray.init(address=options.address, **quiet)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise ConfigError(
                    f"there is no Ray cluster to join: {error}",
                    where=f"executor.address = {options.address!r}",
                    hint="start one: ray start --head; or leave the address empty",
                ) from None
    found = ray.cluster_resources().get("GPU", 0)
    if not options.address and options.gpus > found:
        ray.shutdown()
        raise ConfigError(f"a job asks for {options.gpus:g} GPUs, this machine has {found:g}", where="executor.gpus")


@contextmanager
def signals_kept() -> Iterator[None]:
    """Keep one's own way to stop: starting Ray takes SIGTERM for itself."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the executor ``ray``."""
    register(
        Component(kind="executor", name="ray", options=RayOptions, build=RayExecutor, example={"cpus": 1, "jobs": 1})
    )
