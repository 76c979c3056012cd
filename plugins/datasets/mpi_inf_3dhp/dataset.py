"""Dataset ``mpi_inf_3dhp``: MPI-INF-3DHP, its training set of eight people and its test set.

Paper: Mehta et al., 3DV 2017, arXiv:1611.09813. Poses are in the coordinates of the camera that filmed them. With
``paste_on`` subjects are cut out by the masks of the data and stand before other pictures, which are the known
background; recordings without fitting masks, and the test set, keep their own, estimated as the median of frames.

Axes: N frames, J joints, 3 colour channels (RGB), H W pixels.
Coordinates: camera +x right, +y down, +z forward, mm from the pelvis; world +z up; frames span [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from ....core.errors import DataError
from ....core.hookspecs import hookimpl
from ....core.interfaces import Array, Clip, Component, Context, Inventory, Options
from ....core.skeleton import SKELETONS, Skeleton, convert
from ....media.camera import Camera, horizon
from ....media.images import working_size
from ..boxes import box_of_joints, framed
from ..pasting import Each, Pictures, paste
from ..thinning import kept
from .example import write_example
from .index import counted, find
from .protocol import CHEST, STRIDE, Name, split_of
from .train import subject_of
from .view import WHITE, washed_out

if TYPE_CHECKING:
    from ....media.footage import Footage

LABELS = ("pose", "pose_2d", "true_box", "rotation")
OPEN = 32
"""Clips whose footage stays open."""
SEEN = 25
"""Frames of a clip of which the median is its background."""


class MpiInf3dhpOptions(Options):
    """Where the copy lies, and what of it is used."""

    root: str
    """Folder with S1 to S8, with mpi_inf_3dhp_test_set, or with train and test in which these lie."""
    subjects: tuple[str, ...] = ()
    """Such as ["S1", "TS1"]; empty: S1 to S8 and TS1 to TS4, as far as they are there."""
    cameras: tuple[str, ...] = CHEST
    """Numbers of the cameras of the training set; those at the height of the chest by default."""
    protocol: Name = "poses"
    """Each 5th frame. `poses`: S1 to S5 and S8 teach, S6 and S7 validate. `multi_view`: S1 to S8 teach. In both the
    valid frames of TS1 to TS4 test. `all_data`: those four teach as well, with all their frames, and nothing tests."""
    stride: NonNegativeInt = 0
    """Keep each n-th frame of those that teach or validate instead; 0 keeps those of the protocol."""
    height: PositiveInt = 128
    """Height of the working frame in pixels; the width follows."""
    skeleton: Literal["human36m_17", "mpi_inf_3dhp_17", "common_14", "body_13"] = "human36m_17"
    """Joints of `pose` and `pose_2d`."""
    universal: bool = False
    """Poses whose bones are scaled to those of one person, on which published tables are often measured. Those of TS6
    are wrong in the data's second release."""
    flash: float = Field(default=0.5, gt=0, le=1)
    """A frame more than this share of which is nearly white is left out for its neighbour; 1 leaves out none."""
    masks: bool = False
    """Give `true_mask` from the folders FGmasks; the test set has none."""
    paste_on: str = ""
    """A folder of pictures: subjects are cut out by FGmasks and pasted on one drawn at random. Gives `background`."""
    paste_each: Each = "clip"
    """Draw a picture for each clip, or for each frame."""
    paste_seed: NonNegativeInt = 0
    """Seed of the draw."""
    prepared: bool = False
    """Decode once into the frame cache, at the working size; otherwise videos and pictures are read in place."""


class MpiInf3dhp:
    """Views of recordings as clips.

    Attributes:
        clips: One per recording and camera that have pictures and labels.
        frame_size: (H, W) of every frame.
        skeleton: That of the option.
    """

    def __init__(self, options: MpiInf3dhpOptions, context: Context) -> None:
        self.options = options
        self._views, self._missing = find(options.root, options.subjects, options.cameras, options.protocol)
        clips = []
        self._rows: list[Array] = []
        for view in self._views:
            place, split = view.place, split_of(view.place.subject, options.protocol)
            rows = kept(place.numbers_N, 1 if split == "test" else options.stride or STRIDE)
            times_s = place.numbers_N[rows] / place.fps
            # light and background differ between recordings, and cameras were set up anew
            camera = f"{place.recording} {place.camera}"
            clips.append(Clip(camera, place.subject, place.recording, camera, split, times_s))
            self._rows.append(rows)
        self.clips: Sequence[Clip] = tuple(clips)
        self.frame_size = working_size(*self._views[0].size_WH(), options.height)
        self.skeleton: Skeleton | None = SKELETONS[options.skeleton]
        self._pictures: Pictures | None = None
        if options.paste_on:
            self._pictures = Pictures(options.paste_on, options.paste_seed, options.paste_each, self.frame_size)
        self._kept: dict[tuple[str, int], Array] = {}
        self._footage: Callable[[int], Footage] = lru_cache(OPEN)(self._opened)
        self._masks: Callable[[int], Footage | None] = lru_cache(OPEN)(
            lambda clip: self._views[clip].masks(self.frame_size)
        )
        self._median: Callable[[int], Array] = lru_cache(OPEN)(self._seen)

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB.

        Raises:
            DataError: If nothing of the clip can be read.
        """
        frames = self._footage(clip).read(self._rows[clip][indices])
        if self._pictures is None or self._masks(clip) is None:
            return frames
        return paste(frames, self._mask(clip, indices), self._pictures.behind(self.clips[clip].name, indices))

    def _opened(self, clip: int) -> Footage:
        from ....media.footage import prepared

        share = self.options.flash
        footage = self._views[clip].footage(self.frame_size, lambda frame: washed_out(frame, share))
        return prepared(footage, {"white": WHITE, "flash": share}) if self.options.prepared else footage

    def _mask(self, clip: int, indices: Array) -> Array:
        masks = self._masks(clip)
        if masks is None:
            raise DataError(
                "there are no masks of this clip",
                where=self.clips[clip].name,
                hint="unpack FGmasks beside imageSequence",
            )
        return subject_of(masks.read(self._views[clip].place.numbers_N[self._rows[clip][indices]]))

    def _seen(self, clip: int) -> Array:
        every = np.linspace(0, len(self.clips[clip]) - 1, min(SEEN, len(self.clips[clip]))).round().astype(np.int64)
        frames = self._footage(clip).read(self._rows[clip][every])
        return np.asarray(np.median(frames, axis=0, keepdims=True).astype(np.uint8))

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """``pose``, (N, J, 3), ``pose_2d``, (N, J, 2), ``true_box``, (N, 4), ``rotation``, (N, 3, 3), float32.

        ``rotation`` is NaN in the test set, which does not tell it. ``true_mask``, (N, 1, H, W) uint8, with the option
        ``masks``; ``background``, (1 or N, 3, H, W) uint8, with ``paste_on``.

        Raises:
            DataError: For another name, or if the copy does not have it.
        """
        if name == "true_mask" and self.options.masks:
            return self._mask(clip, indices)
        if name == "background" and self._pictures is not None:
            pasted = self._masks(clip) is not None
            return self._pictures.behind(self.clips[clip].name, indices) if pasted else self._median(clip)
        if name not in LABELS:
            raise DataError(f"dataset mpi_inf_3dhp has no label {name!r}", where=self.clips[clip].name)
        if name == "rotation":
            camera = self._views[clip].camera()
            rotation_33 = np.full((3, 3), np.nan) if camera is None else camera.rotation_33
            return np.repeat(rotation_33[None].astype(np.float32), len(indices), axis=0)
        if (name, clip) not in self._kept:
            self._read_recording(name, self._views[clip].place.recording)
        return np.asarray(self._kept[name, clip][indices])

    def _read_recording(self, name: str, recording: str) -> None:
        """Read a label of all cameras of a recording: they share one file, which takes a second to read."""
        for clip, view in enumerate(self._views):
            if view.place.recording == recording:
                self._kept[name, clip] = self._read(name, clip).astype(np.float32)

    def _read(self, name: str, clip: int) -> Array:
        view, rows = self._views[clip], self._rows[clip]
        if name == "pose":
            pose_NJ3 = view.labels("univ_annot3" if self.options.universal else "annot3")[rows]
            pose_NJ3 = pose_NJ3 - pose_NJ3[:, [SKELETONS[view.skeleton].root]]
            return convert(pose_NJ3, view.skeleton, self.options.skeleton)
        pose_NJ2 = view.labels("annot2")[rows]
        if name == "true_box":
            return box_of_joints(pose_NJ2, view.size_WH())
        return framed(convert(pose_NJ2, view.skeleton, self.options.skeleton), view.size_WH())

    def cameras(self, clip: int) -> list[Camera]:
        """The camera of each frame of a clip; that of the test set stands in a world of its own."""
        view = self._views[clip]
        camera = view.camera() or Camera(np.eye(3), np.zeros(3), view.intrinsics_33(), view.size_WH())
        return [camera] * len(self.clips[clip])

    def projection(self, clip: int, indices: Array) -> tuple[Array, Array]:
        """3D joints through the calibrated lens, in the test set a fitted one, and 2D joints: (N, J, 2) pixels."""
        view, rows = self._views[clip], self._rows[clip][indices]
        pose_NJ3, pose_NJ2 = (view.labels(kind)[rows].astype(np.float64) for kind in ("annot3", "annot2"))
        projected = pose_NJ3 @ view.intrinsics_33().T
        return projected[..., :2] / projected[..., 2:], pose_NJ2

    def horizon(self, clip: int, index: int) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Ends of the horizon in frame coordinates; None in the test set."""
        view = self._views[clip]
        camera = view.camera()
        return None if camera is None else horizon(camera.rotation_33, camera.intrinsics_33, view.size_WH())

    def inventory(self) -> Inventory:
        """What this copy holds of all frames, and the counts of those that the protocol keeps."""
        return counted(self._views, self._missing, self.options.protocol)


def known(options: MpiInf3dhpOptions) -> tuple[str, ...]:
    """The labels that it has."""
    given = {"true_mask": options.masks, "background": bool(options.paste_on)}
    return (*LABELS, *(name for name, wanted in given.items() if wanted))


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``dataset.mpi_inf_3dhp``."""
    register(
        Component(
            kind="dataset",
            name="mpi_inf_3dhp",
            options=MpiInf3dhpOptions,
            build=MpiInf3dhp,
            writes=known,
            facts=lambda options: {"joints": len(SKELETONS[options.skeleton])},
            example=write_example,
        )
    )
