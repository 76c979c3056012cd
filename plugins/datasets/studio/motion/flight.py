"""A dive: a diver on a board, a jump, and a somersault in free fall until the hands or the head reach the water.

From take-off on, the centre of gravity follows p(t) = p0 + v0 t + g t^2 / 2 exactly and the angular momentum about the
lateral axis is constant: with I the moment of inertia and h the momentum of the limbs' own movement, the body turns at
(L - h) / I, so a tuck spins faster than a stretched body. L is chosen so that the diver enters head first.
Air resistance and twists are left out.

Axes: T frames, J joints. World: the board ends at x = 0, the dive travels along +x, the water is z = 0; millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .....core.errors import ConfigError
from .body import ANKLES, LEG_MM, centre_of_gravity, gravity_weights, place_feet, swing_legs, upper_body
from .motion import ANKLE_HEIGHT_MM, FloatArray, Motion
from .stance import Channels
from .tracks import ease, key_track

GRAVITY_MM_S2 = 9810.0
PUSH_S, SINK_S, WAIT_S = 0.32, 0.5, 0.35  # extension of the legs; bending them before; least standing still
HEEL_RISE_MM = 110.0  # of the ankles at take-off, on the toes

# Channels in the key poses of a flight, in degrees, the same on both sides
_FIELDS = ("bend", "nod", "arm_fwd", "arm_out", "elbow", "leg_fwd", "knee")
_TAKEOFF = (2.0, 0.0, 165.0, 6.0, 8.0, 8.0, 16.0)
_STRETCHED = (2.0, 6.0, 172.0, 4.0, 4.0, 2.0, 3.0)
_SHAPES = {
    "tuck": (52.0, 28.0, 42.0, 6.0, 58.0, 116.0, 128.0),
    "pike": (48.0, 12.0, 78.0, 4.0, 6.0, 102.0, 4.0),
    "straight": (-12.0, -16.0, 65.0, 88.0, 6.0, -8.0, 2.0),
}
_STANDING = (2.0, 0.0, 6.0, 8.0, 10.0, 0.0, 0.0)
_SUNK = (16.0, -12.0, -48.0, 12.0, 10.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Dive:
    """The choices of one dive; angles positive in the sense of a forward somersault."""

    shape: str
    half_turns: int
    backward: bool
    up_mm_s: float
    out_mm_s: float
    lean_deg: float  # at take-off
    opens_at: float  # share of the flight after which the body stretches


def dive_motion(seconds: float, fps: float, rng: np.random.Generator, height_m: float = 3.0) -> Motion:
    """Stand, swing the arms, jump, somersault, enter.

    Args:
        seconds: Length of the clip where the dive fits; the diver waits on the board for the time left over.
        fps: Frames per second.
        rng: Chooses shape, turns, direction and speed of the dive.
        height_m: Height of the board above the water, at least half a metre.

    Returns:
        The motion; ``free_fall`` names the frames of the flight. The last frame is the last one above the water.

    Raises:
        ConfigError: for a board too low to dive from.
    """
    if height_m < 0.5:
        raise ConfigError(f"no dive from {height_m} m", hint="give a board of at least 0.5 m")
    dive = _choose(height_m, rng)
    board = 1000 * height_m
    flight_s = _flight_time(dive, board)
    before_s = max(seconds - flight_s, WAIT_S + SINK_S + PUSH_S)
    time = np.arange(int((before_s + flight_s) * fps) + 1) / fps - before_s
    flying = time >= 0
    stand = _on_the_board(time[~flying], dive, board, flight_s)
    fall = _falling(time[flying], dive, board, flight_s)
    joints = np.concatenate([stand, fall])
    if dive.backward:
        joints = _faced_about(joints)
    under = np.flatnonzero(joints[..., 2].min(axis=1) < 0)
    end = int(under[0]) if len(under) else len(joints)
    return Motion("dive", joints[:end].astype(np.float32), fps, (int(np.sum(~flying)), end))


def _choose(height_m: float, rng: np.random.Generator) -> _Dive:
    up = rng.uniform(2300, 3300)
    airtime_s = up / GRAVITY_MM_S2 * 2 + np.sqrt(2000 * height_m / GRAVITY_MM_S2) * 0.8
    shape = ("tuck", "pike", "straight")[rng.integers(3)]
    spins = shape != "straight" and airtime_s > 1.15 and rng.random() < 0.6
    half_turns = (5 if airtime_s > 1.7 and rng.random() < 0.5 else 3) if spins else 1
    backward = bool(rng.random() < 0.3)
    lean = rng.uniform(4, 9)
    return _Dive(shape, half_turns, backward, up, rng.uniform(900, 1300), lean, rng.uniform(0.58, 0.68))


def _sense(dive: _Dive) -> float:
    """-1 where the body turns and travels towards its back."""
    return -1.0 if dive.backward else 1.0


def _channels(pose_TF: FloatArray, tilt_T: FloatArray) -> Channels:
    """Channels of ``body`` for angles that both sides share."""
    channels: Channels = {"tilt": tilt_T}
    for field, value_T in zip(_FIELDS, pose_TF.T, strict=True):
        if field in ("bend", "nod"):
            channels[field] = value_T
        else:
            channels |= {f"left_{field}": value_T, f"right_{field}": value_T}
    return channels


def _airborne(pose_TF: FloatArray, tilt_T: FloatArray) -> FloatArray:
    """Joints (T, 17, 3) about the centre of gravity."""
    channels = _channels(pose_TF, tilt_T)
    joints = swing_legs(upper_body(np.zeros((len(tilt_T), 3)), channels), channels)
    return joints - centre_of_gravity(joints)[:, None]


def _flight_pose(time_T: FloatArray, dive: _Dive, flight_s: float) -> FloatArray:
    """Key-pose angles (T, F) from stretched through the dive's shape to stretched."""
    keys = np.array([_TAKEOFF, _SHAPES[dive.shape], _SHAPES[dive.shape], _STRETCHED, _STRETCHED])
    open_s = dive.opens_at * flight_s
    times = np.array([0.0, min(0.36, 0.5 * open_s), open_s, min(open_s + 0.3, 0.97 * flight_s), flight_s + 1])
    return np.stack([key_track(time_T, times, key_K, 1.0) for key_K in keys.T], axis=1)


def _takeoff(dive: _Dive, board_mm: float) -> tuple[FloatArray, FloatArray]:
    """Joints (17, 3) at the moment of take-off, ankles above the board's end, and their centre of gravity (3,)."""
    joints = _airborne(np.array([_TAKEOFF]), np.array([_sense(dive) * dive.lean_deg]))[0]
    ankles_3 = joints[list(ANKLES)].mean(axis=0)
    centre = np.array([0.0, 0.0, board_mm + ANKLE_HEIGHT_MM + HEEL_RISE_MM]) - ankles_3
    return joints + centre, centre


def _flight_time(dive: _Dive, board_mm: float) -> float:
    """When the hands of the stretched, inverted diver reach the water."""
    lowest = _airborne(np.array([_STRETCHED]), np.array([180.0]))[0, :, 2].min()
    fall = _takeoff(dive, board_mm)[1][2] + lowest
    return float(dive.up_mm_s + np.sqrt(dive.up_mm_s**2 + 2 * GRAVITY_MM_S2 * fall)) / GRAVITY_MM_S2


def _tilts(dive: _Dive, flight_s: float) -> tuple[FloatArray, FloatArray]:
    """Fine times and the tilt of the pelvis at them in degrees, by conservation of angular momentum."""
    time = np.linspace(0.0, flight_s, 600)
    joints = _airborne(_flight_pose(time, dive, flight_s), np.zeros_like(time))
    x, z, mass = joints[..., 0], joints[..., 2], gravity_weights()
    inertia = (x**2 + z**2) @ mass
    limbs = (z * np.gradient(x, time, axis=0) - x * np.gradient(z, time, axis=0)) @ mass
    turn = np.radians(_sense(dive) * (180.0 * dive.half_turns - dive.lean_deg))
    momentum = (turn + np.trapezoid(limbs / inertia, time)) / np.trapezoid(1 / inertia, time)
    rate = (momentum - limbs) / inertia
    turned = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(time))])
    return time, _sense(dive) * dive.lean_deg + np.degrees(turned)


def _falling(time_T: FloatArray, dive: _Dive, board_mm: float, flight_s: float) -> FloatArray:
    """Joints (T, 17, 3) at the given seconds after take-off."""
    tilt = np.interp(time_T, *_tilts(dive, flight_s))
    t = time_T[:, None]
    speed = np.array([_sense(dive) * dive.out_mm_s, 0.0, dive.up_mm_s])
    centre = _takeoff(dive, board_mm)[1] + speed * t + np.array([0.0, 0.0, -GRAVITY_MM_S2 / 2]) * t**2
    return _airborne(_flight_pose(time_T, dive, flight_s), tilt) + centre[:, None]


def _on_the_board(time_T: FloatArray, dive: _Dive, board_mm: float, flight_s: float) -> FloatArray:
    """Joints (T, 17, 3) before take-off (negative seconds): arms rise, legs bend, body stretches and leans out."""
    moments = np.array([-PUSH_S - SINK_S - 0.7, -PUSH_S - SINK_S, -PUSH_S, 0.0])
    raised = (0.0, -5.0, 165.0, 10.0, 8.0, 0.0, 0.0)
    keys = np.array([_STANDING, raised, _SUNK, _TAKEOFF])
    pose = np.stack([key_track(time_T, moments, key_K, 1.0) for key_K in keys.T], axis=1)
    start, centre = _takeoff(dive, board_mm)
    fine, tilts = _tilts(dive, flight_s)
    spin = (tilts[1] - tilts[0]) / (fine[1] - fine[0])
    tilt = _push(time_T, (0.0, 26.0, tilts[0], spin))
    arm_3 = np.radians(spin) * np.cross([0.0, 1.0, 0.0], start[0] - centre)  # the pelvis turns about the centre
    up_mm = board_mm + ANKLE_HEIGHT_MM + 0.985 * LEG_MM
    x = _push(time_T, (-5.0, -130.0, start[0, 0], _sense(dive) * dive.out_mm_s + arm_3[0]))
    z = _push(time_T, (up_mm, up_mm - 330.0, start[0, 2], dive.up_mm_s + arm_3[2]))
    joints = upper_body(np.column_stack([x, np.zeros_like(x), z]), _channels(pose, tilt))
    heel = HEEL_RISE_MM * np.clip(1 + time_T / (0.5 * PUSH_S), 0, 1) ** 3  # fastest as the toes leave
    feet = np.zeros((len(time_T), 2, 3))
    feet[:, :, 1] = start[list(ANKLES), 1]
    feet[:, :, 2] = (board_mm + ANKLE_HEIGHT_MM + heel)[:, None]
    return place_feet(joints, feet, np.broadcast_to([0.0, 1.0, 0.0], feet.shape))


def _push(time_T: FloatArray, values: tuple[float, float, float, float]) -> FloatArray:
    """Standing value, sunk value, value at take-off and its rate there, as one curve: eased, then a cubic."""
    standing, sunk, final, rate = values
    u = np.clip(1 + time_T / PUSH_S, 0.0, 1.0)
    down = standing + (sunk - standing) * ease((time_T + PUSH_S + SINK_S) / SINK_S)
    return down + (final - sunk) * (3 * u**2 - 2 * u**3) + rate * PUSH_S * (u**3 - u**2)


def _faced_about(joints_TJ3: FloatArray) -> FloatArray:
    """Half a turn about the vertical."""
    return np.asarray(joints_TJ3 * np.array([-1.0, -1.0, 1.0]))
