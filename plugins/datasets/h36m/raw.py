"""Human3.6M as its archives unpack: one folder per subject with CDF files, videos, and masks of boxes in MATLAB files.

Two spellings of the folders are in use: ``S1/MyPoseFeatures/D3_Positions_mono`` of the archives, and
``S1/Poses_D3_Positions_mono`` of the h36m-fetch scripts. Names of takes hold spaces and differ between subjects
("WalkingDog 1", "WalkDog 1"), so they are listed, never built. Many copies have no more than ``D3_Positions``, joints
in the world: the cameras of ``metadata.xml`` then give what each of them sees, in 3D and in 2D.

Axes: N frames, J = 32 joints, W H width and height.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.untrusted import cdf_shape, load_cdf, open_h5
from ..names import natural
from ..thinning import shortage
from .camera import H36mCamera
from .view import Labels, Place, VideoView, Wanted

Lenses = Mapping[tuple[str, str], H36mCamera]
VARIABLE = "Pose"
IN_WORLD, IN_CAMERA, IN_IMAGE = "D3_Positions", "D3_Positions_mono", "D2_Positions"
UNIVERSAL = "D3_Positions_mono_universal"
SPELLINGS = ("MyPoseFeatures/{}", "Poses_{}")
BOXES = "MySegmentsMat/ground_truth_bb"
NAMED = re.compile(r"(?P<take>.+)\.(?P<camera>\d+)\.(cdf|mp4)$")
HOLES = {("S11", "Directions", "54138969")}
"""What no copy has."""
NAMED_TAKES = 3
"""Of more takes that lack the same, the number is told."""


class RawView(VideoView):
    """Labels in CDF files, a video beside them."""

    def __init__(self, place: Place, video: Path, files: Mapping[str, Path]) -> None:
        super().__init__(place, video)
        self._files = files

    def labels(self, universal: bool) -> Labels:
        """The CDF files, cut to the frames that the video has; the camera gives what they do not."""
        seen_NJ3, lens, count = self._seen(), self.place.lens, len(self.place.numbers_N)
        pose_NJ3 = self._joints(UNIVERSAL, 3) if universal else seen_NJ3
        if IN_IMAGE in self._files or lens is None:
            return Labels(pose_NJ3[:count], self._joints(IN_IMAGE, 2)[:count])
        return Labels(pose_NJ3[:count], lens.project_camera(seen_NJ3[:count]).astype(np.float32))

    def _seen(self) -> Array:
        """Joints in the camera's coordinates."""
        if IN_CAMERA in self._files or self.place.lens is None:
            return self._joints(IN_CAMERA, 3)
        return self.place.lens.to_camera(self._joints(IN_WORLD, 3)).astype(np.float32)

    def _joints(self, kind: str, axes: int) -> Array:
        file = self._files.get(kind)
        if file is None:
            raise DataError(f"there is no folder {kind}", where=self.place.name, hint=f"unpack the archive {kind}")
        values = np.asarray(load_cdf(file, VARIABLE), np.float32)
        return values.reshape(-1, 32, axes)

    def boxes(self, rows: Array) -> Array:
        """Where the ones of each frame's mask begin and end; NaN for an empty mask."""
        path = self._files.get(BOXES)
        if path is None:
            return super().boxes(rows)
        with open_h5(path) as file:
            masks = file["Masks"]
            found = [box_of(np.asarray(file[masks[int(row), 0]]).T) for row in rows]
        return np.array(found, np.float64).reshape(-1, 4)


def box_of(mask_HW: Array) -> tuple[float, float, float, float]:
    """Left, top, right and bottom edge of the ones of a mask, in pixels whose centres are integers."""
    columns, rows = np.flatnonzero(mask_HW.any(axis=0)), np.flatnonzero(mask_HW.any(axis=1))
    if not len(columns):
        return (np.nan,) * 4
    return columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5


def subject_folders(root: Path) -> list[Path]:
    """``S1``, ``S5`` and so on, in the order of their numbers."""
    found = [path for path in root.iterdir() if re.fullmatch(r"S\d+", path.name) and path.is_dir()]
    return sorted(found, key=lambda path: natural(path.name))


def folder_of(subject: Path, kind: str) -> Path | None:
    """The folder of one kind of label, in either spelling."""
    return next((path for one in SPELLINGS if (path := subject / one.format(kind)).is_dir()), None)


def is_raw(root: Path) -> bool:
    """Whether one of the subjects has labels as they come out of the archives."""
    return any(folder_of(subject, kind) for subject in subject_folders(root) for kind in (IN_CAMERA, IN_WORLD))


def listed(folder: Path | None) -> dict[tuple[str, str], Path]:
    """Files of a folder by take and camera; those of name "_ALL", which hold all takes in one, are left out."""
    files = sorted(folder.iterdir(), key=lambda path: natural(path.name)) if folder and folder.is_dir() else []
    matches = ((NAMED.fullmatch(path.name), path) for path in files if not path.name.startswith("_ALL"))
    return {(match["take"], match["camera"]): path for match, path in matches if match}


def raw_views(root: Path, wanted: Wanted, lenses: Lenses, missing: list[str]) -> Iterator[RawView]:
    """All takes that are wanted; what is not there is added to ``missing``."""
    for folder in subject_folders(root):
        if folder.name not in wanted.subjects:
            continue
        labels = {kind: listed(folder_of(folder, kind)) for kind in (IN_CAMERA, UNIVERSAL, IN_IMAGE)}
        labels[BOXES] = _boxes(folder)
        videos = listed(folder / "Videos")
        known = [camera for camera in wanted.cameras if (folder.name, camera) in lenses]
        if not labels[IN_CAMERA]:
            labels[IN_WORLD] = _for_all(folder_of(folder, IN_WORLD), known)
        poses = labels[IN_CAMERA] or labels[IN_WORLD]
        points = labels[IN_IMAGE] or {key: path for key, path in poses.items() if key[1] in known}
        missing += _gaps(folder.name, wanted.cameras, poses, points, videos)
        for key in sorted(poses.keys() & points.keys() & videos.keys()):
            if key[1] not in wanted.cameras:
                continue
            files = {kind: found[key] for kind, found in labels.items() if key in found}
            try:
                yield _view(folder.name, key, videos[key], files, lenses, missing)
            except DataError as error:
                missing.append(f"{folder.name} {key[0]}, camera {key[1]}: {error.what} ({error.where})")


def _for_all(folder: Path | None, cameras: Sequence[str]) -> dict[tuple[str, str], Path]:
    """Files of a folder, which are of takes, as those of each camera."""
    files = folder.glob("*.cdf") if folder else ()
    takes = {path.stem: path for path in files if not path.name.startswith("_ALL")}
    return {(take, camera): path for take, path in takes.items() for camera in cameras}


def _boxes(folder: Path) -> dict[tuple[str, str], Path]:
    home = folder / BOXES
    files = home.glob("*.mat") if home.is_dir() else ()
    parts = ((path.stem.rpartition("."), path) for path in files)
    return {(take, camera): path for (take, _, camera), path in parts}


def _gaps(subject: str, cameras: Sequence[str], *kinds: Mapping[tuple[str, str], Path]) -> list[str]:
    """What a subject's folders lack: cameras of a take, labels without video, video without labels."""
    every: set[tuple[str, str]] = set().union(*kinds)
    takes = sorted({take for take, _ in every}, key=natural)
    gaps: dict[str, list[str]] = {}
    for camera in cameras:
        for take in takes:
            named = zip(("3D labels", "2D labels", "video"), kinds, strict=True)
            lacks = [name for name, found in named if (take, camera) not in found]
            what = "a hole of the data set itself" if (subject, take, camera) in HOLES else f"no {', no '.join(lacks)}"
            if lacks:
                gaps.setdefault(f"{subject}, camera {camera}: {what}", []).append(take)
    return [
        f"{gap}, of {', '.join(takes) if len(takes) <= NAMED_TAKES else f'{len(takes)} takes'}"
        for gap, takes in gaps.items()
    ]


def _view(
    subject: str, key: tuple[str, str], video: Path, files: Mapping[str, Path], lenses: Lenses, missing: list[str]
) -> RawView:
    from ....media.footage import video_length

    take, camera = key
    lengths = [cdf_shape(files[kind], VARIABLE)[-2] for kind in (IN_CAMERA, IN_WORLD, IN_IMAGE) if kind in files]
    labels, pictures = min(lengths), video_length(video)
    missing += shortage(f"{subject} {take}, camera {camera}", labels, pictures)
    place = Place(subject, take, camera, np.arange(min(labels, pictures)), lenses.get((subject, camera)))
    return RawView(place, video, files)
