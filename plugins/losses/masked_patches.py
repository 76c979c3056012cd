"""Masked patches: what the decoder predicts for hidden patches must equal them, over views and over poses apart.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104: the sum of a term over pairs of two cameras at one moment (view) and
a term over pairs of one camera at two moments (pose), each a mean squared error over hidden patches, whose own mean and
deviation are taken off as He et al., CVPR 2022, arXiv:2111.06377, do.
Differs from the paper: pairs that differ in both are a third kind. The two terms are averages of their own, so that how
often a kind is drawn is not its weight; over several processes too. The paper's choice of patches is not known to us
beyond the hidden ones; the others are options.

Beside the sum each kind that a step holds is recorded without its weight: ``completion.view`` and ``completion.pose``
where the loss has the role ``completion``. The patches that are predicted are those of the field ``crop``: where the
corruption changes its colours, in these colours, as augmentation comes before masking.

Axes: B tuples, T frames of a tuple, N crops, M masked frames, P patches, Q values of a patch, h w crop, H W frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from .masked_patches_net import MaskedPatches


class MaskedPatchesOptions(Options):
    """Options of the loss over masked patches."""

    loss_on: Literal["masked", "masked_foreground", "all"] = "masked"
    """Which patches count: the hidden ones, those of them that show the person, or all."""
    normalise: bool = True
    """Take each patch's own mean and deviation off before it is compared."""
    eps: float = Field(default=1e-6, gt=0)
    """Added to a patch's variance under the root; 1e-3 keeps flat backgrounds from being blown up."""
    view: float = Field(default=1.0, ge=0)
    """Weight of pairs of two cameras at one moment."""
    pose: float = Field(default=1.0, ge=0)
    """Weight of pairs of one camera at two moments."""
    both: float = Field(default=1.0, ge=0)
    """Weight of pairs of two cameras at two moments."""
    moment_s: float = Field(default=0.02, ge=0)
    """Up to this distance in time two cameras' frames are of one moment, in seconds."""
    tau: float = Field(default=0.1, ge=0, lt=1)
    """A patch shows the person where the person covers more than this share of it."""


def reads(options: MaskedPatchesOptions) -> tuple[str, ...]:
    """Where the person is, is asked for only if the loss depends on it; the frame has the colours of the background."""
    person = ("frame", "box", "true_mask?", "background?") if options.loss_on == "masked_foreground" else ()
    return ("crop", "patches_decoded", "hidden", "target", "clip", "time", "roles", *person)


def build(options: MaskedPatchesOptions, context: Context) -> MaskedPatches:
    """The loss."""
    from .masked_patches_net import MaskedPatches

    return MaskedPatches(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``masked_patches``."""
    register(
        Component(
            kind="loss",
            name="masked_patches",
            options=MaskedPatchesOptions,
            build=build,
            reads=reads,
            roles=("target", "reference"),
            example={"loss_on": "masked_foreground"},
        )
    )
