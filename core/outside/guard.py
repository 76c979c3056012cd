"""Code of other people, run so that whatever it does ends in one expected error, and checked against its contract.

Outside code is kept from standard output, which belongs to the command, and from taking more than a few seconds while
it is imported, registered and asked what it declares.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import replace
from functools import cache, wraps
from types import FrameType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..errors import ConfigError, PluginError, PoserepError
from ..fields import Field
from ..interfaces import Component, Options
from .manifest import SHIPPED, Entry, check_level, reasons

LIMIT = "POSEREP_IMPORT_S"
FOREVER_S = 1e6
DECLARED = ("reads", "writes", "roles", "facts")
NAMES = TypeAdapter(dict[str, tuple[str, ...]])
FACTS = TypeAdapter(dict[str, Mapping[str, int]])


class Overtime(BaseException):
    """Raised by the clock; not an `Exception`, which a plugin may swallow."""


def limit_s() -> float:
    """Seconds that outside code may take while it is loaded; 0 for as long as it likes.

    Raises:
        ConfigError: If ``POSEREP_IMPORT_S`` is no number.
    """
    said = os.environ.get(LIMIT, "5")
    try:
        return float(said)
    except ValueError:
        raise ConfigError(f"{said!r} is no number of seconds", where=LIMIT, hint="0 sets no limit") from None


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer, where that is possible: on the main thread, of a system that has timers.

    Raises:
        Overtime: In the midst of it.
    """
    able = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not able or not 0 < seconds < FOREVER_S:
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Overtime

    begin = time.monotonic()
    left, every = signal.setitimer(signal.ITIMER_REAL, 0)
    handler = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler or signal.SIG_DFL)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - begin), 1e-6), every)


@contextmanager
def guarded(entry: Entry, failed: str, passing: type[Exception] = PluginError, seconds: float = 0) -> Iterator[None]:
    """Whatever a plugin raises as a `PluginError`: the command must go on. Only Ctrl-C passes, and what is asked to.

    Raises:
        PluginError: With the cause; a missing outside package is told from a fault in the plugin.
    """
    try:
        with nullcontext() if entry.shipped else redirect_stdout(sys.stderr), at_most(0 if entry.shipped else seconds):
            yield
    except (KeyboardInterrupt, passing):
        raise
    except Overtime:
        hint = f"everything else works; if it is only slow, set {LIMIT} to more seconds"
        raise entry.error(f"failed {failed}: it was not done after {seconds:g} s", hint) from None
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in (SHIPPED, entry.package.partition(".")[0]):
            raise entry.error(f"cannot be imported: {error}") from error
        hint = f"pip install '{entry.package}[{entry.extra}]'" if entry.extra else f"pip install {package}"
        raise entry.error(f"needs the package {package!r}, which is not installed", hint) from None
    except BaseException as error:
        hint = f"everything else works; mend or uninstall {entry.package}"
        why = reasons(error) if isinstance(error, Exception) else error
        raise entry.error(f"failed {failed}: {type(error).__name__}: {why}", hint) from error


# ---------------------------------------------------------------- the contract


def by_default(component: Component, name: str) -> Any:
    """What a component declares under its default options; nothing where it has options without a default."""
    value = getattr(component, name)
    if not callable(value):
        return value
    try:
        options = component.options()
    except ValidationError:
        return {} if name == "facts" else ()
    return value(options)


def check_component(component: Component, entry: Entry, fields: Mapping[str, Field]) -> None:
    """Hold a component to its contract, under its default options if it has them.

    Raises:
        PluginError: For an API level that this version does not speak, or a field that nobody describes.
        pydantic.ValidationError: For what is of another type than `Component` says.
    """
    check_level(component.api, entry.key, entry.package, entry.where)
    for name in DECLARED:
        check_declared(name, by_default(component, name), entry, fields)
    if not entry.shipped:
        schema_of(component.options)  # which every listing shows


@cache
def schema_of(model: type[Options]) -> dict[str, Any]:
    """JSON schema of a component's options; not to be changed."""
    return model.model_json_schema()


def check_declared(name: str, value: Any, entry: Entry, fields: Mapping[str, Field]) -> None:
    """Check what a component says that it reads or writes, which roles, or which facts; raises as above."""
    (FACTS if name == "facts" else NAMES).validate_python({name: value}, strict=True)
    for field in value if name in ("reads", "writes") else ():
        if field.rstrip("?") not in fields:
            own = f"""describe your own in registry.toml: [field."{entry.package.partition(".")[0]}:name"]"""
            what = f"declares the field {field!r}, which is not in the vocabulary"
            raise entry.error(what, f"use a field of poserep.core.fields, or {own}")


def isolated(component: Component, entry: Entry, fields: Mapping[str, Field]) -> Component:
    """The same component, whose functions raise expected errors alone, and declare what they may."""

    def safe(name: str, function: Callable[..., Any]) -> Any:
        @wraps(function, updated=())
        def call(*arguments: Any) -> Any:
            with guarded(entry, f"in its {name}", PoserepError):
                value = function(*arguments)
                if name != "build":
                    check_declared(name, value, entry, fields)
            return value

        return call

    given = {name: getattr(component, name) for name in ("build", *DECLARED)}
    return replace(component, **{name: safe(name, value) for name, value in given.items() if callable(value)})
