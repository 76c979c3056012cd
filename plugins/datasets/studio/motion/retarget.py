"""Recorded skeletons as the Human3.6M-17 one, and poses on another person's bone lengths.

Joints are found by name (``naming``), or by the shape of the tree where no name is known. Hips, knees, ankles,
shoulders, elbows, wrists and the base of the neck are the file's own; the pelvis is the middle of the hips, the spine
joint the one half-way up; nose ("neck") and head top are put on the recorded skull as on an average adult's, for files
disagree about where a head begins and ends.

Axes: T frames, J joints of the file or the 17. World: +z up, millimetres.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from .body import ANKLES, HEAD, HIPS, KNEES, NECK, OFFSETS_J3, PARENTS, SHOULDERS, SPINE, THORAX, centre_of_gravity
from .motion import ANKLE_HEIGHT_MM, FloatArray, Motion
from .naming import find_joints
from .recording import Recording

# Thigh + shank + pelvis to thorax of an adult of 1.7 m: the measure of files that do not tell their unit
REFERENCE_MM = float(np.linalg.norm(OFFSETS_J3[[KNEES[0], ANKLES[0], SPINE, THORAX]], axis=1).sum())
_Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def to_human36m(recording: Recording) -> Motion:
    """The motion of a recording: millimetres, +z up, soles on z = 0 at the lowest moment, path centred on the origin.

    Raises:
        DataError: where a joint can be told neither by name nor by the shape of the skeleton.
    """
    found = find_joints(recording)
    turn = _to_z_up(recording, found)
    positions = recording.positions_TJ3 @ turn.T
    rest = recording.rest_J3 @ turn.T
    joints = np.zeros((len(positions), len(PARENTS), 3))
    for joint, source in found.items():
        if joint not in (NECK, HEAD, 0):
            joints[:, joint] = positions[:, source]
    joints[:, 0] = joints[:, HIPS].mean(axis=1)
    if SPINE not in found:
        joints[:, SPINE] = (joints[:, 0] + joints[:, THORAX]) / 2
    joints *= 1000 * recording.metres if recording.metres else REFERENCE_MM / _reference(joints)
    _add_head(joints, _skull_frames(recording, found, turn, rest))
    joints = _rebuild(joints, bone_lengths(joints), joints[:, 0])
    middle = (joints[:, 0, :2].max(axis=0) + joints[:, 0, :2].min(axis=0)) / 2
    joints -= [*middle, joints[:, ANKLES, 2].min() - ANKLE_HEIGHT_MM]
    return Motion(recording.name, joints.astype(np.float32), recording.fps)


def bone_lengths(joints_TJ3: FloatArray) -> FloatArray:
    """Median length (17,) of the bone that ends in each joint, in the unit of the joints; 0 for the pelvis."""
    bones = joints_TJ3 - joints_TJ3[:, [max(parent, 0) for parent in PARENTS]]
    return np.asarray(np.median(np.linalg.norm(bones, axis=-1), axis=0))


def retarget(
    joints_TJ3: FloatArray, bone_lengths_mm: FloatArray, anchor: Literal["floor", "centre"] = "floor"
) -> FloatArray:
    """The same poses on other bone lengths: every bone keeps its direction.

    Args:
        joints_TJ3: World positions, Human3.6M-17, +z up.
        bone_lengths_mm: Length (17,) of the bone that ends in each joint; the pelvis' entry is not used.
        anchor: "floor" scales the path of the pelvis about the origin by the length of the legs and keeps the lowest
            ankle where it was; "centre" keeps the path of the centre of gravity, as a flight needs.

    Returns:
        (T, 17, 3) in the dtype of the input.
    """
    joints = joints_TJ3.astype(np.float64)
    legs = [*KNEES, *ANKLES]
    scale = bone_lengths_mm[legs].sum() / bone_lengths(joints)[legs].sum()
    result = _rebuild(joints, bone_lengths_mm, scale * joints[:, 0])
    if anchor == "centre":
        result += (centre_of_gravity(joints) - centre_of_gravity(result))[:, None]
    else:
        result[..., 2] += joints[:, ANKLES, 2].min() - result[:, ANKLES, 2].min()
    return np.asarray(result.astype(joints_TJ3.dtype))


def _rebuild(joints_TJ3: FloatArray, lengths_J: FloatArray, root_T3: FloatArray) -> FloatArray:
    """The skeleton put together again from its bones' directions, with the given lengths."""
    result = np.zeros_like(joints_TJ3)
    result[:, 0] = root_T3
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            bone = joints_TJ3[:, joint] - joints_TJ3[:, parent]
            length = np.linalg.norm(bone, axis=-1, keepdims=True)
            result[:, joint] = result[:, parent] + lengths_J[joint] * bone / np.maximum(length, 1e-9)
    return result


def _reference(joints_TJ3: FloatArray) -> float:
    lengths = bone_lengths(joints_TJ3)
    legs = lengths[[*KNEES, *ANKLES]].sum() / 2
    return float(legs + lengths[[SPINE, THORAX]].sum())


def _to_z_up(recording: Recording, found: dict[int, int]) -> FloatArray:
    """Rotation (3, 3) from the file's axes to +z up.

    Where the format does not say, up is where bodies point on average over the clip; a clip that spends its time
    neither upright nor upside down is settled by the pose of the skeleton at rest.
    """
    if recording.up is None:
        ankles = [found[joint] for joint in ANKLES]
        clip = recording.positions_TJ3[:, found[THORAX]] - recording.positions_TJ3[:, ankles].mean(axis=1)
        clip_3 = (clip / np.linalg.norm(clip, axis=1, keepdims=True)).mean(axis=0)
        rest_3 = recording.rest_J3[found[THORAX]] - recording.rest_J3[ankles].mean(axis=0)
        upright = clip_3 if abs(abs(clip_3[1]) - abs(clip_3[2])) > 0.3 else rest_3
        up = "y" if abs(upright[1]) > abs(upright[2]) else "z"
    else:
        up = recording.up
    return _Y_UP_TO_Z_UP if up == "y" else np.eye(3)


def _skull_frames(
    recording: Recording, found: dict[int, int], turn_33: FloatArray, rest_J3: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Forward and up (T, 3) of the skull in the +z-up world: as at rest, turned like the head joint."""
    left = sum(rest_J3[found[pair[0]]] - rest_J3[found[pair[1]]] for pair in (HIPS, SHOULDERS))
    up = rest_J3[found[THORAX]] - rest_J3[[found[joint] for joint in HIPS]].mean(axis=0)
    forward = np.cross(left, up)
    forward /= np.linalg.norm(forward)
    up = np.cross(forward, left)
    up /= np.linalg.norm(up)
    frames = turn_33 @ recording.frames_TJ33[:, found.get(HEAD, found[THORAX])] @ turn_33.T
    return frames @ forward, frames @ up


def _add_head(joints_TJ3: FloatArray, skull: tuple[FloatArray, FloatArray]) -> None:
    """Put nose and head top on the thorax joint, in place, in millimetres."""
    forward, up = skull
    for joint in (NECK, HEAD):
        ahead, _, above = OFFSETS_J3[joint]
        joints_TJ3[:, joint] = joints_TJ3[:, PARENTS[joint]] + ahead * forward + above * up
