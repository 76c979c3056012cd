"""Dataset ``video``: one's own clips, one file or a folder of them, from one or several synchronised cameras.

Files are decoded once, at working resolution, into the frame cache; what stays in memory is the timestamps. They are
the true ones, so a variable frame rate needs no care. All clips are of the split "train", for there are no poses, but
those of cameras that are held out, whose split is "test".

Axes: N frames, 3 colour channels (RGB), H W pixels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

import numpy as np
from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveInt, model_validator

from ...core.errors import DataError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Clip, Component, Context, Dataset
from ...core.skeleton import HUMAN36M_17, Skeleton
from ...media.images import SQUEEZE, WHOLE, Range, squeeze, working_size
from .keypoints import read_poses
from .names import check_held_out, compiled, named, natural
from .virtual_cameras import VirtualOptions, WithVirtual

if TYPE_CHECKING:
    from ...media.camera import Camera
    from .video_files import VideoFile

Item = TypeVar("Item")
Result = TypeVar("Result")
log = logging.getLogger("poserep")

SUFFIXES = (
    *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg"),
    *(".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
)


def _share(value: Range) -> Range:
    if not 0 <= value[0] < value[1] <= 100:
        raise ValueError("give two rising numbers from 0 to 100, in percent of the side")
    return value


Percent = Annotated[Range, AfterValidator(_share)]


class VideoOptions(VirtualOptions):
    """Which files, and which part of them."""

    path: str
    """A video file, or a folder of them; sub-folders are not searched."""
    height: PositiveInt = 128
    """Height of the working frame in pixels; the width follows the first file's aspect."""
    crop_x: Percent = WHOLE
    """Part of the width that is kept, in percent from the left: [33, 85]."""
    crop_y: Percent = WHOLE
    """Part of the height that is kept, in percent from the top."""
    start_s: NonNegativeFloat = 0.0
    """Frames before this timestamp are left out."""
    end_s: float | None = Field(default=None, gt=0)
    """Frames after this timestamp are left out."""
    stride: PositiveInt = 1
    """Keep each n-th frame."""
    camera_pattern: str = ""
    """Regular expression on file names without suffix, with a group `camera` and, if wanted, `take` and `subject`.
    Files of equal take are simultaneous views. Empty: each file is a take and a camera of its own."""
    test_cameras: tuple[str, ...] = ()
    """Cameras that nothing is trained on: their clips have the split "test". As `camera_pattern` names them, or else a
    file's name without suffix."""
    calibration: str = ""
    """A Qualisys .qca.txt file: gives every camera its place and lens, and frames the label `rotation`."""
    keypoints: str = ""
    """File of 2D joints, found by a detector or marked by people: COCO keypoint JSON (annotations or results) or npz,
    relative to the videos' folder; for several "../keypoints/{clip}.json". Gives the label `pose_2d` in Human3.6M
    order, NaN where a joint is missing."""
    keypoints_min_score: float = Field(default=0.3, ge=0)
    """Joints of less confidence are missing."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError("end_s must be greater than start_s")
        return self


class Video:
    """Clips of video files, without labels but the rotation of calibrated cameras and 2D poses from a file.

    Attributes:
        clips: One per file that could be used, in natural order of their names.
        frame_size: (H, W) of every frame.
        skeleton: That of the 2D poses; None without keypoints.
        cameras: The cut-out view of every camera, by its name; empty without a calibration.
    """

    def __init__(self, options: VideoOptions) -> None:
        from .video_files import Cut, decode, look

        pattern = compiled(options.camera_pattern, "dataset.camera_pattern")
        paths = _listed(Path(options.path).expanduser())
        files = _usable(paths, look)
        self.frame_size = working_size(*_shown(files[0], options), options.height)
        for file in files:
            _check_shape(file, files[0], options, self.frame_size)
        window = options.model_dump(include={"crop_x", "crop_y", "start_s", "end_s", "stride"})
        decoded = _usable(files, lambda file: (file.path, *decode(file, Cut(self.frame_size, **window))))
        self._frames = [frames for _, frames, _ in decoded]
        clips = []
        for path, _, times_s in decoded:
            parts = named(path.stem, pattern)
            split = "test" if parts.camera in options.test_cameras else "train"
            clips.append(Clip(path.name, parts.subject, parts.take, parts.camera, split, times_s))
        check_held_out(clips, options.test_cameras)
        self.clips: Sequence[Clip] = tuple(clips)
        self.cameras = _calibrated(self.clips, self.frame_size, options) if options.calibration else {}
        self.skeleton: Skeleton | None = HUMAN36M_17 if options.keypoints else None
        self._poses = _poses([path for path, _, _ in decoded], self.clips, options) if options.keypoints else []

    def frames(self, clip: int, indices: Array) -> Array:
        """Frames of one clip, (N, 3, H, W) uint8 RGB."""
        picked: Array = self._frames[clip][indices]
        return picked

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """``rotation`` of a calibrated camera, (N, 3, 3), and ``pose_2d`` from a file, (N, 17, 2); both float32.

        Raises:
            DataError: For another label, or without the option that gives it.
        """
        if name == "pose_2d" and self._poses:
            poses: Array = self._poses[clip][indices]
            return poses
        if name != "rotation" or not self.cameras:
            raise DataError(f"dataset video has no label {name!r}", where=self.clips[clip].name)
        rotation_33 = self.cameras[self.clips[clip].camera].rotation_33.astype(np.float32)
        return np.broadcast_to(rotation_33, (len(indices), 3, 3)).copy()


def _listed(path: Path) -> list[Path]:
    """The file, or the video files of the folder."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError("there is no such file or folder", where=str(path), hint="dataset.path names the video")
    found = sorted((p for p in path.iterdir() if p.suffix.lower() in SUFFIXES), key=lambda p: natural(p.name))
    if not found:
        raise DataError(
            "there is no video in the folder",
            where=str(path),
            hint=f"sub-folders are not searched; looked for {' '.join(SUFFIXES)}",
        )
    return found


def _usable(items: Sequence[Item], read: Callable[[Item], Result]) -> list[Result]:
    """Read every file; one that cannot be used is skipped with a warning, unless none can."""
    from .video_files import UnusableVideoError

    good: list[Result] = []
    bad: list[UnusableVideoError] = []
    for item in items:
        try:
            good.append(read(item))
        except UnusableVideoError as error:
            bad.append(error)
            if len(items) > 1:
                log.warning("skipped: %s (%s)", error.what, error.where)
    if good:
        return good
    if len(bad) == 1:
        raise bad[0]
    raise DataError(
        f"none of the {len(bad)} videos can be used; the first: {bad[0].what}", where=bad[0].where, hint=bad[0].hint
    )


def _shown(file: VideoFile, options: VideoOptions) -> tuple[float, float]:
    """Width and height of the part that is kept."""
    (left, right), (top, bottom) = options.crop_x, options.crop_y
    return file.width * (right - left) / 100, file.height * (bottom - top) / 100


def _check_shape(file: VideoFile, first: VideoFile, options: VideoOptions, size_HW: tuple[int, int]) -> None:
    """One frame size serves all clips: a small difference is squeezed, a larger one would deform people."""
    change = squeeze(*_shown(file, options), size_HW)
    if abs(change) > SQUEEZE:
        raise DataError(
            f"the picture is {file.width:.0f}x{file.height:.0f}, another shape than "
            f"{first.path.name} ({first.width:.0f}x{first.height:.0f})",
            where=str(file.path),
            hint="keep videos of one shape in a folder",
        )
    if abs(change) > 0.002 and file is not first:
        log.info("%s: its width is changed by %+.1f %% to fit the common frame size", file.path.name, 100 * change)


def _calibrated(clips: Sequence[Clip], size_HW: tuple[int, int], options: VideoOptions) -> dict[str, Camera]:
    from .qualisys import cameras_of

    path = Path(options.calibration).expanduser()
    return cameras_of(clips, path, (options.crop_x, options.crop_y), size_HW[::-1])


def _poses(paths: Sequence[Path], clips: Sequence[Clip], options: VideoOptions) -> list[Array]:
    from .keypoint_video import numbered

    files = [numbered(path, clip.times_s) for path, clip in zip(paths, clips, strict=True)]
    window = options.crop_x, options.crop_y
    of_clips = [one for one, _ in files]
    poses = read_poses(paths[0].parent, options.keypoints, of_clips, options.keypoints_min_score, window)
    return [pose_NJ2[numbers] for pose_NJ2, (_, numbers) in zip(poses, files, strict=True)]


def build(options: VideoOptions, context: Context) -> Dataset:
    """Index the files, decoding those that the cache does not hold."""
    return WithVirtual(Video(options), options) if options.rolled or options.mirrored else Video(options)


def labels(options: VideoOptions) -> tuple[str, ...]:
    """What is known of each frame."""
    given = {"rotation": options.calibration, "pose_2d": options.keypoints}
    return tuple(name for name, option in given.items() if option)


def example(folder: Path) -> dict[str, Any]:
    """A small video, written there."""
    from ...testing import tiny_video

    return {"path": str(tiny_video(folder)), "height": 32}


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``dataset.video``."""
    register(
        Component(
            kind="dataset",
            name="video",
            options=VideoOptions,
            build=build,
            writes=labels,
            facts=lambda options: {"joints": len(HUMAN36M_17)} if options.keypoints else {},
            example=example,
        )
    )
