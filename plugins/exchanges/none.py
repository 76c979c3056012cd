"""No exchange: each frame is decoded from its own latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import NonNegativeInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from .none_net import Own


class NoneOptions(Options):
    """Options of an exchange that exchanges nothing."""

    redraw: NonNegativeInt = 0
    """How many frames of each tuple are decoded per step, drawn at random; 0 means all. All are in evaluation."""


def build(options: NoneOptions, context: Context) -> Own:
    """The stage, a module because it decodes every frame in evaluation mode."""
    from .none_net import Own

    return Own(options, context.facts.get("subjects", 1))


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the exchange ``none``."""
    register(
        Component(
            kind="exchange",
            name="none",
            options=NoneOptions,
            build=build,
            reads=("variant", "invariant?"),
            writes=("decode_variant", "decode_invariant?", "target"),
            example={"redraw": 2},
        )
    )
