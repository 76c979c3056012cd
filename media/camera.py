"""A calibrated camera: from the world to its own frame, to pixels, and to the coordinates of boxes.

Source: the pinhole and lens model of OpenCV (D. C. Brown, 1966): ``x_camera = R x_world + t``.

Axes: leading ``...`` any, 3 = x y z, 2 = x y, W H width and height.
Coordinates: camera +x right, +y down, +z forward, in mm; world up is +z. A pixel's centre has integer coordinates,
as in OpenCV, so the image spans [-0.5, W - 0.5]; frame coordinates span [-1, 1] (align_corners=False).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.errors import DataError

Array = NDArray[np.float64]
Distortion = tuple[float, float, float, float, float]
Segment = tuple[tuple[float, float], tuple[float, float]]
ORTHONORMAL_WITHIN = 1e-4  # calibrations are often stored with five digits
WORLD_UP = (0.0, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Camera:
    """One view of the world.

    Args:
        rotation_33: World to camera.
        translation_3: World origin in the camera's frame, mm.
        intrinsics_33: Focal lengths and principal point, pixels.
        size_WH: Width and height of the image, pixels.
        distortion: (k1, k2, p1, p2, k3) of the lens, or None.

    Raises:
        DataError: A matrix has the wrong shape, or the rotation is none.
    """

    rotation_33: Array
    translation_3: Array
    intrinsics_33: Array
    size_WH: tuple[int, int]
    distortion: Distortion | None = None

    def __post_init__(self) -> None:
        for name, shape in (("rotation_33", (3, 3)), ("translation_3", (3,)), ("intrinsics_33", (3, 3))):
            value = np.array(getattr(self, name), np.float64)
            if value.shape != shape:
                raise DataError(f"{name} must have the shape {shape}, has {value.shape}", where="camera calibration")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        _check_rotation(self.rotation_33)

    @classmethod
    def look_at(
        cls,
        eye: ArrayLike,
        target: ArrayLike,
        focal_px: float,
        size_WH: tuple[int, int],
        up: ArrayLike = WORLD_UP,
    ) -> Camera:
        """A camera at ``eye`` with ``target`` (both world, mm) in the middle of its image and ``up`` upwards.

        Raises:
            DataError: It would look straight along ``up``, or nowhere.
        """
        eye_3 = np.asarray(eye, np.float64)
        forward_3 = np.asarray(target, np.float64) - eye_3
        right_3 = np.cross(forward_3, np.asarray(up, np.float64))
        if not np.linalg.norm(right_3) > 0:
            raise DataError(
                f"no camera at {eye!r} can look at {target!r} with {up!r} upwards",
                where="Camera.look_at",
                hint="move the eye, or give another up",
            )
        rows_33 = np.stack([right_3, np.cross(forward_3, right_3), forward_3])
        rotation_33 = rows_33 / np.linalg.norm(rows_33, axis=1, keepdims=True)
        width, height = size_WH
        intrinsics_33 = np.array([[focal_px, 0, (width - 1) / 2], [0, focal_px, (height - 1) / 2], [0, 0, 1]])
        return cls(rotation_33, -rotation_33 @ eye_3, intrinsics_33, size_WH)

    def to_camera(self, points: ArrayLike) -> Array:
        """(..., 3) world mm to (..., 3) camera mm."""
        return np.asarray(points, np.float64) @ self.rotation_33.T + self.translation_3

    def project(self, points: ArrayLike) -> Array:
        """(..., 3) world mm to (..., 2) pixels; NaN for points that are not before the camera."""
        return self.project_camera(self.to_camera(points))

    def project_camera(self, points: ArrayLike) -> Array:
        """(..., 3) camera mm to (..., 2) pixels; NaN for points that are not before the camera."""
        points = np.asarray(points, np.float64)
        depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
        rays = points[..., :2] / depth
        if self.distortion is not None:
            rays = distort(rays, self.distortion)
        return np.asarray(rays @ self.intrinsics_33[:2, :2].T + self.intrinsics_33[:2, 2])

    def to_frame(self, pixels: ArrayLike) -> Array:
        """(..., 2) pixels to the [-1, 1] coordinates in which boxes are given."""
        return np.asarray((2 * np.asarray(pixels, np.float64) + 1) / np.array(self.size_WH) - 1)

    def from_frame(self, points: ArrayLike) -> Array:
        """(..., 2) frame coordinates to pixels; inverse of ``to_frame``."""
        return np.asarray(((np.asarray(points, np.float64) + 1) * np.array(self.size_WH) - 1) / 2)

    def scaled(self, size_WH: tuple[int, int]) -> Camera:
        """The camera of the same image resized: frame coordinates of every point stay as they are."""
        (x, y), (width, height) = size_WH, self.size_WH
        ratio = np.array([x / width, y / height, 1.0])
        intrinsics_33 = self.intrinsics_33 * ratio[:, None]
        intrinsics_33[:2, 2] += (ratio[:2] - 1) / 2  # the origin is a pixel's centre, not the image's corner
        return replace(self, intrinsics_33=intrinsics_33, size_WH=size_WH)


def distort(rays: Array, distortion: Distortion) -> Array:
    """Bend ideal rays (..., 2), x/z and y/z, as the lens does: k1 k2 k3 radial, p1 p2 tangential."""
    k1, k2, p1, p2, k3 = distortion
    square = np.sum(rays**2, axis=-1, keepdims=True)
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    product = rays.prod(axis=-1, keepdims=True)
    tangent = np.array([p2, p1])  # x takes p2 with its own square, y takes p1
    return np.asarray(rays * radial + tangent * (square + 2 * rays**2) + 2 * tangent[::-1] * product)


def horizon(rotation_33: ArrayLike, intrinsics_33: ArrayLike, size_WH: tuple[int, int]) -> Segment | None:
    """Where the world's horizontal directions meet the image: a ray r is horizontal if up . R^T r = 0.

    Args:
        rotation_33: World to camera; world up is +z.
        intrinsics_33: Focal lengths and principal point, pixels. What a lens bends is left straight.
        size_WH: Width and height of the image, pixels.

    Returns:
        Its two ends on the border of the frame, in [-1, 1] frame coordinates, the left one first (the upper one of an
        upright line); None if it does not cross the frame.
    """
    up_3 = np.asarray(rotation_33, np.float64) @ WORLD_UP
    line_3 = up_3 @ np.linalg.inv(np.asarray(intrinsics_33, np.float64))
    a, b, c = (float(one) for one in line_3)  # a u + b v + c = 0 in pixels
    width, height = size_WH
    a, b, c = a * width / 2, b * height / 2, c + a * (width - 1) / 2 + b * (height - 1) / 2  # in frame coordinates
    ends = [(x, -(c + a * x) / b) for x in (-1.0, 1.0) if b] + [(-(c + b * y) / a, y) for y in (-1.0, 1.0) if a]
    inside = sorted((x, y) for x, y in ends if max(abs(x), abs(y)) <= 1 + 1e-9)
    return (inside[0], inside[-1]) if inside and inside[0] != inside[-1] else None


def _check_rotation(rotation_33: Array) -> None:
    off = float(np.abs(rotation_33 @ rotation_33.T - np.eye(3)).max())
    if not off < ORTHONORMAL_WITHIN:
        raise DataError(
            f"the rotation is not orthonormal: R R^T differs from the identity by {off:.2g}",
            where="camera calibration",
            hint="give world to camera as a 3 x 3 rotation without scale",
        )
    if np.linalg.det(rotation_33) < 0:
        raise DataError(
            "the rotation is a reflection: its determinant is -1",
            where="camera calibration",
            hint="the camera's frame is x right, y down, z forward: flip one axis",
        )
