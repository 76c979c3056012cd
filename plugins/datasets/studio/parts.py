"""The studio's tailoring table: which capsules make a person, hung on the 17 Human3.6M joints.

Sizes are those of an adult of 1750 mm; a subject scales them.
Coordinates: millimetres; an offset is (left, up, forward) in a local frame of the body.
"""

from __future__ import annotations

from typing import NamedTuple

# Bone from the parent to each joint, for a person of 1750 mm.
ADULT_MM = (0, 130, 445, 445, 130, 445, 445, 238, 255, 114, 115, 151, 280, 250, 151, 280, 250)
ADULT_HEIGHT_MM = 1750.0


class Anchor(NamedTuple):
    """A point ``share`` of the way from one joint to another, plus an offset in a local frame (mm, adult)."""

    joint: str
    towards: str
    share: float = 0.0
    frame: str = "pelvis"
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Part(NamedTuple):
    """One capsule: what it is tinted like, which girth scales it, its two ends and radii (mm, adult)."""

    tint: str
    girth: str
    ends: tuple[Anchor, Anchor]
    radii: tuple[float, float]


def _side(side: str, sign: int) -> list[Part]:
    """Arm, leg and flank of one side; ``sign`` is +1 on the left."""
    hip, knee, ankle = f"{side}_hip", f"{side}_knee", f"{side}_ankle"
    shoulder, elbow, wrist = f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"
    foot, hand = f"{side}_foot", f"{side}_hand"
    return [
        Part("trousers", "limb", (Anchor(hip, "pelvis", 0.15), Anchor(knee, hip)), (93, 61)),
        Part("calf", "limb", (Anchor(knee, ankle), Anchor(ankle, knee)), (56, 38)),
        Part(
            "shoes",
            "limb",
            (Anchor(ankle, knee, 0, foot, (0, -40, -30)), Anchor(ankle, knee, 0, foot, (0, -50, 140))),
            (42, 32),
        ),
        Part(
            "shirt",
            "torso",
            (Anchor("thorax", shoulder, 0.56, "chest", (0, -75, 0)), Anchor("pelvis", hip, 0.5, offset=(0, 95, 0))),
            (100, 88),
        ),
        Part("upper_arm", "limb", (Anchor(shoulder, elbow), Anchor(elbow, shoulder)), (50, 41)),
        Part("shirt", "limb", (Anchor(shoulder, elbow), Anchor(shoulder, elbow, 0.55)), (59, 54)),
        Part("forearm", "limb", (Anchor(elbow, wrist), Anchor(wrist, elbow)), (42, 31)),
        Part("hand", "limb", (Anchor(wrist, elbow), Anchor(wrist, elbow, 0, hand, (0, 95, 0))), (34, 29)),
        Part(
            "eyes",
            "head",
            (
                Anchor("neck", "head", 0.32, "head", (sign * 34, 0, 44)),
                Anchor("neck", "head", 0.32, "head", (sign * 28, 0, 47)),
            ),
            (10, 10),
        ),
    ]


def _front(sign: int) -> Part:
    """Half of the pale front that an open jacket shows: broad enough to tell front from back in 40 pixels' height."""
    top = Anchor("spine", "thorax", 0.85, "chest", (sign * 50, 0, 54))
    bottom = Anchor("pelvis", "spine", 0.6, "chest", (sign * 48, 0, 54))
    return Part("panel", "torso", (top, bottom), (74, 70))


PARTS: tuple[Part, ...] = (
    *_side("right", -1),
    *_side("left", +1),
    Part("trousers", "torso", (Anchor("pelvis", "right_hip", 0.68), Anchor("pelvis", "left_hip", 0.68)), (104, 104)),
    Part("shirt", "belly", (Anchor("pelvis", "spine", 0.5), Anchor("spine", "thorax", 0.2)), (104, 104)),
    Part("shirt", "torso", (Anchor("spine", "thorax", 0.2), Anchor("spine", "thorax", 0.75)), (104, 98)),
    Part(
        "shirt", "limb", (Anchor("thorax", "right_shoulder", 0.82), Anchor("thorax", "left_shoulder", 0.82)), (63, 63)
    ),
    _front(-1),
    _front(+1),
    Part("skin", "limb", (Anchor("thorax", "neck"), Anchor("thorax", "neck", 0.8, "head", (0, 0, -18))), (54, 50)),
    Part(
        "skin",
        "head",
        (Anchor("neck", "head", 0.05, "head", (0, 0, -14)), Anchor("neck", "head", 0.42, "head", (0, 0, -18))),
        (54, 79),
    ),
    Part(
        "hair",
        "head",
        (Anchor("neck", "head", 0.55, "head", (0, 0, -31)), Anchor("neck", "head", 0.2, "head", (0, 0, -52))),
        (84, 68),
    ),
    Part(
        "hair",
        "tail",
        (Anchor("neck", "head", 0.25, "head", (0, 0, -66)), Anchor("thorax", "neck", 0.1, "head", (0, 0, -72))),
        (62, 44),
    ),
    Part(
        "nose",
        "head",
        (Anchor("neck", "head", 0.2, "head", (0, 0, 46)), Anchor("neck", "head", 0.06, "head", (0, 0, 54))),
        (12, 16),
    ),
)
FRAMES = ("pelvis", "chest", "head", "right_foot", "left_foot", "right_hand", "left_hand")
