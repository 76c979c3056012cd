"""Patch mask: while training, most patches of the frame in the role `target` are hidden, more of them on the person.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104, hides a fixed share of patches at random with the person in mind;
its exact rule and share are not known to us. `uniform` is the mask of the method it builds on, with a share of 0.9.
Differs from the paper: the policies, their default `stratified` and the share of 0.75 are ours.

Colours may be changed before, as the parent method does; `crop` is then the crop in these colours for all that follow,
and its true colours serve to find the person alone.

Evaluation changes no colour. Evaluation, and tuples without the role `target`, hide nothing: no frame is masked then
(M = 0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, NonNegativeInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from .patch_mask_net import PatchMask

Policy = Literal["stratified", "foreground_first", "background_hidden", "uniform"]


class PatchMaskOptions(Options):
    """Options of the patch mask."""

    policy: Policy = "stratified"
    """Which patches: the same share of the person's and of all (`stratified`), the person's before others
    (`foreground_first`), all others and a share of the person's (`background_hidden`), or any (`uniform`)."""
    ratio: float = Field(default=0.75, gt=0, lt=1)
    """Share of a crop's patches that is hidden, rounded down; under `background_hidden` the share of the person's."""
    tau: float = Field(default=0.1, ge=0, lt=1)
    """A patch is the person's where the person covers more than this share of it."""
    keep: NonNegativeInt = 4
    """Under `foreground_first`, how many of the person's patches stay visible where others can be hidden instead."""
    patch: NonNegativeInt = 0
    """Side of a patch in pixels; 0 takes the encoder's."""
    colour: float | None = Field(default=None, gt=0, le=1)
    """Most by which brightness, contrast and saturation are changed before patches are hidden, as a share of
    themselves, of each image by itself; the patches to be predicted are then in these colours. Customary is 0.4."""
    paint: bool = False
    """Also write the crop with hidden patches painted in ImageNet's mean colour, for encoders that are no ViT."""


def reads(options: PatchMaskOptions) -> tuple[str, ...]:
    """The silhouette comes from the true mask or, without one, from the difference to the background."""
    return ("crop", "roles") if options.policy == "uniform" else ("crop", "roles", "box", "true_mask?", "background?")


def writes(options: PatchMaskOptions) -> tuple[str, ...]:
    """Which patches are visible and which are hidden; the crop in other colours, and the painted one, if asked for."""
    crops = (("crop", options.colour), ("crop_corrupted", options.paint))
    return ("visible", "hidden", *(name for name, asked in crops if asked))


def facts(options: PatchMaskOptions) -> dict[str, int]:
    """Whether lists of visible patches may be filled up with -1."""
    return {"filled": int(options.policy == "background_hidden")}


def build(options: PatchMaskOptions, context: Context) -> PatchMask:
    """The stage, a module because it hides nothing in evaluation mode.

    Raises:
        ConfigError: When patches do not fill the crop, or the share hides none or all.
    """
    from .patch_mask_net import PatchMask

    return PatchMask(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the corruption ``patch_mask``."""
    register(
        Component(
            kind="corruption",
            name="patch_mask",
            options=PatchMaskOptions,
            build=build,
            reads=reads,
            writes=writes,
            roles=("target", "reference"),
            facts=facts,
            example={"paint": True, "patch": 8, "colour": 0.4},
        )
    )
