"""Dataset ``ski_poseptz``: EPFL's skiers before six cameras that pan, tilt and zoom, as crops of 256 x 256 pixels.

Paper: Rhodin et al., CVPR 2018, arXiv:1803.04775, with the data of Fasel et al.; protocol of Honari et al., TPAMI 2022,
arXiv:2012.01511: the folder ``train`` (skiers 1 to 5) trains, ``test`` (skier 6) tests.

Every row has intrinsics and rotation of its own. Frame numbers have gaps, so times come from them, not from the order
of rows. Poses are stored about the pelvis; where it stood in the world is told by ``ski_centers.csv``, a download of
its own. Without it `projection` puts the pelvis where the joints fit best.

Axes: N frames, J joints.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from ....core.errors import DataError
from ....core.hookspecs import hookimpl
from ....core.interfaces import Array, Component, Context, Count, Inventory, Options
from ....core.skeleton import SKELETONS
from ..label_table import LabelTable, chosen
from ..labelled_views import LabelledViews, View, views_of
from .centres import read_centres
from .example import write_example

REGISTER = "https://www.epfl.ch/labs/cvlab/data/ski-poseptz-dataset/"
CENTRES = "ski_centers.csv"
COLUMNS = {
    "3D": (17, 3),
    "2D": (17, 2),
    "cam_intrinsic": (3, 3),
    "cam_position": (3,),
    "R_cam_2_world": (3, 3),
}
ROWS = {"train": 8481, "test": 1716}
PAPER = {"train": 3124, "test": 636}
"""Pictures that the paper reports: fewer than there are rows, from cameras that it does not name."""


class SkiPosePtzOptions(Options):
    """Where the pictures lie and which of them are read."""

    root: str
    """The folder with `train` and `test`, or the one that holds it under its published name."""
    subjects: tuple[int, ...] = ()
    """Skiers by number; all if empty."""
    cameras: tuple[int, ...] = ()
    """Views by number, 0 to 5; all if empty. The paper took some of them, so its counts are those of a subset."""
    protocol: Literal["paper", "tuning"] = "paper"
    """`paper`: the folders train and test. `tuning`: the same, and the last skier of train validates."""
    height: PositiveInt = 256
    """Height of the working frame in pixels."""
    stride: PositiveInt = 1
    """Keep each n-th annotated frame of a clip."""
    fps: PositiveFloat = 30.0
    """Frame numbers per second. The files do not tell it."""
    skeleton: Literal["human36m_17", "common_14", "body_13"] = "human36m_17"
    """Joints in which poses are given; they are stored as human36m_17."""
    prepared: bool = False
    """Keep frames at working size in the cache."""


class SkiPosePtz(LabelledViews):
    """Skiers, a clip for each sequence and camera."""

    def __init__(self, options: SkiPosePtzOptions) -> None:
        self._root = home(Path(options.root).expanduser())
        parts = {part: self._root / part for part in ROWS if (self._root / part / "labels.h5").is_file()}
        tables = {part: LabelTable(folder / "labels.h5", COLUMNS) for part, folder in parts.items()}
        self._rows = {part: table.count for part, table in tables.items()}
        self._missing = [f"{part}/labels.h5" for part in ROWS if part not in parts]
        runs = {part: table.runs() for part, table in tables.items()}
        every = [run for one in runs.values() for run in one]
        subject = chosen("subject", options.subjects, [run.subject for run in every], self._root)
        camera = chosen("camera", options.cameras, [run.camera for run in every], self._root)
        views: list[View] = []
        self._pictures = dict.fromkeys(ROWS, 0)
        for part, table in tables.items():
            wanted = [run for run in runs[part] if subject(run.subject) and camera(run.camera)]
            if wanted:
                fps = np.full(table.count, options.fps)
                found, missing = views_of(table, wanted, parts[part], fps, f"{part}/")
                views += [view.part(slice(None, None, options.stride), split=part) for view in found]
                self._missing += missing
                self._pictures[part] = sum(len(view.clip) for view in found)
        if options.protocol == "tuning":
            views = tuned(views)
        if not views:
            raise DataError("nothing is left of the set by these options", where=str(self._root))
        super().__init__(views, options.height, options.skeleton, "human36m_17", options.prepared)
        centres = self._root / CENTRES
        if not centres.is_file():
            centres = self._root.parent / CENTRES
        self._centres = read_centres(centres) if centres.is_file() else None

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """``pose`` (N, J, 3) mm, ``pose_2d`` (N, J, 2), ``true_box`` (N, 4) and ``rotation`` (N, 3, 3), float32.

        Raises:
            DataError: For another name.
        """
        readers = {
            "pose": self._pose,
            "pose_2d": self._pose_2d,
            "true_box": self._true_box,
            "rotation": self._rotation,
        }
        if name not in readers:
            raise DataError(f"dataset ski_poseptz has no label {name!r}", where=self.clips[clip].name)
        return readers[name](clip, indices).astype(np.float32)

    def _offset(self, clip: int, indices: Array) -> Array:
        if self._centres is None:
            return super()._offset(clip, indices)
        view = self._views[clip]
        rows = view.rows[indices]
        found = self._centres.at(view.table.number("seq", rows), view.table.number("frame", rows))
        apart_N3 = 1000 * (found - self._column("cam_position", clip, indices))
        return np.asarray((self._rotation(clip, indices) @ apart_N3[..., None])[..., 0])

    def inventory(self) -> Inventory:
        """What is there beside what the paper reports."""
        counts = [Count(f"rows of {part}/labels.h5", self._rows.get(part, 0), rows) for part, rows in ROWS.items()]
        for part, paper in PAPER.items():
            counts.append(Count(f"pictures of {part}, of those cameras", self._pictures[part], paper))
        return Inventory(self._found(), tuple(self._missing), tuple(counts), REGISTER)


def home(root: Path) -> Path:
    """The folder that holds train and test: the root, or one inside it.

    Raises:
        DataError: If there is none.
    """
    inside = sorted(one for one in root.iterdir() if one.is_dir()) if root.is_dir() else []
    for folder in (root, *inside):
        if any((folder / part / "labels.h5").is_file() for part in ROWS):
            return folder
    raise DataError(
        "there is neither train/labels.h5 nor test/labels.h5",
        where=str(root),
        hint=f"dataset.root names the unpacked Ski-PosePTZ-CameraDataset-png; register at {REGISTER}",
    )


def tuned(views: list[View]) -> list[View]:
    """The last skier of the training split validates."""
    last = max((int(view.clip.subject) for view in views if view.clip.split == "train"), default=-1)
    own = [view.clip.split == "train" and int(view.clip.subject) == last for view in views]
    every = slice(None)
    return [view.part(every, split="validation") if mine else view for view, mine in zip(views, own, strict=True)]


def build(options: SkiPosePtzOptions, context: Context) -> SkiPosePtz:
    """Read the index; no picture but one is opened."""
    return SkiPosePtz(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``dataset.ski_poseptz``."""
    register(
        Component(
            kind="dataset",
            name="ski_poseptz",
            options=SkiPosePtzOptions,
            build=build,
            writes=("pose", "pose_2d", "true_box", "rotation"),
            facts=lambda options: {"joints": len(SKELETONS[options.skeleton])},
            example=write_example,
        )
    )
