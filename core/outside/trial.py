"""Import outside code in a child process first: what ends a process, or never comes back, then does so to the child.

The clock and the ``except`` of `core.outside.guard` hold what Python can interrupt: not ``os._exit``, a crash in a
compiled library, or a call that keeps the interpreter to itself.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NoReturn

from .guard import Overtime


class ProcessEndedError(Exception):
    """The process that imported a module ended: its exit code or signal."""


def ends(modules: Iterable[str], seconds: float) -> dict[str, BaseException]:
    """What importing each module does to a process, for those that it does not outlive; arguments as for `trials`."""
    return {name: error for name, error in trials(modules, seconds) if error}


def trials(modules: Iterable[str], seconds: float) -> Iterator[tuple[str, BaseException | None]]:
    """Each module as soon as a child has imported it, so that others can be at work here while the child goes on.

    Nothing is tried where a child cannot be forked, or not safely: beside other threads it inherits their locks.

    Args:
        modules: Names; one child imports all, and another goes on after the one that ends it.
        seconds: How long each may take; 0 for as long as it likes.

    Yields:
        A name, and `ProcessEndedError` or `Overtime` if the child did not outlive it.
    """
    left = [name for name in dict.fromkeys(modules) if name not in sys.modules] if hasattr(os, "fork") else []
    while left and threading.active_count() == 1:
        for tried in _watch(tuple(left), seconds):
            left.pop(0)
            yield tried


def _watch(modules: Sequence[str], seconds: float) -> Iterator[tuple[str, BaseException | None]]:
    """Each module as a child imports it, up to the one that ends it."""
    said, say = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of libraries, which importing does not wait for
        child = os.fork()
    if not child:
        _import_all(modules, say)
    os.close(say)
    try:
        for name in modules:
            intime = select.select([said], [], [], seconds or None)[0]
            if intime and os.read(said, 1):
                yield name, None
                continue
            code, child = _reaped(child), 0
            told = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
            yield name, ProcessEndedError(told) if intime else Overtime()
            return
    finally:
        os.close(said)
        if child:
            _reaped(child)


def _reaped(child: int) -> int:
    """The exit code of a child, which is killed if it has not ended."""
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


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
