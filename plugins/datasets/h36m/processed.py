"""Human3.6M as the h36m-fetch scripts process it: pictures, and one HDF5 file of labels per take.

``S1/Walking-1/annot.h5`` holds the rows of all cameras one after the other; pictures are ``imageSequence/CAMERA/
img_000001.jpg``, counted from 1. Frames in which little moves have been left out, so numbers have gaps.

Axes: N frames of a camera, M rows of all cameras, J = 32 joints.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.untrusted import open_h5
from ..names import natural
from .raw import Lenses, subject_folders
from .view import Labels, PictureView, Place, Wanted

LABELS = "annot.h5"
PICTURE = "img_{:06d}.jpg"


class ProcessedView(PictureView):
    """Rows of an HDF5 file, pictures beside it."""

    def __init__(self, place: Place, home: Path, rows_N: Array) -> None:
        super().__init__(place)
        self._labels, self._pictures = home / LABELS, home / "imageSequence" / place.camera
        self._rows_N = rows_N

    def file(self, number: int) -> Path:
        """As the extraction names it."""
        return self._pictures / PICTURE.format(number + 1)

    def labels(self, universal: bool) -> Labels:
        """The camera's rows of ``pose/3d`` or ``pose/3d-univ``, and of ``pose/2d``."""
        with open_h5(self._labels) as file:
            poses = file["pose"]["3d-univ" if universal else "3d"][()]
            points = file["pose"]["2d"][()]
        return Labels(poses[self._rows_N].astype(np.float32), points[self._rows_N].astype(np.float32))


def is_processed(root: Path) -> bool:
    """Whether one of the subjects has such a file."""
    return any(next(subject.glob(f"*/{LABELS}"), None) for subject in subject_folders(root))


def processed_views(root: Path, wanted: Wanted, lenses: Lenses, missing: list[str]) -> Iterator[ProcessedView]:
    """All takes that are wanted; what is not there is added to ``missing``."""
    for folder in subject_folders(root):
        if folder.name not in wanted.subjects:
            continue
        for home in sorted((path.parent for path in folder.glob(f"*/{LABELS}")), key=lambda path: natural(path.name)):
            try:
                yield from _views(folder.name, wanted.cameras, home, lenses, missing)
            except DataError as error:
                missing.append(f"{folder.name} {home.name}: {error.what} ({error.where})")


def _views(
    subject: str, cameras: Sequence[str], home: Path, lenses: Lenses, missing: list[str]
) -> Iterator[ProcessedView]:
    with open_h5(home / LABELS) as file:
        camera_M, frame_M = np.asarray(file["camera"]), np.asarray(file["frame"])
    for camera in cameras:
        rows = np.flatnonzero(camera_M == int(camera))
        if not len(rows):
            missing.append(f"{subject} {home.name}, camera {camera}: no labels")
            continue
        rows = rows[np.argsort(frame_M[rows], kind="stable")]
        numbers = frame_M[rows].astype(np.int64) - 1
        there = _pictured(home / "imageSequence" / camera, numbers)
        if lost := int(np.count_nonzero(~there)):
            missing.append(f"{subject} {home.name}, camera {camera}: no picture for {lost} of {len(there)} labels")
        if there.any():
            place = Place(subject, home.name, camera, numbers[there], lenses.get((subject, camera)))
            yield ProcessedView(place, home, rows[there])


def _pictured(folder: Path, numbers: Array) -> Array:
    names = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    return np.array([PICTURE.format(number + 1) in names for number in numbers], bool)
