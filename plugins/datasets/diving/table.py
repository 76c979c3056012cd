"""What a table of dives must hold, of what is asked of it.

Axes: N rows, J joints.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....core.skeleton import SKELETONS
from ..label_table import LabelTable
from ..labelled_views import View

log = logging.getLogger("poserep")

Label = Literal["pose", "rotation", "pose_2d", "true_box", "background"]
COLUMNS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "pose": {"3D": (-1, 3)},
    "rotation": {"R_cam_2_world": (3, 3)},
    "pose_2d": {"2D": (-1, 2)},
    "true_box": {"2D": (-1, 2)},
    "background": {},
}
OPTIONAL: Mapping[str, tuple[int, ...]] = {
    **{"3D": (-1, 3), "2D": (-1, 2), "R_cam_2_world": (3, 3)},
    **{"cam_intrinsic": (3, 3), "cam_position": (3,), "fps": (1,)},
}


def open_table(path: Path, labels: Sequence[Label], fps: float) -> tuple[LabelTable, Array]:
    """The table with the columns that the labels ask for, and frames per second of each row.

    Raises:
        DataError: If it lacks one, or nothing tells how fast the frames follow each other.
    """
    columns: dict[str, tuple[int, ...]] = {}
    for label in labels:
        columns |= COLUMNS[label]
    table = LabelTable(path, columns, OPTIONAL)
    if fps:
        return table, np.full(table.count, fps)
    if "fps" not in table:
        hint = "give --set dataset.fps=50, or write a column fps"
        raise DataError("nothing tells how many frames there are per second", where=str(path), hint=hint)
    told = table.column("fps")[:, 0]
    if not (told > 0).all():
        raise DataError("the column fps must be above 0", where=str(path))
    return table, told


def stored_as(table: LabelTable, labels: Sequence[Label], skeleton: str) -> str:
    """The skeleton in which poses are stored, from how many joints there are.

    Raises:
        DataError: If they can neither be given as they are nor be converted.
    """
    column = {"pose": "3D", "pose_2d": "2D", "true_box": "2D"}
    counts = {column[label]: table.joints(column[label]) for label in labels if label in column}
    known = {len(SKELETONS[name]): name for name in ("human36m_17", skeleton)}
    for name, joints in counts.items():
        if joints not in known or len(set(counts.values())) > 1:
            told = ", ".join(f"{name} has {count}" for name, count in counts.items())
            raise DataError(
                f"poses are asked for as {skeleton}, but {told} joints",
                where=str(table.path),
                hint=f"dataset.skeleton names the order; understood are {', '.join(map(str, sorted(known)))} joints",
            )
        return known[joints]
    return skeleton


def posed(views: Sequence[View], unlabelled: Literal["leave_out", "train"]) -> list[View]:
    """The views with those of their frames that have a whole 3D pose, or need none.

    Raises:
        DataError: If none is left.
    """
    known = views[0].table.known("3D")
    if unlabelled == "train":
        for view in views:
            known[view.rows] |= view.clip.split == "train"
    if lost := sum(int((~known[view.rows]).sum()) for view in views):
        log.warning("%s: %d frames without a whole 3D pose are left out", views[0].table.path, lost)
    kept = [view.part(known[view.rows]) for view in views if known[view.rows].any()]
    if not kept:
        raise DataError("no frame has a 3D pose", where=str(views[0].table.path), hint="leave pose out of labels")
    return kept
