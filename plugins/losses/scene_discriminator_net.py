"""The scene discriminator, and both sides of its loss.

Axes: B tuples of this process, T frames of a tuple, V time-variant latent; M frames of this process, N of all.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ...core.errors import ConfigError
from ...core.fields import expect
from ...core.interfaces import Context
from ...core.ranks import own_rows
from .scene_discriminator import SceneDiscriminatorOptions
from .whole_batch_net import every_row, mean_where

PATIENCE = 20
"""Batches in a row of one clip alone, after which the dataset is taken to have but one."""


def label_cost(logit: Tensor, same: bool) -> Tensor:
    """The discriminator's side per pair: minus the log of C for frames of one clip, of 1 - C for those of two."""
    return softplus(-logit) if same else softplus(logit)


def entropy_cost(logit: Tensor) -> Tensor:
    """The encoder's side per pair: cross entropy of C with 0.5; least, log 2, where C is 0.5."""
    return (softplus(logit) + softplus(-logit)) / 2


def pair_kinds(clip_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Which frames of all processes are of the clip of each own frame, itself excepted, and which are not: (M, N)."""
    own_M, all_N = clip_BT.flatten(), every_row(clip_BT).flatten()
    row_N = torch.arange(len(all_N), device=clip_BT.device)
    itself_MN = row_N[own_rows(len(own_M))][:, None] == row_N
    same_MN = own_M[:, None] == all_N
    return same_MN & ~itself_MN, ~same_MN


class Discriminator(nn.Module):
    """Perceptron with two hidden layers on two latents put together; its first layer is kept as its two halves."""

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(latent, width)
        self.second = nn.Linear(latent, width, bias=False)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, first_MV: Tensor, second_NV: Tensor) -> Tensor:
        """Log odds that two frames are of one clip, for every pair, (M, N)."""
        logit: Tensor = self.rest(self.first(first_MV)[:, None] + self.second(second_NV))[..., 0]
        return logit


class SceneDiscriminator(nn.Module):
    """The encoder's side when called, the discriminator's as ``adversary_loss``."""

    def __init__(self, options: SceneDiscriminatorOptions, context: Context) -> None:
        super().__init__()
        self.adversary = Discriminator(context.facts["variant"], options.width)
        self._alike = 0

    def forward(self, *, variant: Tensor, clip: Tensor) -> Tensor:
        """From variant (B, T, V) and clip (B, T), the mean over pairs of one clip; gradient to the first of each.

        Raises:
            ShapeError: When the two disagree in B or T.
            ConfigError: When tuples have one frame only, or batch after batch is of one clip.
        """
        check(variant, clip)
        same_MN, other_MN = pair_kinds(clip)
        self._alike = 0 if other_MN.any() else self._alike + 1
        if self._alike == PATIENCE:
            raise one_clip()
        logit_MN = self.adversary(variant.flatten(0, 1), every_row(variant.detach()).flatten(0, 1))
        return mean_where(entropy_cost(logit_MN), same_MN)

    def adversary_loss(self, *, variant: Tensor, clip: Tensor) -> Tensor:
        """From the same fields, the mean over pairs, half of it those of one clip; no gradient to the latents.

        Raises:
            ShapeError: When the two disagree in B or T.
            ConfigError: When tuples have one frame only.
        """
        check(variant, clip)
        variant = variant.detach()
        logit_MN = self.adversary(variant.flatten(0, 1), every_row(variant).flatten(0, 1))
        same_MN, other_MN = pair_kinds(clip)
        same = mean_where(label_cost(logit_MN, True), same_MN)
        return (same + mean_where(label_cost(logit_MN, False), other_MN)) / 2


def check(variant: Tensor, clip: Tensor) -> None:
    """Hold the fields to their shapes, and tuples to having a pair."""
    expect(("variant", variant, "B T V"), ("clip", clip, "B T"))
    if clip.shape[1] < 2:
        raise ConfigError(
            "there is no pair of frames of one clip: the sampler draws tuples of one frame",
            where="losses (scene_discriminator)",
            hint="choose a sampler with several frames of a clip in a tuple",
        )


def one_clip() -> ConfigError:
    """The error of a dataset without pairs of different clips."""
    return ConfigError(
        f"{PATIENCE} batches in a row were of one clip alone: the scene discriminator learns from frames of different "
        "clips",
        where="losses (scene_discriminator)",
        hint="give the dataset more clips, which may be parts of one recording; or drop this loss",
    )
