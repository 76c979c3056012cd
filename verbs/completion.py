"""How well hidden patches are completed, and whether the second image is used for it.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104: the error of hidden patches. The gain is ours.

Axes: N frames, P patches, Q values of a patch, H W pixels.
"""

from __future__ import annotations

from torch import Tensor

from ..core.fields import expect


def masked_error(patches_NPQ: Tensor, truth_NPQ: Tensor, hidden_NP: Tensor) -> Tensor:
    """Mean squared difference of the hidden patches' values, (N,); NaN where nothing is hidden.

    Raises:
        ShapeError: Some of them disagree.
    """
    expect(("patches", patches_NPQ, "N P Q"), ("truth", truth_NPQ, "N P Q"), ("hidden", hidden_NP, "N P"))
    error_NP = (patches_NPQ - truth_NPQ).square().mean(dim=-1)
    return (error_NP * hidden_NP).sum(dim=-1) / hidden_NP.sum(dim=-1)


def foreground_psnr(image_N3HW: Tensor, truth_N3HW: Tensor, mask_N1HW: Tensor) -> Tensor:
    """Peak signal to noise of images in [0, 1] where the mask is, (N,), dB: 10 log10(1 / mean squared error).

    Raises:
        ShapeError: Some of them disagree.
    """
    expect(("image", image_N3HW, "N 3 H W"), ("truth", truth_N3HW, "N 3 H W"), ("mask", mask_N1HW, "N 1 H W"))
    square_N1HW = (image_N3HW - truth_N3HW).square().mean(dim=1, keepdim=True)
    return -10 * ((square_N1HW * mask_N1HW).sum(dim=(1, 2, 3)) / mask_N1HW.sum(dim=(1, 2, 3))).log10()


def reference_gain(shuffled_N: Tensor, true_N: Tensor) -> Tensor:
    """Mean error with another tuple's second image over that with the true one: above 1 where it is looked at."""
    return shuffled_N.mean() / true_N.mean()
