"""Invented motions of an average adult, with endless variety from a random generator.

Key poses (``repertoire``) are visited in random order with smooth transitions; slow noise keeps everything alive;
feet step where the body goes and the legs follow (``stance``). Nothing here is recorded.

Axes: T frames. World: +z up, millimetres; the room's centre is the origin, the floor z = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from .....core.errors import ConfigError
from .flight import dive_motion
from .motion import FloatArray, Motion
from .repertoire import ACTIVE, CALM, GESTURES, SQUAT_ARMS, arm, draw_poses
from .slope import ski_motion
from .stance import Channels, Footing, enliven, stand
from .tracks import Course, key_times, key_track, key_tracks, wander

MARGIN_S = 2.0  # made before and after the clip, so that steps at its ends have both their footholds
ROOM_MM = 750.0  # the pelvis stays this close to the middle, in x and in y

Kind: TypeAlias = Callable[[float, float, np.random.Generator], Motion]


def procedural_motion(kind: str, seconds: float, fps: float, rng: np.random.Generator) -> Motion:
    """A new motion of the given kind.

    Args:
        kind: One of ``KINDS``. All but the last two stay in a room of +-0.8 m; "dive" and "ski" travel along +x.
        seconds: Length of the clip (a dive ends at the water, see ``flight.dive_motion``).
        fps: Frames per second.
        rng: Source of all variety: the same state gives the same motion.

    Raises:
        ConfigError: for an unknown kind, or no time.
    """
    if kind not in KINDS:
        raise ConfigError(f"no procedural motion {kind!r}", hint=f"choose one of {', '.join(KINDS)}")
    if seconds <= 0 or fps <= 0:
        raise ConfigError(f"a motion needs time: got {seconds} s at {fps} fps", hint="both must be positive")
    return KINDS[kind](seconds, fps, rng)


def _clock(seconds: float, fps: float) -> FloatArray:
    margin = int(np.ceil(MARGIN_S * fps))
    return np.arange(-margin, round(seconds * fps) + margin) / fps


def _cut(name: str, joints_TJ3: FloatArray, fps: float) -> Motion:
    """Without the margins."""
    margin = int(np.ceil(MARGIN_S * fps))
    return Motion(name, joints_TJ3[margin:-margin].astype(np.float32), fps)


def _gait(seconds: float, fps: float, rng: np.random.Generator) -> Motion:
    """Walking about on a closed, curved path."""
    time = _clock(seconds, fps)
    speed = rng.uniform(500, 1150) * (1 + 0.15 * np.tanh(wander(time, 0.7, rng)))
    xy, heading = _stroll(np.cumsum(speed) / fps, rng)
    stride_hz = 0.5 + 0.42 * speed / 1000
    phase = np.cumsum(stride_hz) / fps + rng.random()
    course = Course(time, xy, heading, phase)
    style = CALM[rng.integers(len(CALM))]
    other = style if rng.random() < 0.6 else CALM[rng.integers(len(CALM))]
    pose = {**arm(style, 0), **arm(other, 1), "drop": rng.uniform(0, 35), "tilt": rng.uniform(0, 6)}
    channels: Channels = {name: np.full_like(time, value) for name, value in pose.items()}
    enliven(channels, time, rng)
    _swing(channels, phase, rng, free=(style == "hang", other == "hang"))
    footing = Footing(rng.uniform(70, 110), rng.uniform(2, 12))
    return _cut("gait", stand(course, channels, footing), fps)


def _swing(channels: Channels, phase_T: FloatArray, rng: np.random.Generator, free: tuple[bool, bool]) -> None:
    """Let arms, shoulders and pelvis go with the legs, in place; the left foot is in front at phase 0."""
    beat = np.cos(2 * np.pi * phase_T)
    reach = rng.uniform(10, 34)
    for side, sign, swings in (("left", -1, free[0]), ("right", 1, free[1])):
        channels[f"{side}_arm_fwd"] += sign * beat * (reach if swings else 3.0)
        channels[f"{side}_elbow"] += 0.4 * reach * (1 + sign * beat) * swings
    channels["heading"] = -rng.uniform(3, 8) * beat
    channels["turn"] += rng.uniform(5, 13) * beat
    channels["shift"] -= rng.uniform(10, 28) * np.cos(2 * np.pi * (phase_T - 0.31))  # over the standing foot
    channels["bend"] += rng.uniform(1, 9)


def _stroll(way_T: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Position (T, 2) and heading (T,) in degrees after walking the given millimetres along a random closed curve."""
    angle = np.linspace(0, 2 * np.pi, 2001)
    waves = [rng.uniform(0, 0.45 / k**2) * np.sin(k * angle + rng.uniform(0, 2 * np.pi)) for k in (2, 3)]
    axes = np.array([1.0, rng.uniform(0.6, 1.0)])
    loop = axes * (1 + sum(waves, np.zeros_like(angle)))[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    tilt = rng.uniform(0, 2 * np.pi)
    loop = loop @ np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    loop = (loop - (loop.max(0) + loop.min(0)) / 2) * rng.uniform(0.75, 1.0) * ROOM_MM / np.abs(loop).max()
    loop = loop[:: rng.choice([-1, 1])]
    steps = np.linalg.norm(np.diff(loop, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    direction = np.unwrap(np.arctan2(*np.gradient(loop, axis=0).T[::-1]))
    way = way_T + rng.uniform(0, length[-1])
    rounds, rest = np.divmod(way, length[-1])
    xy = np.column_stack([np.interp(rest, length, axis) for axis in loop.T])
    heading = np.interp(rest, length, direction) + rounds * (direction[-1] - direction[0])
    return xy, np.degrees(heading)


def _standing(
    name: str, pace_s: tuple[float, float], turn_deg: float, bodies: tuple[str, ...], arms: tuple[str, ...]
) -> Kind:
    """A kind that visits key poses on the spot, stepping to face another way by up to ``turn_deg`` now and then."""

    def make(seconds: float, fps: float, rng: np.random.Generator) -> Motion:
        time = _clock(seconds, fps)
        tempo = rng.uniform(0.8, 1.25)
        key_time = key_times(time, (tempo * pace_s[0], tempo * pace_s[1]), rng)
        poses = draw_poses(len(key_time), bodies, arms, rng)
        channels = key_tracks(time, key_time, poses, moving=rng.uniform(0.6, 0.95))
        enliven(channels, time, rng)
        course = _on_the_spot(time, turn_deg, rng)
        footing = Footing(rng.uniform(100, 210), rng.uniform(4, 25))
        return _cut(name, stand(course, channels, footing), fps)

    return make


def _on_the_spot(time_T: FloatArray, turn_deg: float, rng: np.random.Generator) -> Course:
    """Standing somewhere in the room; every few seconds a turn and a small move, otherwise quite still."""
    key_time = key_times(time_T, (1.5, 4.5), rng)
    turns = rng.uniform(-turn_deg, turn_deg, size=len(key_time))
    heading = key_track(time_T, key_time, rng.uniform(0, 360) + np.cumsum(turns), 0.75)
    centre = rng.uniform(-600, 600, size=2)
    xy = [key_track(time_T, key_time, c + rng.uniform(-150, 150, size=len(key_time)), 0.75) for c in centre]
    stride_hz = rng.uniform(0.75, 1.1)
    return Course(time_T, np.column_stack(xy), heading, stride_hz * time_T + rng.random() + 100)


_SQUATS = ("squat", "deep_squat", "half_squat", "side_squat", "upright", "upright")
_BENDS = ("pick_up", "toe_touch", "side", "side_low", "arched", "bowed", "upright")
_TURNS = ("lunge", "side_lunge", "kick", "side_kick", "knee_up", "back_kick", "upright", "turned")

KINDS: dict[str, Kind] = {
    "gait": _gait,
    "gestures": _standing("gestures", (0.8, 2.2), 60, ("upright", "shift", "turned", "bowed"), GESTURES),
    "squats": _standing("squats", (0.9, 1.7), 50, _SQUATS, SQUAT_ARMS),
    "bends": _standing("bends", (1.1, 2.2), 60, _BENDS, (*CALM, "reach_up", "spread", "raise")),
    "turns": _standing("turns", (0.6, 1.3), 160, _TURNS, ACTIVE),
    "dive": dive_motion,
    "ski": ski_motion,
}
