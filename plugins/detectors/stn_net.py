"""The network of `detector.stn`.

Axes: B tuples, T frames, N = B T, 3 H W frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.fields import expect
from ...core.trunk import Trunk
from .stn import STNOptions

INITIAL_SCALE_LOGIT = 0.5  # s = 0.2 + 0.8 sigmoid(0.5) = 0.698


def squash(raw_N4: Tensor, options: STNOptions) -> Tensor:
    """Four raw numbers as a box (s_x, s_y, u_x, u_y) within the options' bounds, (N, 4)."""
    scale_N2, centre_N2 = raw_N4[:, :2].sigmoid(), raw_N4[:, 2:].tanh()
    span = options.max_size - options.min_size
    return torch.cat((options.min_size + span * scale_N2, options.max_centre * centre_N2), dim=1)


class STN(nn.Module):
    """One box per frame."""

    def __init__(self, options: STNOptions) -> None:
        super().__init__()
        self.options = options
        self.trunk = Trunk(options.model, options.weights, options.network, options.input_size, options.pool)
        self.regress = nn.Linear(self.trunk.features, 4)
        nn.init.zeros_(self.regress.weight)
        with torch.no_grad():
            self.regress.bias.copy_(torch.tensor([INITIAL_SCALE_LOGIT, INITIAL_SCALE_LOGIT, 0.0, 0.0]))

    def forward(self, *, frame: Tensor, background: Tensor | None = None) -> dict[str, Tensor]:
        """Box (B, T, 4) of each frame (B, T, 3, H, W)."""
        expect(("frame", frame, "B T 3 H W"))
        seen = frame if background is None else (frame - background + 1) / 2
        side = self.options.input_size
        small_N3 = F.interpolate(seen.flatten(0, 1), (side, side), mode="area")
        raw_N4 = self.regress(self.trunk(small_N3)).float()
        return {"box": squash(raw_N4, self.options).unflatten(0, frame.shape[:2])}
