"""The equations of the loss over masked patches.

Axes: B tuples, T frames of a tuple, N crops, M masked frames, P patches, Q values of a patch, G kinds of pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.fields import expect
from ...core.geometry import crop as crop_of
from ...core.interfaces import Roles
from ...core.ranks import total_over_processes, world_size
from ...core.select import select
from ...networks.patches import own_scale, patchify, person_share, silhouette, standardised
from .masked_patches import MaskedPatchesOptions

KINDS = ("view", "pose", "both")
"""Of pairs, each with a weight of that name among the options."""


def patch_errors(decoded: Tensor, true: Tensor, normalise: bool, eps: float) -> Tensor:
    """Mean square over the values of each patch, (..., P), of patches (..., P, Q)."""
    if normalise:
        mean, std = own_scale(true, eps)
        true = (true - mean) / std
    return (decoded - true).square().mean(dim=-1)


def kinds(clip: Tensor, time: Tensor, target: Tensor, reference: Tensor, moment_s: float) -> Tensor:
    """Which masked frames make which of `KINDS` of pairs with their reference, bool (G, B, M).

    Args:
        clip: (B, T) index.
        time: (B, T) in seconds.
        target: Positions of the masked frames, (B, M).
        reference: Positions of their references, (B, M).
        moment_s: Up to this distance in time frames of two clips are of one moment.
    """
    elsewhere = select(clip, target) != select(clip, reference)
    apart = (select(time, target) - select(time, reference)).abs() > moment_s
    return torch.stack((elsewhere & ~apart, ~elsewhere, elsewhere & apart))


def mean_of_kinds(error_BMP: Tensor, counts_BMP: Tensor, kind_GBM: Tensor) -> tuple[Tensor, Tensor]:
    """Mean error over the patches that count, of each kind of pair by itself, 0 for one without any; and their number.

    Over processes the mean of what each of them gets is that over all patches of all of them. Both (G,).
    """
    weight_GBMP = kind_GBM[..., None] * counts_BMP
    number_G = total_over_processes(weight_GBMP.sum(dim=(1, 2, 3)).detach())
    return world_size() * (weight_GBMP * error_BMP).sum(dim=(1, 2, 3)) / number_G.clamp(min=1), number_G


class MaskedPatches:
    """Weighted sum of the kinds' means."""

    def __init__(self, options: MaskedPatchesOptions) -> None:
        self.options = options
        self.apart: dict[str, Tensor] = {}

    def __call__(
        self,
        *,
        crop: Tensor,
        patches_decoded: Tensor,
        hidden: Tensor,
        target: Tensor,
        roles: Roles,
        **told: Tensor,
    ) -> Tensor:
        """From crop (B, N, 3, h, w), patches_decoded (B, M, P, Q), hidden (B, M, P) and target (B, M).

        Further clip and time (B, T), by which kinds of pairs are told apart, and what tells where the person is:
        box (B, N, 4) and frame (B, T, 3, H, W) with true_mask (B, T, 1, H, W) or background (B, T, 3, H, W).

        Raises:
            ShapeError: When sizes disagree.
        """
        expect(
            ("patches_decoded", patches_decoded, "B M P Q"),
            ("hidden", hidden, "B M P"),
            ("target", target, "B M"),
            ("crop", crop, "B N 3 h w"),
            ("clip", told["clip"], "B T"),
            ("time", told["time"], "B T"),
        )
        patch = round((patches_decoded.shape[-1] / 3) ** 0.5)
        seen = select(crop, target)
        true_BMPQ = patchify(standardised(seen.float()), patch)
        expect(("patches_decoded", patches_decoded, "B M P Q"), ("crop", true_BMPQ, "B M P Q"))
        error_BMP = patch_errors(patches_decoded.float(), true_BMPQ, self.options.normalise, self.options.eps)
        counts_BMP = torch.ones_like(hidden) if self.options.loss_on == "all" else hidden
        if "box" in told:
            names = {"frame", "box", "true_mask", "background"} & set(told)
            where = {name: select(told[name], target) for name in names}
            clean = crop_of(where.pop("frame"), where["box"], (seen.shape[-2], seen.shape[-1]))
            counts_BMP = counts_BMP * (person_share(silhouette(clean, **where), patch) > self.options.tau)
        kind_GBM = kinds(told["clip"], told["time"], target, references(roles, target), self.options.moment_s)
        weight_G = error_BMP.new_tensor([getattr(self.options, name) for name in KINDS])
        mean_G, number_G = mean_of_kinds(error_BMP, counts_BMP.float(), kind_GBM)
        told_G = mean_G.detach().masked_fill(number_G == 0, torch.nan)
        self.apart = dict(zip(KINDS, told_G, strict=True))
        return (weight_G * mean_G).sum()


def references(roles: Roles, target_BM: Tensor) -> Tensor:
    """Positions of the masked frames' references, (B, M): one for all of them, or one for each."""
    rows = torch.tensor(roles.family("reference"), dtype=torch.int64, device=target_BM.device)
    return rows.expand_as(target_BM)
