"""Which homography takes one frame of a turning camera to another: SIFT matches, RANSAC, and a careful fit.

Sources: SIFT of Lowe, IJCV 2004, doi:10.1023/B:VISI.0000029664.99615.94; RANSAC of Fischler and Bolles, CACM 1981,
doi:10.1145/358669.358692. Two things are our own. A hypothesis is scored by how much of the frame its matches cover
and not by their number, because a camera that follows somebody sees many matches on him, where nothing moves. And the
fit keeps to a similarity as far as the matches do not speak against it: of a long lens's frames they hardly tell the
perspective part, and a chain of badly told ones bends.

Axes: F features, M matches, S samples, D = 128 of a descriptor, 2 = x y, 8 parameters of a homography.
Coordinates: of a frame: pixels from its middle over half its longer side, x right, y down.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.errors import PluginError
from ...core.interfaces import Array

FEATURES = 800
CONTRAST = 0.01
"""A quarter of the usual threshold: snow and grass have only faint features."""
SMALLEST = 192
"""Pixels of the shorter side up to which frames are enlarged: SIFT finds little in small pictures."""
RATIO = 0.8
"""Lowe's: the second best match must be this much worse."""
SAMPLES = 1000
ZOOM = 1.25
"""By how much neighbouring frames may differ in scale."""
JERK, SUDDEN = 3.0, 0.2
"""What a sudden change of the camera's motion costs, in cells, and how large a change is sudden."""
NEAR = 0.03
"""Distance within which a match agrees with a hypothesis; a homography may differ that much from a similarity."""
NOISE_PX = 0.6
"""Of a feature's place, in pixels of the picture in which it was found."""
STIFF = 0.005
"""Size of the parts of a homography beyond a similarity that is expected of neighbouring frames."""
TURNS = 6
CELLS = 8
"""Cells by which coverage is counted, along each side of the frame."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is seen of a frame: places (F, 2), descriptors (F, D) float32 of unit length, and a place's noise."""

    points_F2: Array
    descriptors_FD: Array
    noise: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A homography, how many matches agree with it, and how many of the frame's 64 cells they cover."""

    matrix_33: Array
    agreeing: int
    cells: int


def opencv() -> Any:
    """The package OpenCV.

    Raises:
        PluginError: If the extra is not installed.
    """
    try:
        return importlib.import_module("cv2")
    except ImportError:
        raise PluginError(
            "background.panorama needs the package 'opencv-python-headless', which is not installed",
            hint="pip install 'poserep[panorama]'",
        ) from None


def to_pixels(size_HW: tuple[int, int]) -> Array:
    """From a frame's coordinates to its pixels, whose centres are integer, as a homography (3, 3)."""
    height, width = size_HW
    half = max(size_HW) / 2
    return np.array([[half, 0, (width - 1) / 2], [0, half, (height - 1) / 2], [0, 0, 1]])


def features(frame_3HW: Array) -> Features:
    """SIFT features of a frame (3, H, W) uint8."""
    cv2 = opencv()
    grey = cv2.cvtColor(np.ascontiguousarray(frame_3HW.transpose(1, 2, 0)), cv2.COLOR_RGB2GRAY)
    size_HW = grey.shape
    factor = max(1, -(-SMALLEST // min(size_HW)))
    if factor > 1:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    found, descriptors = cv2.SIFT_create(FEATURES, contrastThreshold=CONTRAST).detectAndCompute(grey, None)
    pixels_F2 = np.array([one.pt for one in found], np.float64).reshape(-1, 2)
    pixels_F2 = (pixels_F2 + 0.5) / factor - 0.5
    points_F2 = moved(np.linalg.inv(to_pixels(size_HW)), pixels_F2)
    descriptors_FD = np.zeros((0, 128), np.float32) if descriptors is None else descriptors
    length_F1 = np.linalg.norm(descriptors_FD, axis=1, keepdims=True)
    return Features(points_F2, descriptors_FD / np.maximum(length_F1, 1e-6), NOISE_PX / factor * 2 / max(size_HW))


def moved(matrix_33: Array, points_N2: Array) -> Array:
    """Points (N, 2) under a homography; NaN where they pass its horizon."""
    mapped_N3 = points_N2 @ matrix_33[:, :2].T + matrix_33[:, 2]
    depth_N1 = mapped_N3[:, 2:]
    return np.asarray(mapped_N3[:, :2] / np.where(depth_N1 > 0, depth_N1, np.nan))


def matches(one: Features, other: Features) -> Array:
    """Pairs of indices (M, 2): each the other's nearest, and clearly nearer than the second."""
    if min(len(one.points_F2), len(other.points_F2)) < 2:
        return np.zeros((0, 2), np.int64)
    alike_FG = one.descriptors_FD @ other.descriptors_FD.T
    best_F, back_G = alike_FG.argmax(axis=1), alike_FG.argmax(axis=0)
    rows_F = np.arange(len(best_F))
    second_F, first_F = np.sort(np.partition(alike_FG, -2, axis=1)[:, -2:], axis=1).T
    far_F, near_F = (np.sqrt(np.maximum(2 - 2 * alike, 0)) for alike in (second_F, first_F))
    kept_F = (back_G[best_F] == rows_F) & (near_F < RATIO * far_F)
    return np.stack([rows_F[kept_F], best_F[kept_F]], axis=1)


def cells_of(points_M2: Array) -> Array:
    """Which cell of the frame each point lies in, (M,) from 0 to CELLS ** 2 - 1."""
    column_M2 = np.clip(((points_M2 + 1) / 2 * CELLS).astype(np.int64), 0, CELLS - 1)
    return np.asarray(column_M2[:, 1] * CELLS + column_M2[:, 0])


def similarity(here_M2: Array, there_M2: Array, noise: float, expected: Array | None = None) -> Array:
    """Matches that agree with the similarity that explains most of the frame: RANSAC, (M,) bool.

    Points are complex numbers, so that two matches give the similarity z -> a z + b. Each cell counts as much as its
    best match agrees, and a jerk from the expected displacement of the frame's middle, (2,), costs up to `JERK` cells.
    """
    rng = np.random.default_rng(len(here_M2))
    here_M, there_M = (points[:, 0] + 1j * points[:, 1] for points in (here_M2, there_M2))
    first_S, second_S = rng.integers(len(here_M), size=(2, SAMPLES))
    apart_S = here_M[first_S] - here_M[second_S]
    kept_S = np.abs(apart_S) > NEAR
    first_S, second_S = first_S[kept_S], second_S[kept_S]
    a_S = (there_M[first_S] - there_M[second_S]) / apart_S[kept_S]
    usual_S = (np.abs(a_S) > 1 / ZOOM) & (np.abs(a_S) < ZOOM)
    a_S, b_S = a_S[usual_S], (there_M[first_S] - a_S * here_M[first_S])[usual_S]
    if not len(a_S):
        return np.zeros(len(here_M), bool)
    off_SM = np.abs(a_S[:, None] * here_M + b_S[:, None] - there_M)
    agreed_SM, cell_M = 1 / (1 + (off_SM / noise) ** 2), cells_of(here_M2)
    explained_S = sum(agreed_SM[:, cell_M == cell].max(axis=1) for cell in np.unique(cell_M))
    if expected is not None:
        explained_S = explained_S - JERK * np.minimum(np.abs(b_S - complex(*expected)) / SUDDEN, 1)
    return np.asarray(off_SM[np.argmax(explained_S)] < max(NEAR, 6 * noise))


def fitted(here_M2: Array, there_M2: Array, noise: float) -> Fit:
    """Homography from matches of which most are right: least squares, reweighted so that wrong ones do not count.

    With h = (a, b, c, d, x, y, g, k), there ~ [[a + c, d - b, x], [b + d, a - c, y], [g, k, 1]] here; c, d, g and k
    are what goes beyond a similarity, and are held near zero by a prior of deviation `STIFF`.
    """
    x, y, u, v = *here_M2.T, *there_M2.T
    one, none = np.ones_like(x), np.zeros_like(x)
    rows_2M8 = np.stack(
        [
            np.stack([x, -y, x, y, one, none, -u * x, -u * y], axis=1),
            np.stack([y, x, -y, x, none, one, -v * x, -v * y], axis=1),
        ]
    )
    wanted_2M = np.stack([u, v])
    prior_8 = (noise / STIFF) ** 2 * np.array([0, 0, 1, 1, 0, 0, 1, 1]) + 1e-12
    weight_M, width = one, NEAR
    matrix_33, off_M = np.eye(3), none
    for _ in range(TURNS):
        weighted = rows_2M8 * weight_M[:, None]
        normal_88 = np.einsum("kmi,kmj->ij", weighted, rows_2M8) + np.diag(prior_8)
        a, b, c, d, e, f, g, k = np.linalg.solve(normal_88, np.einsum("kmi,km->i", weighted, wanted_2M))
        matrix_33 = np.array([[a + c, d - b, e], [b + d, a - c, f], [g, k, 1]])
        off_M = np.nan_to_num(np.linalg.norm(moved(matrix_33, here_M2) - there_M2, axis=1), nan=np.inf)
        width = max(2 * noise, width / 2)
        weight_M = 1 / (1 + (off_M / width) ** 2) ** 2
    agreeing_M = off_M < 4 * noise
    return Fit(matrix_33, int(agreeing_M.sum()), len(np.unique(cells_of(here_M2[agreeing_M]))))


def between(one: Features, other: Features, expected: Array | None = None) -> Fit:
    """Homography from one frame to another; one with which nothing agrees if they have too little in common.

    Args:
        one: What is seen of a frame.
        other: What is seen of another.
        expected: How far the frame's middle probably moves, (2,).
    """
    pairs_M2 = matches(one, other)
    here_M2, there_M2 = one.points_F2[pairs_M2[:, 0]], other.points_F2[pairs_M2[:, 1]]
    if len(pairs_M2) >= 4:
        agree_M = similarity(here_M2, there_M2, one.noise, expected)
        if agree_M.sum() >= 4:
            return fitted(here_M2[agree_M], there_M2[agree_M], one.noise)
    return Fit(np.eye(3), 0, 0)
