"""Several jobs at a time on this machine, each in a process of its own.

Every slot is a pool of one spawned worker, so that a worker that is killed takes nothing down but its own job and
is replaced for the next one. Workers stand outside of the terminal's process group: a Ctrl-C reaches them through
`Processes.close` alone, once, and a job can stop cleanly. They also stop when the process that started them dies.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from pydantic import Field, PositiveInt

from ...core.errors import PoserepError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

POLL_S = 0.2
KILLED = 137  # exit status of a process that was killed

_busy = threading.Event()  # of a worker: whether it is doing a job


class ProcessesOptions(Options):
    """Options of the processes executor."""

    jobs: PositiveInt = 2
    """Jobs at a time, each in a process of its own."""
    threads: int = Field(default=1, ge=0)
    """Threads of torch in each process; 0 leaves torch's own number."""


class ProcessTask:
    """A job in a worker; says clearly if the worker was killed."""

    def __init__(self, future: Future[object]) -> None:
        self._future = future

    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._future.done()

    def result(self) -> object:
        """Wait for its end.

        Raises:
            PoserepError: If its process was killed.
        """
        try:
            return self._future.result()
        except BrokenProcessPool:
            hint = "most often memory ran out: use fewer jobs at a time; the same command goes on where it stopped"
            raise PoserepError("the process of this job was killed", hint=hint) from None

    def cancel(self) -> bool:
        """Keep it from starting."""
        return self._future.cancel()


class Worker:
    """One process, a queue before it, and a pipe for orders: unlike locks, it outlives a process that is killed."""

    def __init__(self, threads: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        heard, self._orders = spawn.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_start, initargs=(threads, heard))
        self._last: Future[object] | None = None

    @property
    def free(self) -> bool:
        """Whether it has nothing to do."""
        return self._last is None or self._last.done()

    def submit(self, job: Callable[..., object], arguments: tuple[object, ...]) -> Future[object]:
        """Hand over a job.

        Raises:
            BrokenProcessPool: If the process was killed.
        """
        self._last = self._pool.submit(_work, job, arguments)
        return self._last

    def order(self, what: str) -> None:
        """``stop`` its job, or ``leave`` at once."""
        with suppress(OSError):  # it is gone already
            self._orders.send(what)

    def shut(self) -> None:
        """Wait for its end."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class Processes:
    """A few workers, started when there is work for them."""

    def __init__(self, options: ProcessesOptions, context: Context) -> None:
        self.slots = options.jobs
        self._threads = options.threads
        self._workers: list[Worker] = []

    def submit(self, job: Callable[..., object], *arguments: object) -> ProcessTask:
        """Start a job in a free worker; if there is none, it waits for the first."""
        worker = next((worker for worker in self._workers if worker.free), None)
        if worker is None:
            worker = self._hire() if len(self._workers) < self.slots else self._workers[0]
        try:
            return ProcessTask(worker.submit(job, arguments))
        except BrokenProcessPool:
            self._workers.remove(worker)
            return ProcessTask(self._hire().submit(job, arguments))

    def _hire(self) -> Worker:
        self._workers.append(Worker(self._threads))
        return self._workers[-1]

    def close(self) -> None:
        """Ask running jobs to stop, and wait for them; a Ctrl-C meanwhile ends them at once."""
        try:
            self._dismiss("stop")
        except KeyboardInterrupt:
            self._dismiss("leave")
            raise

    def _dismiss(self, order: str) -> None:
        for worker in self._workers:
            worker.order(order)
        for worker in self._workers:
            worker.shut()


def _start(threads: int, orders: Connection) -> None:
    """First thing in a worker, before torch is imported."""
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    signal.signal(signal.SIGINT, _interrupt)
    threading.Thread(target=_obey, args=(orders,), daemon=True).start()


def _interrupt(_number: int, _frame: Any) -> None:
    """A worker that has nothing to do has nothing to interrupt."""
    if _busy.is_set():
        raise KeyboardInterrupt


def _obey(orders: Connection) -> None:
    """Interrupt the job when it is asked for; leave when there is nobody left to work for."""
    while True:
        try:
            order = orders.recv()
        except EOFError:  # whoever held the other end is dead
            order = ""
        if order != "leave" and _busy.is_set():
            os.kill(os.getpid(), signal.SIGINT)
        while not order and _busy.is_set():
            time.sleep(POLL_S)
        if order != "stop":
            os._exit(KILLED)


def _work(job: Callable[..., object], arguments: tuple[object, ...]) -> object:
    _busy.set()
    try:
        return job(*arguments)
    finally:
        _busy.clear()


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the executor ``processes``."""
    register(Component(kind="executor", name="processes", options=ProcessesOptions, build=Processes))
