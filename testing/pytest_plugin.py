"""The part of the kit that pytest loads by itself: it counts what the conformance tests of a session came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from .report import Outcome

OUTCOMES: pytest.StashKey[list[Outcome]] = pytest.StashKey()
"""Where the outcomes of a session lie, in the stash of its config."""


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Say how many checks were run, skipped and failed, and with -v what each part costs."""
    outcomes = config.stash.get(OUTCOMES, [])
    if not outcomes:
        return
    parts = dict.fromkeys(outcome.part for outcome in outcomes)
    counts = {state: sum(one.state == state for one in outcomes) for state in ("run", "skipped", "failed")}
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    terminalreporter.write_line(f"conformance of {len(parts)} parts: {told}")
    for outcome in outcomes if config.get_verbosity() > 0 else ():
        if outcome.numbers:
            costs = ", ".join(f"{number:g} {name}" for name, number in outcome.numbers.items())
            terminalreporter.write_line(f"  {outcome.part}: {costs}")
