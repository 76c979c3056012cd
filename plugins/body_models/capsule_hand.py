"""The hand of `body_model.capsule`: a right hand with the 21 joints of `core.skeleton`'s ``hand_21``, and some forearm.

Lengths and girths are ours, of an adult's hand of 189 mm.

Coordinates: mm, fingers along -x, the palm down (-y), the thumb to the front (+z), the wrist at the origin.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...core.skeleton import SKELETONS
from .rig import Mesh, Point, Rig, Ring

HAND = SKELETONS["hand_21"]
FINGERS = ("index", "middle", "ring", "little")
BONES = ("mcp", "pip", "dip", "tip")
PLACES: dict[str, tuple[Point, ...]] = {  # of the joints from the palm outwards
    "thumb": ((-22, -8, 26), (-55, -16, 52), (-83, -20, 70), (-108, -22, 84)),
    "index": ((-91, 3, 27), (-131, 3, 31), (-155, 3, 33), (-177, 3, 35)),
    "middle": ((-95, 5, 4), (-140, 5, 4), (-168, 5, 4), (-190, 5, 4)),
    "ring": ((-88, 4, -17), (-129, 4, -21), (-156, 4, -24), (-177, 4, -26)),
    "little": ((-79, 0, -36), (-111, 0, -42), (-131, 0, -46), (-150, 0, -49)),
}
SHAPE = {"size": 0.06, "palm_width": 0.04, "palm_length": 0.03, "fingers": 0.04, "thumb": 0.04, "thickness": 0.07}
"""Shape parameters and how far they commonly are from 0: natural logarithms of lengths, then of girths."""
ACROSS: Point = (0, 0, 1)
LENGTHS: dict[str, Mapping[str, float | Point]] = {
    "size": {"*": 1},
    "palm_width": {f"{finger}_mcp": ACROSS for finger in FINGERS} | {"thumb_cmc": ACROSS},
    "palm_length": {f"{finger}_mcp": (1, 0, 0) for finger in FINGERS} | {"thumb_cmc": (1, 0, 0)},
    "fingers": {f"{finger}_{bone}": 1 for finger in FINGERS for bone in BONES[1:]},
    "thumb": {"thumb_mcp": 1, "thumb_ip": 1, "thumb_tip": 1},
}
GIRTHS: dict[str, Mapping[str, float | Point]] = {
    "size": {"*": 1},
    "palm_width": {"palm": ACROSS},
    "thickness": {"palm": (0, 1, 0), "finger": 1, "arm": 0.5},
}
WIDTHS = {"thumb": 1.2, "index": 1.0, "middle": 1.03, "ring": 0.97, "little": 0.84}
PALM = (  # share from wrist to the middle knuckle, radii (up, across), centre (up, across), the arm's end first
    (-0.75, (28, 35), (0, -2), "arm"),
    (-0.4, (23, 31), (0, -1), "arm"),
    (-0.08, (19, 28), (0, -2), "palm"),
    (0.15, (18, 33), (-1, -3), "palm"),
    (0.42, (18, 40), (-2, -4), "palm"),
    (0.7, (17, 43), (-2, -6), "palm"),
    (0.9, (14, 42), (-2, -8), "palm"),
    (1.02, (9, 37), (-2, -8), "palm"),
)
FINGER = (  # bone, share, radius, weight of its own joint; the rest is the joint before it
    (0, -0.3, 9.5, 0.0),
    (0, 0.0, 10.4, 0.5),
    (0, 0.25, 9.9, 1.0),
    (0, 0.75, 9.3, 1.0),
    (1, 0.0, 9.7, 0.5),
    (1, 0.3, 8.8, 1.0),
    (1, 0.7, 8.4, 1.0),
    (2, 0.0, 8.7, 0.5),
    (2, 0.35, 8.0, 1.0),
    (2, 0.75, 7.2, 1.0),
    (2, 0.97, 4.8, 1.0),
    (2, 1.06, 1.8, 1.0),
)
THUMB = ((-1, 0.25, 11.0, 0.0), (0, 0.0, 15.0, 0.5), (0, 0.45, 13.8, 1.0), *FINGER[4:])


def _finger(mesh: Mesh, finger: str) -> None:
    """A finger's tube from inside the palm to its tip."""
    names = [name for name in HAND.joints if name.startswith(f"{finger}_")]
    joints = ["wrist", *names]
    rings = []
    for bone, share, radius, weight in THUMB if finger == "thumb" else FINGER:
        start, end = joints[bone + 1], joints[bone + 2]
        weights = {start: 1.0} if weight in (0.0, 1.0) else {start: weight, joints[bone]: 1 - weight}
        if weight == 0.0:
            weights = {"wrist": 1.0}
        width = radius * WIDTHS[finger]
        rings.append(Ring(start, end, share, (0.93 * width, width), weights))
    along = np.subtract(PLACES[finger][3], PLACES[finger][0])
    along = along / np.linalg.norm(along)
    up = np.array([0.0, 0.9, -0.45]) if finger == "thumb" else np.array([0.0, 1.0, 0.0])
    up = up - (up @ along) * along
    up /= np.linalg.norm(up)
    mesh.add(rings, (_point(up), _point(np.cross(along, up))), 8, "finger")


def _point(vector_3: np.ndarray) -> Point:
    x, y, z = (float(value) for value in vector_3)
    return x, y, z


def hand_rig() -> Rig:
    """The hand as numbers."""
    names, parents = HAND.joints, HAND.parents
    mesh = Mesh(names)
    rings = [
        Ring("wrist", "middle_mcp", share, radii, {"wrist": 1}, (0, up, across))
        for share, radii, (up, across), _ in PALM
    ]
    mesh.add(rings, ((0, 1, 0), (0, 0, -1)), 16, *(girth for *_, girth in PALM))
    for finger in PLACES:
        _finger(mesh, finger)
    places = np.array([(0.0, 0.0, 0.0), *(place for finger in PLACES.values() for place in finger)])
    offsets = places - places[np.maximum(parents, 0)]
    return mesh.rig(HAND.name, parents, offsets, SHAPE, LENGTHS, GIRTHS)
