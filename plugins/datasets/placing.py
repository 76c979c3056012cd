"""Where a root-centred pose stands before a pinhole camera, and where its joints fall in the picture.

Sets that publish poses about their root often keep back where the root was. Three numbers per frame are then found by
least squares from the joints' 2D labels; with 17 joints 31 equations are left over that still tell whether poses,
2D labels and cameras belong together.

Axes: N frames, J joints, 3 = x y z of the camera (mm), 2 = x y of the picture (pixels).
"""

from __future__ import annotations

import numpy as np

from ...core.interfaces import Array
from ...core.skeleton import Skeleton


def centred(pose_NJ3: Array, skeleton: Skeleton) -> Array:
    """Poses about the pelvis, or about the middle of the hips where the skeleton has no pelvis."""
    names = ("pelvis",) if "pelvis" in skeleton.joints else ("left_hip", "right_hip")
    middle = pose_NJ3[:, [skeleton.index(name) for name in names]].mean(axis=1, keepdims=True)
    return np.asarray(pose_NJ3 - middle)


def pinhole(points_NJ3: Array, intrinsics_N33: Array) -> Array:
    """Pixels (N, J, 2) of points before their frame's camera; NaN where they are not before it."""
    points = np.asarray(points_NJ3, np.float64)
    depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
    return np.asarray((points / depth) @ np.asarray(intrinsics_N33).swapaxes(-1, -2))[..., :2]


def placed(pose_NJ3: Array, pixels_NJ2: Array, intrinsics_N33: Array) -> Array:
    """The shifts (N, 3) that bring poses to where their joints fall on the pixels.

    A ray (u, v) = K^-1 (x, y, 1) meets the shifted joint where X + a = u (Z + c) and Y + b = v (Z + c): linear in the
    shift (a, b, c), solved by least squares over all joints that are known in both.
    """
    pose_NJ3 = np.asarray(pose_NJ3, np.float64)
    homogeneous = np.concatenate([pixels_NJ2, np.ones_like(pixels_NJ2[..., :1])], axis=-1)
    rays_NJ2 = (homogeneous @ np.linalg.inv(intrinsics_N33).swapaxes(-1, -2))[..., :2]
    values = rays_NJ2 * pose_NJ3[..., 2:] - pose_NJ3[..., :2]
    known = np.isfinite(values)
    rows = np.zeros((*rays_NJ2.shape, 3))
    rows[..., 0, 0] = rows[..., 1, 1] = 1
    rows[..., 2] = -rays_NJ2
    frames = len(rows)
    equations = np.where(known[..., None], rows, 0).reshape(frames, -1, 3)
    right = np.where(known, values, 0).reshape(frames, -1, 1)
    return np.asarray((np.linalg.pinv(equations) @ right)[..., 0])
