"""The body of `body_model.capsule`: the 17 Human3.6M joints and three more that let the head and the shoulders turn.

Lengths are those of an adult of 1750 mm, as the studio's people have them; girths and outlines are ours.

Coordinates: mm, (left, up, forward), the pelvis at the origin, arms held out sideways.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .rig import Mesh, Point, Rig, Ring

SIDES = (("right", -1), ("left", 1))
JOINTS: dict[str, tuple[str, Point]] = {
    "pelvis": ("", (0, 0, 0)),
    **{
        f"{side}_{name}": (f"{side}_{parent}" if parent != "pelvis" else parent, (sign * x, y, 0))
        for side, sign in SIDES
        for name, parent, x, y in (("hip", "pelvis", 130, 0), ("knee", "hip", 0, -445), ("ankle", "knee", 0, -445))
    },
    "spine": ("pelvis", (0, 238, -10)),
    "thorax": ("spine", (0, 255, 5)),
    "skull": ("thorax", (0, 0, 0)),
    "neck": ("skull", (0, 105, 45)),
    "head": ("neck", (0, 112, -25)),
    **{
        f"{side}_{name}": (f"{side}_{parent}" if parent != "thorax" else parent, (sign * x, y, z))
        for side, sign in SIDES
        for name, parent, x, y, z in (
            ("collar", "thorax", 0, 0, 0),
            ("shoulder", "collar", 148, -30, -5),
            ("elbow", "shoulder", 280, 0, 0),
            ("wrist", "elbow", 250, 0, 0),
        )
    },
}
"""Each joint's parent and offset from it."""
SHAPE = {
    "stature": 0.04,
    "legs": 0.02,
    "arms": 0.025,
    "shoulders": 0.04,
    "hips": 0.04,
    "trunk": 0.02,
    "limbs": 0.08,
    "torso": 0.06,
    "belly": 0.08,
    "head_size": 0.03,
}
"""Shape parameters and how far they commonly are from 0: natural logarithms of lengths, then of girths."""
LENGTHS: dict[str, Mapping[str, float | Point]] = {
    "stature": {"*": 1},
    "legs": {f"{side}_{name}": 1 for side, _ in SIDES for name in ("knee", "ankle")},
    "arms": {f"{side}_{name}": 1 for side, _ in SIDES for name in ("elbow", "wrist")},
    "shoulders": {f"{side}_shoulder": (1, 0, 0) for side, _ in SIDES},
    "hips": {f"{side}_hip": (1, 0, 0) for side, _ in SIDES},
    "trunk": {"spine": 1, "thorax": 1},
    "head_size": {"neck": 1, "head": 1},
}
GIRTHS: dict[str, Mapping[str, float | Point]] = {
    "stature": {"*": 1},
    "shoulders": {"chest": (0.5, 0, 0)},
    "hips": {"hips": (0.7, 0, 0)},
    "limbs": {"limb": 1, "neck": (0.6, 0, 0.6)},
    "torso": dict.fromkeys(("hips", "belly", "chest"), (1, 0, 1)),
    "belly": {"belly": (0.7, 0, 1.5), "hips": (0.4, 0, 0.6)},
    "head_size": {"head": 1},
}

LEG = (  # share of thigh or shank, radii (side, front), towards the front
    ("hip", -0.04, (78, 96), -8, {"hip": 0.5, "pelvis": 0.5}),
    ("hip", 0.12, (84, 94), -4, {"hip": 0.85, "pelvis": 0.15}),
    ("hip", 0.35, (77, 84), 2, {"hip": 1}),
    ("hip", 0.62, (66, 71), 3, {"hip": 1}),
    ("hip", 0.86, (57, 60), 2, {"hip": 0.85, "knee": 0.15}),
    ("hip", 1.0, (53, 57), 2, {"hip": 0.5, "knee": 0.5}),
    ("knee", 0.13, (52, 56), -3, {"hip": 0.12, "knee": 0.88}),
    ("knee", 0.32, (53, 60), -12, {"knee": 1}),
    ("knee", 0.58, (44, 49), -10, {"knee": 1}),
    ("knee", 0.85, (34, 38), -4, {"knee": 1}),
    ("knee", 1.0, (33, 40), -4, {"knee": 0.5, "ankle": 0.5}),
    ("knee", 1.1, (30, 40), 0, {"ankle": 1}),
)
FOOT = (  # towards the front, radii (side, up), up
    (-62, (22, 20), -54),
    (-42, (35, 38), -44),
    (5, (38, 44), -38),
    (60, (42, 34), -48),
    (115, (48, 25), -57),
    (165, (44, 19), -63),
    (192, (26, 11), -69),
)
TORSO = (  # from, to, share, radii (side, front), towards the front, weights, girth
    ("pelvis", "spine", -0.36, (60, 55), -5, {"pelvis": 1}, "hips"),
    ("pelvis", "spine", -0.24, (130, 92), -8, {"pelvis": 1}, "hips"),
    ("pelvis", "spine", 0.0, (172, 112), -8, {"pelvis": 1}, "hips"),
    ("pelvis", "spine", 0.3, (162, 108), 0, {"pelvis": 0.75, "spine": 0.25}, "belly"),
    ("pelvis", "spine", 0.65, (143, 101), 6, {"pelvis": 0.35, "spine": 0.65}, "belly"),
    ("pelvis", "spine", 1.0, (141, 101), 8, {"spine": 1}, "belly"),
    ("spine", "thorax", 0.35, (155, 110), 8, {"spine": 1}, "chest"),
    ("spine", "thorax", 0.62, (163, 108), 4, {"spine": 0.7, "thorax": 0.3}, "chest"),
    ("spine", "thorax", 0.85, (152, 92), -4, {"spine": 0.3, "thorax": 0.7}, "chest"),
    ("spine", "thorax", 0.98, (112, 70), -4, {"thorax": 1}, "chest"),
    ("thorax", "neck", 0.1, (66, 60), -4, {"thorax": 0.75, "skull": 0.25}, "neck"),
    ("thorax", "neck", 0.35, (53, 55), -6, {"thorax": 0.25, "skull": 0.75}, "neck"),
    ("thorax", "neck", 0.9, (50, 54), -24, {"skull": 1}, "neck"),
)
HEAD = (  # up from the nose's height, radii (side, front), towards the front of that joint
    (-78, (22, 24), 12),
    (-68, (42, 46), 0),
    (-42, (61, 70), -18),
    (-10, (70, 86), -24),
    (22, (75, 95), -28),
    (52, (75, 96), -32),
    (82, (66, 84), -34),
    (102, (48, 60), -32),
    (112, (22, 28), -30),
)
NOSE = ((26, (7, 6), 62), (4, (12, 14), 68), (-10, (13, 15), 66), (-18, (8, 6), 58))
ARM = (  # share of upper arm or forearm, radii (up, front), weights
    ("shoulder", -0.2, (46, 56), {"collar": 0.8, "shoulder": 0.2}),
    ("shoulder", -0.02, (58, 58), {"collar": 0.5, "shoulder": 0.5}),
    ("shoulder", 0.16, (57, 57), {"collar": 0.1, "shoulder": 0.9}),
    ("shoulder", 0.42, (49, 52), {"shoulder": 1}),
    ("shoulder", 0.78, (42, 44), {"shoulder": 0.95, "elbow": 0.05}),
    ("shoulder", 1.0, (38, 42), {"shoulder": 0.5, "elbow": 0.5}),
    ("elbow", 0.18, (40, 43), {"shoulder": 0.08, "elbow": 0.92}),
    ("elbow", 0.45, (37, 39), {"elbow": 1}),
    ("elbow", 0.8, (26, 31), {"elbow": 1}),
    ("elbow", 1.0, (22, 29), {"elbow": 0.5, "wrist": 0.5}),
    ("elbow", 1.1, (20, 31), {"wrist": 1}),
    ("elbow", 1.22, (17, 41), {"wrist": 1}),
    ("elbow", 1.4, (15, 43), {"wrist": 1}),
    ("elbow", 1.6, (12, 38), {"wrist": 1}),
    ("elbow", 1.72, (7, 24), {"wrist": 1}),
)
THUMB = ((1.1, (15, 15), 20), (1.28, (13, 13), 44), (1.42, (11, 11), 58), (1.5, (6, 6), 64))
LEFT, UP, FRONT, BACK = (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, -1)


def _side(mesh: Mesh, side: str, sign: int) -> None:
    """Leg, foot, arm and hand; a tube's cross axes keep their turn on either side."""

    def own(weights: Mapping[str, float]) -> dict[str, float]:
        return {name if name == "pelvis" else f"{side}_{name}": weight for name, weight in weights.items()}

    after = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}
    rings = [
        Ring(f"{side}_{bone}", f"{side}_{after[bone]}", share, radii, own(weights), (0, 0, front))
        for bone, share, radii, front, weights in LEG
    ]
    mesh.add(rings, (LEFT, FRONT), 12, "limb")
    ankle = f"{side}_ankle"
    mesh.add(
        [Ring(ankle, ankle, 0, radii, {ankle: 1}, (0, up, front)) for front, radii, up in FOOT], (LEFT, UP), 10, "foot"
    )
    rings = [
        Ring(f"{side}_{bone}", f"{side}_{after[bone]}", share, radii, own(weights))
        for bone, share, radii, weights in ARM
    ]
    mesh.add(rings, (UP, FRONT) if sign > 0 else (UP, BACK), 10, "limb")
    ends, wrist = (f"{side}_elbow", f"{side}_wrist"), {f"{side}_wrist": 1.0}
    rings = [Ring(*ends, share, radii, wrist, (0, -4, front)) for share, radii, front in THUMB]
    mesh.add(rings, (UP, FRONT) if sign > 0 else (UP, BACK), 6, "limb")


def body_rig() -> Rig:
    """The body as numbers."""
    names = tuple(JOINTS)
    mesh = Mesh(names)
    for side, sign in SIDES:
        _side(mesh, side, sign)
    torso = [Ring(a, b, share, radii, weights, (0, 0, front)) for a, b, share, radii, front, weights, _ in TORSO]
    mesh.add(torso, (LEFT, BACK), 16, *(girth for *_, girth in TORSO))
    for rows, sides in ((HEAD, 14), (NOSE[::-1], 8)):
        rings = [Ring("neck", "neck", 0, radii, {"skull": 1}, (0, up, front)) for up, radii, front in rows]
        mesh.add(rings, (LEFT, BACK), sides, "head")
    parents = tuple(names.index(parent) if parent else -1 for parent, _ in JOINTS.values())
    offsets_J3 = np.array([offset for _, offset in JOINTS.values()], np.float64)
    return mesh.rig("human36m_17", parents, offsets_J3, SHAPE, LENGTHS, GIRTHS)
