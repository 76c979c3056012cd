"""Every check, in the order in which they are made: what a check needs stands before it."""

from __future__ import annotations

from ..claims import Check
from . import bodies, choosing, data, declaration, kinds, learning, machines, running

CHECKS: tuple[Check, ...] = (
    *declaration.CHECKS,
    *running.CHECKS,
    *learning.CHECKS,
    *kinds.CHECKS,
    *bodies.CHECKS,
    *data.CHECKS,
    *choosing.CHECKS[:-1],
    *machines.CHECKS,
    choosing.CHECKS[-1],  # nothing can be asked of an executor that is closed
)
