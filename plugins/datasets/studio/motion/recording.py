"""A recorded motion as its file tells it, and the kinematics that every format shares.

Axes: T frames, J joints of the file. Positions are in the file's own unit and axes; ``retarget`` makes a ``Motion``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .body import rotation
from .motion import FloatArray

_AXES = dict(zip("xyz", np.eye(3), strict=True))


@dataclass(frozen=True, slots=True)
class Recording:
    """Joints of a recorded skeleton over time.

    Attributes:
        name: Stem of the file.
        joints: Names as in the file; the end of a chain has the name of its joint and "_end".
        parents: Index of each joint's parent, -1 for the root; parents come first.
        positions_TJ3: World positions.
        frames_TJ33: World rotation of each joint from its rest orientation.
        rest_J3: Positions with all rotations zero.
        fps: Frames per second.
        metres: Length of the file's unit, None where the format does not say.
        up: The axis that points up ("y" or "z"), None where the format does not say.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    positions_TJ3: FloatArray
    frames_TJ33: FloatArray
    rest_J3: FloatArray
    fps: float
    metres: float | None = None
    up: str | None = None


def euler(order: str, degrees_TC: FloatArray) -> FloatArray:
    """Rotations (T, 3, 3): the product of rotations about the axes of ``order`` ("zyx": R = Rz Ry Rx)."""
    result = np.broadcast_to(np.eye(3), (len(degrees_TC), 3, 3))
    for axis, angle_T in zip(order, degrees_TC.T, strict=True):
        result = result @ rotation(angle_T[:, None] * _AXES[axis])
    return result


def quaternion(wxyz_T4: FloatArray) -> FloatArray:
    """Rotations (T, 3, 3) of quaternions with the real part first, normalised here."""
    w, x, y, z = (wxyz_T4 / np.linalg.norm(wxyz_T4, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def forward_kinematics(
    parents: Sequence[int], local_TJ33: FloatArray, offsets_TJ3: FloatArray, *, at_end: bool = False
) -> tuple[FloatArray, FloatArray]:
    """World positions (T, J, 3) and rotations (T, J, 3, 3).

    Args:
        parents: Index of each joint's parent, -1 for the root, parents first.
        local_TJ33: Rotation of each joint in its parent's frame.
        offsets_TJ3: Each joint from its parent; the root's is its world position.
        at_end: A joint is the END of a bone that it turns itself (ASF), so its offset turns with it.
    """
    positions, frames = np.array(offsets_TJ3), np.array(local_TJ33)
    for joint, parent in enumerate(parents):
        if parent < 0:
            continue
        frames[:, joint] = frames[:, parent] @ local_TJ33[:, joint]
        turning = frames[:, joint if at_end else parent]
        positions[:, joint] = positions[:, parent] + (turning @ offsets_TJ3[:, joint, :, None])[..., 0]
    return positions, frames


def rest_positions(parents: Sequence[int], offsets_J3: FloatArray) -> FloatArray:
    """Positions (J, 3) with all rotations zero and the root at its own offset."""
    identity = np.broadcast_to(np.eye(3), (1, len(parents), 3, 3))
    return np.asarray(forward_kinematics(parents, identity, offsets_J3[None])[0][0])
