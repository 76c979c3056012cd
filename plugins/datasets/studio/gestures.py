"""What a hand does before the cameras of the scene ``hands``: it goes from gesture to gesture, holds each, and turns.

Gestures are named as in data sets of them (HaGRID, Kapitanov et al., WACV 2024, arXiv:2206.08219); their angles are
ours. No two holdings are equal: every joint is off by some degrees, and the hand as a whole turns and sways. While a
hand goes from one gesture to the next it shows none.

Axes: T frames, G gestures held, A angles (20), J joints of a hand, 3 = x y z.
Coordinates: degrees; the hand's own are those of `core.bodies`; world mm, +z up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ....core.interfaces import Array
from .motion.body import rotation

if TYPE_CHECKING:
    from ....core.skeleton import Skeleton

FINGERS = ("index", "middle", "ring", "little")
STRAIGHT, CURLED, HALF = (0.0, 4.0, 3.0, 0.0), (78.0, 100.0, 62.0, 0.0), (32.0, 38.0, 22.0, 0.0)
OUT, ALONG = (0.0, -12.0, 0.0, 0.0), (14.0, 24.0, 6.0, 6.0)
ACROSS, UPWARDS = (48.0, 36.0, 34.0, 48.0), (-20.0, -22.0, -6.0, -10.0)
Angles = tuple[float, float, float, float]


def _spread(finger: Angles, degrees: float) -> Angles:
    return (*finger[:3], degrees)


GESTURES: dict[str, tuple[Angles, ...]] = {
    "no_gesture": ((10, 18, 8, 10), HALF, HALF, HALF, HALF),
    "palm": (OUT, *(_spread(STRAIGHT, degrees) for degrees in (7, 1, -5, -11))),
    "stop": (ALONG, STRAIGHT, STRAIGHT, _spread(STRAIGHT, 2), _spread(STRAIGHT, 5)),
    "fist": (ACROSS, CURLED, CURLED, CURLED, CURLED),
    "like": (UPWARDS, CURLED, CURLED, CURLED, CURLED),
    "one": (ACROSS, STRAIGHT, CURLED, CURLED, CURLED),
    "peace": (ACROSS, _spread(STRAIGHT, 9), _spread(STRAIGHT, -7), CURLED, CURLED),
    "three": (ACROSS, _spread(STRAIGHT, 8), STRAIGHT, _spread(STRAIGHT, -8), CURLED),
    "four": (ACROSS, *(_spread(STRAIGHT, degrees) for degrees in (7, 1, -5, -11))),
    "call": (OUT, CURLED, CURLED, CURLED, _spread(STRAIGHT, -14)),
    "rock": (ACROSS, STRAIGHT, CURLED, CURLED, STRAIGHT),
    "ok": ((36, 4, 26, 34), (50, 52, 30, 4), _spread((10, 12, 6, 0), 2), _spread(STRAIGHT, -4), _spread(STRAIGHT, -12)),
}
"""Of the thumb: across the palm, to the palm's side, bends of its two joints; of each finger: three bends, spread."""
NAMES = tuple(GESTURES)
LEANS_DEG = {"like": -75.0}  # about the view: a thumb that stands out from a fist goes up
HELD_S, GOES_S = (0.7, 1.6), 0.35  # how long a gesture is held, and how long the way to it takes
SHOWN = 0.9  # share of the way from which on the gesture is told
OFF_DEG, THUMB_OFF_DEG = (6.0, 7.0, 5.0, 2.5), (5.0, 5.0, 6.0, 8.0)
TURN_DEG = (28.0, 22.0, 24.0)  # standard deviations about the view, the vertical and the horizontal axis
SWAY_MM = 14.0
HEIGHT_MM = 1300.0


def perform(names: tuple[str, ...], times_s: Array, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """A hand going through gestures in random order.

    Args:
        names: Gestures that it may show.
        times_s: Of the frames.
        rng: Source of all variety.

    Returns:
        Angles (T, 5, 4); rotation vectors of the hand (T, 3), degrees about the way to the camera, up and sideways; the
        middle of the hand (T, 3), mm; and which of `NAMES` is shown, (T,) int64.
    """
    starts, gestures = _plan(names, times_s, rng)
    held = [_held(NAMES[gesture], rng) for gesture in gestures]
    turns = rng.normal(size=(len(gestures), 3)) * TURN_DEG
    turns[:, 0] += [LEANS_DEG.get(NAMES[gesture], 0.0) for gesture in gestures]
    sways = rng.normal(size=(len(gestures), 3)) * SWAY_MM
    angles_TFA = _between(np.stack(held), starts, times_s, GOES_S)
    seen = np.clip(np.searchsorted(starts, times_s, side="right") - 1, 0, len(gestures) - 1)
    arrived = (times_s - starts[seen] >= SHOWN * GOES_S) | (seen == 0)
    nothing = NAMES.index("no_gesture")
    told_T = np.where(arrived, np.array(gestures)[seen], nothing).astype(np.int64)
    slow = 2 * GOES_S
    turned, swayed = _between(turns, starts, times_s, slow), _between(sways, starts, times_s, slow)
    return angles_TFA + _alive(times_s, rng), turned, swayed + np.array([0, 0, HEIGHT_MM]), told_T


def _plan(names: tuple[str, ...], times_s: Array, rng: np.random.Generator) -> tuple[Array, list[int]]:
    """When each gesture begins, and which; never the same twice in a row where there is another."""
    starts, gestures = [float(times_s[0])], [NAMES.index(names[int(rng.integers(len(names)))])]
    while starts[-1] < times_s[-1]:
        others = [name for name in names if NAMES.index(name) != gestures[-1]] or list(names)
        starts.append(starts[-1] + GOES_S + rng.uniform(*HELD_S))
        gestures.append(NAMES.index(others[int(rng.integers(len(others)))]))
    return np.array(starts), gestures


def _held(name: str, rng: np.random.Generator) -> Array:
    """One holding of a gesture, (5, 4) degrees; the bends of a finger are off together."""
    angles_FA = np.array(GESTURES[name], np.float64)
    off_FA = rng.normal(size=(5, 4)) * np.array([THUMB_OFF_DEG, *[OFF_DEG] * 4])
    common_F = rng.normal(size=5) * 3.0
    off_FA[1:, :3] += common_F[1:, None]
    looser = 1.6 if name == "no_gesture" else 1.0
    mixed_FA = angles_FA + looser * off_FA
    mixed_FA[1:, :3] = np.clip(mixed_FA[1:, :3], -8, 108)
    return np.asarray(mixed_FA)


def _between(held: Array, starts: Array, times_s: Array, way_s: float) -> Array:
    """Values that go smoothly from one holding to the next."""
    index = np.clip(np.searchsorted(starts, times_s, side="right") - 1, 0, len(starts) - 1)
    share = np.clip((times_s - starts[index]) / way_s, 0, 1)
    smooth = (share**2 * (3 - 2 * share)).reshape(-1, *(1,) * (held.ndim - 1))
    return np.asarray(held[np.maximum(index - 1, 0)] * (1 - smooth) + held[index] * smooth)


def _alive(times_s: Array, rng: np.random.Generator) -> Array:
    """A slow tremble of all joints by a degree or two, (T, 5, 4)."""
    phase, speed = rng.uniform(0, 2 * np.pi, (5, 4)), rng.uniform(1.5, 5.0, (5, 4))
    return np.asarray(1.5 * np.sin(speed * times_s[:, None, None] + phase))


def turned(angles_TFA: Array, rest_J3: Array, skeleton: Skeleton) -> Array:
    """Rotations (T, J, 3, 3) of a hand's joints relative to their parents, from the angles of its fingers.

    A finger bends about the axis across its bone and the way down from the palm, and spreads about the upright one. A
    thumb goes across the palm about the fingers' direction, to the palm's side about the upright one.

    Args:
        angles_TFA: In degrees, the thumb first.
        rest_J3: The hand's joints at rest.
        skeleton: ``hand_21``.
    """
    count = len(angles_TFA)
    turns = np.tile(np.eye(3), (count, len(skeleton), 1, 1))
    down, inwards = np.array([0.0, -1, 0]), np.array([0.0, -0.6, -0.8])
    for number, finger in enumerate(("thumb", *FINGERS)):
        chain = [joint for joint, name in enumerate(skeleton.joints) if name.startswith(f"{finger}_")]
        angle = np.radians(angles_TFA[:, number])
        for place, joint in enumerate(chain[:3]):
            bone_3 = rest_J3[chain[place + 1]] - rest_J3[joint]
            axis_3 = np.cross(bone_3, inwards if finger == "thumb" else down)
            axis_3 = axis_3 / np.linalg.norm(axis_3)
            column = place + 1 if finger == "thumb" else place
            bend = angle[:, column] if finger != "thumb" or place else np.zeros(count)
            turns[:, joint] = rotation(np.degrees(bend[:, None] * axis_3))
        upright = (0.0, 1.0, 0.0)
        if finger == "thumb":
            across = rotation(np.degrees(angle[:, :1] * np.array([1.0, 0, 0])))
            turns[:, chain[0]] = rotation(np.degrees(-angle[:, 1:2] * np.array(upright))) @ across
        else:
            turns[:, chain[0]] = rotation(np.degrees(angle[:, 3:] * np.array(upright))) @ turns[:, chain[0]]
    return turns


def facing(turn_T3: Array) -> Array:
    """Rotations (T, 3, 3) of the whole hand into the world: fingers up, the palm towards -y, then turned.

    Args:
        turn_T3: Degrees about the way from the palm, the vertical, and the horizontal across the palm.
    """
    upright_33 = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # -x goes up to +z, -y stays, the thumb's +z to +x
    about = [rotation(turn_T3[:, index : index + 1] * axis) for index, axis in enumerate(np.eye(3)[[1, 2, 0]])]
    return np.asarray(about[1] @ about[2] @ about[0] @ upright_33)
