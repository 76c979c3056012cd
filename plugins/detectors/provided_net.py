"""How a provided box is widened, and the stage.

Axes: B tuples, T frames of a tuple, H W frame pixels, 4 = (s_x, s_y, u_x, u_y); leading ``...`` any.
Coordinates: boxes in [-1, 1], s is the share of the frame's side that the box covers, so that it is 2 s long.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from ...core.fields import expect
from ...core.ranks import uniform_rows
from .provided import ProvidedOptions
from .shaping import jittered, squared


def widened(box: Tensor, margin: float) -> Tensor:
    """A box (..., 4) with sides 1 + margin times as long about the same centre."""
    grow = box.new_tensor([1 + margin, 1 + margin, 1.0, 1.0])
    return box * grow


class Provided(nn.Module):
    """The true box with a margin."""

    def __init__(self, options: ProvidedOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, *, true_box: Tensor, frame: Tensor | None = None) -> Mapping[str, Tensor]:
        """Box (B, T, 4) from the true one (B, T, 4), of frames (B, T, 3, H, W) if it shall be square.

        Raises:
            ShapeError: When sizes disagree.
        """
        expect(("true_box", true_box, "B T 4"))
        box = true_box
        if frame is not None:
            expect(("true_box", true_box, "B T 4"), ("frame", frame, "B T 3 H W"))
            box = squared(box, (frame.shape[-2], frame.shape[-1]))
        box = widened(box, self.options.margin)
        if self.training and self.options.jitter:
            box = jittered(box, self.options.jitter, 2 * uniform_rows(*box.shape[:2], 3, like=box) - 1)
        return {"box": box}
