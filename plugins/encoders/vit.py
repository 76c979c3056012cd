"""A vision transformer over patches: it computes the visible patches of masked frames and all patches of the others.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104, whose encoder is that of its parent method: a plain transformer
without a class token, one set of weights for both images, a norm at the end; Dosovitskiy et al., ICLR 2021,
arXiv:2010.11929, for the network itself.
Differs from the paper: the smallest size, `tiny`, is ours. The time-variant and the time-invariant latent, by which
pose is read off and the temporal method can train a transformer, are the mean of a frame's computed tokens, each
through a linear layer if asked for. Where a corruption writes a crop of its own, the tokens and the time-variant latent
come from that one, the time-invariant latent from the clean crop, as in the encoder `split`.

Beside masked frames the whole ones are left out where the recipe has no use for them: no loss reads latents, and the
decoder looks at no reference. In evaluation nothing is masked, and every frame is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from pydantic import NonNegativeInt, PositiveInt

from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options


class Size(NamedTuple):
    """What a preset stands for."""

    width: int
    depth: int
    heads: int
    patch: int


SIZES = {
    "tiny": Size(128, 4, 4, 8),
    "small": Size(384, 12, 6, 16),
    "base": Size(768, 12, 12, 16),
    "large": Size(1024, 24, 16, 16),
}


class ViTOptions(Options):
    """Options of the vision transformer."""

    preset: Literal["tiny", "small", "base", "large"] = "base"
    """Width of a token, blocks, heads and side of a patch in pixels: 128, 4, 4, 8 (`tiny`, for a CPU and crops of 48 to
    64 pixels); 384, 12, 6, 16 (`small`); 768, 12, 12, 16 (`base`, the paper's); 1024, 24, 16, 16 (`large`)."""
    width: PositiveInt | None = None
    """Width of a token, if not the preset's."""
    depth: PositiveInt | None = None
    """Number of blocks, if not the preset's."""
    heads: PositiveInt | None = None
    """Number of heads, if not the preset's."""
    patch: PositiveInt | None = None
    """Side of a patch in pixels, if not the preset's."""
    positions: Literal["sincos", "rope"] = "sincos"
    """Fixed sines and cosines added to tokens, or queries and keys turned by row and column."""
    made_for: NonNegativeInt = 0
    """Side in pixels of the crops that `sincos` is made for and then stretched from; 0 takes the recipe's crops."""
    weights: str = "random"
    """`random`; a timm checkpoint as `vit_base_patch16_224.dino` (needs the network once); or a local file with the
    names of timm, of the authors' released layout or of a run's checkpoint, `.safetensors` or `.pth`."""
    variant: NonNegativeInt = 0
    """Width of a linear layer that makes the time-variant latent; 0 takes the mean of the tokens as it is."""
    invariant: NonNegativeInt = 0
    """Width of a linear layer that makes the time-invariant latent; 0 leaves the code whole."""

    @property
    def size(self) -> Size:
        """The preset with what differs from it."""
        own = {name: getattr(self, name) for name in Size._fields}
        return SIZES[self.preset]._replace(**{name: value for name, value in own.items() if value is not None})


def writes(options: ViTOptions) -> tuple[str, ...]:
    """Tokens of masked frames (none where nothing is masked) and of whole ones, and the latents."""
    latents = ("variant", "invariant") if options.invariant else ("variant",)
    return ("tokens_visible", "tokens", *latents)


def facts(options: ViTOptions) -> Mapping[str, int]:
    """Widths of latents and tokens, side of a patch in pixels, and whether positions turn."""
    size = options.size
    widths = {"variant": options.variant or size.width, "invariant": options.invariant, "tokens": size.width}
    return widths | {"patch": size.patch, "rotary": int(options.positions == "rope")}


def build(options: ViTOptions, context: Context) -> object:
    """Make the network.

    Raises:
        ConfigError: When sizes do not divide, or nothing has the name of the weights.
        DataError: When the weights cannot be had or do not fit.
    """
    from .vit_net import ViT

    return ViT(options, context)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Hand over the encoder."""
    register(
        Component(
            kind="encoder",
            name="vit",
            options=ViTOptions,
            build=build,
            reads=("crop", "crop_corrupted?", "visible?", "roles"),
            writes=writes,
            roles=("target", "reference"),
            facts=facts,
            example={"preset": "tiny", "width": 16, "depth": 2, "heads": 2, "variant": 6, "invariant": 4},
            several=True,
        )
    )
