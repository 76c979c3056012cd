"""One take as one camera saw it, in whichever form it lies on disk.

Axes: N frames, J joints, 3 = x y z in mm, 2 = x y in pixels of the original image, W H width and height.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.images import image_size
from .protocol import FPS

if TYPE_CHECKING:
    from ....media.footage import Footage
    from .camera import H36mCamera


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Joints of all frames of a view: in the camera's coordinates, (N, J, 3), and in the image, (N, J, 2)."""

    pose_NJ3: Array
    pose_NJ2: Array


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Whose take it is and which camera saw it.

    Attributes:
        subject: S1 to S11.
        take: As the copy spells it: "WalkDog 1".
        camera: Its serial number.
        numbers_N: Frames that have a picture and labels, counted from 0 at 50 per second; rising.
        lens: The calibrated camera, if the copy tells it.
    """

    subject: str
    take: str
    camera: str
    numbers_N: Array
    lens: H36mCamera | None

    @property
    def name(self) -> str:
        """Unique in a copy."""
        return f"{self.subject} {self.take}.{self.camera}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which subjects and cameras are read."""

    subjects: tuple[str, ...]
    cameras: tuple[str, ...]

    def has(self, subject: str, camera: str) -> bool:
        """Whether a view is one of them."""
        return subject in self.subjects and camera in self.cameras


class View(ABC):
    """Pictures and labels of one camera's view of a take.

    Attributes:
        place: What it is a view of.
        skeleton: Name of the skeleton of its labels.
    """

    skeleton = "human36m_32"

    def __init__(self, place: Place) -> None:
        self.place = place

    @abstractmethod
    def size_WH(self) -> tuple[int, int]:
        """Size of the original image in pixels."""

    @abstractmethod
    def footage(self, size_HW: tuple[int, int]) -> Footage:
        """Its frames at a size; frame n is that of row n of `labels`."""

    @abstractmethod
    def labels(self, universal: bool) -> Labels:
        """Labels of all its frames; ``universal``: bones scaled to those of one person.

        Raises:
            DataError: If they cannot be read.
        """

    def boxes(self, rows: Array) -> Array:
        """The boxes that come with the data, (n, 4) as left, top, right, bottom in pixels.

        Raises:
            DataError: If there is none.
        """
        raise DataError(
            "this copy has no boxes of its own", where=self.place.name, hint='dataset.boxes = "joints" makes them'
        )


class VideoView(View):
    """A view whose pictures are a video."""

    def __init__(self, place: Place, video: Path) -> None:
        super().__init__(place)
        self._video = video

    @cached_property
    def _size_WH(self) -> tuple[int, int]:
        from ....media.footage import video_size

        return video_size(self._video)

    def size_WH(self) -> tuple[int, int]:
        """As the video says; cameras differ by two lines."""
        return self._size_WH

    def footage(self, size_HW: tuple[int, int]) -> Footage:
        """The annotated frames of the video, in place."""
        from ....media.footage import video_footage

        return video_footage(self._video, size_HW, count=len(self.place.numbers_N), fps=FPS)


class PictureView(View):
    """A view whose pictures are files of their own."""

    @abstractmethod
    def file(self, number: int) -> Path:
        """The picture of a frame, counted from 0."""

    def size_WH(self) -> tuple[int, int]:
        """That of the first picture."""
        height, width = image_size(self.file(int(self.place.numbers_N[0])))
        return width, height

    def footage(self, size_HW: tuple[int, int]) -> Footage:
        """The pictures that have a row."""
        from ....media.footage import image_footage

        numbers_N = self.place.numbers_N
        return image_footage([self.file(int(number)) for number in numbers_N], size_HW, numbers_N / FPS)
