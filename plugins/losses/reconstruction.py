"""Reconstruction: the redrawn frame must equal the frame, in pixels and in the features of a frozen network.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, equation (2): RGB and the first three layers of a
ResNet18 trained on ImageNet; both weights are 2, as far as its text tells (0.05 for RGB on the ski videos).
Differs from the paper: ``beta`` is 0 unless asked for, so that nothing is downloaded and no second network runs.
Squared differences are averaged over pixels and channels; the terms of the three layers are summed.

Axes: B tuples, T frames of a tuple, K redrawn frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ...core.fields import expect
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import Tensor

    from .reconstruction_net import PixelsAndFeatures


class ReconstructionOptions(Options):
    """Options of the reconstruction loss."""

    alpha: float = Field(default=2.0, ge=0)
    """Weight of the pixels."""
    beta: float = Field(default=0.0, ge=0)
    """Weight of the features; 0 builds no network."""
    taps: Literal["layers", "nsd"] = "layers"
    """Feature maps compared: layer 1 to 3, or those of Rhodin et al. 2019: stem, layer 1, layer 2."""
    weights: str = "hub"
    """Weights of the frozen ResNet18: hub, a local file of weights, or random."""


def pixel_term(frame: Tensor, redrawn: Tensor) -> Tensor:
    """First half of equation (2), a scalar, from images of equal shape."""
    return (redrawn - frame).square().mean()


class Pixels:
    """Equation (2) with ``beta = 0``."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def __call__(self, *, frame: Tensor, target: Tensor, redrawn: Tensor) -> Tensor:
        """From frame (B, T, 3, H, W), target (B, K) and redrawn (B, K, 3, H, W), the mean over redrawn frames.

        Raises:
            ShapeError: When sizes disagree.
        """
        return self.alpha * pixel_term(chosen_frames(frame, target, redrawn), redrawn)


def chosen_frames(frame: Tensor, target: Tensor, redrawn: Tensor) -> Tensor:
    """The frames that the redrawn ones must equal, (B, K, 3, H, W)."""
    from ...core.select import select

    expect(("frame", frame, "B T 3 H W"), ("target", target, "B K"), ("redrawn", redrawn, "B K 3 H W"))
    return select(frame, target)


def build(options: ReconstructionOptions, context: Context) -> Pixels | PixelsAndFeatures:
    """The loss with or without the frozen network.

    Raises:
        DataError: When the network's weights cannot be had.
    """
    if options.beta == 0:
        return Pixels(options.alpha)
    from .reconstruction_net import PixelsAndFeatures

    return PixelsAndFeatures(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``reconstruction``."""
    register(
        Component(
            kind="loss",
            name="reconstruction",
            options=ReconstructionOptions,
            build=build,
            reads=("frame", "target", "redrawn"),
        )
    )
