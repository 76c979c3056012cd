"""The dataset's own box, widened by a margin: what a method reaches where detection is no question.

Source: the ground-truth crops of Rhodin et al., ECCV 2018, arXiv:1804.01110.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from ...core.fields import expect
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import Tensor


class ProvidedOptions(Options):
    """Options of the provided box."""

    margin: float = Field(default=0.2, ge=0)
    """How much longer the sides are than those of the true box."""


def widen(box: Tensor, margin: float) -> Tensor:
    """A box (..., 4) with sides 1 + margin times as long about the same centre."""
    grow = box.new_tensor([1 + margin, 1 + margin, 1.0, 1.0])
    return box * grow


class Provided:
    """The true box with a margin."""

    def __init__(self, options: ProvidedOptions, context: Context) -> None:
        self.margin = options.margin

    def __call__(self, *, true_box: Tensor) -> Mapping[str, Tensor]:
        """Box (B, T, 4) from the true one (B, T, 4)."""
        expect(("true_box", true_box, "B T 4"))
        return {"box": widen(true_box, self.margin)}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the detector."""
    register(
        Component(
            kind="detector",
            name="provided",
            options=ProvidedOptions,
            build=Provided,
            reads=("true_box",),
            writes=("box",),
        )
    )
