"""Which joint of a recorded skeleton is which of the Human3.6M-17: by name, else by the shape of the tree.

Names met: Hips LeftUpLeg LeftLeg (MotionBuilder, Mixamo), LeftHip LeftKnee (3ds Max), hip lThigh lShldr (Poser, DAZ),
Pelvis J_L_Hip, thigh_l, Bip01 L Thigh, right_hip (DeepMimic), lfemur_end (bones of ASF, named by their ends).

Axes: J joints of the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .....core.errors import DataError
from .....core.skeleton import HUMAN36M_17
from .body import ANKLES, ELBOWS, HEAD, HIPS, KNEES, SHOULDERS, SPINE, THORAX, WRISTS
from .motion import FloatArray
from .recording import Recording
from .topology import joints_by_shape

_PREFIXES = re.compile(r"^(.*:|armature_?|mixamorig\d*_?|character\d*_|bip\d*[ _]+|j_)+", re.IGNORECASE)
_SIDE_AT_END = re.compile(r"^(.*)[ _.]([lr]|left|right)$")
# Names of the limbs' joints after the side, lower case, letters only; the first that the file has counts
_LIMBS = {
    HIPS: ("upleg", "upperleg", "hip", "thigh", "hipjointend", "buttock"),
    KNEES: ("knee", "leg", "lowerleg", "lowleg", "shin", "calf", "femurend"),
    ANKLES: ("ankle", "foot", "tibiaend"),
    SHOULDERS: ("arm", "upperarm", "uparm", "shldr", "shoulder", "clavicleend"),
    ELBOWS: ("elbow", "forearm", "lowerarm", "lowarm", "humerusend"),
    WRISTS: ("wrist", "hand", "radiusend"),
}
_NECK_BASE = ("neck", "lowerneck", "c7", "neck01", "neck1", "thoraxend")
_SKULL = ("head", "atlas", "headend", "neck")


def find_joints(recording: Recording) -> dict[int, int]:
    """Joints of the Human3.6M-17 -> joints of the recording: limbs, thorax, and where known spine and head.

    Raises:
        DataError: where a joint can be told neither by name nor by shape.
    """
    found, lacking = _by_name(recording.joints)
    if lacking:
        by_shape = joints_by_shape(recording.parents, recording.rest_J3)
        if by_shape is None:
            missing = ", ".join(HUMAN36M_17.joints[joint] for joint in lacking)
            raise DataError(
                f"cannot tell which joints are {missing}",
                where=recording.name,
                hint=f"rename as in MotionBuilder (LeftUpLeg, LeftArm ...); the file has {', '.join(recording.joints)}",
            )
        found = by_shape
    spine = _half_way(recording.parents, recording.rest_J3, found)
    return found | ({SPINE: spine} if spine is not None else {})


def plain(name: str) -> str:
    """A joint's name without rig prefixes, the side in front, lower case, letters and digits only."""
    name = _PREFIXES.sub("", name).lower()
    if side := _SIDE_AT_END.match(name):
        name = side[2] + side[1]
    return re.sub(r"[^a-z0-9]", "", name)


def _by_name(names: Sequence[str]) -> tuple[dict[int, int], list[int]]:
    """Joints found, and those of the limbs and thorax that were not."""
    index = {plain(name): j for j, name in reversed(list(enumerate(names)))}
    wanted = {THORAX: list(_NECK_BASE)}
    for pair, words in _LIMBS.items():
        for joint, spellings in zip(pair, (("left", "l"), ("right", "r")), strict=True):
            wanted[joint] = [side + word for word in words for side in spellings]
    found = {joint: index[name] for joint, options in wanted.items() for name in options[::-1] if name in index}
    lacking = [joint for joint in wanted if joint not in found]
    head = next((index[name] for name in _SKULL if name in index), None)
    return found | ({HEAD: head} if head is not None else {}), lacking


def _half_way(parents: Sequence[int], rest_J3: FloatArray, found: dict[int, int]) -> int | None:
    """The joint of the trunk nearest to the middle between hips and thorax; None if none is within its middle half."""
    low, high = rest_J3[[found[joint] for joint in HIPS]].mean(axis=0), rest_J3[found[THORAX]]
    best, distance = None, 0.25 * float(np.linalg.norm(high - low))
    joint = parents[found[THORAX]]
    while joint >= 0:
        away = float(np.linalg.norm(rest_J3[joint] - (low + high) / 2))
        if away < distance:
            best, distance = joint, away
        joint = parents[joint]
    return best
