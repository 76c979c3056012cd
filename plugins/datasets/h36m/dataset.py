"""Dataset ``h36m``: Human3.6M, in each of the forms in which people have it.

Paper: Ionescu et al., TPAMI 2014, doi:10.1109/TPAMI.2013.248. Poses are those of each camera's own files; 2D joints are
distorted as the images are. Boxes are those of the joints, or the data's own.

Axes: N frames, J joints, 3 colour channels (RGB), H W pixels.
Coordinates: camera +x right, +y down, +z forward, mm from the pelvis; frames span [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import NonNegativeInt, PositiveInt

from ....core.errors import DataError
from ....core.hookspecs import hookimpl
from ....core.interfaces import Array, Clip, Component, Context, Count, Found, Inventory, Options
from ....core.skeleton import SKELETONS, Skeleton, convert
from ....media.camera import horizon
from ....media.images import working_size
from ..boxes import box_of_edges, box_of_joints, framed
from ..thinning import kept
from .camera import H36mCamera
from .example import write_example
from .forms import find
from .protocol import EVERY_FRAME, FPS, PAPER_FRAMES, PROTOCOLS, REGISTER, TRAIN, Name, split_of

if TYPE_CHECKING:
    from ....media.footage import Footage

LABELS = ("pose", "pose_2d", "true_box", "rotation")
OPEN, READ = 32, 4096
"""Clips whose footage stays open, and whose labels stay in memory: 356 bytes per frame that is kept."""


class H36mOptions(Options):
    """Where the copy lies, and what of it is used."""

    root: str
    """Folder of the copy: with S1, S5, ... as the archives unpack or as h36m-fetch extracts or processes them, with
    mmpose's annotation_body3d, or with VideoPose3D's data_3d_h36m.npz. Which it is, is seen."""
    subjects: tuple[str, ...] = ()
    """Such as ["S1", "S9"]; all that are there if empty."""
    cameras: tuple[str, ...] = ()
    """Such as ["54138969"]; all four if empty."""
    protocol: Name = "poses"
    """S1, S5, S6, S7, S8 teach and S9, S11 test. Of these are kept: each 5th and each 64th frame (`poses`), each 5th
    and each 10th (`keypoints`), or all (`every_frame`)."""
    stride: NonNegativeInt = 0
    """Keep each n-th frame of all subjects instead; 0 keeps those of the protocol."""
    height: PositiveInt = 128
    """Height of the working frame in pixels; the width follows."""
    skeleton: Literal["human36m_17", "human36m_32", "common_14", "body_13"] = "human36m_17"
    """Joints of `pose` and `pose_2d`."""
    universal: bool = False
    """Poses whose bones are scaled to those of one person; they do not project onto the images."""
    boxes: Literal["joints", "given"] = "joints"
    """`true_box` around the joints with a margin of a tenth, or as it comes with the data."""
    metadata: str = ""
    """The file metadata.xml of the cameras; looked for in the root and beside it if empty."""
    videos: str = ""
    """Folder with S1/Videos and so on, for VideoPose3D's form if they do not lie in the root."""
    prepared: bool = False
    """Decode once into the frame cache, at the working size; otherwise videos and pictures are read in place."""


class H36m:
    """Views of takes as clips.

    Attributes:
        clips: One per take and camera that have pictures and labels.
        frame_size: (H, W) of every frame.
        skeleton: That of the option.
    """

    def __init__(self, options: H36mOptions, context: Context) -> None:
        self.options = options
        self._copy = find(options.root, options.subjects, options.cameras, options.metadata, options.videos)
        self._views = self._copy.views
        chosen, clips = PROTOCOLS[options.protocol], []
        self._rows: list[Array] = []
        for view in self._views:
            place, split = view.place, split_of(view.place.subject)
            rows = kept(place.numbers_N, options.stride or (chosen.test if split == "test" else chosen.train))
            take = f"{place.subject} {place.take}"
            # cameras were set up anew for every subject, so that each has backgrounds of its own
            camera = f"{place.subject} {place.camera}"
            clips.append(Clip(place.name, place.subject, take, camera, split, place.numbers_N[rows] / FPS))
            self._rows.append(rows)
        self.clips: Sequence[Clip] = tuple(clips)
        self.frame_size = working_size(*self._views[0].size_WH(), options.height)
        self.skeleton: Skeleton | None = SKELETONS[options.skeleton]
        self._footage: Callable[[int], Footage] = lru_cache(OPEN)(self._opened)
        self._kept: Callable[[str, int], Array] = lru_cache(READ)(self._read)

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB.

        Raises:
            DataError: If nothing of the clip can be read.
        """
        return self._footage(clip).read(self._rows[clip][indices])

    def _opened(self, clip: int) -> Footage:
        from ....media.footage import prepared

        footage = self._views[clip].footage(self.frame_size)
        return prepared(footage) if self.options.prepared else footage

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """``pose``, (N, J, 3), ``pose_2d``, (N, J, 2), ``true_box``, (N, 4), ``rotation``, (N, 3, 3), float32.

        Raises:
            DataError: For another name, or if the copy does not tell it.
        """
        if name == "rotation":
            values = np.broadcast_to(self._lens(clip).rotation_33, (len(indices), 3, 3))
        elif name == "true_box" and self.options.boxes == "given":
            view = self._views[clip]
            values = box_of_edges(view.boxes(self._rows[clip][indices]), view.size_WH())
        elif name in LABELS:
            values = self._kept(name, clip)[indices]
        else:
            raise DataError(f"dataset h36m has no label {name!r}", where=self.clips[clip].name)
        return np.array(values, np.float32)

    def _read(self, name: str, clip: int) -> Array:
        """A label of all kept frames of a clip."""
        view, rows = self._views[clip], self._rows[clip]
        labels = view.labels(name == "pose" and self.options.universal)
        if name == "pose":
            pose_NJ3 = labels.pose_NJ3[rows]
            pose_NJ3 = pose_NJ3 - pose_NJ3[:, [SKELETONS[view.skeleton].root]]
            values = convert(pose_NJ3, view.skeleton, self.options.skeleton)
        elif name == "pose_2d":
            values = framed(convert(labels.pose_NJ2[rows], view.skeleton, self.options.skeleton), view.size_WH())
        else:
            values = box_of_joints(labels.pose_NJ2[rows], view.size_WH())
        return values.astype(np.float32)

    def _lens(self, clip: int) -> H36mCamera:
        lens = self._views[clip].place.lens
        if lens is None:
            raise DataError(
                "this copy of Human3.6M does not tell its cameras",
                where=self.clips[clip].name,
                hint="put metadata.xml of the release into the root, or name it as dataset.metadata",
            )
        return lens

    def projection(self, clip: int, indices: Array) -> tuple[Array, Array]:
        """3D joints through Human3.6M's camera model, and 2D joints as stored, in pixels: both (N, J, 2)."""
        labels, rows = self._views[clip].labels(universal=False), self._rows[clip][indices]
        return self._lens(clip).project_camera(labels.pose_NJ3[rows]), labels.pose_NJ2[rows].astype(np.float64)

    def horizon(self, clip: int, index: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Ends of the horizon in frame coordinates; None without metadata."""
        view = self._views[clip]
        lens = view.place.lens
        return None if lens is None else horizon(lens.rotation_33, lens.intrinsics_33, view.size_WH())

    def inventory(self) -> Inventory:
        """What this copy holds of all frames, and the counts of those that the protocol keeps."""
        found = []
        for subject in dict.fromkeys(clip.subject for clip in self.clips):
            places = [view.place for view in self._views if view.place.subject == subject]
            cameras = tuple(sorted({place.camera for place in places}))
            frames = sum(len(place.numbers_N) for place in places)
            found.append(Found(subject, len({place.take for place in places}), cameras, frames))
        learnt = sum(
            len(kept(view.place.numbers_N, PROTOCOLS["poses"].train))
            for view in self._views
            if view.place.subject in TRAIN
        )
        every = sum(entry.frames for entry in found if entry.subject in TRAIN)
        counts = (
            Count("frames of S1, S5, S6, S7, S8, each 5th", learnt, PAPER_FRAMES),
            Count("frames of S1, S5, S6, S7, S8, all", every, EVERY_FRAME),
        )
        return Inventory(tuple(found), self._copy.missing, counts, REGISTER)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``dataset.h36m``."""
    register(
        Component(
            kind="dataset",
            name="h36m",
            options=H36mOptions,
            build=H36m,
            writes=LABELS,
            facts=lambda options: {"joints": len(SKELETONS[options.skeleton])},
            example=write_example,
        )
    )
