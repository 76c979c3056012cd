"""Skeletons are data: joint names, the tree that they form, which side of the body each lies on, and what leads where.

Sources: the file `skeletons.toml` beside this one tells them with each skeleton.

Axes: J joints, 2 = x y, 3 = x y z.
Left and right are the subject's own, and are spelt in the names: ``left_knee``, ``right_knee``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

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
            if other_side(joint) not in self.joints:
                raise ValueError(f"{self.name}: {joint!r} has no partner {other_side(joint)!r}")
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
        return tuple(self.index(other_side(joint)) for joint in self.joints)

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


def other_side(joint: str) -> str:
    """What a joint, or a part of the body, is called on the other side; the same if it has none."""
    for prefix, other in OTHER_SIDE.items():
        if joint.startswith(prefix):
            return other + joint.removeprefix(prefix)
    return joint


Mixture = Mapping[str, Mapping[str, float]]
"""A joint as a weighted sum of another skeleton's joints; the weights add up to 1, so it moves as they move."""

_DATA = tomllib.loads(Path(__file__).with_name("skeletons.toml").read_text(encoding="utf-8"))


def _skeletons() -> Mapping[str, Skeleton]:
    told = _DATA["skeletons"].items()
    return MappingProxyType({name: Skeleton(name, tuple(one["joints"]), tuple(one["parents"])) for name, one in told})


SKELETONS: Mapping[str, Skeleton] = _skeletons()
HUMAN36M_17 = SKELETONS["human36m_17"]
COCO_17 = SKELETONS["coco_17"]


def _mixtures() -> Mapping[tuple[str, str], Mixture]:
    """Every mixture in full: a joint that is not told is the source's joint of that name."""
    return MappingProxyType(
        {
            (source, target): {joint: told.get(joint, {joint: 1.0}) for joint in SKELETONS[target].joints}
            for source, targets in _DATA["mixtures"].items()
            for target, told in targets.items()
        }
    )


MIXTURES: Mapping[tuple[str, str], Mixture] = _mixtures()
"""By the names of both skeletons, from and to."""
COCO_TO_HUMAN36M: Mixture = MIXTURES["coco_17", "human36m_17"]


def convert(pose: NDArray[np.floating], source: str, target: str) -> NDArray[np.floating]:
    """A pose in another skeleton.

    Args:
        pose: (..., J, 2) or (..., J, 3); NaN where a joint is not known.
        source: Name of its skeleton.
        target: Name of the wanted one.

    Returns:
        (..., J', 2 or 3) in the same precision; NaN where a joint is mixed of one that is not known.

    Raises:
        DataError: There is no mixture between the two, or the pose has another number of joints.
    """
    if source not in SKELETONS or pose.shape[-2] != len(SKELETONS[source]):
        known = ", ".join(f"{one.name} ({len(one)} joints)" for one in SKELETONS.values())
        raise DataError(f"a pose of {pose.shape[-2]} joints is not one of {source!r}", hint=f"there is: {known}")
    if source == target:
        return pose
    if (source, target) not in MIXTURES:
        found = ", ".join(to for of, to in MIXTURES if of == source) or "nothing"
        raise DataError(f"no mixture of joints leads from {source!r} to {target!r}", hint=f"{source} leads to {found}")
    parts, own = MIXTURES[source, target], SKELETONS[source]
    joints = [
        sum(pose[..., own.index(part), :] * pose.dtype.type(weight) for part, weight in parts[joint].items())
        for joint in SKELETONS[target].joints
    ]
    return np.stack(joints, axis=-2)
