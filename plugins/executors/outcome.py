"""What the executors of clusters share: a job's result or error as one value that travels between machines."""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...core.errors import PluginError

if TYPE_CHECKING:
    from ...core.interfaces import Task

POLL_S = 0.2
GRACE_S = 30.0
"""Time that jobs have to stop cleanly."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to: what it returned, or what it raised."""

    value: object = None
    error: BaseException | None = None

    def unwrap(self) -> object:
        """What the job returned.

        Raises:
            BaseException: What it raised, with the traceback of the other process as a note.
        """
        if self.error is not None:
            raise self.error
        return self.value


def capture(job: Callable[..., object], *arguments: object) -> Outcome:
    """Run a job, on the machine where it shall run. Only what ends the process itself gets past this."""
    try:
        with ctrl_c_heard():
            return Outcome(job(*arguments))
    except (Exception, SystemExit) as error:
        return Outcome(error=portable(error))


@contextmanager
def ctrl_c_heard() -> Iterator[None]:
    """Let a job be asked to stop though it descends from a background command, to which shells make Ctrl-C nothing."""
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not deaf or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def capture_in(folder: str, variables: dict[str, str], job: Callable[..., object], *arguments: object) -> Outcome:
    """`capture` where relative paths and the environment mean what they mean to those who submit."""
    os.environ.update(variables)
    os.chdir(folder)
    return capture(job, *arguments)


def portable(error: BaseException) -> BaseException:
    """The error with its traceback as a note, or its text where it cannot be pickled and read back."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # errors of other libraries may hold anything
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error.with_traceback(None)  # its frames would hold on to all that the job held


def stop(tasks: Sequence[Task]) -> None:
    """Ask jobs that have not ended to stop, and wait a little for their clean end."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline and not all(task.done() for task in running):
        time.sleep(POLL_S)


def need(package: str, executor: str) -> Any:
    """Import what an executor stands on.

    Raises:
        PluginError: If the extra is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError:
        raise PluginError(
            f"executor.{executor} needs the package {package!r}, which is not installed",
            hint=f"pip install 'poserep[{executor}]'",
        ) from None
