"""Dataset ``diving``: dives, or any other multi-view footage, as a table of labels beside numbered pictures.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4 (Diving). Its pictures are not public, so there is no
format to keep to; this is that of EPFL's other multi-view sets, written down in docs/datasets.md for those who label
dives of their own.
Differs from the paper: see `protocol` for how dives are split.

Axes: N frames, J joints, H W frame pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, PositiveInt

from ....core.errors import DataError
from ....core.hookspecs import hookimpl
from ....core.interfaces import Array, Component, Context, Count, Inventory, Options
from ....core.skeleton import SKELETONS
from ....media.images import read_image
from ..label_table import chosen
from ..labelled_views import OPEN, LabelledViews, views_of
from ..numbered_pictures import SUFFIXES
from .example import write_example
from .protocol import PAPER, SPLITS, Protocol, split_of
from .table import Label, open_table, posed, stored_as


class DivingOptions(Options):
    """Where the dives lie, what is known of them, and who trains."""

    root: str
    """The folder with `labels.h5` and the folders of sequences."""
    labels: tuple[Label, ...] = ("pose", "rotation")
    """What the set has: `pose` (column 3D), `rotation` (R_cam_2_world), `pose_2d` (2D), `true_box` (around
    those joints), `background` (pictures bg.*)."""
    unlabelled: Literal["leave_out", "train"] = "leave_out"
    """Frames whose 3D pose is not known, where poses are among the labels: left out, or there in clips that train, to
    learn from without labels; the pose is NaN then."""
    subjects: tuple[int, ...] = ()
    """Divers by number; all if empty."""
    cameras: tuple[int, ...] = ()
    """Cameras by number; all if empty."""
    protocol: Protocol = "diver"
    """`diver`: `test_subjects` test, of each other diver every second dive validates. `dive`: of five dives of a diver
    two train, two test, one validates. `all`: every dive trains."""
    test_subjects: tuple[int, ...] = ()
    """Divers that test under `diver`; the one with the highest number if empty."""
    height: PositiveInt = 128
    """Height of the working frame in pixels; the width follows the pictures' aspect."""
    stride: PositiveInt = 1
    """Keep each n-th picture of a clip."""
    fps: float = Field(default=0.0, ge=0)
    """Frame numbers per second; 0: as the column fps tells."""
    skeleton: Literal["human36m_17", "common_14", "body_13"] = "human36m_17"
    """Joints in which poses are given; files may hold these, or 17 of Human3.6M."""
    prepared: bool = False
    """Keep frames at working size in the cache."""


class Diving(LabelledViews):
    """Dives, a clip for each sequence and camera."""

    def __init__(self, options: DivingOptions) -> None:
        root = Path(options.root).expanduser()
        table, fps = open_table(root / "labels.h5", options.labels, options.fps)
        runs = table.runs()
        subject = chosen("subject", options.subjects, [run.subject for run in runs], root)
        camera = chosen("camera", options.cameras, [run.camera for run in runs], root)
        wanted = [run for run in runs if subject(run.subject) and camera(run.camera)]
        if not wanted:
            raise DataError("nothing is left of the set by these options", where=str(root))
        splits = split_of(wanted, options.protocol, options.test_subjects)
        views, self._missing = views_of(table, wanted, root, fps)
        views = [view.part(slice(None), split=splits[view.clip.take]) for view in views]
        if "pose" in options.labels:
            views = posed(views, options.unlabelled)
        self._whole = {split: sum(len(view.clip) for view in views if view.clip.split == split) for split in SPLITS}
        views = [view.part(slice(None, None, options.stride)) for view in views]
        stored = stored_as(table, options.labels, options.skeleton)
        super().__init__(views, options.height, options.skeleton, stored, options.prepared)
        self._options = options
        self._empty = [empty(view.files.folder) for view in views] if "background" in options.labels else []
        self._background = lru_cache(OPEN)(lambda path: read_image(path, self.frame_size)[None])
        if not facts(options):
            self.skeleton = None

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """Those of the option `labels`: float32, and ``background`` (1, 3, H, W) uint8.

        Raises:
            DataError: For another name, or if the background picture is broken.
        """
        if name not in self._options.labels:
            hint = f"add it to dataset.labels, which says {', '.join(self._options.labels) or 'none'}"
            raise DataError(f"dataset diving has no label {name!r}", where=self.clips[clip].name, hint=hint)
        if name == "background":
            return self._background(self._empty[clip])
        readers = {
            "pose": self._pose,
            "pose_2d": self._pose_2d,
            "true_box": self._true_box,
            "rotation": self._rotation,
        }
        return readers[name](clip, indices).astype(np.float32)

    def inventory(self) -> Inventory:
        """What is there beside what the paper reports of its own dives."""
        protocol = self._options.protocol
        paper = dict(zip(SPLITS, PAPER[protocol], strict=False))
        counts = tuple(
            Count(f"{split} frames, split {protocol}", self._whole[split], many) for split, many in paper.items()
        )
        register = "the paper's dives are not public; docs/datasets.md tells how to lay out your own"
        return Inventory(self._found(), tuple(self._missing), counts, register)


def empty(folder: Path) -> Path:
    """The picture of the empty scene in a folder of pictures.

    Raises:
        DataError: If there is none.
    """
    for suffix in SUFFIXES:
        if (folder / f"bg{suffix}").is_file():
            return folder / f"bg{suffix}"
    hint = "name it bg.png or bg.jpg, or use another background: --use background=halves"
    raise DataError("there is no picture of the empty scene", where=str(folder), hint=hint)


def build(options: DivingOptions, context: Context) -> Diving:
    """Read the index; of each clip the header of one picture is read."""
    return Diving(options)


def facts(options: DivingOptions) -> Mapping[str, int]:
    """Joints of its poses, if it has any."""
    return {"joints": len(SKELETONS[options.skeleton])} if {"pose", "pose_2d"} & set(options.labels) else {}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``dataset.diving``."""
    register(
        Component(
            kind="dataset",
            name="diving",
            options=DivingOptions,
            build=build,
            writes=lambda options: options.labels,
            facts=facts,
            example=write_example,
        )
    )
