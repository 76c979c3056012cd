"""What a person does with arms and body: key poses, as data.

Arms in degrees: forward and outward swing of the upper arm, its external twist, elbow; ``wave`` is the amplitude of a
quick swing of the forearm. Bodies in degrees (tilt, lean of the pelvis; bend, side, turn of the trunk; nod, look) and
millimetres (drop, back, shift of the pelvis; ``foot_fwd|out|up`` of the left foot from where it stood).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .body import SIDES

ARM_FIELDS = ("arm_fwd", "arm_out", "arm_turn", "elbow", "wave")
ARMS: dict[str, tuple[float, float, float, float, float]] = {
    "hang": (4, 8, -10, 15, 0),
    "swing_back": (-35, 12, -10, 15, 0),
    "hip": (0, 45, -90, 80, 0),
    "pocket": (-8, 16, -25, 38, 0),
    "cross": (28, 4, -62, 95, 0),
    "carry": (12, 8, -8, 92, 0),
    "guard": (42, 12, -25, 122, 0),
    "chin": (48, 2, -22, 132, 0),
    "phone": (38, 38, -15, 140, 0),
    "behind_head": (55, 125, 60, 128, 0),
    "behind_back": (-32, 14, -75, 55, 0),
    "point": (86, 6, 0, 8, 0),
    "point_side": (25, 85, 0, 8, 0),
    "point_down": (42, 20, 0, 10, 0),
    "raise": (165, 14, 0, 12, 0),
    "spread": (5, 95, 10, 10, 0),
    "reach_up": (132, 10, 0, 18, 0),
    "reach_low": (58, 14, 0, 20, 0),
    "wave": (18, 78, 84, 78, 28),
    "wave_high": (150, 22, 10, 25, 18),
    "beckon": (35, 15, 10, 95, 25),
    "explain": (30, 18, 25, 80, 14),
}
# Which arms go with what
GESTURES = tuple(ARMS)
CALM = ("hang", "hang", "hip", "pocket", "cross", "carry", "behind_back", "phone", "explain")
SQUAT_ARMS = ("point", "behind_head", "cross", "hip", "raise", "guard", "spread", "hang")
ACTIVE = ("guard", "spread", "swing_back", "hang", "raise", "point", "carry", "hip")

BODIES: dict[str, dict[str, float]] = {
    "upright": {},
    "shift": {"shift": 75, "lean": 4, "side": -5, "look": 15},
    "turned": {"turn": 32, "look": 20},
    "bowed": {"tilt": 12, "bend": 22, "nod": 15, "back": 40},
    "arched": {"tilt": -8, "bend": -18, "nod": -20, "back": -30, "drop": 15},
    "pick_up": {"tilt": 58, "bend": 55, "nod": -10, "back": 150, "drop": 170, "turn": 8},
    "toe_touch": {"tilt": 62, "bend": 62, "nod": 10, "back": 170, "drop": 15},
    "side": {"side": 34, "lean": 6, "shift": 55, "tip": -8},
    "side_low": {"side": 30, "lean": 12, "shift": 80, "tilt": 20, "bend": 25, "drop": 90, "turn": 15},
    "squat": {"drop": 390, "tilt": 38, "bend": 12, "nod": -25, "back": 150},
    "deep_squat": {"drop": 520, "tilt": 30, "bend": 28, "nod": -25, "back": 170},
    "half_squat": {"drop": 210, "tilt": 26, "bend": 8, "nod": -15, "back": 90},
    "side_squat": {"drop": 300, "shift": 150, "tilt": 30, "bend": 15, "lean": -4, "back": 100, "nod": -15},
    "lunge": {"foot_fwd": 620, "drop": 260, "back": -280, "tilt": 8, "bend": 5},
    "side_lunge": {"foot_out": 520, "drop": 230, "shift": -250, "tilt": 22, "bend": 14, "back": 60},
    "kick": {"foot_fwd": 760, "foot_up": 620, "tilt": -16, "bend": 14, "back": 40, "shift": 60},
    "side_kick": {"foot_out": 640, "foot_up": 560, "lean": 24, "side": -6, "shift": 70},
    "knee_up": {"foot_fwd": 240, "foot_up": 430, "tilt": -6, "bend": 8, "shift": 60},
    "back_kick": {"foot_fwd": -480, "foot_up": 380, "tilt": 26, "bend": 4, "shift": 60, "nod": -15},
}
# The way of an arm that goes with a body pose, whatever its clip would have chosen
FITTING_ARMS = {"pick_up": ("hang", "reach_low"), "toe_touch": ("reach_low", "hang"), "side": ("raise", "hip")}
_MIRRORED = ("shift", "lean", "side", "turn", "look", "tip")


def arm(name: str, side: int, scale: float = 1.0) -> dict[str, float]:
    """The named key pose of one arm as channels."""
    return {f"{SIDES[side]}_{field}": scale * value for field, value in zip(ARM_FIELDS, ARMS[name], strict=True)}


def body(name: str, mirrored: bool, scale: float = 1.0) -> dict[str, float]:
    """The named key pose of trunk and feet as channels, left and right exchanged when ``mirrored``."""
    pose: dict[str, float] = {}
    for field, value in BODIES[name].items():
        if field.startswith("foot_"):
            pose[f"{SIDES[mirrored]}_{field}"] = scale * value
        else:
            pose[field] = scale * value * (-1 if mirrored and field in _MIRRORED else 1)
    return pose


def draw_poses(
    count: int, bodies: tuple[str, ...], arms: tuple[str, ...], rng: np.random.Generator
) -> list[Mapping[str, float]]:
    """Random whole-body key poses; between one leg in the air and the other the body stands."""
    poses = [_draw_pose(bodies, arms, rng)]
    while len(poses) < count:
        pose = _draw_pose(bodies, arms, rng)
        if len(_lifted(poses[-1]) | _lifted(pose)) > 1:
            pose = _draw_pose(("upright",), arms, rng)
        poses.append(pose)
    return poses


def _lifted(pose: Mapping[str, float]) -> set[str]:
    return {side for side in SIDES if f"{side}_foot_up" in pose}


def _draw_pose(bodies: tuple[str, ...], arms: tuple[str, ...], rng: np.random.Generator) -> Mapping[str, float]:
    chosen = bodies[rng.integers(len(bodies))]
    mirrored = bool(rng.integers(2))
    arms = FITTING_ARMS.get(chosen, arms)
    left = arms[rng.integers(len(arms))]
    right = left if rng.random() < 0.4 else arms[rng.integers(len(arms))]
    if chosen == "side" and left == right:
        left, right = ("raise", "hip") if not mirrored else ("hip", "raise")
    scale = rng.uniform(0.75, 1.12)
    return {**body(chosen, mirrored, scale), **arm(left, 0), **arm(right, 1)}
