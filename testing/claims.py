"""What a check is: one claim about a part, for the kinds that it applies to, and a function that tests it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..core.interfaces import KINDS, Kind

if TYPE_CHECKING:
    from .subject import Subject

Level = Literal["", "loads", "example", "builds", "runs"]
"""How far a part must have come for a check to mean anything; the names are those of the checks that tell."""

Numbers = Mapping[str, float]

STAGES: tuple[Kind, ...] = ("detector", "corruption", "encoder", "exchange", "decoder")
MODEL: tuple[Kind, ...] = (*STAGES, "loss", "head")
"""Kinds that compute on tensors."""
EVERY: tuple[Kind, ...] = KINDS


class ConformanceError(Exception):
    """A claim that does not hold; the message says what was found."""


class SkippedError(Exception):
    """A check that cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One claim.

    Attributes:
        name: Short, unique.
        claim: What holds of every part that passes.
        kinds: The kinds of parts that it applies to.
        run: Tests it: raises where it does not hold, may return measured numbers.
        needs: The check that must have passed before.
    """

    name: str
    claim: str
    kinds: tuple[Kind, ...]
    run: Callable[[Subject], Numbers | None]
    needs: Level = "runs"


def demand(holds: bool, cause: str) -> None:
    """Fail the check unless the claim holds.

    Raises:
        ConformanceError: With the cause.
    """
    if not holds:
        raise ConformanceError(cause)
