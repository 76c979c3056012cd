"""An articulated average adult: joint angles and ankle positions give joints; joints give the centre of gravity.

The trunk, head and arms follow joint angles by forward kinematics. Legs either do the same (in flight) or reach for
given ankle positions by the law of cosines (on the ground), so that a standing foot does not slide.

Masses: Clauser, McConville and Young 1969 (13 cadavers), rescaled to sum to one. The skeleton has neither hands nor
feet: their masses stay at wrist and ankle.

Axes: T frames, J joints, S sides (left, right). Body frame: +x forward, +y left, +z up. Millimetres, degrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from .....core.skeleton import HUMAN36M_17
from .motion import FloatArray

Channels: TypeAlias = Mapping[str, FloatArray]  # one (T,) array per degree of freedom; absent ones are zero

PARENTS = tuple(HUMAN36M_17.parents)
SIDES = ("left", "right")
OUTWARD = (1.0, -1.0)  # a positive angle moves a limb away from the midline on either side
HIPS, KNEES, ANKLES = (4, 1), (5, 2), (6, 3)
SPINE, THORAX, NECK, HEAD = 7, 8, 9, 10
SHOULDERS, ELBOWS, WRISTS = (11, 14), (12, 15), (13, 16)

THIGH_MM, SHANK_MM = 445.0, 445.0
LEG_MM = 0.997 * (THIGH_MM + SHANK_MM)  # no leg is stretched to a perfectly straight line
# Each joint from its parent, standing upright with hanging arms. The neck joint lies at the nose, in front.
OFFSETS_J3: FloatArray = np.array(
    [
        [0, 0, 0],
        *([0, -130, 0], [0, 0, -THIGH_MM], [0, 0, -SHANK_MM]),  # right leg
        *([0, 130, 0], [0, 0, -THIGH_MM], [0, 0, -SHANK_MM]),  # left leg
        *([-10, 0, 238], [5, 0, 255], [45, 0, 105], [-25, 0, 112]),  # spine, thorax, neck, head top
        *([-5, 148, -30], [0, 0, -280], [0, 0, -250]),  # left arm
        *([-5, -148, -30], [0, 0, -280], [0, 0, -250]),  # right arm
    ],
    dtype=np.float64,
)

# (first end, second end, share of the mass, centre as a fraction of the way from the first end)
SEGMENTS = (
    (HEAD, NECK, 0.07284, 0.4642),
    (THORAX, 0, 0.50730, 0.3803),
    *((SHOULDERS[s], ELBOWS[s], 0.02632, 0.5130) for s in range(2)),
    *((ELBOWS[s], WRISTS[s], 0.01611, 0.3896) for s in range(2)),
    *((WRISTS[s], WRISTS[s], 0.00650, 0.0) for s in range(2)),
    *((HIPS[s], KNEES[s], 0.10276, 0.3719) for s in range(2)),
    *((KNEES[s], ANKLES[s], 0.04353, 0.3705) for s in range(2)),
    *((ANKLES[s], ANKLES[s], 0.01471, 0.0) for s in range(2)),
)


def gravity_weights() -> FloatArray:
    """Share of each joint (17,) in the centre of gravity: the segments' masses split between their two ends."""
    weight_J = np.zeros(len(PARENTS))
    for first, second, mass, along in SEGMENTS:
        weight_J[first] += mass * (1 - along)
        weight_J[second] += mass * along
    share_J: FloatArray = weight_J / weight_J.sum()
    return share_J


def centre_of_gravity(joints_TJ3: FloatArray) -> FloatArray:
    """Mass-weighted mean of the body segments, (..., 17, 3) -> (..., 3), in the unit of the joints."""
    return np.asarray(np.einsum("j,...jc->...c", gravity_weights(), joints_TJ3.astype(np.float64)))


def rotation(vector_T3: FloatArray) -> FloatArray:
    """Rotation matrices (T, 3, 3) from rotation vectors (T, 3) in degrees (Rodrigues' formula)."""
    vector = np.radians(vector_T3)
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(vector / np.maximum(angle, 1e-12), -1, 0)
    o = np.zeros_like(x)
    cross = np.stack([o, -z, y, z, o, -x, -y, x, o], axis=-1).reshape(*x.shape, 3, 3)
    sin, cos = np.sin(angle)[..., None], np.cos(angle)[..., None]
    return np.asarray(np.eye(3) + sin * cross + (1 - cos) * cross @ cross)


def _turned(channels: Channels, *names: str, share: float = 1.0) -> FloatArray:
    """Rotation about x, y, z by the named channels (an empty name is zero)."""
    size = len(next(iter(channels.values())))
    angles = [channels.get(name, np.zeros(size)) for name in names]
    return rotation(share * np.stack(angles, axis=-1))


def pelvis_frame(channels: Channels) -> FloatArray:
    """World rotation of the pelvis: heading (about z), then lean to the right and tilt forward."""
    return _turned(channels, "", "", "heading") @ _turned(channels, "lean", "tilt", "")


def limb_frame(channels: Channels, limb: str, side: int) -> FloatArray:
    """Rotation of an upper arm or thigh in its girdle: swing (outward, forward), then a twist about its own axis.

    Channels ``<side>_<limb>_fwd``, ``_out``, ``_turn``; a positive turn is external rotation.
    """
    stem = f"{SIDES[side]}_{limb}"
    size = len(next(iter(channels.values())))
    fwd, out, turn = (channels.get(f"{stem}_{name}", np.zeros(size)) for name in ("fwd", "out", "turn"))
    zero, sign = np.zeros(size), OUTWARD[side]
    swing = rotation(np.stack([sign * out, -fwd, zero], axis=-1))
    return swing @ rotation(np.stack([zero, zero, sign * turn], axis=-1))


def _hinge(channels: Channels, name: str, sign: float) -> FloatArray:
    """Rotation of a forearm (sign -1: forwards) or shank (+1: backwards) about the lateral axis."""
    size = len(next(iter(channels.values())))
    angle = channels.get(name, np.zeros(size))
    return rotation(np.stack([np.zeros(size), sign * angle, np.zeros(size)], axis=-1))


def upper_body(root_T3: FloatArray, channels: Channels) -> FloatArray:
    """Joints (T, 17, 3) with pelvis, hips, trunk, head and arms in place; knees and ankles are left at zero.

    Args:
        root_T3: World position of the pelvis.
        channels: Degrees: heading, tilt, lean (pelvis); bend, side, turn (trunk: forward, right, left);
            nod, look (head); ``<side>_arm_fwd|out|turn``, ``<side>_elbow``.
    """
    joints = np.zeros((len(root_T3), len(PARENTS), 3))
    joints[:, 0] = root_T3
    pelvis = pelvis_frame(channels)
    half_trunk = _turned(channels, "side", "bend", "turn", share=0.5)
    half_head = _turned(channels, "tip", "nod", "look", share=0.5)
    spine = pelvis @ half_trunk
    chest = spine @ half_trunk
    skull = chest @ half_head
    chain = [*((hip, pelvis) for hip in HIPS), (SPINE, spine), (THORAX, chest), (NECK, skull)]
    chain += [(HEAD, skull @ half_head), *((shoulder, chest) for shoulder in SHOULDERS)]
    for joint, frame in chain:
        joints[:, joint] = joints[:, PARENTS[joint]] + frame @ OFFSETS_J3[joint]
    for s in range(2):
        arm = chest @ limb_frame(channels, "arm", s)
        forearm = arm @ _hinge(channels, f"{SIDES[s]}_elbow", -1.0)
        joints[:, ELBOWS[s]] = joints[:, SHOULDERS[s]] + arm @ OFFSETS_J3[ELBOWS[s]]
        joints[:, WRISTS[s]] = joints[:, ELBOWS[s]] + forearm @ OFFSETS_J3[WRISTS[s]]
    return joints


def swing_legs(joints_TJ3: FloatArray, channels: Channels) -> FloatArray:
    """The joints with legs set by angles: ``<side>_leg_fwd|out|turn`` and ``<side>_knee`` in degrees."""
    joints = joints_TJ3.copy()
    for s in range(2):
        thigh = pelvis_frame(channels) @ limb_frame(channels, "leg", s)
        shank = thigh @ _hinge(channels, f"{SIDES[s]}_knee", 1.0)
        joints[:, KNEES[s]] = joints[:, HIPS[s]] + thigh @ OFFSETS_J3[KNEES[s]]
        joints[:, ANKLES[s]] = joints[:, KNEES[s]] + shank @ OFFSETS_J3[ANKLES[s]]
    return joints


def place_feet(joints_TJ3: FloatArray, ankles_TS3: FloatArray, axis_TS3: FloatArray) -> FloatArray:
    """The joints with legs that reach for the ankles, or as far towards them as they are long.

    Args:
        joints_TJ3: From ``upper_body``.
        ankles_TS3: Wanted world positions.
        axis_TS3: Axis of each knee, pointing to the body's left: the knee bends to the front of it.
    """
    joints = joints_TJ3.copy()
    for s in range(2):
        hip = joints[:, HIPS[s]]
        way = ankles_TS3[:, s] - hip
        reach = np.linalg.norm(way, axis=-1, keepdims=True)
        towards = way / reach
        reach = np.clip(reach, 0.25 * LEG_MM, LEG_MM)
        front = np.cross(towards, axis_TS3[:, s])
        front /= np.linalg.norm(front, axis=-1, keepdims=True)
        cos = (THIGH_MM**2 + reach**2 - SHANK_MM**2) / (2 * THIGH_MM * reach)
        joints[:, KNEES[s]] = hip + THIGH_MM * (cos * towards + np.sqrt(1 - cos**2) * front)
        joints[:, ANKLES[s]] = hip + reach * towards
    return joints


def standing_height(
    height_T: FloatArray, xy_T2: FloatArray, pelvis_T33: FloatArray, ankles_TS3: FloatArray
) -> FloatArray:
    """The wanted height (T,) of the pelvis, lowered smoothly where a leg would not reach its ankle."""
    limits = [height_T]
    for s in range(2):
        hip_T3 = pelvis_T33 @ OFFSETS_J3[HIPS[s]]
        across_T = np.linalg.norm(xy_T2 + hip_T3[:, :2] - ankles_TS3[:, s, :2], axis=-1)
        limits.append(ankles_TS3[:, s, 2] - hip_T3[:, 2] + np.sqrt(np.maximum(LEG_MM**2 - across_T**2, 0.0)))
    softness = 12.0  # mm: how early the smooth minimum gives way
    return np.asarray(-softness * np.logaddexp.reduce(-np.stack(limits) / softness, axis=0))
