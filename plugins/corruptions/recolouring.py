"""Images in other colours, for corruptions that draw them: the equations, and the network.

Axes: B tuples, T frames of a tuple, N = B T images, h w pixels, C colour channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...core.fields import expect
from ...core.ranks import uniform_rows

# RGB to YIQ, the colour space of NTSC: luma, and two axes in whose plane the hue is an angle.
RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def chroma_basis() -> Tensor:
    """Maps of an RGB colour to its grey, to its chroma, and to its chroma a quarter turn on, (3, C, C)."""
    to_yiq = torch.tensor(RGB_TO_YIQ, dtype=torch.float64)
    to_rgb = to_yiq.inverse()
    grey = to_rgb[:, :1] @ to_yiq[:1]
    chroma = to_rgb[:, 1:] @ to_yiq[1:]
    quarter = to_rgb[:, [2]] @ to_yiq[[1]] - to_rgb[:, [1]] @ to_yiq[[2]]
    return torch.stack([grey, chroma, quarter])


def colour_matrix(saturation_N: Tensor, turn_N: Tensor, basis_3CC: Tensor) -> Tensor:
    """Scale the chroma and turn it by the given share of a whole turn, (N, C, C); greys stay as they are."""
    angle_N = 2 * math.pi * turn_N
    weights_N3 = torch.stack([torch.ones_like(angle_N), saturation_N * angle_N.cos(), saturation_N * angle_N.sin()], 1)
    return torch.einsum("nk,kij->nij", weights_N3, basis_3CC)


def jitter(image: Tensor, brightness_N: Tensor, contrast_N: Tensor, matrix_NCC: Tensor) -> Tensor:
    """Brightness, contrast about the mean grey, then the colour matrix, clamped to [0, 1]; (N, 3, h, w)."""
    mean_grey_N = image.mean(dim=(2, 3)) @ image.new_tensor(RGB_TO_YIQ[0])
    # A grey offset passes the colour matrix unchanged, so that it can be added last.
    offset_N = brightness_N * (1 - contrast_N) * mean_grey_N
    gain_N = brightness_N * contrast_N
    gain_NCC = (gain_N[:, None, None] * matrix_NCC).to(image.dtype)
    mixed = torch.baddbmm(offset_N[:, None, None].to(image.dtype), gain_NCC, image.flatten(2))
    return mixed.clamp(0, 1).view_as(image)


class Recolouring(nn.Module):
    """Draws four numbers per image, or per tuple, while training; hands the crop on otherwise.

    Args:
        strengths: Of brightness, contrast and saturation; and the greatest turn of the hue, in whole turns.
        asymmetric: Share of tuples whose images are each changed in their own way.
    """

    strengths: Tensor
    basis: Tensor

    def __init__(self, strengths: tuple[float, float, float, float], asymmetric: float = 1.0) -> None:
        super().__init__()
        self.asymmetric = asymmetric
        self.register_buffer("strengths", torch.tensor(strengths), persistent=False)
        self.register_buffer("basis", chroma_basis().float(), persistent=False)

    def forward(self, *, crop: Tensor) -> Mapping[str, Tensor]:
        """From crop to crop_corrupted, (B, T, 3, h, w).

        Raises:
            ShapeError: When crop has other axes.
        """
        expect(("crop", crop, "B T 3 h w"))
        if not self.training:
            return {"crop_corrupted": crop}
        drawn = (2 * self._numbers(crop) - 1) * self.strengths
        brightness, contrast, saturation, turn = drawn.flatten(0, 1).unbind(1)
        matrix = colour_matrix(1 + saturation, turn, self.basis.float())
        return {"crop_corrupted": jitter(crop.flatten(0, 1), 1 + brightness, 1 + contrast, matrix).view_as(crop)}

    def _numbers(self, crop: Tensor) -> Tensor:
        """Numbers in [0, 1) for each image, (B, T, 4); the first image's for all of a tuple that is jittered alike."""
        drawn_BT4 = uniform_rows(*crop.shape[:2], 4, like=crop)
        if self.asymmetric == 1:
            return drawn_BT4
        own_B = uniform_rows(len(crop), like=crop) < self.asymmetric
        return torch.where(own_B[:, None, None], drawn_BT4, drawn_BT4[:, :1])
