"""Smooth curves for the procedural motions: key poses with rests, slow noise, and footsteps along a path.

Axes: T frames, K keys, S sides (left, right). Seconds, millimetres, degrees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .body import OUTWARD
from .motion import ANKLE_HEIGHT_MM, FloatArray

STANCE_SHARE = 0.62  # of a stride, in walking
LIFT_MM, FULL_STEP_MM = 110.0, 300.0  # a step shorter than FULL_STEP_MM lifts the foot proportionally less


def ease(u_T: FloatArray) -> FloatArray:
    """Minimum-jerk curve from 0 to 1 (Flash and Hogan 1985), flat beyond: 10 u^3 - 15 u^4 + 6 u^5."""
    u = np.clip(u_T, 0.0, 1.0)
    return u**3 * (10 - 15 * u + 6 * u**2)


def key_track(time_T: FloatArray, key_time_K: FloatArray, key_K: FloatArray, moving: float) -> FloatArray:
    """Curve through the keys: it moves during the first ``moving`` share of every interval and rests in the others."""
    k = np.clip(np.searchsorted(key_time_K, time_T, side="right") - 1, 0, len(key_K) - 2)
    span = (key_time_K[k + 1] - key_time_K[k]) * moving
    return np.asarray(key_K[k] + (key_K[k + 1] - key_K[k]) * ease((time_T - key_time_K[k]) / span))


def key_tracks(
    time_T: FloatArray, key_time_K: FloatArray, poses: Sequence[Mapping[str, float]], moving: float = 0.7
) -> dict[str, FloatArray]:
    """One curve for every channel that any of the K poses names; a pose that lacks it counts as zero."""
    names = sorted({name for pose in poses for name in pose})
    return {
        name: key_track(time_T, key_time_K, np.array([pose.get(name, 0.0) for pose in poses]), moving) for name in names
    }


def key_times(time_T: FloatArray, pace_s: tuple[float, float], rng: np.random.Generator) -> FloatArray:
    """Random times that cover ``time_T``, ``pace_s`` (shortest, longest) apart."""
    count = int((time_T[-1] - time_T[0]) / pace_s[0]) + 3
    steps = rng.uniform(*pace_s, size=count)
    start = time_T[0] - rng.uniform(0, pace_s[1])
    return np.asarray(start + np.concatenate([[0.0], np.cumsum(steps)]))


def wander(
    time_T: FloatArray, amplitude: float, rng: np.random.Generator, hz: tuple[float, float] = (0.07, 0.6)
) -> FloatArray:
    """Slow noise of the given standard deviation: five sinusoids, the faster the weaker."""
    frequency = rng.uniform(*hz, size=5)
    weight = 1 / np.sqrt(frequency)
    phase = rng.uniform(0, 2 * np.pi, size=5)
    waves = weight * np.sin(2 * np.pi * time_T[:, None] * frequency + phase)
    return np.asarray(amplitude * waves.sum(axis=1) / np.sqrt((weight**2).sum() / 2))


@dataclass(frozen=True, slots=True)
class Course:
    """Where the body goes, before its limbs are known.

    Attributes:
        time_T: Seconds.
        xy_T2: Horizontal position of the pelvis.
        heading_T: Degrees, counter-clockwise from +x.
        phase_T: Strides since the start; never falls.
    """

    time_T: FloatArray
    xy_T2: FloatArray
    heading_T: FloatArray
    phase_T: FloatArray


def footsteps(course: Course, half_width_mm: float, toe_out_deg: float) -> tuple[FloatArray, FloatArray]:
    """Ankles (T, 2, 3) that stand still while they bear weight, and the heading of each foot (T, 2) in degrees.

    Each foot is set down beside the place that the body has in the middle of that stance.
    """
    ankles = np.zeros((len(course.time_T), 2, 3))
    headings = np.zeros((len(course.time_T), 2))
    for s in range(2):
        phase = course.phase_T + 0.5 * s
        stride = np.floor(phase)
        first = _plant(course, stride, s, half_width_mm)
        second = _plant(course, stride + 1, s, half_width_mm)
        swing = (phase - stride - STANCE_SHARE) / (1 - STANCE_SHARE)
        place = first + (second - first) * ease(swing)[:, None]
        step = np.linalg.norm((second - first)[:, :2], axis=1)
        rise = np.sin(np.pi * np.clip((swing + 0.4) / 1.4, 0, 1)) ** 2  # the heel rises before the foot leaves
        ankles[:, s, :2] = place[:, :2]
        ankles[:, s, 2] = ANKLE_HEIGHT_MM + LIFT_MM * np.minimum(step / FULL_STEP_MM, 1.3) * rise
        headings[:, s] = place[:, 2] + OUTWARD[s] * toe_out_deg
    return ankles, headings


def _plant(course: Course, stride_T: FloatArray, side: int, half_width_mm: float) -> FloatArray:
    """Position and body heading (T, 3) at which a foot stands during the given strides."""
    middle = np.interp(stride_T + 0.5 * STANCE_SHARE - 0.5 * side, course.phase_T, course.time_T)
    x, y, heading = (np.interp(middle, course.time_T, value) for value in (*course.xy_T2.T, course.heading_T))
    offset = OUTWARD[side] * half_width_mm
    return np.stack(
        [x - offset * np.sin(np.radians(heading)), y + offset * np.cos(np.radians(heading)), heading], axis=-1
    )
