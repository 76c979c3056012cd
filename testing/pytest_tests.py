"""The checks as one parametrised pytest test: the line that a package's own tests have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..core.registry import Registry
from .bench import Bench
from .pytest_plugin import OUTCOMES
from .report import Outcome, gaps

COUNT = "count"


def conformance_tests(target: str, registry: Registry | None = None) -> Callable[..., None]:
    """A test of every part of a target by every check that applies to it, and of their number.

    Assign it to a name that pytest collects: ``test_conformance = conformance_tests("its_package")``.

    Args:
        target: ``kind.name``, a name, a package, or ``all``.
        registry: Where the parts are declared; the one of this environment if not given.

    Raises:
        PluginError: If the target names nothing.
    """
    bench = Bench(target, registry)
    cases = {(entry.key, one.name): (entry, one) for entry, one in bench.cases}
    parameters = [pytest.param(part, name, id=f"{part}-{name}") for part, name in [*cases, ("all", COUNT)]]

    @pytest.mark.parametrize(("part", "name"), parameters)
    def test(part: str, name: str, request: pytest.FixtureRequest) -> None:
        """One check of one part."""
        if name == COUNT:
            bench.close()
            close(bench, list(cases))
            return
        outcome = bench.outcome(*cases[part, name])
        request.config.stash.setdefault(OUTCOMES, []).append(outcome)
        tell(outcome)

    return test


def tell(outcome: Outcome) -> None:
    """An outcome as pytest has it."""
    if outcome.state == "failed" or (outcome.state == "skipped" and not outcome.reason.strip()):
        pytest.fail(f"{outcome.part} fails {outcome.check}: {outcome.reason or 'skipped without a reason'}", False)
    if outcome.state == "skipped":
        pytest.skip(outcome.reason)


def close(bench: Bench, cases: list[tuple[str, str]]) -> None:
    """Fail where a manifest cannot be read, or checks are not there that apply."""
    missing = [f"{name}: {cause}" for name, cause in bench.broken.items()] + gaps(cases)
    if missing or not cases:
        pytest.fail("\n".join(missing) or "there is no part to check", False)
