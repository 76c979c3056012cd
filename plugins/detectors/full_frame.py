"""The whole frame as the crop: no detection, as the contrastive baselines without a spatial transformer have it.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4.2 (CSS and MV-CSS).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import Tensor


class FullFrameOptions(Options):
    """No options."""


class FullFrame:
    """The box (1, 1, 0, 0) for every frame."""

    def __init__(self, options: FullFrameOptions, context: Context) -> None:
        pass

    def __call__(self, *, frame: Tensor) -> Mapping[str, Tensor]:
        """Box (B, T, 4) of each frame (B, T, 3, H, W)."""
        return {"box": frame.new_tensor([1.0, 1.0, 0.0, 0.0]).expand(*frame.shape[:2], 4)}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the detector."""
    register(
        Component(
            kind="detector",
            name="full_frame",
            options=FullFrameOptions,
            build=FullFrame,
            reads=("frame",),
            writes=("box",),
        )
    )
