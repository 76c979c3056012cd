"""The conformance kit: what every part must keep to, whatever it does, shipped or from another package.

One line in a package's tests checks all of its parts::

    test_conformance = conformance_tests("its_package")

Importing this imports nothing else, so that pytest starts as fast as without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fixtures import MovingSquare, tiny_frames, tiny_video
    from .pytest_tests import conformance_tests
    from .report import Outcome, Report
    from .runner import check
    from .subject import fake_context

__all__ = [
    "MovingSquare",
    "Outcome",
    "Report",
    "check",
    "conformance_tests",
    "fake_context",
    "tiny_frames",
    "tiny_video",
]

_HOMES = {
    "MovingSquare": "fixtures",
    "Outcome": "report",
    "Report": "report",
    "check": "runner",
    "conformance_tests": "pytest_tests",
    "fake_context": "subject",
    "tiny_frames": "fixtures",
    "tiny_video": "fixtures",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
