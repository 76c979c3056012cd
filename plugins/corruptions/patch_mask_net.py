"""How many patches each policy hides, which ones, and the stage.

Axes: B tuples, T frames, M masked frames, P patches of a crop row by row, S visible patches, h w crop, H W frame.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.fields import expect
from ...core.interfaces import Context, Roles
from ...core.ranks import uniform_rows
from ...networks.patches import grid_side, patchify, person_share, silhouette, unpatchify
from ...networks.trunk import IMAGENET_MEAN
from .patch_mask import PatchMaskOptions
from .recolouring import Recolouring

ALMOST = 1e-6  # 0.29 of 100 patches are 29, which floating numbers deny


def hidden_in_all(ratio: float, patches: int) -> int:
    """How many patches of a crop a share makes, rounded down."""
    return int(ratio * patches + ALMOST)


def hidden_of_person(options: PatchMaskOptions, person_BM: Tensor, patches: int) -> Tensor:
    """How many of the person's patches are hidden, of crops that show so many of them, (B, M) int64.

    It is clamped so that neither more of the person's nor more of the others are hidden than there are.
    """
    total = hidden_in_all(options.ratio, patches)
    share_BM = (options.ratio * person_BM + 0.5).floor().long()  # rounded half up
    if options.policy == "background_hidden":
        # At least one stays visible, and no more than a list of visible patches has room for.
        return torch.minimum(share_BM.clamp(min=person_BM - (patches - total)), person_BM - 1)
    wanted_BM = (person_BM - options.keep).clamp(min=0) if options.policy == "foreground_first" else share_BM
    others_BM = patches - person_BM
    least_BM = (total - others_BM).clamp(min=0)
    return wanted_BM.clamp(max=total).maximum(least_BM)


def lowest(noise_BMP: Tensor, among_BMP: Tensor, count_BM: Tensor) -> Tensor:
    """Whether a patch is one of the ``count`` with the lowest noise among some, bool (B, M, P)."""
    rank_BMP = noise_BMP.masked_fill(~among_BMP, 2.0).argsort(dim=-1).argsort(dim=-1)
    return among_BMP & (rank_BMP < count_BM[..., None])


def hide(options: PatchMaskOptions, share_BMP: Tensor, noise_BMP: Tensor) -> Tensor:
    """Which patches are hidden, bool (B, M, P), by the share of each that the person covers."""
    patches = share_BMP.shape[-1]
    person_BMP = share_BMP > options.tau
    if options.policy == "uniform":
        person_BMP = torch.ones_like(person_BMP)
    elif options.policy == "background_hidden":
        person_BMP = person_BMP | ~person_BMP.any(dim=-1, keepdim=True)  # where nobody is seen, all counts
    person_BM = person_BMP.sum(dim=-1)
    of_person_BM = hidden_of_person(options, person_BM, patches)
    if options.policy == "background_hidden":
        return ~person_BMP | lowest(noise_BMP, person_BMP, of_person_BM)
    others_BM = hidden_in_all(options.ratio, patches) - of_person_BM
    return lowest(noise_BMP, person_BMP, of_person_BM) | lowest(noise_BMP, ~person_BMP, others_BM)


def visible_patches(hidden_BMP: Tensor, count: int) -> Tensor:
    """Numbers of the visible patches, ascending, (B, M, S) int64; -1 where there are fewer than ``count``."""
    order_BMS = hidden_BMP.long().argsort(dim=-1, stable=True)[..., :count]
    there_BMS = torch.arange(count, device=hidden_BMP.device) < (~hidden_BMP).sum(dim=-1, keepdim=True)
    return order_BMS.where(there_BMS, -1)


class PatchMask(nn.Module):
    """Hides patches of the masked frames while training."""

    colour: Tensor

    def __init__(self, options: PatchMaskOptions, context: Context) -> None:
        super().__init__()
        self.options = options
        self.patch = options.patch or context.facts.get("patch", 0)
        if not self.patch:
            raise ConfigError("the encoder has no patches", where="corruption", hint="set corruption.patch, in pixels")
        self.patches = grid_side(context.crop_size, self.patch) ** 2
        hidden = hidden_in_all(options.ratio, self.patches)
        if not 0 < hidden < self.patches:
            raise ConfigError(
                f"ratio = {options.ratio} hides {hidden} of {self.patches} patches",
                where="corruption.ratio",
                hint="hide at least one patch and leave one visible, or choose smaller patches",
            )
        self.count = self.patches - hidden
        by = options.colour or 0.0
        self.recolour = Recolouring((by, by, by, 0.0)) if by else None
        colour = torch.tensor(IMAGENET_MEAN).repeat(self.patch**2)
        self.register_buffer("colour", colour, persistent=False)

    def forward(
        self,
        *,
        crop: Tensor,
        roles: Roles,
        box: Tensor | None = None,
        true_mask: Tensor | None = None,
        background: Tensor | None = None,
    ) -> Mapping[str, Tensor]:
        """From crop (B, T, 3, h, w), box (B, T, 4), true_mask (B, T, 1, H, W) and background (B, T, 3, H, W).

        Returns:
            visible (B, M, S), hidden (B, M, P) and, if asked for, crop and crop_corrupted (B, T, 3, h, w).

        Raises:
            ShapeError: When sizes disagree.
        """
        expect(("crop", crop, "B T 3 h w"))
        masked = roles.family("target") if self.training else []
        given = {"crop": crop, "box": box, "true_mask": true_mask, "background": background}
        seen = {name: value[:, masked] for name, value in given.items() if value is not None}
        hidden_BMP = hide(self.options, self._share(seen), self._noise(len(masked), crop))
        written = {"visible": visible_patches(hidden_BMP, self.count), "hidden": hidden_BMP.to(crop.dtype)}
        if self.recolour is not None:
            crop = written["crop"] = self.recolour(crop=crop)["crop_corrupted"]
        if self.options.paint:
            written["crop_corrupted"] = self._painted(crop, masked, hidden_BMP)
        return written

    def _noise(self, masked: int, like: Tensor) -> Tensor:
        return uniform_rows(len(like), masked, self.patches, like=like)

    def _share(self, seen: Mapping[str, Tensor]) -> Tensor:
        """How much of each patch the person covers, (B, M, P)."""
        if "box" not in seen:
            return seen["crop"].new_ones(*seen["crop"].shape[:2], self.patches)
        return person_share(silhouette(**seen), self.patch)

    def _painted(self, crop: Tensor, masked: list[int], hidden_BMP: Tensor) -> Tensor:
        """Crops whose hidden patches have one colour."""
        if not masked:
            return crop
        patches_BMPQ = patchify(crop[:, masked], self.patch)
        painted_BMPQ = torch.where(hidden_BMP[..., None], self.colour.to(crop.dtype), patches_BMPQ)
        corrupted = crop.clone()
        corrupted[:, masked] = unpatchify(painted_BMPQ, self.patch)
        return corrupted
