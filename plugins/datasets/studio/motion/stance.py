"""From a course and channels to joints: feet step, the pelvis stays within reach of them, the rest follows.

Axes: T frames, J joints, S sides (left, right). World: +z up, millimetres, floor at z = 0; degrees; seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .body import LEG_MM, SIDES, pelvis_frame, place_feet, standing_height, upper_body
from .motion import ANKLE_HEIGHT_MM, FloatArray
from .tracks import Course, footsteps, wander

Channels: TypeAlias = dict[str, FloatArray]

UPRIGHT_MM = ANKLE_HEIGHT_MM + 0.985 * LEG_MM  # of the pelvis, knees just short of straight
STEP_LIFT_S, STEP_LIFT_MM = 0.06, 110.0  # a foot carried at speed v is lifted by v times the first, at most the second

# Standard deviation of the slow noise on each channel: millimetres for the first three, degrees for the others
_NOISE = {"drop": 5.0, "back": 9.0, "shift": 14.0}
_NOISE |= {"tilt": 2.0, "lean": 1.5, "bend": 4.0, "side": 3.5, "turn": 6.0, "nod": 7.0, "look": 14.0}
_ARM_NOISE = {"arm_fwd": 8.0, "arm_out": 5.0, "arm_turn": 8.0, "elbow": 9.0}


@dataclass(frozen=True, slots=True)
class Footing:
    """How the feet are set: half of the distance between them, and how far the toes point outwards."""

    half_width_mm: float
    toe_out_deg: float


def enliven(channels: Channels, time_T: FloatArray, rng: np.random.Generator) -> None:
    """Add slow noise to trunk, head and arms, and the quick swing of waving hands, in place."""
    zero = np.zeros_like(time_T)
    noise = _NOISE | {f"{side}_{name}": size for side in SIDES for name, size in _ARM_NOISE.items()}
    for name, size in noise.items():
        channels[name] = channels.get(name, zero) + wander(time_T, size, rng)
    for side in SIDES:
        beat = np.sin(2 * np.pi * (rng.uniform(1.2, 2.2) * time_T + rng.random()))
        bent = channels[f"{side}_elbow"] + beat * channels.get(f"{side}_wave", zero)
        channels[f"{side}_elbow"] = soft_clip(bent, 3.0, 148.0)


def soft_clip(value_T: FloatArray, low: float, high: float) -> FloatArray:
    """Keep within the range of a joint without a corner at its ends (a smooth maximum, then a smooth minimum)."""
    softness = 3.0
    above = low + softness * np.logaddexp(0.0, (value_T - low) / softness)
    return high - softness * np.logaddexp(0.0, (high - above) / softness)


def stand(course: Course, channels: Channels, footing: Footing) -> FloatArray:
    """World joints (T, 17, 3) of a person on the floor.

    Args:
        course: Where the body goes and when the feet may step.
        channels: Angles of ``body.upper_body`` except the heading, which is added to the course's, and millimetres:
            ``drop``, ``back``, ``shift`` (to the right) of the pelvis, ``<side>_foot_fwd|out|up``.
        footing: How the feet are set.
    """
    zero = np.zeros_like(course.time_T)
    channels = {**channels, "heading": course.heading_T + channels.get("heading", zero)}
    ankles, foot_heading = footsteps(course, footing.half_width_mm, footing.toe_out_deg)
    ankles += _carried_feet(course, channels)
    forward, left = _horizontal(course.heading_T), _horizontal(course.heading_T + 90)
    xy = course.xy_T2 - channels["back"][:, None] * forward[:, :2] - channels["shift"][:, None] * left[:, :2]
    height = standing_height(UPRIGHT_MM - channels["drop"], xy, pelvis_frame(channels), ankles)
    joints = upper_body(np.column_stack([xy, height]), channels)
    return place_feet(joints, ankles, _horizontal(foot_heading + 90))


def _horizontal(degrees: FloatArray) -> FloatArray:
    """Unit vectors (..., 3) in the floor's plane."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians), np.zeros_like(radians)], axis=-1)


def _carried_feet(course: Course, channels: Channels) -> FloatArray:
    """How far each ankle (T, 2, 3) is from its foothold, lifted off the floor while it travels."""
    zero = np.zeros_like(course.time_T)
    forward, left = _horizontal(course.heading_T), _horizontal(course.heading_T + 90)
    carried = []
    for side, outward in zip(SIDES, (1.0, -1.0), strict=True):
        fwd, out, up = (channels.get(f"{side}_foot_{name}", zero) for name in ("fwd", "out", "up"))
        speed = np.hypot(np.gradient(fwd, course.time_T), np.gradient(out, course.time_T))
        lift = STEP_LIFT_MM * np.tanh(STEP_LIFT_S * speed / STEP_LIFT_MM)
        travel = fwd[:, None] * forward + outward * out[:, None] * left
        carried.append(travel + np.column_stack([zero, zero, np.maximum(up, 0) + lift]))
    return np.stack(carried, axis=1)
