from collections.abc import Callable

from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Component

from .bad import corruption


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    register(corruption("docstring"))
