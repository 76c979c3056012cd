"""What the decoders that complete masked frames have in common: their options."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import PositiveInt

from ...core.interfaces import Options


class Size(NamedTuple):
    """What a preset stands for."""

    width: int
    depth: int
    heads: int


SIZES = {"tiny": Size(96, 2, 4), "small": Size(512, 8, 16), "base": Size(768, 12, 12)}


class CompletionOptions(Options):
    """Options of a decoder that completes masked frames."""

    preset: Literal["tiny", "small", "base"] = "small"
    """Width of a token, blocks and heads: 96, 2, 4 (`tiny`, for a CPU); 512, 8, 16 (`small`, the parent method's first
    version); 768, 12, 12 (`base`, its second)."""
    width: PositiveInt | None = None
    """Width of a token, if not the preset's."""
    depth: PositiveInt | None = None
    """Number of blocks, if not the preset's."""
    heads: PositiveInt | None = None
    """Number of heads, if not the preset's."""
    positions: Literal["encoder", "sincos", "rope"] = "encoder"
    """As the encoder has them; or sines and cosines added, or queries and keys turned, whatever it has."""
    weights: str = "random"
    """`random`, or a local file in the authors' released layout or of a run's checkpoint, `.safetensors` or `.pth`."""

    @property
    def size(self) -> Size:
        """The preset with what differs from it."""
        own = {name: getattr(self, name) for name in Size._fields}
        return SIZES[self.preset]._replace(**{name: value for name, value in own.items() if value is not None})
