"""Dataset ``threedpw``: 3DPW, people outdoors before a phone that is carried along.

Paper: von Marcard et al., ECCV 2018, doi:10.1007/978-3-030-01249-6_37; protocol of Honari et al., TPAMI 2022,
arXiv:2012.01511, Table XI: sequences with one person.
The camera moves, so joints go through the camera of their own frame before they are centred. Frames whose camera could
not be aligned are left out. Pictures are numbered as rows; `img_frame_ids` number a video of 60 Hz that is not part of
the set. Some sequences are upright and some are not, so frames are square with bars unless one kind is chosen.

Axes: N frames, J joints, H W frame pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import PositiveFloat, PositiveInt

from ....core.errors import DataError
from ....core.hookspecs import hookimpl
from ....core.interfaces import Array, Clip, Component, Context, Count, Found, Inventory, Options
from ....core.skeleton import SKELETONS, Skeleton, convert
from ....media.camera import Camera, horizon
from ....media.images import working_size
from ..boxes import box_of_joints
from ..placing import centred, pinhole
from .example import write_example
from .index import PAPER, REGISTER, Take, index_of
from .letterbox import Letterbox
from .sequence import Content, read_sequence

if TYPE_CHECKING:
    from ....media.footage import Footage

OPEN = 64
"""Clips whose pictures are kept listed for reading."""
SMPL, OPENPOSE = SKELETONS["smpl_24"], SKELETONS["coco_18"]
SHARED = [name for name in SMPL.joints if name in OPENPOSE.joints and name.startswith(("left_", "right_"))]
"""Joints that OpenPose finds and SMPL has: of arms and legs."""


class ThreeDPWOptions(Options):
    """Where the sequences lie and which of them are read."""

    root: str
    """The folder with `imageFiles` and `sequenceFiles`."""
    sequences: tuple[str, ...] = ()
    """Sequences by name; all if empty. The set does not tell who is who."""
    protocol: Literal["single", "everyone"] = "single"
    """`single`: sequences with one person, as in the paper. `everyone`: a clip for each person of each sequence; those
    of one sequence have the same pictures."""
    invalid_cameras: bool = False
    """Keep frames whose camera was not aligned to the picture. Their labels are wrong; to learn without labels only."""
    orientation: Literal["both", "landscape", "portrait"] = "both"
    """`both`: square frames of the working height, in which pictures lie with black bars beside them. Otherwise the
    sequences of that orientation alone, without bars."""
    height: PositiveInt = 128
    """Height of the working frame in pixels."""
    stride: PositiveInt = 1
    """Keep each n-th frame of a clip."""
    fps: PositiveFloat = 30.0
    """Pictures per second."""
    skeleton: Literal["human36m_17", "smpl_24", "common_14", "body_13"] = "human36m_17"
    """Joints in which poses are given. The paper has smpl_24; of human36m_17, pelvis, spine, neck and head are made of
    others that lie near."""
    prepared: bool = False
    """Keep frames at working size in the cache."""


class ThreeDPW:
    """Sequences, a clip for each person.

    Attributes:
        clips: In the order of the splits.
        frame_size: (H, W) of every frame.
        skeleton: That of the option.
    """

    def __init__(self, options: ThreeDPWOptions) -> None:
        self._options = options
        self._index = index_of(options.root, options.sequences, options.protocol == "single", options.invalid_cameras)
        turned = {"both": (True, False), "landscape": (False,), "portrait": (True,)}[options.orientation]
        self._takes: Sequence[Take] = [take for take in self._index.takes if take.upright in turned]
        if not self._takes:
            raise DataError(f"there is no {options.orientation} sequence", where=options.root)
        square = options.orientation == "both"
        height = options.height
        size = (height, height) if square else working_size(*self._takes[0].picture_WH, height)
        self.frame_size: tuple[int, int] = size
        self.skeleton: Skeleton | None = SKELETONS[options.skeleton]
        self._target = SKELETONS[options.skeleton]
        self._boxes = [Letterbox(take.picture_WH, size) for take in self._takes]
        self._rows = [take.rows[:: options.stride] for take in self._takes]
        self.clips: Sequence[Clip] = tuple(
            Clip(take.name, "", take.sequence, take.sequence, take.split, rows / options.fps)
            for take, rows in zip(self._takes, self._rows, strict=True)
        )
        self._content: Callable[[Path], Content] = cache(read_sequence)
        self._footage: Callable[[int], Footage] = lru_cache(OPEN)(self._opened)

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB; one that cannot be read is replaced by its neighbour."""
        return self._boxes[clip].frames(self._footage(clip), indices)

    def _opened(self, clip: int) -> Footage:
        from ....media.footage import image_footage
        from ....media.prepared import prepared

        files = self._takes[clip].files(self._rows[clip])
        footage = image_footage(files, self._boxes[clip].inner_HW, self.clips[clip].times_s)
        return prepared(footage) if self._options.prepared else footage

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """``pose`` (N, J, 3) mm, ``pose_2d`` (N, J, 2), ``true_box`` (N, 4), ``rotation`` (N, 3, 3), float32.

        ``pose_2d`` are the 3D joints in the picture, not what a detector found.

        Raises:
            DataError: For another name.
        """
        if name not in LABELS:
            raise DataError(f"dataset threedpw has no label {name!r}", where=self.clips[clip].name)
        take, rows, box = self._takes[clip], self._rows[clip][indices], self._boxes[clip]
        content = self._content(take.path)
        if name == "rotation":
            return content.rotations(rows).astype(np.float32)
        joints_NJ3 = content.camera_joints(take.person, rows)
        if name == "true_box":
            seen_NJ2 = pinhole(joints_NJ3, content.intrinsics_33)
            frame_HW = self.frame_size
            pixels_NJ2 = (box.framed(seen_NJ2) + 1) * frame_HW[::-1] / 2 - 0.5
            return box_of_joints(pixels_NJ2, frame_HW[::-1]).astype(np.float32)
        pose_NJ3 = convert(joints_NJ3, SMPL.name, self._target.name)
        if name == "pose":
            return centred(pose_NJ3, self._target).astype(np.float32)
        return box.framed(pinhole(pose_NJ3, content.intrinsics_33)).astype(np.float32)

    def cameras(self, clip: int) -> list[Camera]:
        """The camera of each frame of a clip, for the working frame."""
        return self._cameras(clip, self._rows[clip])

    def _cameras(self, clip: int, rows: Array) -> list[Camera]:
        take = self._takes[clip]
        content = self._content(take.path)
        turns, shifts = content.rotations(rows), 1000 * content.extrinsics_N44[rows, :3, 3]
        box, lens = self._boxes[clip], content.intrinsics_33
        return [box.camera(Camera(turn, at, lens, take.picture_WH)) for turn, at in zip(turns, shifts, strict=True)]

    def projection(self, clip: int, indices: Array) -> tuple[Array, Array]:
        """Joints of arms and legs through the set's own camera, and where OpenPose found them, pixels: (N, 12, 2)."""
        take, rows = self._takes[clip], self._rows[clip][indices]
        content = self._content(take.path)
        joints = content.camera_joints(take.person, rows)[:, [SMPL.index(name) for name in SHARED]]
        found = content.people[take.person].found_NJ3[rows][:, [OPENPOSE.index(name) for name in SHARED], :2]
        return pinhole(joints, content.intrinsics_33), found.astype(np.float64)

    def horizon(self, clip: int, index: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Ends of the horizon in frame coordinates, or None where it is not seen."""
        (camera,) = self._cameras(clip, self._rows[clip][[index]])
        return horizon(camera.rotation_33, camera.intrinsics_33, camera.size_WH)

    def inventory(self) -> Inventory:
        """What there is by split, since nobody has a name, beside what the paper reports."""
        found, counts = [], []
        for split in dict.fromkeys(clip.split for clip in self.clips):
            own = [clip for clip in self.clips if clip.split == split]
            takes = sorted({clip.take for clip in own})
            found.append(Found(split, len(takes), ("phone",), sum(map(len, own))))
        for split, paper in PAPER.items():
            ours = sum(len(take.rows) for take in self._index.takes if take.split == split)
            counts.append(Count(f"{split} frames of sequences with one person", ours, paper))
        if self._options.protocol != "single":
            counts = []
        return Inventory(tuple(found), self._index.missing, tuple(counts), REGISTER, ("split", "sequences", "cameras"))


LABELS = ("pose", "pose_2d", "true_box", "rotation")


def build(options: ThreeDPWOptions, context: Context) -> ThreeDPW:
    """Read every sequence file once; of each sequence the header of one picture."""
    return ThreeDPW(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``dataset.threedpw``."""
    register(
        Component(
            kind="dataset",
            name="threedpw",
            options=ThreeDPWOptions,
            build=build,
            writes=LABELS,
            facts=lambda options: {"joints": len(SKELETONS[options.skeleton])},
            example=write_example,
        )
    )
