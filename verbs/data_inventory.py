"""What a copy of a dataset holds, beside what the paper states, and whether its 3D and 2D labels agree.

Axes: N frames, J joints, 2 = x y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.markup import escape

from ..core.console import say, show_table
from ..core.errors import DataError
from ..core.interfaces import Array, Dataset, Inventory
from ..core.inventory import Count, HasProjection
from .data_sheet import spread

PROJECTED = 200
"""Frames whose labels are compared."""


@dataclass(frozen=True, slots=True)
class Projection:
    """How far 3D labels, projected by the dataset's own camera model, lie from the 2D labels.

    Attributes:
        frames: How many were compared, spread evenly over all clips.
        joints: How many joints of them have both labels.
        median_px: Half of these lie nearer, in pixels of the original image.
        most_px: 95 % of them lie nearer.
        worst_px: The farthest.
        worst_clip: The clip in which that is.
        worst_frame: Its index there.
    """

    frames: int
    joints: int
    median_px: float
    most_px: float
    worst_px: float
    worst_clip: str
    worst_frame: int

    def __str__(self) -> str:
        return (
            f"3D labels projected onto 2D labels: median {self.median_px:.2f} px, 95 % within {self.most_px:.2f} px, "
            f"worst {self.worst_px:.2f} px ({self.worst_clip} #{self.worst_frame}); "
            f"{self.joints} joints of {self.frames} frames"
        )


def projection_error(dataset: Dataset, count: int = PROJECTED) -> Projection | None:
    """Compare the labels of frames spread evenly over all clips.

    Args:
        dataset: Any.
        count: How many frames.

    Returns:
        The errors, or None where the dataset cannot tell, or no joint has both labels.

    Raises:
        DataError: If the two kinds of label are not of one shape.
    """
    if not isinstance(dataset, HasProjection):
        return None
    chosen = spread(dataset, count)
    places = [(clip, int(index)) for clip, indices in chosen.items() for index in indices]
    errors = [_distance(dataset, clip, indices) for clip, indices in chosen.items()]
    known = np.concatenate([error_NJ[np.isfinite(error_NJ)] for error_NJ in errors] or [np.empty(0)])
    if not known.size:
        return None
    worst_N = np.concatenate([np.where(np.isfinite(error_NJ), error_NJ, -1.0).max(axis=1) for error_NJ in errors])
    clip, index = places[int(worst_N.argmax())]
    return Projection(
        frames=len(places),
        joints=int(known.size),
        median_px=round(float(np.median(known)), 3),
        most_px=round(float(np.percentile(known, 95)), 3),
        worst_px=round(float(known.max()), 3),
        worst_clip=dataset.clips[clip].name,
        worst_frame=index,
    )


def _distance(dataset: HasProjection, clip: int, indices: Array) -> Array:
    projected_NJ2, labelled_NJ2 = dataset.projection(clip, indices)
    if projected_NJ2.shape != labelled_NJ2.shape:
        shapes = f"{projected_NJ2.shape} and {labelled_NJ2.shape}"
        raise DataError(f"3D and 2D labels are not of the same joints: {shapes}", where=f"clip {clip}")
    return np.asarray(np.linalg.norm(projected_NJ2.astype(np.float64) - labelled_NJ2, axis=-1))


def show_inventory(inventory: Inventory) -> None:
    """Print what was found per subject, what is missing and where to get it, and the counts beside the paper's."""
    found = sorted(inventory.found, key=lambda one: one.subject)
    rows = [(one.subject or "unknown", f"{one.takes:,}", " ".join(one.cameras), f"{one.frames:,}") for one in found]
    show_table("", (*inventory.columns, "frames"), rows)
    for what in inventory.missing:
        say(f"missing  {escape(what)}")
    if inventory.missing:
        say(f"to be had at {escape(inventory.register)}")
    if inventory.counts:
        rows = [(one.what, f"{one.ours:,}", f"{one.paper:,}", _beside(one)) for one in inventory.counts]
        show_table("", ("count", "here", "paper", "difference"), rows)


def _beside(count: Count) -> str:
    less = count.ours - count.paper
    return f"{less:+,} ({less / count.paper:+.1%})"
