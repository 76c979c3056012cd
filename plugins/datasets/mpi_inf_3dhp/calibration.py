"""Cameras of MPI-INF-3DHP: the calibration file of a recording, and a fit where there is none.

Source: Mehta et al., 3DV 2017, arXiv:1611.09813, and the file ``camera.calibration`` that comes with each recording:
one line of title, then seven lines per camera. The world of these files has +y up; here it is turned so that +z is.
Lenses are left out, as in the file: its pinhole cameras explain the 2D labels to about 2 px.

Axes: N frames, J joints, 3 = x y z in mm, 2 = x y in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.camera import Camera

TITLE = "Skeletool Camera Calibration File"
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""From the file's world, +y up, to one with +z up."""


def read_calibration(path: Path) -> Mapping[int, Camera]:
    """The cameras of a file by their numbers.

    Raises:
        DataError: If there is no such file, or it is another one or incomplete.
    """
    try:
        title, *lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if not title.startswith(TITLE):
            raise ValueError(f"it begins with {title[:40]!r}, not {TITLE!r}")
        # words, not columns: numbers are of any width, and lines may end in blanks
        words = [line.split() for line in lines if line.strip()]
        starts = [index for index, line in enumerate(words) if line[0] == "name"]
        blocks = [words[start:end] for start, end in pairwise([*starts, len(words)])]
        return {int(block[0][1]): _camera({line[0]: line[1:] for line in block}) for block in blocks}
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise DataError(
            f"the camera calibration cannot be read: {error}", where=str(path), hint="copy camera.calibration again"
        ) from None


def _camera(told: Mapping[str, list[str]]) -> Camera:
    intrinsic_44, extrinsic_44 = (np.array(told[name], np.float64).reshape(4, 4) for name in ("intrinsic", "extrinsic"))
    width, height = map(int, map(float, told["size"]))
    return Camera(extrinsic_44[:3, :3] @ Z_UP.T, extrinsic_44[:3, 3], intrinsic_44[:3, :3], (width, height))


def fitted_intrinsics(pose_NJ3: Array, pose_NJ2: Array) -> Array:
    """Focal lengths and principal point that bring 3D joints nearest to 2D joints, (3, 3).

    ``u = f x/z + c`` is linear in f and c, so least squares gives them.

    Args:
        pose_NJ3: In the camera's coordinates, mm.
        pose_NJ2: In pixels.

    Raises:
        DataError: If the joints lie in too few directions to tell.
    """
    rays = (pose_NJ3[..., :2] / pose_NJ3[..., 2:]).reshape(-1, 2).astype(np.float64)
    pixels = pose_NJ2.reshape(-1, 2).astype(np.float64)
    known = np.isfinite(rays).all(axis=1) & np.isfinite(pixels).all(axis=1) & (pose_NJ3[..., 2].ravel() > 0)
    intrinsics_33 = np.eye(3)
    for axis in range(2):
        column = np.stack([rays[known, axis], np.ones(known.sum())], axis=1)
        solved, _, rank, _ = np.linalg.lstsq(column, pixels[known, axis], rcond=None)
        if rank < 2:
            raise DataError("the joints are too few to tell the camera's focal length")
        intrinsics_33[axis, axis], intrinsics_33[axis, 2] = solved
    return intrinsics_33
