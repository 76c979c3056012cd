"""From pixels of an original image to the frame coordinates of labels.

Axes: N frames, J joints, 2 = x y, 4 = left top right bottom in pixels, or (s_x, s_y, u_x, u_y) of a box, W H width and
height. Coordinates: a pixel's centre has integer coordinates, so the image spans [-0.5, W - 0.5] and [-1, 1].
"""

from __future__ import annotations

import numpy as np

from ...core.interfaces import Array

MARGIN = 0.1
"""Share of a body's larger side by which its box is wider than its joints, on each side: joints lie inside limbs."""


def framed(points: Array, size_WH: tuple[int, int]) -> Array:
    """(..., 2) pixels to [-1, 1]."""
    return np.asarray((2 * np.asarray(points, np.float64) + 1) / np.array(size_WH) - 1)


def box_of_edges(edges_N4: Array, size_WH: tuple[int, int]) -> Array:
    """Boxes (N, 4) of edges in pixels, cut at the image; NaN where nothing of it is inside."""
    ends_N22 = np.clip(framed(np.asarray(edges_N4).reshape(-1, 2, 2), size_WH), -1, 1)
    share_N2 = (ends_N22[:, 1] - ends_N22[:, 0]) / 2
    inside_N1: Array = (share_N2 > 0).all(axis=1, keepdims=True)
    share_N2 = np.where(inside_N1, share_N2, np.nan)
    return np.concatenate([share_N2, ends_N22.mean(axis=1) + 0 * share_N2], axis=1)


def box_of_joints(pose_NJ2: Array, size_WH: tuple[int, int]) -> Array:
    """Boxes (N, 4) around joints in pixels, with a margin; NaN where a frame has none, or none near the image."""
    pose_NJ2 = np.asarray(pose_NJ2, np.float64)
    known_NJ1 = np.asarray(np.isfinite(pose_NJ2).all(axis=2, keepdims=True))
    low_N2 = np.where(known_NJ1, pose_NJ2, np.inf).min(axis=1)
    high_N2 = np.where(known_NJ1, pose_NJ2, -np.inf).max(axis=1)
    seen_N1 = known_NJ1.any(axis=1)
    low_N2, high_N2 = np.where(seen_N1, low_N2, np.nan), np.where(seen_N1, high_N2, np.nan)
    margin_N1 = MARGIN * (high_N2 - low_N2).max(axis=1, keepdims=True)
    return box_of_edges(np.concatenate([low_N2 - margin_N1, high_N2 + margin_N1], axis=1), size_WH)
