"""Jobs for executors: functions of a module, as they must be."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from poserep.core.errors import DataError


def double(number: int) -> int:
    return 2 * number


def who() -> tuple[int, str]:
    return os.getpid(), os.environ.get("OMP_NUM_THREADS", "")


def fail(where: str) -> None:
    raise DataError("the clips are gone", where=where, hint="bring them back")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def meet(own: str, other: str) -> bool:
    """Whether the other job runs at the same time."""
    Path(own).touch()
    for _ in range(2400):
        if Path(other).exists():
            return True
        time.sleep(0.05)
    return False


def wait_for_ctrl_c(said: str) -> str:
    Path(said).write_text(str(os.getpid()))
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        Path(said).write_text("interrupted")
        return "stopped"
    return "slept"


def interrupt_oneself() -> str:
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
    except KeyboardInterrupt:
        return "interrupted"
    return "deaf"


def appears(path: Path, text: str = "") -> bool:
    """Whether a job writes the file, and this into it, within two minutes."""
    for _ in range(2400):
        if path.exists() and text in path.read_text():
            return True
        time.sleep(0.05)
    return False
