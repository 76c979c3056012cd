"""A skier who winds down a slope.

The snow is the plane z = (x_end - x) tan(15 degrees), x from 0 downhill to x_end: the run ends at z = 0.
Turns follow a sinusoid of slowly changing amplitude; the body leans into them as far as its lateral acceleration asks.

Axes: T frames, J joints, S sides (left, right). World: +x downhill, +z up, millimetres; degrees; seconds.
"""

from __future__ import annotations

import numpy as np

from .body import LEG_MM, OUTWARD, place_feet, upper_body
from .motion import ANKLE_HEIGHT_MM, FloatArray, Motion
from .repertoire import arm
from .stance import Channels, enliven
from .tracks import wander

SLOPE_DEG, SPEED_MM_S, GRAVITY_MM_S2 = 15.0, 8000.0, 9810.0


def ski_motion(seconds: float, fps: float, rng: np.random.Generator) -> Motion:
    """A descent of about 8 m/s with rhythmic turns, knees and hips working, standing higher or tucked lower."""
    time = np.arange(round(seconds * fps)) / fps
    run = _tracks(time, rng)
    heading = np.degrees(np.arctan2(np.gradient(run[:, 1], time), np.gradient(run[:, 0], time)))
    lateral = np.gradient(np.gradient(run[:, 1], time), time)
    lean = -0.75 * np.degrees(np.arctan2(lateral, GRAVITY_MM_S2))
    channels = _crouch(time, lean, rng)
    channels["heading"] = heading * 0.6  # the upper body looks more downhill than the skis
    forward, left = _on_snow(heading), _on_snow(heading + 90)
    up = np.cross(forward, left)
    leaning = np.radians(lean)[:, None]
    stance = np.cos(leaning) * up - np.sin(leaning) * left
    crouch = 0.66 * LEG_MM - channels["drop"] + 60 * np.cos(np.radians(3 * lean))
    root = run + crouch[:, None] * stance - 90 * forward + [0, 0, ANKLE_HEIGHT_MM]
    half_width = rng.uniform(90, 140)
    ankles = np.stack([run + sign * half_width * left for sign in OUTWARD], axis=1) + ANKLE_HEIGHT_MM * up[:, None]
    joints = place_feet(upper_body(root, channels), ankles, np.stack([left, left], axis=1))
    return Motion("ski", joints.astype(np.float32), fps)


def _tracks(time_T: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Point between the skis (T, 3) on the snow."""
    hz, width = rng.uniform(0.28, 0.42), rng.uniform(900, 1700)
    beat = 2 * np.pi * (hz * time_T + rng.random()) + 0.5 * wander(time_T, 0.5, rng, (0.05, 0.15))
    along = rng.uniform(0.94, 1.06) * SPEED_MM_S * time_T * np.cos(np.radians(SLOPE_DEG))
    across = width * np.sin(beat)
    return np.column_stack([along, across, (along[-1] - along) * np.tan(np.radians(SLOPE_DEG))])


def _on_snow(heading_T: FloatArray) -> FloatArray:
    """Unit vectors (T, 3) along the snow whose plan view has the given heading."""
    h = np.radians(heading_T)
    vector = np.column_stack([np.cos(h), np.sin(h), -np.cos(h) * np.tan(np.radians(SLOPE_DEG))])
    return np.asarray(vector / np.linalg.norm(vector, axis=1, keepdims=True))


def _crouch(time_T: FloatArray, lean_T: FloatArray, rng: np.random.Generator) -> Channels:
    """Trunk, head and arms; the lower the tuck, the further forward the trunk."""
    tuck = np.clip(rng.uniform(0.1, 0.9) + wander(time_T, 0.15, rng), 0.0, 1.0)
    pose = {**arm("carry", 0), **arm("carry", 1)}
    channels: Channels = {name: np.full_like(time_T, value) for name, value in pose.items()}
    enliven(channels, time_T, rng)
    channels["drop"] += 40 + 90 * tuck
    channels["tilt"] += SLOPE_DEG + 22 + 14 * tuck
    channels["bend"] += 14 + 16 * tuck
    channels["nod"] -= 28 + 14 * tuck
    channels["lean"] += 0.8 * lean_T
    channels["side"] -= 0.5 * lean_T
    for side, sign in (("left", -1), ("right", 1)):
        channels[f"{side}_arm_fwd"] += 38 + 18 * tuck
        channels[f"{side}_arm_out"] += 14 - 6 * tuck + 0.3 * sign * lean_T
        channels[f"{side}_elbow"] -= 15 - 20 * tuck
    return channels
