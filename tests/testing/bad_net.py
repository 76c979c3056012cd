"""The bad parts that need torch, each with what it does instead of what it should."""

from __future__ import annotations

import random
from typing import ClassVar

import torch
from torch import Tensor, nn


class Copy:
    def __call__(self, *, crop: Tensor) -> dict[str, Tensor]:
        return {"crop_corrupted": self.change(crop)}

    def change(self, crop: Tensor) -> Tensor:
        return crop


class NeedsMore:
    def __call__(self, *, crop: Tensor, box: Tensor) -> dict[str, Tensor]:
        return {"crop_corrupted": crop * box[..., None, None, :1]}


class Ignores:
    def __call__(self, *, crop: Tensor, time: Tensor) -> dict[str, Tensor]:
        return {"crop_corrupted": crop}


class WritesMore:
    def __call__(self, *, crop: Tensor) -> dict[str, Tensor]:
        return {"crop_corrupted": crop, "crop_copy": crop}


class Demands:
    def __call__(self, *, crop: Tensor, time: Tensor) -> dict[str, Tensor]:
        return {"crop_corrupted": crop + 0 * time[..., None, None, None]}


class Deep:
    """Reads a field of an outside package."""

    def __call__(self, *, crop: Tensor, **fields: Tensor) -> dict[str, Tensor]:
        far_BT = fields["bad:depth"].amax(dim=-1)
        return {"crop_corrupted": torch.where(far_BT[..., None, None, None] > 0, crop, 0)}


class Mixes(nn.Module):
    def forward(self, *, crop: Tensor) -> dict[str, Tensor]:
        return {"crop_corrupted": crop if self.training else crop.mean(dim=0, keepdim=True).expand_as(crop)}


class Noise(Copy):
    """Too little to show between processes."""

    def change(self, crop: Tensor) -> Tensor:
        return crop * (1 - 1e-5 * random.random())


class OwnNoise(nn.Module):
    """Each process draws its own rows' numbers, so that both draw the same."""

    def forward(self, *, crop: Tensor) -> dict[str, Tensor]:
        noise = torch.rand(len(crop), 1, 1, 1, 1, device=crop.device) if self.training else 1
        return {"crop_corrupted": crop * noise}


class Fixed(Copy):
    def __init__(self) -> None:
        self.factors = torch.ones(3, 1, 1)

    def change(self, crop: Tensor) -> Tensor:
        return crop * self.factors.to(crop.dtype)


class Single(Copy):
    def change(self, crop: Tensor) -> Tensor:
        mixing = torch.eye(3, device=crop.device)  # whatever the crop's number format is
        return (mixing @ crop.flatten(3)).view_as(crop)


class Bright(Copy):
    def change(self, crop: Tensor) -> Tensor:
        return 3 * crop


# ---------------------------------------------------------------- losses


class Size:
    def __call__(self, *, variant: Tensor) -> Tensor:
        return variant.square().mean()


class Root:
    """Its gradient is infinite times zero where the latent is zero."""

    def __call__(self, *, variant: Tensor) -> Tensor:
        return variant.square().sum(dim=-1).sqrt().mean()


class Idle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = nn.Linear(6, 1), nn.Linear(6, 1)

    def forward(self, *, variant: Tensor) -> Tensor:
        return self.used(variant).square().mean()


class Cut:
    def __call__(self, *, variant: Tensor) -> Tensor:
        return variant.detach().square().mean()


class Ordered(nn.Module):
    """Counts the first tuple more, in evaluation."""

    def forward(self, *, variant: Tensor) -> Tensor:
        return variant.square().mean() + (0 if self.training else variant[0].square().mean())


# ---------------------------------------------------------------- encoders


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(3, 6)

    def seen(self, crop_corrupted: Tensor) -> Tensor:
        return crop_corrupted.mean(dim=(-1, -2))

    def forward(self, *, crop_corrupted: Tensor) -> dict[str, Tensor]:
        return {"variant": self.out(self.seen(crop_corrupted))}


class Unsaved(Encoder):
    """A random tensor that the file does not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mixing", torch.rand(3), persistent=False)

    def seen(self, crop_corrupted: Tensor) -> Tensor:
        return super().seen(crop_corrupted) * self.mixing


class Mixed(Encoder):
    """Adds up what autocast made bfloat16 in the number format of the crop."""

    def forward(self, *, crop_corrupted: Tensor) -> dict[str, Tensor]:
        out_BTV = self.out(self.seen(crop_corrupted))
        total = torch.zeros(out_BTV.shape, dtype=crop_corrupted.dtype, device=out_BTV.device)
        rows = torch.arange(len(out_BTV), device=out_BTV.device)
        return {"variant": total.index_add(0, rows, out_BTV)}


class Decides(Encoder):
    """Takes another way for another value."""

    def seen(self, crop_corrupted: Tensor) -> Tensor:
        seen = super().seen(crop_corrupted)
        return seen if float(crop_corrupted.detach().sum()) > 0 else -seen


# ---------------------------------------------------------------- detectors, exchanges, decoders, heads


class Whole:
    def __call__(self, *, frame: Tensor) -> dict[str, Tensor]:
        return {"box": frame.new_tensor([1.0, 1.0, 0.0, 0.0]).expand(*frame.shape[:2], 4)}


class Vanishing:
    """As large as the frame is bright."""

    def __call__(self, *, frame: Tensor) -> dict[str, Tensor]:
        bright_BT = frame.mean(dim=(-1, -2, -3))
        return {"box": torch.stack((bright_BT, bright_BT, 0 * bright_BT, 0 * bright_BT), dim=-1)}


class Tiny:
    def __call__(self, *, frame: Tensor) -> dict[str, Tensor]:
        return {"box": frame.new_tensor([1e-4, 1e-4, 0.0, 0.0]).expand(*frame.shape[:2], 4)}


class Own:
    def __call__(self, *, variant: Tensor, invariant: Tensor) -> dict[str, Tensor]:
        target = torch.arange(variant.shape[1], device=variant.device).expand(variant.shape[:2])
        return {"decode_variant": variant, "decode_invariant": self.lent(invariant), "target": self.kept(target)}

    def lent(self, invariant: Tensor) -> Tensor:
        return invariant

    def kept(self, target: Tensor) -> Tensor:
        return target


class FromTheNext(Own, nn.Module):
    """Tuples of even number lend to those of odd number, and the other way, in training."""

    def __init__(self) -> None:
        nn.Module.__init__(self)

    def forward(self, **fields: Tensor) -> dict[str, Tensor]:
        return Own.__call__(self, **fields)

    __call__ = nn.Module.__call__

    def lent(self, invariant: Tensor) -> Tensor:
        if not self.training or len(invariant) % 2:
            return invariant
        return invariant.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


class Turned(Own):
    """Asks whom a frame shows, and does not heed it."""

    def __call__(self, *, subject: Tensor, **fields: Tensor) -> dict[str, Tensor]:
        assert subject.ndim == 2
        return super().__call__(**fields)

    def lent(self, invariant: Tensor) -> Tensor:
        return invariant.roll(1, dims=1)


class ShortTargets(Own):
    def kept(self, target: Tensor) -> Tensor:
        return target.int()


class Overflowing:
    def __call__(self, *, decode_variant: Tensor) -> dict[str, Tensor]:
        pictures = decode_variant.mean(dim=-1)[..., None, None, None].expand(*decode_variant.shape[:2], 4, 32, 32)
        return {"crop_decoded": pictures[:, :, :3], "mask_decoded": 2 + pictures[:, :, 3:].sigmoid()}


class Mute(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(6, 51)

    def forward(self, features: Tensor) -> Tensor:
        return 0 * self.out(features)


class Unitless(nn.Module):
    """Tells errors without saying what they are in."""

    units: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(6, 17 * 3)

    def settle(self, features: dict[str, Tensor], labels: dict[str, Tensor]) -> None:
        """Nothing to take over."""

    def forward(self, variant: Tensor) -> dict[str, Tensor]:
        return {"pose": self.out(variant).unflatten(-1, (17, 3))}

    def guess(self, count: int) -> dict[str, Tensor]:
        return {"pose": torch.zeros(count, 17, 3)}

    def loss(self, predicted: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        return (predicted["pose"] - labels["pose"]).square().mean()

    def errors(self, predicted: dict[str, Tensor], labels: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"distance": (predicted["pose"] - labels["pose"]).norm(dim=-1).mean(dim=-1)}
