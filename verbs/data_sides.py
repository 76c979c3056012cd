"""Whether left and right are the subject's own: knees bend forwards, and forwards is left crossed with up.

A pose whose sides are swapped, or one seen in a mirror, bends its knees backwards.

Axes: N frames, J joints, 3 = x y z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core.interfaces import Array, Dataset
from ..core.skeleton import Skeleton
from .data_sheet import spread

LEGS = tuple(f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "knee", "ankle"))
SHOULDERS = ("left_shoulder", "right_shoulder")
BENT_MM = 30.0
"""How far a knee is from the line between hip and ankle where it counts as bent."""
FRAMES = 500


@dataclass(frozen=True, slots=True)
class Sides:
    """What the knees of a dataset's 3D labels tell.

    Attributes:
        bent: How many bent knees were looked at.
        forwards: Share of these that bend forwards.
    """

    bent: int
    forwards: float

    def __str__(self) -> str:
        told = f"left and right: {self.forwards:.0%} of {self.bent} bent knees bend forwards"
        return told if self.forwards > 0.5 else f"{told}: sides are swapped, or the picture is mirrored"


def bends(pose_NJ3: Array, skeleton: Skeleton) -> Array:
    """How far each knee is before the line from hip to ankle, in mm, (N, 2) for left and right; behind it below 0.

    NaN where the leg is nearly straight or a joint is not known.
    """
    at = {name: pose_NJ3[:, skeleton.index(name)].astype(np.float64) for name in (*LEGS, *SHOULDERS)}
    left_N3 = at["left_hip"] - at["right_hip"] + at["left_shoulder"] - at["right_shoulder"]
    up_N3 = at["left_shoulder"] + at["right_shoulder"] - at["left_hip"] - at["right_hip"]
    forwards_N3 = _unit(np.cross(left_N3, up_N3))
    found = []
    for side in ("left", "right"):
        hip_N3, knee_N3, ankle_N3 = (at[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
        leg_N3, thigh_N3 = _unit(ankle_N3 - hip_N3), knee_N3 - hip_N3
        off_N3 = thigh_N3 - leg_N3 * np.sum(thigh_N3 * leg_N3, axis=-1, keepdims=True)
        bent_N = np.linalg.norm(off_N3, axis=-1) > BENT_MM
        found.append(np.where(bent_N, np.sum(off_N3 * forwards_N3, axis=-1), np.nan))
    return np.stack(found, axis=-1)


def _unit(vectors_N3: Array) -> Array:
    length_N1 = np.linalg.norm(vectors_N3, axis=-1, keepdims=True)
    return np.asarray(vectors_N3 / np.where(length_N1 > 0, length_N1, np.nan))


def sides_of(dataset: Dataset, labels: Sequence[str], count: int = FRAMES) -> Sides | None:
    """Look at the 3D labels of frames spread evenly over all clips; None without legs, or if no knee is bent."""
    skeleton = dataset.skeleton
    if "pose" not in labels or skeleton is None or not {*LEGS, *SHOULDERS} <= set(skeleton.joints):
        return None
    chosen = spread(dataset, count)
    poses = [dataset.labels("pose", clip, indices) for clip, indices in chosen.items()]
    forwards = np.concatenate([bends(pose_NJ3, skeleton).ravel() for pose_NJ3 in poses] or [np.empty(0)])
    known = forwards[np.isfinite(forwards)]
    return Sides(int(known.size), round(float((known > 0).mean()), 4)) if known.size else None
