"""Every check of a target, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..core.registry import Registry
from .bench import Bench
from .report import Outcome, Report

Progress = Callable[[Iterable[Any], str, int, str], Iterable[Any]]
"""Passes items through while showing progress, as `core.console.track`: items, label, total, unit."""


def check(target: str, registry: Registry | None = None, progress: Progress | None = None) -> Report:
    """Check the parts of a target.

    Args:
        target: ``kind.name``, a name, a package, or ``all``.
        registry: Where they are declared; the one of this environment if not given.
        progress: Shows how far it is.

    Raises:
        PluginError: If the target names nothing. A part that cannot be loaded is an outcome, not an error.
    """
    bench = Bench(target, registry)
    try:
        return Report(target, tuple(_outcomes(bench, progress)))
    finally:
        bench.close()


def _outcomes(bench: Bench, progress: Progress | None) -> Iterator[Outcome]:
    for name, cause in bench.broken.items():
        yield Outcome(name, "loads", "failed", cause)
    cases = bench.cases
    for entry, one in progress(cases, "checking", len(cases), "checks") if progress else cases:
        yield bench.outcome(entry, one)
