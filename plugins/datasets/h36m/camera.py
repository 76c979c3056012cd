"""The cameras of Human3.6M: where each stands, and its lens, which is not OpenCV's.

Source: Ionescu et al., TPAMI 2014, doi:10.1109/TPAMI.2013.248, and the file ``metadata.xml`` that comes with the data.
Tangential distortion enters Human3.6M's model as ``x (p1 y + p2 x) + p2 r^2``, where OpenCV has ``2 p1 x y + p2 (r^2 +
2 x^2)``: that is up to 0.2 px elsewhere, and leaving distortion out up to 2.4 px.

Axes: leading ``...`` any, 3 = x y z, 2 = x y.
Coordinates: camera +x right, +y down, +z forward; world +z up; mm; pixels of the original image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array

CAMERAS = ("54138969", "55011271", "58860488", "60457274")
SUBJECTS = 11
PLACE, LENS = 6, 9
"""Numbers that a camera has per subject (three angles, its centre), and those of its lens."""
LENSES_AT = PLACE * SUBJECTS * len(CAMERAS)
NUMBERS = LENSES_AT + LENS * len(CAMERAS)


@dataclass(frozen=True, eq=False)
class H36mCamera:
    """One camera as one subject was filmed by it.

    Args:
        rotation_33: World to camera.
        centre_3: Where it stands in the world, mm.
        focal_2: Focal lengths, pixels.
        middle_2: Principal point, pixels.
        radial_3: k1, k2, k3.
        tangential_2: p1, p2.
    """

    rotation_33: Array
    centre_3: Array
    focal_2: Array
    middle_2: Array
    radial_3: Array
    tangential_2: Array

    @property
    def intrinsics_33(self) -> Array:
        """Focal lengths and principal point as a matrix, without the lens's distortion."""
        (fx, fy), (cx, cy) = self.focal_2, self.middle_2
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float64)

    def to_camera(self, points: Array) -> Array:
        """(..., 3) world mm to (..., 3) camera mm: R (X - T)."""
        return np.asarray((np.asarray(points, np.float64) - self.centre_3) @ self.rotation_33.T)

    def project_camera(self, points: Array) -> Array:
        """(..., 3) camera mm to (..., 2) pixels, distorted as the images are; NaN where not before the camera."""
        points = np.asarray(points, np.float64)
        rays = points[..., :2] / np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
        return np.asarray(self.focal_2 * distort(rays, self.radial_3, self.tangential_2) + self.middle_2)


def distort(rays: Array, radial_3: Array, tangential_2: Array) -> Array:
    """Bend ideal rays (..., 2), x/z and y/z, as Human3.6M defines it."""
    x, y = rays[..., 0], rays[..., 1]
    (k1, k2, k3), (p1, p2) = radial_3, tangential_2
    square = x**2 + y**2
    scale = 1 + square * (k1 + square * (k2 + square * k3)) + p1 * y + p2 * x
    return np.stack([x * scale + p2 * square, y * scale + p1 * square], axis=-1)


def turned(angles_3: Array) -> Array:
    """Rx(a) Ry(b) Rz(c), (3, 3), of angles in radians; each matrix turns right-handed."""
    (ca, cb, cc), (sa, sb, sc) = np.cos(angles_3), np.sin(angles_3)
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)


def read_metadata(path: Path) -> Mapping[tuple[str, str], H36mCamera]:
    """All cameras of ``metadata.xml``, by subject ("S1") and camera ("54138969").

    Raises:
        DataError: If the file is not there or another one.
    """
    try:
        texts = [element.text or "" for element in ElementTree.parse(path).iter("w0")]
        numbers = np.array(texts[0].strip().strip("[]").split(), np.float64)
    except (OSError, ElementTree.ParseError, ValueError, IndexError) as error:
        raise DataError(
            f"this is not Human3.6M's metadata: {error}",
            where=str(path),
            hint="metadata.xml lies in the archive Release-v1.x and holds the cameras as numbers in <w0>",
        ) from None
    if len(numbers) != NUMBERS:
        raise DataError(f"<w0> holds {len(numbers)} numbers, {NUMBERS} are wanted", where=str(path))
    return {
        (f"S{subject + 1}", name): _camera(numbers, index, subject)
        for index, name in enumerate(CAMERAS)
        for subject in range(SUBJECTS)
    }


def _camera(numbers: Array, index: int, subject: int) -> H36mCamera:
    place = numbers[PLACE * (index * SUBJECTS + subject) :][:PLACE]
    lens = numbers[LENSES_AT + LENS * index :][:LENS]
    return H36mCamera(turned(place[:3]), place[3:], lens[:2], lens[2:4], lens[4:7], lens[7:])
