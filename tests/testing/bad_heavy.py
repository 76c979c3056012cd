"""Declares a part, and asks for torch although it takes no for an answer."""

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Component

from .bad import corruption

with suppress(ImportError):
    import_module("torch")


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    register(corruption("light"))
