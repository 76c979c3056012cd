"""The hooks that a plugin may implement."""

from __future__ import annotations

from collections.abc import Callable

import pluggy

from .interfaces import Component

PROJECT = "poserep"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(historic=True)
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand this plugin's components to the registry, one call of ``register`` each.

    Historic: called once for each plugin when it is imported on first use.
    """
