"""Each frame is decoded with the time-invariant latent of another frame of its clip.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511: what the other frame's latent cannot tell about the
pose of this one must come from the time-variant latent.
Differs from the paper, which says "random permutation": inside each tuple the latents move on by a random number of
frames, never by none, so that no frame keeps its own. In evaluation each frame does keep its own. For one subject in a
frame: it does not know which box of another frame shows the same one.

Axes: B tuples, T frames of a tuple, K redrawn frames, V and I latents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import NonNegativeInt

from ...core.errors import ConfigError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from .permute_invariant_net import PermuteInvariant


class PermuteInvariantOptions(Options):
    """Options of the exchange inside tuples."""

    redraw: NonNegativeInt = 0
    """How many frames of each tuple are decoded per step, drawn at random; 0 means all. All are in evaluation."""


def build(options: PermuteInvariantOptions, context: Context) -> PermuteInvariant:
    """The stage, a module because it exchanges nothing in evaluation mode.

    Raises:
        ConfigError: When there are several subjects in a frame.
    """
    if (subjects := context.facts.get("subjects", 1)) > 1:
        raise ConfigError(
            f"permute_invariant is made for one subject in a frame, but the detector finds {subjects}",
            where="exchange",
            hint="detector.subjects = 1, or the exchange rotate_view, which matches subjects, or none",
        )
    from .permute_invariant_net import PermuteInvariant

    return PermuteInvariant(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the exchange ``permute_invariant``."""
    register(
        Component(
            kind="exchange",
            name="permute_invariant",
            options=PermuteInvariantOptions,
            build=build,
            reads=("variant", "invariant"),
            writes=("decode_variant", "decode_invariant", "target"),
            example={"redraw": 2},
        )
    )
