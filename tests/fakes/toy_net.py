"""The toys that need torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from poserep.core.ranks import RowDropout
from poserep.tests.fakes.toy import ToyOptions


class Encoder(nn.Module):
    """A convolution, batch norm and dropout, so that weights, statistics and noise are all there."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.out = nn.Linear(4, options.width)
        self.dropout = RowDropout(0.1)

    def forward(self, *, crop_corrupted: Tensor) -> dict[str, Tensor]:
        seen_N4 = self.body(crop_corrupted.flatten(0, 1)).mean((-1, -2))
        lead = crop_corrupted.shape[:2]
        return {"variant": self.dropout(self.out(seen_N4)).float().unflatten(0, lead)}


class Time(nn.Module):
    """Reads the time off the latent."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__()
        self.read = nn.Linear(options.width, 1)

    def forward(self, *, variant: Tensor, time: Tensor) -> Tensor:
        return (self.read(variant)[..., 0] - time).square().mean()


class Nan(Time):
    """The same, until it is called for the third time."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__(options)
        self.at, self.calls = options.at, 0

    def forward(self, *, variant: Tensor, time: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(variant=variant, time=time) * (float("nan") if self.calls == self.at else 1.0)


class Adversarial(nn.Module):
    """The latent must not tell the time, whatever a regressor of its own learns."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__()
        self.adversary = nn.Linear(options.width, 1)

    def _error(self, variant: Tensor, time: Tensor) -> Tensor:
        return (self.adversary(variant)[..., 0] - time).square().mean()

    def forward(self, *, variant: Tensor, time: Tensor) -> Tensor:
        return torch.exp(-self._error(variant, time))

    def adversary_loss(self, *, variant: Tensor, time: Tensor) -> Tensor:
        return self._error(variant, time)


class Depth(nn.Module):
    """Reads a label of an outside package."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__()

    def forward(self, **fields: Tensor) -> Tensor:
        return fields["fakes:depth"].mean()


class Late(nn.Module):
    """A corruption that asks for what is not there yet."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__()
