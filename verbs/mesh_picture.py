"""A mesh drawn over a picture, and a camera for it where none is known. Free of torch.

Axes: V vertices, F faces, J joints, H W pixels, 3 = x y z (mm, +z away from the camera), 2 = x y in [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..core.interfaces import Array

if TYPE_CHECKING:
    from PIL.Image import Image

FINER = 2
"""Pixels are drawn so many times as fine, and then averaged."""
DARK, BRIGHT = np.array([70.0, 60.0, 150.0]), np.array([255.0, 214.0, 120.0])
"""Colours of what is turned away and of what faces the camera: told apart from each other and from most rooms."""
LEFT_OUT_MM = 1.0
MARGIN = 0.9


@dataclass(frozen=True, slots=True)
class Camera:
    """Where points relative to the root are seen: ``x = (f X + c Z + a) / (Z + d)`` on each axis.

    Attributes:
        focal_2: f of both axes.
        centre_2: c.
        offset_2: a.
        distance: d in mm, infinite for a camera that is far away: then ``x = f X + a``.
    """

    focal_2: Array
    centre_2: Array
    offset_2: Array
    distance: float = np.inf

    def see(self, points_V3: Array) -> Array:
        """Places (V, 2) in the picture."""
        plane_V2, depth_V1 = points_V3[:, :2], points_V3[:, 2:]
        if np.isinf(self.distance):
            return np.asarray(self.focal_2 * plane_V2 + self.offset_2)
        seen = self.focal_2 * plane_V2 + self.centre_2 * depth_V1 + self.offset_2
        return np.asarray(seen / np.maximum(depth_V1 + self.distance, LEFT_OUT_MM))


def camera_of(pose_J3: Array, pose_J2: Array) -> Camera:
    """The pinhole camera that sees joints relative to the root where they are seen, by least squares.

    Linear in its six numbers and the distance, as the direct linear transform, but that the camera is not turned.
    """
    zero, one = np.zeros(len(pose_J3)), np.ones(len(pose_J3))
    (x, y, z), (u, v) = pose_J3.astype(np.float64).T, pose_J2.astype(np.float64).T
    rows = np.concatenate(
        [np.stack((x, z, one, zero, zero, zero, -u), axis=1), np.stack((zero, zero, zero, y, z, one, -v), axis=1)]
    )
    scale = np.maximum(np.abs(rows).max(axis=0), 1e-12)  # mm beside ones: columns of one size are solved well
    found = np.linalg.lstsq(rows / scale, np.concatenate((u * z, v * z)), rcond=None)[0] / scale
    return Camera(found[[0, 3]], found[[1, 4]], found[[2, 5]], float(found[6]))


def camera_around(vertices_V3: Array) -> Camera:
    """A far camera in whose picture a mesh is as large as fits."""
    low, high = vertices_V3[:, :2].min(axis=0), vertices_V3[:, :2].max(axis=0)
    scale = MARGIN * 2 / max(float((high - low).max()), LEFT_OUT_MM)
    return Camera(np.full(2, scale), np.zeros(2), -scale * (low + high) / 2)


def drawn(picture_HW3: Array, vertices_V3: Array, camera: Camera, faces_F3: Array | None) -> Array:
    """A mesh over a uint8 picture, (H, W, 3): its faces, the far ones first, or its vertices where no face is known."""
    from PIL import Image, ImageDraw

    height, width = picture_HW3.shape[:2]
    picture = Image.fromarray(np.ascontiguousarray(picture_HW3)).resize((width * FINER, height * FINER))
    place_V2 = (camera.see(vertices_V3) + 1) / 2 * np.array(picture.size)
    pen = ImageDraw.Draw(picture)
    if faces_F3 is None:
        _dots(picture, place_V2, vertices_V3[:, 2])
    else:
        for face, colour in _faces(vertices_V3, faces_F3):
            pen.polygon([tuple(place_V2[vertex]) for vertex in face], fill=colour)
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX))


def _faces(vertices_V3: Array, faces_F3: Array) -> list[tuple[Array, tuple[int, int, int]]]:
    """Faces from far to near, each with its colour: the brighter, the more it faces the camera."""
    corners_F33 = vertices_V3[faces_F3]
    normal_F3 = np.cross(corners_F33[:, 1] - corners_F33[:, 0], corners_F33[:, 2] - corners_F33[:, 0])
    facing_F = np.abs(normal_F3[:, 2]) / np.maximum(np.linalg.norm(normal_F3, axis=1), 1e-12)
    colour_F3 = (DARK + facing_F[:, None] * (BRIGHT - DARK)).astype(int)
    order = np.argsort(-corners_F33[..., 2].mean(axis=1))
    return [(faces_F3[face], tuple(colour_F3[face].tolist())) for face in order]


def _dots(picture: Image, place_V2: Array, depth_V: Array) -> None:
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture)
    near_V = (depth_V.max() - depth_V) / max(float(np.ptp(depth_V)), LEFT_OUT_MM)
    for vertex in np.argsort(near_V):
        x, y = place_V2[vertex]
        colour = (DARK + near_V[vertex] * (BRIGHT - DARK)).astype(int)
        pen.ellipse((x - FINER, y - FINER, x + FINER, y + FINER), fill=tuple(colour.tolist()))
