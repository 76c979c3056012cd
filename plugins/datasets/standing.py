"""A person in figures and a flat picture of him, for the examples of readers: true files need somebody in them.

Axes: J joints, 3 = x y z. Coordinates: metres about the pelvis, z up; the person looks along -y, his left is +x.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.interfaces import Array
from ...core.skeleton import Skeleton

if TYPE_CHECKING:
    from PIL.Image import Image

CENTRE = {
    "pelvis": (0.0, 0.0, 0.0),
    "spine": (0.0, 0.02, 0.24),
    "spine1": (0.0, 0.02, 0.1),
    "spine2": (0.0, 0.02, 0.24),
    "spine3": (0.0, 0.02, 0.34),
    "thorax": (0.0, 0.02, 0.5),
    "neck": (0.0, -0.04, 0.6),
    "head": (0.0, 0.0, 0.72),
}
LEFT = {
    "hip": (0.13, 0.0, 0.0),
    "knee": (0.14, -0.05, -0.44),
    "ankle": (0.15, 0.02, -0.88),
    "foot": (0.15, -0.12, -0.94),
    "collar": (0.08, 0.02, 0.46),
    "shoulder": (0.18, 0.02, 0.48),
    "elbow": (0.3, 0.0, 0.25),
    "wrist": (0.34, -0.12, 0.04),
    "hand": (0.35, -0.16, -0.03),
}


def person(skeleton: Skeleton, time_s: float) -> Array:
    """Joints (J, 3), turning about the vertical, the right arm waving."""
    joints_J3 = np.array([_joint(name) for name in skeleton.joints])
    for joint, reach in (("right_elbow", 0.1), ("right_wrist", 0.3)):
        if joint in skeleton.joints:
            joints_J3[skeleton.index(joint), 2] += reach * (1 + math.sin(2 * time_s))
    cos, sin = math.cos(0.7 * time_s), math.sin(0.7 * time_s)
    return np.asarray(joints_J3 @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]))


def _joint(name: str) -> tuple[float, float, float]:
    side, _, part = name.partition("_")
    if side not in ("left", "right"):
        return CENTRE[name]
    x, y, z = LEFT[part]
    return (x if side == "left" else -x), y, z


def draw_person(
    path: Path, size_WH: tuple[int, int], pixels_J2: Array, level: int, behind: Image | None = None
) -> None:
    """A picture with a bright box around the joints, of one grey level, 0 to 200, or before another picture.

    Of that the corner has the level.
    """
    from PIL import Image, ImageDraw

    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size_WH, (level,) * 3) if behind is None else behind.copy()
    draw = ImageDraw.Draw(image)
    draw.rectangle([*pixels_J2.min(axis=0), *pixels_J2.max(axis=0)], fill=(250, 240, 90))
    draw.rectangle([0, 0, 11, 11], fill=(level,) * 3)
    image.save(path)
