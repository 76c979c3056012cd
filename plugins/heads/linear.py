"""Linear head: what one matrix can read off the features."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import nn


class LinearOptions(Options):
    """No options."""


def build(options: LinearOptions, context: Context) -> nn.Module:
    """A layer from (N, features) to (N, outputs)."""
    from torch import nn

    return nn.Linear(context.facts["features"], context.facts["outputs"])


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the head ``linear``."""
    register(Component(kind="head", name="linear", options=LinearOptions, build=build))
