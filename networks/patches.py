"""Pictures as patches: cut apart, put together, normalised, and how much of a person is in each.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104, builds on masked autoencoders, He et al., CVPR 2022,
arXiv:2111.06377, which predict each patch after its own mean and deviation are taken off.

Axes: ``...`` any (tuples, frames), h w crop and H W frame pixels, P patches of a crop, row by row, Q values of a patch:
row by row, of each pixel its three colours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import ConfigError, ShapeError
from ..core.geometry import crop as crop_of
from .trunk import IMAGENET_MEAN, IMAGENET_STD

DIFFERENCE = 0.1
"""Mean difference of the three colours from the background, in [0, 1], from which on a pixel is of the person."""


def grid_side(size: int, patch: int) -> int:
    """How many patches lie side by side in a crop.

    Raises:
        ConfigError: When they do not fill it.
    """
    if size % patch or size < patch:
        near = max(size // patch, 1) * patch
        raise ConfigError(
            f"crop_size = {size} is not a multiple of the patch's side, {patch}",
            where="crop_size",
            hint=f"crop_size = {near} would do, or another size of patches",
        )
    return size // patch


def patchify(image: Tensor, patch: int) -> Tensor:
    """Images (..., C, h, w) as patches (..., P, patch patch C).

    Raises:
        ShapeError: When patches do not fill the image.
    """
    if image.shape[-1] % patch or image.shape[-2] % patch:
        raise ShapeError(f"an image of {tuple(image.shape[-2:])} pixels cannot be cut into patches of {patch}")
    pixels = image.movedim(-3, -1).contiguous()  # so that rows of patches can then be copied whole, thrice as fast
    cut = pixels.unflatten(-2, (-1, patch)).unflatten(-4, (-1, patch))  # ... rows patch columns patch C
    patches: Tensor = cut.transpose(-4, -3).flatten(-5, -4).flatten(-3)
    return patches


def unpatchify(patches: Tensor, patch: int) -> Tensor:
    """Inverse of `patchify` for square images: (..., P, patch patch C) to (..., C, h, w).

    Raises:
        ShapeError: When they are no square of patches.
    """
    side = round(patches.shape[-2] ** 0.5)
    if side * side != patches.shape[-2] or patches.shape[-1] % patch**2:
        raise ShapeError(f"patches of the shape {tuple(patches.shape[-2:])} make no square of patches of {patch}")
    cut = patches.unflatten(-1, (patch, patch, -1)).unflatten(-4, (side, side))  # ... rows columns patch patch C
    image: Tensor = cut.transpose(-4, -3).movedim(-1, -5).flatten(-2).flatten(-3, -2)
    return image


def standardised(image: Tensor) -> Tensor:
    """Images (..., 3, h, w) in [0, 1] with ImageNet's mean and deviation taken off, as the networks see them."""
    mean, std = (image.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (image - mean) / std


def own_scale(patches: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each patch (..., P, Q), both (..., P, 1): the root of its unbiased variance plus eps."""
    mean = patches.mean(dim=-1, keepdim=True)
    square = (patches - mean).square().sum(dim=-1, keepdim=True)  # torch.var_mean takes ten times as long on a CPU
    return mean, (square / (patches.shape[-1] - 1) + eps).sqrt()


def completed(crop: Tensor, decoded: Tensor, hidden: Tensor, normalised: bool = True, eps: float = 1e-6) -> Tensor:
    """Crops (..., 3, h, w) in [0, 1] with decoded patches (..., P, Q) where they are hidden, (..., P), for a picture.

    Patches that were predicted without mean and deviation are given those of the true ones, which they do not tell.
    """
    patch = round((decoded.shape[-1] / 3) ** 0.5)
    true = patchify(standardised(crop), patch)
    if normalised:
        mean, std = own_scale(true, eps)
        decoded = decoded * std + mean
    whole = unpatchify(torch.where(hidden[..., None] > 0, decoded, true), patch)
    mean, std = (crop.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (whole * std + mean).clamp(0, 1)


def silhouette(crop: Tensor, box: Tensor, true_mask: Tensor | None = None, background: Tensor | None = None) -> Tensor:
    """Where in each crop the person is, (..., 1, h, w) in [0, 1].

    Read off after the crop: the true mask (..., 1, H, W) inside of the box, or else where the crop differs from the
    background (..., 3, H, W) inside of the box, or else everywhere.
    """
    size = (crop.shape[-2], crop.shape[-1])
    if true_mask is not None:
        return crop_of(true_mask, box, size, "zeros")
    if background is None:
        return torch.ones_like(crop[..., :1, :, :])
    away = (crop - crop_of(background, box, size)).abs().mean(dim=-3, keepdim=True)
    return (away > DIFFERENCE).to(crop.dtype)


def person_share(mask: Tensor, patch: int) -> Tensor:
    """Share of each patch that a mask (..., 1, h, w) covers, (..., P)."""
    return patchify(mask, patch).mean(dim=-1)
