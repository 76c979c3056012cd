"""Clips out of tables of labels and folders of numbered pictures, ``seq_012/cam_03/image_000123.png``.

What there is is listed, never built from numbers: folders with another count of zeros, pictures of any suffix. Rows
without a picture are left out, counted and told once; pictures without a row are no part of the set.

Axes: N frames of a clip, J joints, H W frame pixels.
Coordinates: pixels of the picture, a pixel's centre has integer coordinates; files hold them as shares of its sides.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array, Clip, Found
from ...core.skeleton import SKELETONS, Skeleton, convert
from ...media.camera import Camera, horizon
from ...media.file_names import FileNames
from ...media.images import SQUEEZE, squeeze, working_size
from .boxes import box_of_joints, framed
from .label_table import LabelTable, Run
from .numbered_pictures import numbered, picture_WH
from .placing import centred, pinhole, placed

if TYPE_CHECKING:
    from ...media.footage import Footage

log = logging.getLogger("poserep")

SEEN = ("3D", "2D", "cam_intrinsic")
LEVEL = ("R_cam_2_world", "cam_intrinsic")
"""Columns that projection and horizon take."""
OPEN = 256
"""Clips whose pictures are kept listed for reading."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One sequence seen by one camera, where its labels stand and its pictures lie.

    Attributes:
        clip: As the dataset shows it.
        table: Of its labels.
        rows: Of the table, one per frame, (N,).
        files: Its pictures, one per frame.
    """

    clip: Clip
    table: LabelTable
    rows: Array
    files: FileNames

    def part(self, kept: Array | slice, **clip: str) -> View:
        """Fewer of its frames, and other properties of its clip."""
        shown = replace(self.clip, times_s=self.clip.times_s[kept], **clip)
        files = FileNames(self.files.folder, self.files.names[kept])
        return replace(self, clip=shown, rows=self.rows[kept], files=files)


# ---------------------------------------------------------------- what lies there


def folders(root: Path, prefix: str) -> Mapping[int, Path]:
    """Sub-folders called by a prefix and a number, as ``seq_007``, by number."""
    if not root.is_dir():
        return {}
    found = {entry.name: entry.path for entry in os.scandir(root) if entry.is_dir()}
    numbers = {name: re.fullmatch(rf"{prefix}_?(\d+)", name) for name in sorted(found)}
    return {int(match[1]): Path(found[name]) for name, match in numbers.items() if match}


def views_of(
    table: LabelTable, runs: Sequence[Run], root: Path, fps: Array, name: str = ""
) -> tuple[list[View], list[str]]:
    """The runs of a table that have pictures under a root, and what is missing.

    Args:
        table: Of the labels.
        runs: Those of its runs that are wanted.
        root: Where the folders of sequences lie.
        fps: Frames per second of each row, (rows,).
        name: Put before the name of takes and clips.

    Raises:
        DataError: If no row has a picture.
    """
    cameras = {number: folders(home, "cam") for number, home in folders(root, "seq").items()}
    views, missing, lost = [], [], 0
    for run in runs:
        view, lacks = _view(table, run, cameras.get(run.sequence, {}).get(run.camera), fps, name)
        if view is not None:
            views.append(view)
        if lacks:
            lost += lacks
            missing.append(f"{name}{run.name}: {lacks} of {len(run.rows)} pictures")
    if not views:
        raise DataError(
            "no row of the labels has its picture",
            where=str(table.path),
            hint=f"pictures are looked for as {root}/seq_000/cam_00/NAME_000123.png",
        )
    if lost:
        log.warning("%s: %d rows without a picture are left out", table.path, lost)
    return views, missing


def _view(table: LabelTable, run: Run, folder: Path | None, fps: Array, name: str) -> tuple[View | None, int]:
    """A run with its pictures, if it has any, and how many it lacks."""
    if folder is None:
        return None, len(run.rows)
    numbers, files = numbered(folder)
    kept = np.isin(run.frames, numbers)
    lacks = int((~kept).sum())
    if not kept.any():
        return None, lacks
    rows, frames = run.rows[kept], run.frames[kept]
    take, camera = run.name.split("/")
    clip = Clip(name + run.name, str(run.subject), name + take, camera, "train", frames / fps[rows])
    return View(clip, table, rows, FileNames(folder, files.names[np.searchsorted(numbers, frames)])), lacks


# ---------------------------------------------------------------- the dataset


class LabelledViews:
    """What the sets of this layout have in common.

    Args:
        views: Of all clips.
        height: Of the working frame, pixels.
        skeleton: In which poses are given.
        source: In which they are stored.
        keep: Whether frames are kept at working size, see `media.footage.prepared`.

    Attributes:
        clips: One per sequence and camera.
        frame_size: (H, W) of every frame.
    """

    def __init__(self, views: Sequence[View], height: int, skeleton: str, source: str, keep: bool) -> None:
        self._views = tuple(views)
        self.clips: Sequence[Clip] = tuple(view.clip for view in views)
        self._sizes_WH = [picture_WH(view.files) for view in views]
        self.frame_size = working_size(*self._sizes_WH[0], height)
        for view, size_WH in zip(views, self._sizes_WH, strict=True):
            if abs(squeeze(*size_WH, self.frame_size)) > SQUEEZE:
                what = "its pictures are {}x{}, those of {} {}x{}".format(
                    *size_WH, views[0].clip.name, *self._sizes_WH[0]
                )
                hint = "pictures of one set have one shape: read these cameras alone with dataset.cameras"
                raise DataError(what, where=view.clip.name, hint=hint)
        self.skeleton: Skeleton | None = SKELETONS[skeleton]
        self._target, self._source, self._keep = SKELETONS[skeleton], SKELETONS[source], keep
        self._footage = lru_cache(OPEN)(self._opened)

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB; one that cannot be read is replaced by its neighbour."""
        return self._footage(clip).read(indices)

    def _opened(self, clip: int) -> Footage:
        from ...media.footage import image_footage
        from ...media.prepared import prepared

        view = self._views[clip]
        footage = image_footage(view.files, self.frame_size, view.clip.times_s)
        return prepared(footage) if self._keep else footage

    def _column(self, name: str, clip: int, indices: Array) -> Array:
        view = self._views[clip]
        found: Array = view.table.column(name)[view.rows[indices]]
        return found

    def _pose(self, clip: int, indices: Array) -> Array:
        """(N, J, 3) mm about the pelvis, in the skeleton asked for."""
        stored = 1000 * self._column("3D", clip, indices).astype(np.float64)
        return centred(convert(stored, self._source.name, self._target.name), self._target).astype(np.float32)

    def _pose_2d(self, clip: int, indices: Array) -> Array:
        """(N, J, 2) in frame coordinates, in the skeleton asked for."""
        stored = framed(self._pixels(clip, indices), self._sizes_WH[clip])
        return convert(stored, self._source.name, self._target.name).astype(np.float32)

    def _true_box(self, clip: int, indices: Array) -> Array:
        """Boxes around the joints, (N, 4)."""
        return box_of_joints(self._pixels(clip, indices), self._sizes_WH[clip])

    def _pixels(self, clip: int, indices: Array) -> Array:
        """2D joints as stored, (N, J, 2), in pixels of the picture."""
        return np.asarray(self._column("2D", clip, indices) * np.array(self._sizes_WH[clip], np.float64))

    def _rotation(self, clip: int, indices: Array) -> Array:
        """World to camera, (N, 3, 3)."""
        return self._column("R_cam_2_world", clip, indices).swapaxes(-1, -2)

    def _intrinsics(self, clip: int, indices: Array) -> Array:
        """In pixels of the picture, (N, 3, 3)."""
        width, height = self._sizes_WH[clip]
        return np.asarray(self._column("cam_intrinsic", clip, indices) * np.array([width, height, 1.0])[:, None])

    def cameras(self, clip: int) -> list[Camera]:
        """The camera of each frame of a clip, for the picture as it is stored."""
        every = np.arange(len(self.clips[clip]))
        rotations, intrinsics = self._rotation(clip, every), self._intrinsics(clip, every)
        centres = 1000 * self._column("cam_position", clip, every)
        size_WH = self._sizes_WH[clip]
        rows = zip(rotations, centres, intrinsics, strict=True)
        return [Camera(turn, -turn @ centre, lens, size_WH) for turn, centre, lens in rows]

    def projection(self, clip: int, indices: Array) -> tuple[Array, Array]:
        """3D joints through the set's own camera, and 2D joints as stored: both (N, J, 2), pixels of the picture.

        NaN in a set that has not all that it takes.
        """
        table = self._views[clip].table
        if any(name not in table for name in SEEN) or table.joints("3D") != table.joints("2D"):
            return (np.full((len(indices), 1, 2), np.nan),) * 2
        labelled, intrinsics = self._pixels(clip, indices), self._intrinsics(clip, indices)
        pose = 1000 * self._column("3D", clip, indices).astype(np.float64)
        offset_N3 = self._offset(clip, indices)
        offset_N3 = np.where(np.isfinite(offset_N3), offset_N3, placed(pose, labelled, intrinsics))
        return pinhole(pose + offset_N3[:, None], intrinsics), labelled

    def _offset(self, clip: int, indices: Array) -> Array:
        """Where the origin of the stored poses stands before the camera, (N, 3) mm; NaN where only a fit can tell."""
        return np.full((len(indices), 3), np.nan)

    def _found(self) -> tuple[Found, ...]:
        """What there is of each subject."""
        found = []
        for subject in sorted({clip.subject for clip in self.clips}, key=int):
            own = [clip for clip in self.clips if clip.subject == subject]
            cameras = tuple(sorted({clip.camera for clip in own}))
            found.append(Found(subject, len({clip.take for clip in own}), cameras, sum(map(len, own))))
        return tuple(found)

    def horizon(self, clip: int, index: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Ends of the horizon in frame coordinates, or None where it is not seen or not known."""
        if any(name not in self._views[clip].table for name in LEVEL):
            return None
        one = np.array([index])
        return horizon(self._rotation(clip, one)[0], self._intrinsics(clip, one)[0], self._sizes_WH[clip])
