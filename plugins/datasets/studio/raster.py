"""Capsules as fragments: which pixels each one covers, how far into its silhouette and at which depth.

Work is done on ragged lists, first the pixel rows of each capsule, then the pixels of each row, so that the cost
follows the painted area. Radius and depth are interpolated along the capsule's axis on the screen.

Axes: P pairs (frame, capsule), R rows of pairs, F fragments, H W pixels.
Coordinates: pixel units, a pixel's centre at (column + 0.5, row + 0.5); depth in mm along the camera's z.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ....media.camera import Camera
from .body import Capsules

NEAR_MM = 100.0
EDGE_PX = 0.5  # half the width of the soft silhouette


class Discs(NamedTuple):
    """Projected capsules: centre, radius (px), depth (mm) of both ends, each (P, 2); focal length (px) and frame, (P,).

    A pair of radius 0 covers nothing.
    """

    x_P2: Tensor
    y_P2: Tensor
    radius_P2: Tensor
    depth_P2: Tensor
    focal_P: Tensor
    frame_P: Tensor


class View(NamedTuple):
    """Cameras of T frames: rotation (T, 3, 3), translation (T, 3) in mm, focal lengths and centre (T, 2) in px.

    The centre is counted from the image's corner, half a pixel more than in ``Camera``.
    """

    rotation_T33: Tensor
    translation_T3: Tensor
    focal_T2: Tensor
    centre_T2: Tensor

    @classmethod
    def of(cls, cameras: Sequence[Camera], device: torch.device) -> View:
        """Stack the cameras of consecutive frames."""

        def stack(name: str) -> Tensor:
            rows = [torch.tensor(getattr(camera, name), dtype=torch.float32) for camera in cameras]
            return torch.stack(rows).to(device)

        k_T33 = stack("intrinsics_33")
        focal_T2 = torch.stack([k_T33[:, 0, 0], k_T33[:, 1, 1]], dim=1)
        return cls(stack("rotation_33"), stack("translation_3"), focal_T2, k_T33[:, :2, 2] + 0.5)

    def frames(self, part: slice) -> View:
        """The cameras of some frames."""
        return View(*(field[part] for field in self))

    def to_camera(self, point_TN3: Tensor) -> Tensor:
        """World to camera coordinates, mm."""
        return point_TN3 @ self.rotation_T33.mT + self.translation_T3[:, None]

    def to_pixels(self, point_TN3: Tensor) -> Tensor:
        """Camera coordinates to pixels, (T, N, 2); meaningless behind the camera."""
        depth = point_TN3[..., 2:].clamp(min=NEAR_MM)
        return point_TN3[..., :2] / depth * self.focal_T2[:, None] + self.centre_T2[:, None]


def project(body: Capsules, view: View) -> Discs:
    """The capsules on the screen; those that reach behind the camera are hidden."""
    count, parts = body.ends_TK23.shape[:2]
    camera_TK23 = view.to_camera(body.ends_TK23.flatten(1, 2)).unflatten(1, (parts, 2))
    xy_TK22 = view.to_pixels(camera_TK23.flatten(1, 2)).unflatten(1, (parts, 2))
    depth_TK2 = camera_TK23[..., 2]
    ahead = depth_TK2.amin(-1, keepdim=True) > NEAR_MM
    radius_TK2 = torch.where(ahead, body.radii_K2 * view.focal_T2[:, :1, None] / depth_TK2, 0.0)
    frame_P = torch.arange(count, device=depth_TK2.device).repeat_interleave(parts)
    x_P2, y_P2 = xy_TK22.flatten(0, 1).unbind(-1)
    focal_P = view.focal_T2[:, 0].index_select(0, frame_P)
    return Discs(x_P2, y_P2, radius_TK2.flatten(0, 1), depth_TK2.flatten(0, 1), focal_P, frame_P)


class Fragments(NamedTuple):
    """Pixels of capsules, each (F,).

    Attributes:
        pixel: Index into the flattened frames, (frame * H + row) * W + column.
        pair: Index of the capsule.
        coverage: 1 inside, 0 outside, 0.5 on the silhouette.
        depth: Of the surface, in mm.
        offset_x: From the axis, in radii.
        offset_y: From the axis, in radii.
        bulge: Sine of the angle at which the surface faces the camera: 1 on the axis, 0 on the silhouette.
    """

    pixel: Tensor
    pair: Tensor
    coverage: Tensor
    depth: Tensor
    offset_x: Tensor
    offset_y: Tensor
    bulge: Tensor

    def at(self, index: Tensor) -> Fragments:
        """Some of the fragments."""
        return Fragments(*(field.index_select(0, index) for field in self))


def window(low: Tensor, high: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """First pixel and number of pixels whose centres lie in [low, high], inside a side of ``size`` pixels."""
    first = torch.ceil(low - 0.5).clamp(0, size)
    last = torch.floor(high - 0.5).clamp(-1, size - 1)
    return first.long(), (last - first + 1).clamp(min=0).long()


def ragged(first_N: Tensor, count_N: Tensor) -> tuple[Tensor, Tensor]:
    """Concatenate the ranges [first, first + count): the range that each value is of, and the values."""
    owner = torch.repeat_interleave(count_N)
    shift_N = first_N - (count_N.cumsum(0) - count_N)
    return owner, torch.arange(len(owner), device=owner.device) + shift_N.index_select(0, owner)


class Rows(NamedTuple):
    """Pixel rows of capsules, each (R,); x, y, radius and depth as (value at the first end, change to the second)."""

    pair: Tensor
    row: Tensor
    x: tuple[Tensor, Tensor]
    y: tuple[Tensor, Tensor]
    radius: tuple[Tensor, Tensor]
    depth: tuple[Tensor, Tensor]


def rows_of(discs: Discs, height: int) -> Rows:
    """The rows of a frame that each capsule touches."""
    low = (discs.y_P2 - discs.radius_P2).amin(1) - EDGE_PX
    high = (discs.y_P2 + discs.radius_P2).amax(1) + EDGE_PX
    first_P, count_P = window(low, high, height)
    pair_R, row_R = ragged(first_P, count_P * (discs.radius_P2.amax(1) > 0))
    ends = (
        (v[:, 0].index_select(0, pair_R), (v[:, 1] - v[:, 0]).index_select(0, pair_R))
        for v in (discs.x_P2, discs.y_P2, discs.radius_P2, discs.depth_P2)
    )
    return Rows(pair_R, row_R, *ends)


def fragments(discs: Discs, height: int, width: int) -> Fragments:
    """Every pixel that a capsule touches, capsule by capsule, row by row.

    Args:
        discs: The projected capsules.
        height: Rows of a frame.
        width: Columns of a frame.
    """
    rows = rows_of(discs, height)
    (x_R, run_R), (_, rise_R) = rows.x, rows.y
    y_R = rows.row + 0.5 - rows.y[0]
    row_F, column_F = ragged(*window(*_span(rows, y_R), width))

    def of_row(value_R: Tensor) -> Tensor:
        return value_R.index_select(0, row_F)

    # The nearest point of the axis: clamp((p - a) . (b - a) / |b - a|^2), linear in the column along a row.
    length2_R = (run_R**2 + rise_R**2).clamp(min=1e-6)
    along_F = (column_F + 0.5).mul_(of_row(run_R / length2_R))
    along_F = along_F.add_(of_row((y_R * rise_R - x_R * run_R) / length2_R)).clamp_(0, 1)
    dx_F = column_F + 0.5 - of_row(x_R) - along_F * of_row(run_R)
    dy_F = of_row(y_R) - along_F * of_row(rise_R)
    radius_F = of_row(rows.radius[0]) + along_F * of_row(rows.radius[1])
    distance_F = (dx_F * dx_F + dy_F * dy_F).sqrt_()
    coverage_F = (radius_F - distance_F + EDGE_PX).clamp_(0, 1)
    touched = coverage_F.nonzero()[:, 0]
    lists = (row_F, column_F, along_F, dx_F, dy_F, radius_F, distance_F, coverage_F)
    return _surface(discs, rows, (height, width), *(v.index_select(0, touched) for v in lists))


def _surface(discs: Discs, rows: Rows, size: tuple[int, int], *lists: Tensor) -> Fragments:
    """Depth and normal at the touched pixels: the capsule is round about its axis."""
    row_F, column_F, along_F, dx_F, dy_F, radius_F, distance_F, coverage_F = lists
    pair_F = rows.pair.index_select(0, row_F)
    scale_F = 1 / torch.maximum(radius_F, distance_F)
    bulge_F = (1 - (distance_F * scale_F) ** 2).clamp_(min=0).sqrt_()
    start, change = (v.index_select(0, row_F) for v in rows.depth)
    nearer_F = radius_F * bulge_F / discs.focal_P.index_select(0, pair_F)
    pixel_R = (discs.frame_P.index_select(0, rows.pair) * size[0] + rows.row) * size[1]
    return Fragments(
        pixel=pixel_R.index_select(0, row_F) + column_F,
        pair=pair_F,
        coverage=coverage_F,
        depth=(start + along_F * change) * (1 - nearer_F),
        offset_x=dx_F * scale_F,
        offset_y=dy_F * scale_F,
        bulge=bulge_F,
    )


def _span(rows: Rows, y_R: Tensor) -> tuple[Tensor, Tensor]:
    """Left and right bound of a capsule on a pixel row: the stretch of the axis within reach, widened by the reach."""
    (x_R, run_R), (_, rise_R), (start_R, growth_R) = rows.x, rows.y, rows.radius
    reach_R = start_R + growth_R.clamp(min=0) + EDGE_PX
    rise_R = torch.where(rise_R.abs() < 1e-3, 1e-3, rise_R)
    first_R = ((y_R - reach_R) / rise_R).clamp(0, 1)
    last_R = ((y_R + reach_R) / rise_R).clamp(0, 1)
    ends = x_R + first_R * run_R, x_R + last_R * run_R
    return torch.minimum(*ends) - reach_R, torch.maximum(*ends) + reach_R


def nearest(shots: Fragments, chosen: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
    """Z-buffer: which of the chosen fragments are seen, as indices, and the depth at each pixel (inf where none).

    Args:
        shots: The fragments.
        chosen: Which of them take part, (F,) bool.
        pixels: Length of the z-buffer.
    """
    depth_F = torch.where(chosen, shots.depth, torch.inf)
    buffer = torch.full((pixels,), torch.inf, device=depth_F.device)
    buffer.scatter_reduce_(0, shots.pixel, depth_F, "amin")
    seen = chosen & (depth_F == buffer.index_select(0, shots.pixel))
    return seen.nonzero()[:, 0], buffer
