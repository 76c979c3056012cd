"""Import outside code in a child process first: what ends a process, or never comes back, then does so to the child.

The clock and the ``except`` of `core.guard` hold what Python can interrupt: not ``os._exit``, a crash in a compiled
library, or a call that keeps the interpreter to itself.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NoReturn

from .guard import Overtime


class ProcessEndedError(Exception):
    """The process that imported a module ended: its exit code or signal."""


def ends(modules: Iterable[str], seconds: float) -> dict[str, BaseException]:
    """What importing each module does to a process, for those that it does not outlive.

    Nothing is tried where a child cannot be forked, or not safely: beside other threads it inherits their locks.

    Args:
        modules: Names; one child imports all, and another goes on after the one that ends it.
        seconds: How long each may take; 0 for as long as it likes.

    Returns:
        By name `ProcessEndedError`, or `Overtime`.
    """
    able = hasattr(os, "fork") and threading.active_count() == 1
    left = [name for name in dict.fromkeys(modules) if name not in sys.modules] if able else []
    found: dict[str, BaseException] = {}
    while left:
        done, error = _watch(left, seconds)
        if error:
            found[left[done]] = error
        left = left[done + 1 :]
    return found


def _watch(modules: Sequence[str], seconds: float) -> tuple[int, BaseException | None]:
    """How many modules a child imports, and what ends it before the last."""
    said, say = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of libraries, which importing does not wait for
        child = os.fork()
    if not child:
        _import_all(modules, say)
    os.close(say)
    done, intime = 0, True
    try:
        while done < len(modules) and intime:
            intime = bool(select.select([said], [], [], seconds or None)[0])
            if intime and not os.read(said, 1):
                break
            done += intime
    finally:
        os.close(said)
        os.kill(child, signal.SIGKILL)  # which has no effect on one that has ended
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if done == len(modules):
        return done, None
    told = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    return done, ProcessEndedError(told) if intime else Overtime()


def _import_all(modules: Iterable[str], say: int) -> NoReturn:
    """In the child: import, and say so after each; whatever is raised, the parent will be told by its own import."""
    try:
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        for name in modules:
            with suppress(BaseException):
                importlib.import_module(name)
            os.write(say, b".")
    finally:
        os._exit(0)
