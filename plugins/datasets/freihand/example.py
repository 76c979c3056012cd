"""A tiny copy of FreiHAND in its own format: a made-up right hand that is shown to a camera."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ....core.interfaces import Array
from .layout import MANO, VERSIONS, VERTICES

SIDE = 224
FOCAL = 300.0
SAMPLES, EVALUATED = 5, 2
FINGER_M = (0.09, 0.045, 0.025, 0.02)
"""From the wrist to the knuckle, and the three bones behind it."""
BEND = 0.3
"""How far fingers leave the plane of the palm, per length beyond the knuckle."""


def hand(turn: float) -> Array:
    """A right hand half a metre before the camera, its back towards it, fingers up and bent, (21, 3) in metres.

    Turned in the picture by ``turn`` radians. The thumb of a right hand seen from its back points to the left.
    """
    wrist_3 = np.array([0.0, 0.06, 0.5])
    joints = [wrist_3]
    for finger in range(5):
        angle = turn + np.radians(-50 + 22 * finger)
        along_3, into_3 = np.array([np.sin(angle), -np.cos(angle), 0.0]), np.array([0.0, 0.0, BEND])
        lengths = np.cumsum(FINGER_M)
        joints += [wrist_3 + length * along_3 + (length - lengths[0]) * into_3 for length in lengths]
    return np.array(joints)


def write_example(folder: Path) -> dict[str, Any]:
    """Write it there; the options that name it."""
    from PIL import Image, ImageDraw

    root = folder / "FreiHAND_pub_v2"
    intrinsics = [[FOCAL, 0.0, (SIDE - 1) / 2], [0.0, FOCAL, (SIDE - 1) / 2], [0.0, 0.0, 1.0]]
    for part, count, versions in (("training", SAMPLES, len(VERSIONS)), ("evaluation", EVALUATED, 1)):
        hands = np.array([hand(0.2 * n) for n in range(count)])
        pixels = hands[..., :2] / hands[..., 2:] * FOCAL + (SIDE - 1) / 2
        (root / part / "rgb").mkdir(parents=True)
        for number in range(versions * count):
            image = Image.new("RGB", (SIDE, SIDE), ("green", "grey", "brown", "navy")[number // count])
            _draw(ImageDraw.Draw(image), pixels[number % count], "peachpuff")
            image.save(root / part / "rgb" / f"{number:08d}.jpg")
        numbers = {"xyz": hands.tolist(), "K": [intrinsics] * count}
        numbers["scale"] = [float(np.linalg.norm(one[10] - one[9])) for one in hands]
        if part == "training":
            numbers["mano"] = [[[0.01 * n] * MANO] for n in range(count)]
        numbers["verts"] = [np.resize(one, (VERTICES, 3)).tolist() for one in hands]
        for name, rows in numbers.items():
            (root / f"{part}_{name}.json").write_text(json.dumps(rows))
    (root / "training" / "mask").mkdir()
    for number in range(SAMPLES):
        mask = Image.new("RGB", (SIDE, SIDE))
        pose_J3 = hand(0.2 * number)
        _draw(ImageDraw.Draw(mask), pose_J3[:, :2] / pose_J3[:, 2:] * FOCAL + (SIDE - 1) / 2, "white")
        mask.save(root / "training" / "mask" / f"{number:08d}.jpg")
    return {"root": str(root), "height": 32, "masks": True, "mesh": True}


def _draw(pen: Any, pixels_J2: Array, colour: str) -> None:
    for finger in range(5):
        chain = [0, *range(1 + 4 * finger, 5 + 4 * finger)]
        pen.line([tuple(pixels_J2[joint]) for joint in chain], fill=colour, width=10)
    for x, y in pixels_J2:
        pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=colour)
