"""Several people in the studio's room: who is with a subject, where each stands, and what the others do.

Each stands on a spot of its own on a circle about the room's middle, turned at random for each take, and keeps near it:
people hide each other from some cameras and never meet. A subject's companions are people of its own, the same in all
its clips, so that no split sees those of another.

Axes: T frames, J joints, S people, K capsules. Coordinates: world mm, +z up; the floor is z = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ....core.interfaces import Array

if TYPE_CHECKING:
    from torch import Tensor

    from .body import Capsules, Subject
    from .scenes import Scene

WHOLE = 255  # mark of a clip's own subject; that of its first companion is one less, and so on
CIRCLE_MM, STEP_MM = 550.0, 180.0  # where they stand, and how far from its spot each may go


def companions(seed: int, name: str, scene: Scene, count: int) -> tuple[Subject, ...]:
    """The people who are with a subject; equal arguments, equal people."""
    from .body import make_subject

    return tuple(make_subject(f"{seed}-{name}+{index}", scene.outfit) for index in range(count))


def spots(people: int, rng: np.random.Generator) -> Array:
    """Where each stands, (S, 2): evenly on the circle."""
    angle_S = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(people) / people
    return np.asarray(CIRCLE_MM * np.stack([np.cos(angle_S), np.sin(angle_S)], axis=1))


def settled(joints_TJ3: Array, spot_2: Array) -> Array:
    """A motion whose path lies about the given spot; one that goes too far loses its steady drift."""
    kept = keep_inside(joints_TJ3, STEP_MM)
    path_T2 = kept[:, 0, :2]
    middle_2 = (path_T2.max(0) + path_T2.min(0)) / 2
    moved: Array = kept + np.array([*(spot_2 - middle_2), 0.0])
    return moved


def as_long(joints_TJ3: Array, frames: int) -> Array:
    """A motion of that many frames; a shorter one goes back and forth."""
    last = len(joints_TJ3) - 1
    index_T = np.arange(frames) % max(2 * last, 1)
    played: Array = joints_TJ3[np.minimum(index_T, 2 * last - index_T)]
    return played


def keep_inside(joints_TJ3: Array, reach_mm: float) -> Array:
    """The motion in the middle of the room; one that travels too far loses its steady drift, as on a treadmill."""
    path_T2 = joints_TJ3[:, 0, :2]
    if np.abs(path_T2).max() <= reach_mm:
        return joints_TJ3
    time_T = np.linspace(-0.5, 0.5, len(path_T2))[:, None]
    middle = (path_T2.max(0) + path_T2.min(0)) / 2
    moved = path_T2 - middle
    if np.abs(moved).max() > reach_mm:
        moved = moved - time_T * (path_T2[-1] - path_T2[0])
        moved = moved - (moved.max(0) + moved.min(0)) / 2
        moved = moved * min(1.0, reach_mm / np.abs(moved).max())
    shift_T3 = np.concatenate([moved - path_T2, np.zeros_like(time_T)], axis=1)
    inside: Array = joints_TJ3 + shift_T3[:, None]
    return inside


def together(bodies: Sequence[Capsules]) -> tuple[Capsules, Tensor]:
    """Several bodies as one to draw, and the mark that each of its capsules leaves, (K,) uint8."""
    import torch

    from .body import Capsules

    marks = [torch.full((len(body.radii_K2),), WHOLE - index) for index, body in enumerate(bodies)]
    joined = Capsules(
        torch.cat([body.ends_TK23 for body in bodies], dim=1),
        torch.cat([body.radii_K2 for body in bodies]),
        torch.cat([body.colours_K3 for body in bodies]),
    )
    return joined, torch.cat(marks).byte()
