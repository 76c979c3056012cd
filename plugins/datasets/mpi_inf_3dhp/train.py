"""The training set of MPI-INF-3DHP: ``S1/Seq1/annot.mat``, calibration, and videos or pictures extracted from them.

``annot.mat`` is of MATLAB's version 5: ``annot2``, ``annot3`` and ``univ_annot3`` are cells of one (N, 56) or (N, 84)
array per camera, 3D joints in that camera's coordinates. Annotations may go on after the pictures end.

Axes: N frames, J = 28 joints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.untrusted import load_mat
from ..names import natural
from ..thinning import shortage
from .calibration import read_calibration
from .protocol import EVERY_CAMERA, FRAMES, OPAQUE, SUBJECTS
from .view import Kind, Pictures, Place, Skip, View

if TYPE_CHECKING:
    from ....media.camera import Camera
    from ....media.footage import Footage

JOINTS = 28
SEQUENCE = re.compile(r"Seq\d+")


@lru_cache(maxsize=2)  # a recording's labels are of all cameras at once, 60 MB, so read them for all clips in a row
def _cells(path: Path, kind: Kind) -> list[Array]:
    """Joints that each camera saw, (N, 28, 2 or 3) float32."""
    cells = load_mat(path, (kind,))[kind].ravel()
    if len(cells) != EVERY_CAMERA:
        raise DataError(f"{kind} is of {len(cells)} cameras, {EVERY_CAMERA} are wanted", where=str(path))
    return [np.asarray(cell, np.float32).reshape(-1, JOINTS, 2 if kind == "annot2" else 3) for cell in cells]


class Recording:
    """The files of one recording.

    Attributes:
        home: Their folder.
        rows: How many frames are annotated.
        calibrated: Its cameras.

    Raises:
        DataError: If annotation or calibration cannot be read.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.annotation = home / "annot.mat"
        self.rows = load_mat(self.annotation, ("frames",))["frames"].size
        self.calibrated: Mapping[int, Camera] = read_calibration(home / "camera.calibration")


class TrainView(View):
    """A video, or the pictures extracted from it, and a camera's cell of the labels."""

    skeleton = "mpi_inf_3dhp_28"

    def __init__(self, place: Place, recording: Recording, source: Path | Pictures) -> None:
        super().__init__(place)
        self._recording, self._source = recording, source
        self._number = int(place.camera)

    def size_WH(self) -> tuple[int, int]:
        """As the calibration says; pictures may have been extracted at another size, which changes no label."""
        return self.camera().size_WH

    def footage(self, size_HW: tuple[int, int], skip: Skip | None) -> Footage:
        """The annotated frames."""
        from ....media.footage import video_footage

        place = self.place
        if isinstance(self._source, Pictures):
            return self._source.footage(place.numbers_N, size_HW, place.fps, skip)
        return video_footage(self._source, size_HW, count=len(place.numbers_N), fps=place.fps, skip=skip)

    def labels(self, kind: Kind) -> Array:
        """The rows that have a picture."""
        return _cells(self._recording.annotation, kind)[self._number][self.place.numbers_N]

    def camera(self) -> Camera:
        """From ``camera.calibration``."""
        return self._recording.calibrated[self._number]

    def intrinsics_33(self) -> Array:
        """From ``camera.calibration``."""
        return self.camera().intrinsics_33

    def masks(self, size_HW: tuple[int, int]) -> Footage | None:
        """``FGmasks``, except of the recordings whose masks do not fit."""
        from ....media.footage import video_footage

        place = self.place
        path = self._recording.home / "FGmasks" / f"video_{place.camera}.avi"
        if (place.subject, place.take) in OPAQUE or not path.is_file():
            return None
        count = int(place.numbers_N[-1]) + 1
        return video_footage(path, size_HW, count=count, fps=place.fps)


def subject_of(mask_frames_N3HW: Array) -> Array:
    """The silhouettes, (N, 1, H, W), in frames of ``FGmasks``: the first channel once the picture is inverted."""
    return np.asarray(255 - mask_frames_N3HW[:, :1])


def train_views(root: Path, subjects: Sequence[str], cameras: Sequence[str], missing: list[str]) -> Iterator[TrainView]:
    """All recordings of these subjects; what is not there is added to ``missing``."""
    for subject in subjects:
        homes = sorted(
            (path for path in (root / subject).glob("Seq*") if SEQUENCE.fullmatch(path.name)),
            key=lambda path: natural(path.name),
        )
        known = {take for one, take in FRAMES if one == subject} if homes else set()
        missing += [f"{subject} {take}: nothing of this recording" for take in sorted(known - {p.name for p in homes})]
        for home in homes:
            try:
                recording = Recording(home)
            except DataError as error:
                missing.append(f"{subject} {home.name}: {error.what} ({error.where})")
                continue
            for camera in cameras:
                if (view := _view(subject, recording, camera, missing)) is not None:
                    yield view


def _view(subject: str, recording: Recording, camera: str, missing: list[str]) -> TrainView | None:
    where = f"{subject} {recording.home.name}, camera {camera}"
    source = _source(recording.home, camera)
    if source is None or int(camera) not in recording.calibrated:
        missing.append(f"{where}: {'no video and no pictures' if source is None else 'not in camera.calibration'}")
        return None
    told, fps = FRAMES.get((subject, recording.home.name), (recording.rows, 25))
    wanted = min(told, recording.rows)
    try:
        numbers = _numbers(source, wanted)
    except DataError as error:
        missing.append(f"{where}: {error.what} ({error.where})")
        return None
    missing += shortage(where, wanted, len(numbers))
    if not len(numbers):
        return None
    return TrainView(Place(subject, recording.home.name, camera, numbers, float(fps)), recording, source)


def _numbers(source: Path | Pictures, wanted: int) -> Array:
    from ....media.footage import video_length

    if isinstance(source, Pictures):
        return source.numbers_N[source.numbers_N < wanted]
    return np.arange(min(wanted, video_length(source)))


def _source(home: Path, camera: str) -> Path | Pictures | None:
    """The video of a camera, or the pictures extracted from it, in each of the ways in which people name them."""
    for name in (f"imageSequence/video_{camera}", f"imageFrames/video_{camera}"):
        if (pictures := Pictures.of(home / name)) is not None:
            return pictures
    video = home / "imageSequence" / f"video_{camera}.avi"
    return video if video.is_file() else Pictures.of(home / "imageSequence", f"img_{camera}_")


def train_root(root: Path) -> Path | None:
    """Where the training set lies below a root."""
    places = (root, root / "train")
    return next((path for path in places if any((path / name).is_dir() for name in SUBJECTS)), None)
