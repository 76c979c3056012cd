"""Jobs that executors are tried with: functions of a module, as executors ask for."""

from __future__ import annotations

import time


def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def fail(message: str) -> None:
    """Raise it.

    Raises:
        ValueError: Always.
    """
    raise ValueError(message)


def wait(seconds: float) -> float:
    """Take some time."""
    time.sleep(seconds)
    return seconds
