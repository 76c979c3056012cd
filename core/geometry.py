"""Boxes, crops and compositing: where the subject is, cut out of the frame and put back into it.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, equation (1); the sampling is that of Jaderberg et al.,
NeurIPS 2015, arXiv:1506.02025, section 3.2, and the soft window that of Rhodin et al., CVPR 2019, arXiv:1903.05684, as
is the compositing of several subjects by their depth.
Differs from the papers: a box keeps upright, so the grid is built from two axes instead of a 2 x 3 matrix.

Axes: leading ``...`` any (clips, frames), S subjects, C channels, H W frame and h w crop pixels,
4 = (s_x, s_y, u_x, u_y).
Coordinates: (x, y) in [-1, 1], +x right, +y down, align_corners=False. s is the fraction of the frame's side
that the box covers, u its centre. A pixel's centre has integer coordinates, as in ``media.camera``.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from .errors import ShapeError

Padding = Literal["border", "zeros"]
EPSILON = 1e-4  # where no mask is, the weights are 0 and not 0 / 0


def pixel_centres(n: int, *, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> Tensor:
    """Coordinates of ``n`` pixel centres along one axis, shape (n,): the first is -1 + 1/n."""
    return torch.arange(1 - n, n, 2, dtype=dtype, device=device) / n


def crop(frame: Tensor, box: Tensor, size: tuple[int, int], padding: Padding = "border") -> Tensor:
    """Cut the box out of the frame and resize it, bilinearly; differentiable in both.

    Computed in float32 at least: a bfloat16 grid would be off by up to a thousandth of the frame's side.

    Args:
        frame: (..., C, H, W), floating.
        box: (..., 4), one for each frame.
        size: Height and width of the crop.
        padding: What lies outside the frame: its border drawn out, or zeros.

    Returns:
        (..., C, h, w) in the frame's dtype.

    Raises:
        ShapeError: There is not one box for each frame.
    """
    if box.shape != (*frame.shape[:-3], 4):
        raise ShapeError(
            f"one box (s_x, s_y, u_x, u_y) for each frame: {tuple(frame.shape)} needs boxes of the shape "
            f"{(*frame.shape[:-3], 4)}, got {tuple(box.shape)}"
        )
    dtype = torch.promote_types(torch.promote_types(frame.dtype, box.dtype), torch.float32)
    grid_Nhw2 = _grid(box.reshape(-1, 4).to(dtype), size)
    frame_NCHW = frame.reshape(-1, *frame.shape[-3:]).to(dtype)
    crop_NChw = F.grid_sample(frame_NCHW, grid_Nhw2, mode="bilinear", padding_mode=padding, align_corners=False)
    return crop_NChw.reshape(*frame.shape[:-2], *size).to(frame.dtype)


def to_box(points: Tensor, box: Tensor) -> Tensor:
    """Points (..., P, 2) of the frame in the coordinates of its box (..., 4), whose sides lie at -1 and 1."""
    return (points - box[..., None, 2:]) / box[..., None, :2]


def from_box(points: Tensor, box: Tensor) -> Tensor:
    """Inverse of `to_box`."""
    return points * box[..., None, :2] + box[..., None, 2:]


def paste(cutout: Tensor, box: Tensor, size: tuple[int, int], padding: Padding = "border") -> Tensor:
    """Put a crop (..., C, h, w) back where the box lies in a frame of ``size`` (H, W); inverse of ``crop``.

    RGB is pasted with its border drawn out, a mask with zeros: then no seam shows at the box's edge.

    Raises:
        ShapeError: There is not one box for each crop.
    """
    return crop(cutout, inverse_box(box), size, padding)


def _grid(box_N4: Tensor, size: tuple[int, int]) -> Tensor:
    """Where each crop pixel lies in the frame: (s_x x + u_x, s_y y + u_y), shape (N, h, w, 2)."""
    height, width = size
    scale_x, scale_y, centre_x, centre_y = box_N4.unsqueeze(-1).unbind(dim=1)
    x_Nw = scale_x * pixel_centres(width, dtype=box_N4.dtype, device=box_N4.device) + centre_x
    y_Nh = scale_y * pixel_centres(height, dtype=box_N4.dtype, device=box_N4.device) + centre_y
    return torch.stack(torch.broadcast_tensors(x_Nw[:, None, :], y_Nh[:, :, None]), dim=-1)


def composite(mask: Tensor, rgb: Tensor, background: Tensor) -> Tensor:
    """Equation (1): I = M G + (1 - M) B, with the mask (..., 1, H, W) and both images (..., 3, H, W)."""
    return mask * rgb + (1 - mask) * background


def layer_weights(mask: Tensor, depth: Tensor) -> Tensor:
    """How much of each subject is seen at each pixel, behind those that are nearer.

    Subjects are soft in depth: k lets through ``T_k = exp(-sum_i m_i (erf(z_k - z_i) + 1))``, itself among the i, the
    background ``T_bg = exp(-2 sum_i m_i)``. The shares ``T_k m_k`` are scaled to add up to ``1 - T_bg``, so that one
    opaque mask alone weighs 1 - exp(-2) = 0.8646, less a ten-thousandth for the division by zero that it avoids.

    Args:
        mask: (..., S, 1, H, W) in [0, 1].
        depth: (..., S), the greater the farther.

    Raises:
        ShapeError: There is not one depth for each mask.
    """
    if mask.shape[-3:-2] != (1,) or mask.shape[:-3] != depth.shape:
        raise ShapeError(
            f"one depth for each mask: masks of the shape {tuple(mask.shape)} need depths of the shape "
            f"{tuple(mask.shape[:-3])}, got {tuple(depth.shape)}"
        )
    before_kj = torch.erf(depth[..., :, None] - depth[..., None, :]) + 1  # 2 where j is before k, 0 where it is behind
    hidden = (mask.unsqueeze(-5) * before_kj[..., None, None, None]).sum(dim=-4)
    shown = (-hidden).exp() * mask
    covered = 1 - (-2 * mask.sum(dim=-4, keepdim=True)).exp()
    return shown * covered / (EPSILON + shown.sum(dim=-4, keepdim=True))


def composite_layers(weight: Tensor, rgb: Tensor, background: Tensor) -> Tensor:
    """Several subjects by their weights (..., S, 1, H, W) and images (..., S, 3, H, W) onto one background."""
    return (weight * rgb).sum(dim=-4) + (1 - weight.sum(dim=-4)) * background


def soft_window(
    size: tuple[int, int], *, dtype: torch.dtype = torch.float32, device: torch.device | None = None
) -> Tensor:
    """Weight exp(1 - 1/(1 - r)) with r = sqrt(x^4 + y^4), and 0 where r >= 1; shape (h, w), in [0, 1].

    A crop multiplied by it fades towards its edges, which gives the box a gradient there.
    """
    height, width = size
    x_w = pixel_centres(width, dtype=dtype, device=device)
    y_h = pixel_centres(height, dtype=dtype, device=device)
    r_hw = (x_w**4 + y_h[:, None] ** 4).sqrt()
    return (1 - 1 / (1 - r_hw).clamp(min=0)).exp()  # exp(1 - 1/0) = 0, as it should be outside


def inverse_box(box: Tensor) -> Tensor:
    """The box whose crop undoes this one's: theta^-1 = (1/s, -u/s), shape (..., 4). Needs s > 0."""
    scale, centre = box[..., :2], box[..., 2:]
    return torch.cat([1 / scale, -centre / scale], dim=-1)


def box_corners(box: Tensor) -> Tensor:
    """(..., 4) corners (x0, y0, x1, y1) in frame coordinates."""
    scale, centre = box[..., :2], box[..., 2:]
    return torch.cat([centre - scale, centre + scale], dim=-1)


def box_to_pixels(box: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., 4) corners (x0, y0, x1, y1) in pixels of a frame of ``size`` (H, W); the full frame starts at -0.5."""
    height, width = size
    return ((box_corners(box) + 1) * box.new_tensor([width, height, width, height]) - 1) / 2


def box_of_points(points: Tensor, margin: float = 0.0) -> Tensor:
    """The smallest box round points (..., P, 2) in frame coordinates, its sides made 1 + margin times as long."""
    low, high = points.aminmax(dim=-2)
    return torch.cat([(high - low) / 2 * (1 + margin), (high + low) / 2], dim=-1)


def box_contains(box: Tensor, point: Tensor) -> Tensor:
    """Whether a point (..., 2) lies in the box (..., 4), edges included; bool (...)."""
    scale, centre = box[..., :2], box[..., 2:]
    return ((point - centre).abs() <= scale).all(dim=-1)


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Area of the intersection over that of the union of boxes (..., 4), pair by pair; (...), 0 to 1."""
    shared = _shared_area(a, b)
    return shared / (_area(a) + _area(b) - shared)


def box_coverage(box: Tensor, truth: Tensor) -> Tensor:
    """Share of the true box's area that lies inside the box; (...), 0 to 1."""
    return _shared_area(box, truth) / _area(truth)


def _area(box: Tensor) -> Tensor:
    return 4 * box[..., 0] * box[..., 1]


def _shared_area(a: Tensor, b: Tensor) -> Tensor:
    a, b = box_corners(a), box_corners(b)
    low = torch.maximum(a[..., :2], b[..., :2])
    high = torch.minimum(a[..., 2:], b[..., 2:])
    return (high - low).clamp(min=0).prod(dim=-1)
