"""The centre of gravity of a body from its joints, by segments of known mass.

Source: C. E. Clauser, J. T. McConville, J. W. Young, AMRL-TR-69-70, 1969: segment masses and where along its axis each
segment's centre lies. The masses are scaled to sum to 100 %, both sides counted.
Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, which draws the centre of gravity beside the box's centre.
Differs from the source: a skeleton ends at the wrists and the ankles, so hands and feet are points there, and the
trunk reaches from between the shoulders to between the hips. Differs from the paper: the same weights are applied to
joints in the picture, which is exact for a camera far away and off by (depth of the body / distance)^2 otherwise.

Axes: ``...`` any, J joints, D = 2 or 3 coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array
from ..core.skeleton import Skeleton


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the body.

    Attributes:
        mass: Its share of the body's mass, in percent.
        along: Where its centre lies on the way from ``near`` to ``far``, 0 to 1.
        near: Joints whose middle is the end that ``along`` counts from.
        far: Joints whose middle is the other end.
    """

    mass: float
    along: float
    near: tuple[str, ...]
    far: tuple[str, ...]


LIMBS = (
    (2.632, 0.5130, "shoulder", "elbow"),
    (1.611, 0.3896, "elbow", "wrist"),
    (0.650, 0.0, "wrist", "wrist"),
    (10.276, 0.3719, "hip", "knee"),
    (4.353, 0.3705, "knee", "ankle"),
    (1.471, 0.0, "ankle", "ankle"),
)
"""Upper arm, forearm, hand, thigh, shank, foot of one side: mass, along, near, far."""
TRUNK = Segment(50.730, 0.3803, ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))
HEAD = Segment(7.284, 0.4642, ("head",), ("neck",))
SEGMENTS = (
    HEAD,
    TRUNK,
    *(Segment(m, c, (f"{side}_{a}",), (f"{side}_{b}",)) for side in ("left", "right") for m, c, a, b in LIMBS),
)


def joint_weights(skeleton: Skeleton) -> Array:
    """Share of each joint in the centre of gravity, (J,), summing to 1.

    Every segment's centre is a mean of joints, so the whole centre is one too. Where the skeleton has no neck the
    head's mass lies at the head.

    Raises:
        DataError: If the skeleton lacks a joint that a segment ends at.
    """
    needed = {name for segment in SEGMENTS for name in (*segment.near, *segment.far)} - {"neck"}
    if missing := sorted(needed - set(skeleton.joints)):
        raise DataError(
            f"the centre of gravity needs joints that the skeleton {skeleton.name!r} does not have: "
            f"{', '.join(missing)}",
            hint=f"it has: {', '.join(skeleton.joints)}",
        )
    weights_J = np.zeros(len(skeleton))
    for segment in SEGMENTS:
        far = segment.far if set(segment.far) <= set(skeleton.joints) else segment.near
        for names, share in ((segment.near, 1 - segment.along), (far, segment.along)):
            for name in names:
                weights_J[skeleton.index(name)] += segment.mass * share / len(names)
    return np.asarray(weights_J / weights_J.sum())


def centre_of_gravity(joints_J: Array, weights_J: Array) -> Array:
    """x_CG = sum_b w_b x_b: from joints (..., J, D) and `joint_weights` the centre, (..., D), in their unit.

    Raises:
        DataError: If there is not one weight for each joint.
    """
    if joints_J.ndim < 2 or joints_J.shape[-2] != len(weights_J):
        raise DataError(f"one weight for each joint: {len(weights_J)} weights, joints of the shape {joints_J.shape}")
    return np.asarray(weights_J @ joints_J)
