"""One job after the other, at once and in this very process: nothing to set up, and a debugger sees everything."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options


class SerialOptions(Options):
    """The serial executor has no options."""


class Serial:
    """Does each job while it is handed over."""

    slots = 1

    def __init__(self, options: SerialOptions, context: Context) -> None:
        pass

    def submit(self, job: Callable[..., object], *arguments: object) -> Future[object]:
        """Do the job. What it raises is kept for `result`, save a second Ctrl-C, which is meant for everything."""
        task: Future[object] = Future()
        task.set_running_or_notify_cancel()
        try:
            task.set_result(job(*arguments))
        except Exception as error:  # it is whoever asks for the result that must deal with it
            task.set_exception(error)
        return task

    def close(self) -> None:
        """Nothing is held."""


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the executor ``serial``."""
    register(Component(kind="executor", name="serial", options=SerialOptions, build=Serial))
