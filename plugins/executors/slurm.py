"""Executor ``slurm``: each job of a study is a job of Slurm, handed over by submitit.

Jobs, results and logs pass through a folder that all machines see. A job that ends without a result (killed,
preempted for good, out of time or memory) is an error that names Slurm's state and the log. ``cluster = "local"``
runs each job in a process of this machine, and ``"debug"`` in this very process, to try a study before queueing it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from ...core.errors import PluginError, PoserepError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options
from .outcome import POLL_S, Outcome, capture, need, stop

if TYPE_CHECKING:
    from ...core.interfaces import Task

ASK_S = 30.0
"""Between two questions to Slurm's accounting: a result is seen at once, an end without one after so long."""
REQUEUE_S = 120.0
"""A job that still counts as preempted after so long was not put back into the queue."""


class SlurmOptions(Options):
    """How jobs are handed to Slurm."""

    folder: str = "runs/slurm"
    """Where jobs, results and logs lie; every machine must see it."""
    partition: str = ""
    """Slurm's partition; empty: its default one."""
    timeout_min: PositiveInt = 240
    """Most minutes that one job may take."""
    cpus: PositiveInt = 2
    """Cores of a job."""
    gpus: NonNegativeInt = 0
    """GPUs of a job."""
    mem_gb: PositiveFloat | None = None
    """Memory of a job in GiB; what the partition gives if not set."""
    cluster: Literal["slurm", "local", "debug"] = "slurm"
    """Where jobs run: on Slurm, in processes of this machine, or in this process."""
    jobs: PositiveInt = 8
    """Jobs that may be queued or run at a time."""


class SlurmTask:
    """One job that was handed over.

    Args:
        job: submitit's job.
        lost: Its errors that stand for a job without a result.
    """

    def __init__(self, job: Any, lost: tuple[type[Exception], ...]) -> None:
        self._job = job
        self._lost = lost
        self._cancelled = False
        self._asked = time.monotonic()
        self._preempted: float | None = None

    def done(self) -> bool:
        """Whether it has ended, well or not."""
        ask = time.monotonic() - self._asked > ASK_S
        if ask:
            self._asked = time.monotonic()
        try:
            return bool(self._job.done(force_check=ask)) or self._is_given_up()
        except self._lost:  # the cluster "debug" says so of a job that was cancelled before it ran
            return True

    def _is_given_up(self) -> bool:
        """Whether Slurm has preempted the job without putting it back: submitit would wait for ever."""
        if self._job.state != "PREEMPTED":
            self._preempted = None
            return False
        self._preempted = self._preempted or time.monotonic()
        return time.monotonic() - self._preempted > REQUEUE_S

    def result(self) -> object:
        """Wait for its end; what it returned.

        Raises:
            CancelledError: If it was cancelled before it came to a result.
            PoserepError: If it ended without a result, with Slurm's state and the path of its log.
            Exception: What the job raised.
        """
        while not self.done():
            time.sleep(POLL_S)
        if self._is_given_up():
            raise self._without_result("")
        try:
            outcome: Outcome = self._job.result()
        except self._lost as error:
            raise self._without_result(str(error)) from None
        if isinstance(outcome.error, self._lost):  # raised by submitit's signal handler amid the job
            raise self._without_result(str(outcome.error))
        return outcome.unwrap()

    def _without_result(self, told: str) -> Exception:
        if self._cancelled:
            return CancelledError()
        reason = next((line for line in reversed(told.splitlines()) if line.startswith("Job not requeued")), "")
        return PoserepError(
            f"job {self._job.job_id} ended without a result: {reason or self._job.state}",
            where=str(self._job.paths.stdout),
            hint="its log tells more; the same command goes on from what was saved. "
            "TIMEOUT asks for more timeout_min, OUT_OF_MEMORY for more mem_gb",
        )

    def cancel(self) -> None:
        """Take it out of the queue, or stop it as by Ctrl-C; once, for a second one would not let it end cleanly."""
        if not self._cancelled:
            self._cancelled = True
            self._job.cancel(check=False)


class SlurmExecutor:
    """Hands jobs to Slurm.

    Raises:
        PluginError: If submitit is not installed, or this machine has no Slurm.
    """

    def __init__(self, options: SlurmOptions, context: Context) -> None:
        submitit = need("submitit", "slurm")
        self.slots = options.jobs
        self._lost = (submitit.core.utils.UncompletedJobError, submitit.core.utils.FailedJobError)
        self._tasks: list[SlurmTask] = []
        try:
            self._queue = submitit.AutoExecutor(folder=folder_of_jobs(options), cluster=options.cluster)
        except RuntimeError as error:
            raise PluginError(
                f"this machine cannot hand jobs to Slurm: {error}",
                hint="run on a machine with sbatch and srun, or set executor.cluster = 'local'",
            ) from None
        self._queue.update_parameters(**parameters(options))

    def submit(self, job: Callable[..., object], *arguments: object) -> Task:
        """Hand over a job."""
        task = SlurmTask(self._queue.submit(capture, job, *arguments), self._lost)
        self._tasks.append(task)
        return task

    def close(self) -> None:
        """Stop what has not ended, and wait a little for its clean end."""
        stop(self._tasks)


def folder_of_jobs(options: SlurmOptions) -> Path:
    """Where submitit keeps jobs: each in a folder by its number, ``%j``; those of this machine together in a new one.

    For there the number is that of a process, which may open its log before its own folder could be made, and which
    an earlier job may have had.
    """
    own = f"local-{uuid.uuid4().hex[:8]}" if options.cluster == "local" else "%j"
    return Path(options.folder) / own


def parameters(options: SlurmOptions) -> dict[str, Any]:
    """The options in submitit's words; what is not set is left to Slurm."""
    wanted = {
        "name": "poserep",
        "timeout_min": options.timeout_min,
        "cpus_per_task": options.cpus,
        "gpus_per_node": options.gpus,
        "mem_gb": options.mem_gb,
        "slurm_partition": options.partition,
        "stderr_to_stdout": True,
    }
    return {name: value for name, value in wanted.items() if value}


def example(folder: Path) -> dict[str, Any]:
    """Options that need no cluster."""
    return {"folder": str(folder), "cluster": "local", "jobs": 1}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the executor ``slurm``."""
    register(Component(kind="executor", name="slurm", options=SlurmOptions, build=SlurmExecutor, example=example))
