"""Human3.6M as VideoPose3D's arrays: world joints in metres for every take, and no pictures.

``data_3d_h36m.npz`` holds ``positions_3d``: subject, take, (N, 32, 3) in world metres. Cameras come from
``metadata.xml``, pictures from the videos of the archives, which lie below the same root or where ``dataset.videos``
says. Poses are brought into each camera, and 2D joints are their projection. Takes of S1 bear the names of the others
there ("WalkDog", where its video says "WalkingDog").

Axes: N frames, J = 32 joints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.untrusted import load_object
from ..thinning import shortage
from .raw import Lenses, listed
from .view import Labels, Place, VideoView, Wanted

if TYPE_CHECKING:
    from .camera import H36mCamera

FILE = "data_3d_h36m.npz"
OTHER_NAMES = {"WalkingDog": "WalkDog", "TakingPhoto": "Photo"}


class VideoPoseView(VideoView):
    """World joints before one of the cameras, and its video."""

    def __init__(self, place: Place, lens: H36mCamera, world_NJ3: Array, video: Path) -> None:
        super().__init__(place, video)
        self._lens, self._world_NJ3 = lens, world_NJ3

    def labels(self, universal: bool) -> Labels:
        """Joints in the camera's coordinates, and their projection."""
        if universal:
            raise DataError("VideoPose3D's form has no universal poses", where=self.place.name)
        pose_NJ3 = self._lens.to_camera(1000 * np.asarray(self._world_NJ3[: len(self.place.numbers_N)], np.float64))
        return Labels(pose_NJ3.astype(np.float32), self._lens.project_camera(pose_NJ3).astype(np.float32))


def is_videopose(root: Path) -> bool:
    """Whether the file is there."""
    return (root / FILE).is_file()


def videopose_views(
    root: Path, wanted: Wanted, lenses: Lenses, missing: list[str], videos: Path
) -> Iterator[VideoPoseView]:
    """All takes that are wanted; what is not there is added to ``missing``.

    Raises:
        DataError: Without cameras, or if the file is another one.
    """
    if not lenses:
        raise DataError(
            "this form of Human3.6M has no cameras of its own",
            where=str(root / FILE),
            hint="put metadata.xml beside it, or name it as dataset.metadata",
        )
    for subject, takes in _positions(root / FILE).items():
        if subject not in wanted.subjects:
            continue
        found = {(spelt(take), camera): path for (take, camera), path in listed(videos / subject / "Videos").items()}
        for take, world_NJ3 in takes.items():
            for camera in wanted.cameras:
                if (take, camera) in found:
                    view = _view((subject, take, camera), lenses, world_NJ3, found[take, camera])
                    missing += shortage(f"{subject} {take}, camera {camera}", len(world_NJ3), len(view.place.numbers_N))
                    yield view
                else:
                    missing.append(f"{subject} {take}, camera {camera}: no video in {videos / subject / 'Videos'}")


def spelt(take: str) -> str:
    """The name of a take as the subjects other than S1 have it."""
    word, space, number = take.partition(" ")
    return OTHER_NAMES.get(word, word) + space + number


def _positions(path: Path) -> Mapping[str, Mapping[str, Array]]:
    try:
        positions: Mapping[str, Mapping[str, Any]] = load_object(path, "positions_3d")
        return {
            str(subject): {str(take): np.asarray(values).reshape(-1, 32, 3) for take, values in takes.items()}
            for subject, takes in positions.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"this is no file of positions: {error!r}", where=str(path)) from None


def _view(key: tuple[str, str, str], lenses: Lenses, world_NJ3: Array, video: Path) -> VideoPoseView:
    from ....media.footage import video_length

    subject, take, camera = key
    lens = lenses[subject, camera]
    numbers = np.arange(min(len(world_NJ3), video_length(video)))
    return VideoPoseView(Place(subject, take, camera, numbers, lens), lens, world_NJ3, video)
