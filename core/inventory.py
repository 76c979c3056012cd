"""What a dataset can tell of a copy on disk besides its frames and labels; `poserep data inspect` shows it.

Each of the three methods is optional: a dataset that has it is asked.

Axes: N frames, J joints, 2 = x y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .interfaces import Array

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of one subject.

    Attributes:
        subject: Who.
        takes: How many recordings.
        cameras: Their names, of all takes together.
        frames: How many, of all takes and cameras.
    """

    subject: str
    takes: int
    cameras: tuple[str, ...]
    frames: int


@dataclass(frozen=True, slots=True)
class Count:
    """A number of this copy beside the one that the paper states; ``what`` says of which frames or subjects."""

    what: str
    ours: int
    paper: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a copy holds and lacks.

    Attributes:
        found: One entry per subject.
        missing: What a whole copy would have besides, one sentence each.
        counts: Numbers beside the paper's.
        register: Address of the page at which the data are to be had.
        columns: What `Found` counts here, where it is not subjects, their takes and cameras.
    """

    found: tuple[Found, ...]
    missing: tuple[str, ...]
    counts: tuple[Count, ...]
    register: str
    columns: tuple[str, str, str] = ("subject", "takes", "cameras")


@runtime_checkable
class HasInventory(Protocol):
    """A dataset that knows what a whole copy of it holds."""

    def inventory(self) -> Inventory:
        """What was found, and what was not."""
        ...


@runtime_checkable
class HasProjection(Protocol):
    """A dataset whose 3D labels can be compared with its 2D labels."""

    def projection(self, clip: int, indices: Array) -> tuple[Array, Array]:
        """3D labels through the dataset's own camera model, and 2D labels as stored: both (N, J, 2).

        Pixels of the original image, before any resizing; NaN where a joint is not known.
        """
        ...


@runtime_checkable
class HasHorizon(Protocol):
    """A dataset that knows how its cameras stand in the world."""

    def horizon(self, clip: int, index: int) -> tuple[Point, Point] | None:
        """Ends of the horizon in [-1, 1] frame coordinates, or None where it is out of the frame or not known."""
        ...
