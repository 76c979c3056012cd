"""No corruption: the encoder sees the crop as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import Tensor


class NoneOptions(Options):
    """No options."""


class Nothing:
    """Hands the crop on."""

    def __init__(self, options: NoneOptions, context: Context) -> None:
        pass

    def __call__(self, *, crop: Tensor) -> Mapping[str, Tensor]:
        """From crop to an equal crop_corrupted, (B, T, 3, h, w)."""
        return {"crop_corrupted": crop}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the corruption ``none``."""
    register(
        Component(
            kind="corruption",
            name="none",
            options=NoneOptions,
            build=Nothing,
            reads=("crop",),
            writes=("crop_corrupted",),
        )
    )
