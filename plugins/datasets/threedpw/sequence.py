"""One sequence file of 3DPW: a pickle that Python 2 wrote, with what is known of each person and of the camera.

Source: von Marcard et al., ECCV 2018, and the files' own readme, which calls `poses2d` and `genders` otherwise than the
files do. Body models, their 60 Hz versions and textures are not read: `jointPositions` are joints already.

Axes: N frames, J joints (SMPL's 24, or OpenPose's 18), 3 = x y z or x y confidence.
Coordinates: metres in the world, +y up; `cam_poses` lead from there to the camera (x right, y down, z forward).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.untrusted import load_pickle

TO_Y_UP_33 = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""From a world whose +z is up, as everywhere else here, to that of the files."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person of a sequence.

    Attributes:
        joints_NJ3: SMPL's joints, world metres, (N, 24, 3) float32.
        found_NJ3: What OpenPose found, pixels and confidence, (N, 18, 3) float32; NaN where it found nothing.
        valid_N: Whether the camera's pose was aligned to the picture.
    """

    joints_NJ3: Array
    found_NJ3: Array
    valid_N: Array


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a file holds of that which is read.

    Attributes:
        people: Those who are tracked.
        extrinsics_N44: World to camera, metres.
        intrinsics_33: Pixels.
    """

    people: tuple[Person, ...]
    extrinsics_N44: Array
    intrinsics_33: Array

    def camera_joints(self, person: int, rows: Array) -> Array:
        """Joints before the camera of their frame, (N, 24, 3) mm."""
        turn_N33, shift_N3 = self.extrinsics_N44[rows, :3, :3], self.extrinsics_N44[rows, :3, 3]
        world_NJ3 = self.people[person].joints_NJ3[rows].astype(np.float64)
        return np.asarray(1000 * (world_NJ3 @ turn_N33.swapaxes(-1, -2) + shift_N3[:, None]))

    def rotations(self, rows: Array) -> Array:
        """World to camera, (N, 3, 3), of a world whose +z is up."""
        return np.asarray(self.extrinsics_N44[rows, :3, :3] @ TO_Y_UP_33)


def read_sequence(path: Path) -> Content:
    """Read a file, without running anything that it asks for.

    Raises:
        DataError: If it is missing or broken, asks for more than data, lacks a field, or fields differ in length.
    """
    told = load_pickle(path)
    if not isinstance(told, Mapping):
        raise DataError("the pickle holds no sequence of 3DPW", where=str(path), hint="expected is a dictionary")
    extrinsics_N44 = _numbers(told, "cam_poses", path, (-1, 4, 4))
    count = len(extrinsics_N44)
    intrinsics_33 = _numbers(told, "cam_intrinsics", path, (3, 3))
    people = []
    for person in range(len(_field(told, "jointPositions", path))):
        joints = _numbers(told, "jointPositions", path, (-1, 24, 3), person)
        valid = _numbers(told, "campose_valid", path, (-1,), person)
        found = _numbers(told, "poses2d" if "poses2d" in told else "poses2D", path, (-1, 3, 18), person)
        lengths = {
            "cam_poses": count,
            "jointPositions": len(joints),
            "campose_valid": len(valid),
            "poses2d": len(found),
        }
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise DataError(f"the fields differ in length: {listed}", where=str(path), hint="copy the file again")
        found_NJ3 = found.swapaxes(1, 2).astype(np.float32)
        found_NJ3[found_NJ3[..., 2] <= 0] = np.nan
        people.append(Person(joints.astype(np.float32), found_NJ3, valid > 0))
    return Content(tuple(people), extrinsics_N44, intrinsics_33)


def _field(told: Mapping[str, Any], name: str, path: Path) -> Any:
    if name not in told:
        have = ", ".join(sorted(str(key) for key in told)) or "nothing"
        raise DataError(f"the sequence has no {name!r}", where=str(path), hint=f"it has: {have}")
    return told[name]


def _numbers(
    told: Mapping[str, Any], name: str, path: Path, shape: tuple[int, ...], person: int | None = None
) -> Array:
    """A field, or one person's part of it, as float64 of a shape."""
    value = _field(told, name, path)
    try:
        return np.asarray(value if person is None else value[person], np.float64).reshape(shape)
    except (TypeError, ValueError, LookupError):
        sides = " x ".join("N" if side < 0 else str(side) for side in shape)
        whose = "" if person is None else f" of person {person}"
        raise DataError(f"{name!r}{whose} is no {sides} numbers", where=str(path), hint="copy the file again") from None
