"""Triangles as fragments: which of a mesh's faces each pixel shows, and where on the face.

A z-buffer over ragged lists, as `raster` has it for capsules: first the rows of each triangle's bounding box, then the
pixels of each row whose centres lie inside. Places on a face are corrected for perspective.

Axes: T frames, V vertices, F faces, P fragments, H W pixels.
Coordinates: pixel units, a pixel's centre at (column + 0.5, row + 0.5); depth in mm along the camera's z.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .raster import NEAR_MM, ragged, window


class Shown(NamedTuple):
    """What is seen of meshes, one entry for each pixel that shows one, each (P,) but for ``share``, (P, 3).

    Attributes:
        pixel: Index into the flattened frames, (frame * H + row) * W + column.
        frame: Which frame.
        face: Which face.
        share: Weight of each corner at that place; they sum to 1.
        depth: Of the surface, in mm.
    """

    pixel: Tensor
    frame: Tensor
    face: Tensor
    share: Tensor
    depth: Tensor


def shown(place_TV2: Tensor, depth_TV: Tensor, faces_F3: Tensor, height: int, width: int) -> Shown:
    """The faces that are seen, from either side; those that reach behind the camera are left out.

    Args:
        place_TV2: Vertices on the screen.
        depth_TV: Their depth.
        faces_F3: Three vertices of each face.
        height: Rows of a frame.
        width: Columns of a frame.
    """
    corners_Q32, depth_Q3 = place_TV2[:, faces_F3].flatten(0, 1), depth_TV[:, faces_F3].flatten(0, 1)
    area_Q = _area(*corners_Q32.unbind(1))
    usable_Q = (area_Q != 0) & (depth_Q3.amin(1) > NEAR_MM)
    low_Q2, high_Q2 = corners_Q32.amin(1), corners_Q32.amax(1)
    row_Q, rows_Q = window(low_Q2[:, 1], high_Q2[:, 1], height)
    column_Q, columns_Q = window(low_Q2[:, 0], high_Q2[:, 0], width)
    at_R, row_R = ragged(row_Q, rows_Q * usable_Q)
    line_P, column_P = ragged(column_Q.index_select(0, at_R), columns_Q.index_select(0, at_R))
    at_P, row_P = at_R.index_select(0, line_P), row_R.index_select(0, line_P)
    centre_P2 = torch.stack((column_P, row_P), dim=1) + 0.5
    a_P2, b_P2, c_P2 = (corners_Q32[:, corner].index_select(0, at_P) for corner in range(3))
    share_P3 = torch.stack(
        (_area(centre_P2, b_P2, c_P2), _area(a_P2, centre_P2, c_P2), _area(a_P2, b_P2, centre_P2)), dim=1
    ) / area_Q.index_select(0, at_P).unsqueeze(1)
    inside = (share_P3 >= 0).all(dim=1).nonzero()[:, 0]
    at_P, share_P3 = at_P.index_select(0, inside), share_P3.index_select(0, inside)
    frame_P = torch.div(at_P, len(faces_F3), rounding_mode="floor")
    pixel_P = (frame_P * height + row_P.index_select(0, inside)) * width + column_P.index_select(0, inside)
    near_P3 = share_P3 / depth_Q3.index_select(0, at_P)  # 1 / depth is linear on the screen, depth is not
    depth_P = 1 / near_P3.sum(dim=1)
    everything = Shown(pixel_P, frame_P, at_P % len(faces_F3), near_P3 * depth_P[:, None], depth_P)
    return _nearest(everything, len(place_TV2) * height * width)


def _area(a_P2: Tensor, b_P2: Tensor, c_P2: Tensor) -> Tensor:
    """Twice the signed area of triangles."""
    to_b, to_c = b_P2 - a_P2, c_P2 - a_P2
    return to_b[:, 0] * to_c[:, 1] - to_b[:, 1] * to_c[:, 0]


def _nearest(found: Shown, pixels: int) -> Shown:
    """Of each pixel the nearest fragment; of equally near ones, as on a shared edge, that of the first face."""
    depth = found.depth.new_full((pixels,), torch.inf).scatter_reduce_(0, found.pixel, found.depth, "amin")
    front = (found.depth == depth.index_select(0, found.pixel)).nonzero()[:, 0]
    front_P = Shown(*(values.index_select(0, front) for values in found))
    last = torch.iinfo(torch.int64).max
    face = front_P.face.new_full((pixels,), last).scatter_reduce_(0, front_P.pixel, front_P.face, "amin")
    first = (front_P.face == face.index_select(0, front_P.pixel)).nonzero()[:, 0]
    return Shown(*(values.index_select(0, first) for values in front_P))


def normals(vertices_TV3: Tensor, faces_F3: Tensor) -> Tensor:
    """Unit normals of vertices, (T, V, 3): the mean of their faces' by area."""
    a, b, c = (vertices_TV3[:, faces_F3[:, corner]] for corner in range(3))
    face_TF3 = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices_TV3)
    for corner in range(3):
        total.index_add_(1, faces_F3[:, corner], face_TF3)
    return torch.nn.functional.normalize(total, dim=-1)
