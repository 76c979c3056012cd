"""Human3.6M as mmpose's converter leaves it: pictures, arrays of labels, and a pickle of cameras.

``images/S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg``, numbers counted from 1 at 50 per second;
``annotation_body3d/fps10/h36m_train.npz`` with ``imgname``, ``center``, ``scale``, ``part`` (pixels and visibility) and
``S`` (metres in the camera's coordinates and visibility), 17 joints in Human3.6M's order; ``cameras.pkl``, whose ``R``
turns from camera to world, and whose ``T`` is the camera's place in metres.

Axes: N frames of a view, M rows of a file, J = 17 joints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.untrusted import load_npz, load_pickle
from .camera import H36mCamera
from .raw import Lenses
from .view import Labels, PictureView, Place, Wanted

FILES = "annotation_body3d/fps*/h36m_*.npz"
CAMERAS = "annotation_body3d/cameras.pkl"
NAMED = re.compile(r"(?P<subject>S\d+)_(?P<take>.+)\.(?P<camera>\d+)$")
BOX_SCALE = 200 / 1.2
"""Pixels of a box's side for a ``scale`` of 1: mmpose widens boxes by a fifth and counts in units of 200."""


class Arrays:
    """The arrays of one file, read when they are first asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def names_M(self) -> Array:
        """Names of the pictures."""
        return load_npz(self.path, ("imgname",))["imgname"]

    @cached_property
    def labels(self) -> Labels:
        """Joints of all rows, in mm and pixels."""
        file = load_npz(self.path, ("S", "part"))
        return Labels((1000 * file["S"][..., :3]).astype(np.float32), file["part"][..., :2].astype(np.float32))

    @cached_property
    def boxes_M4(self) -> Array:
        """Left, top, right and bottom in pixels."""
        file = load_npz(self.path, ("center", "scale"))
        half_M1 = file["scale"].reshape(-1, 1) * BOX_SCALE / 2
        return np.concatenate([file["center"] - half_M1, file["center"] + half_M1], axis=1)


class MmposeView(PictureView):
    """Rows of such a file, and the folder of pictures that they name."""

    skeleton = "human36m_17"

    def __init__(self, place: Place, arrays: Arrays, rows_N: Array, home: Path) -> None:
        super().__init__(place)
        self._arrays, self._rows_N, self._home = arrays, rows_N, home

    def file(self, number: int) -> Path:
        """As the annotations name it."""
        return self._home / f"{self._home.name}_{number + 1:06d}.jpg"

    def labels(self, universal: bool) -> Labels:
        """The view's rows."""
        if universal:
            raise DataError("mmpose's form has no universal poses", where=str(self._arrays.path))
        every = self._arrays.labels
        return Labels(every.pose_NJ3[self._rows_N], every.pose_NJ2[self._rows_N])

    def boxes(self, rows: Array) -> Array:
        """From ``center`` and ``scale``."""
        return np.asarray(self._arrays.boxes_M4[self._rows_N[rows]])


def is_mmpose(root: Path) -> bool:
    """Whether the files of labels are there."""
    return next(root.glob(FILES), None) is not None


def mmpose_views(root: Path, wanted: Wanted, lenses: Lenses, missing: list[str]) -> Iterator[MmposeView]:
    """All takes that are wanted; what is not there is added to ``missing``."""
    lenses = read_cameras(root / CAMERAS) if (root / CAMERAS).is_file() else lenses
    files = sorted(root.glob(FILES))
    finest = [path for path in files if path.parent == files[-1].parent]  # fps50 before fps10
    for arrays in map(Arrays, finest):
        for stem, rows, numbers in grouped(arrays.names_M):
            named = NAMED.fullmatch(stem)
            if named is None or not wanted.has(named["subject"], named["camera"]):
                continue
            home = root / "images" / named["subject"] / stem
            if not home.is_dir():
                missing.append(f"{stem}: no folder of pictures ({home})")
                continue
            key = (named["subject"], named["camera"])
            yield MmposeView(Place(key[0], named["take"], key[1], numbers, lenses.get(key)), arrays, rows, home)


def grouped(names_M: Array) -> Iterator[tuple[str, Array, Array]]:
    """Stem, rows and frame numbers from 0 of each clip whose pictures are named ``STEM_000001.jpg``."""
    rows_of: dict[str, list[tuple[int, int]]] = {}
    for row, name in enumerate(names_M.tolist()):
        stem, _, number = name.rpartition("/")[2].removesuffix(".jpg").rpartition("_")
        if stem and number.isdigit():
            rows_of.setdefault(stem, []).append((int(number) - 1, row))
    for stem, pairs in rows_of.items():
        numbers, rows = np.array(sorted(pairs), np.int64).T
        yield stem, rows, numbers


def read_cameras(path: Path) -> Lenses:
    """The cameras of such a pickle by subject and camera, read without running what it may hold.

    Raises:
        DataError: If it is another file.
    """
    try:
        return {(str(key[0]), str(key[1])): _camera(value) for key, value in load_pickle(path).items()}
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"this is no pickle of cameras: {error!r}", where=str(path)) from None


def _camera(value: dict[str, Any]) -> H36mCamera:
    numbers = {name: np.asarray(value[name], np.float64) for name in ("R", "T", "f", "c", "k", "p")}
    flat = {name: numbers[name].ravel() for name in "fckp"}
    return H36mCamera(
        numbers["R"].reshape(3, 3).T, 1000 * numbers["T"].ravel(), flat["f"], flat["c"], flat["k"], flat["p"]
    )
