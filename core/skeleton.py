"""Skeletons are data: joint names, the tree that they form, and which side of the body each lies on.

Sources: the 17-joint order is that of Human3.6M (Ionescu et al., TPAMI 2014) as the field uses it; the joints of COCO
are those of its keypoint annotations (Lin et al., ECCV 2014), whose 17 have no pelvis, spine, thorax and crown.

Axes: J joints, 3 = x y z.
Left and right are the subject's own, and are spelt in the names: ``left_knee``, ``right_knee``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["left", "right", "centre"]
OTHER_SIDE = {"left_": "right_", "right_": "left_"}


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A tree of named joints.

    Args:
        name: How recipes and files call it.
        joints: Unique names; a joint of one side is called ``left_...`` or ``right_...`` and has a partner.
        parents: Index of each joint's parent, -1 for the one root.

    Raises:
        ValueError: The names or the tree are inconsistent.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.joints) != len(self.parents):
            raise ValueError(f"{self.name}: {len(self.joints)} joints, but {len(self.parents)} parents")
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"{self.name}: joint names repeat")
        if self.parents.count(-1) != 1:
            raise ValueError(f"{self.name}: needs one root (parent -1), has {self.parents.count(-1)}")
        for joint in self.joints:
            if _mirrored(joint) not in self.joints:
                raise ValueError(f"{self.name}: {joint!r} has no partner {_mirrored(joint)!r}")
        self._check_tree()

    def _check_tree(self) -> None:
        reached = {self.root}
        for _ in self.parents:  # the deepest joint is at most len(self) bones away
            reached |= {joint for joint, parent in enumerate(self.parents) if parent in reached}
        if lost := [name for joint, name in enumerate(self.joints) if joint not in reached]:
            raise ValueError(f"{self.name}: no way from the root to {', '.join(lost)}")

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def root(self) -> int:
        """Index of the joint without a parent."""
        return self.parents.index(-1)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) of every bone, in the order of the children."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    @property
    def mirror(self) -> tuple[int, ...]:
        """The permutation that swaps left and right: ``pose_J3[list(mirror)]``. Its own inverse."""
        return tuple(self.index(_mirrored(joint)) for joint in self.joints)

    def index(self, joint: str) -> int:
        """Where a joint stands; ValueError if the skeleton has none of that name."""
        if joint not in self.joints:
            raise ValueError(f"{self.name} has no joint {joint!r}; it has {', '.join(self.joints)}")
        return self.joints.index(joint)

    def side(self, joint: int) -> Side:
        """The side of the body that a joint lies on."""
        name = self.joints[joint]
        if name.startswith("left_"):
            return "left"
        return "right" if name.startswith("right_") else "centre"

    def left_axis(self, pose_J3: NDArray[np.floating]) -> NDArray[np.float64]:
        """Unit vector from the right hip and shoulder to the left ones: where the subject's left is.

        Raises:
            ValueError: The skeleton has neither hips nor shoulders, or the pose has no width there.
        """
        torso = [j for j, name in enumerate(self.joints) if name in ("left_hip", "left_shoulder")]
        if not torso:
            raise ValueError(f"{self.name} has neither hips nor shoulders, so no left axis")
        across_3 = sum(np.asarray(pose_J3[j] - pose_J3[self.mirror[j]], np.float64) for j in torso)
        if not (width := float(np.linalg.norm(across_3))) > 0:
            raise ValueError("left and right hips and shoulders coincide, so no left axis")
        return np.asarray(across_3 / width)


def _mirrored(joint: str) -> str:
    for prefix, other in OTHER_SIDE.items():
        if joint.startswith(prefix):
            return other + joint.removeprefix(prefix)
    return joint


HUMAN36M_17 = Skeleton(
    name="human36m_17",
    joints=(
        "pelvis",
        *("right_hip", "right_knee", "right_ankle"),
        *("left_hip", "left_knee", "left_ankle"),
        *("spine", "thorax", "neck", "head"),
        *("left_shoulder", "left_elbow", "left_wrist"),
        *("right_shoulder", "right_elbow", "right_wrist"),
    ),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
)

COCO_17 = Skeleton(
    name="coco_17",
    joints=(
        *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
        *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
        *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    ),
    parents=(-1, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
)

SKELETONS: Mapping[str, Skeleton] = MappingProxyType({one.name: one for one in (HUMAN36M_17, COCO_17)})

Mixture = Mapping[str, Mapping[str, float]]
"""A joint as a weighted sum of another skeleton's joints; the weights add up to 1, so it moves as they move."""

COCO_TO_HUMAN36M: Mixture = MappingProxyType(
    {
        "pelvis": {"left_hip": 0.5, "right_hip": 0.5},
        "thorax": {"left_shoulder": 0.5, "right_shoulder": 0.5},
        "spine": {"left_hip": 0.25, "right_hip": 0.25, "left_shoulder": 0.25, "right_shoulder": 0.25},
        "neck": {"nose": 1.0},  # where Human3.6M has this joint
        # the crown: 0.6 times as far beyond the ears as these are from the shoulders
        "head": {"left_ear": 0.8, "right_ear": 0.8, "left_shoulder": -0.3, "right_shoulder": -0.3},
        **{joint: {joint: 1.0} for joint in HUMAN36M_17.joints if joint in COCO_17.joints},
    }
)
