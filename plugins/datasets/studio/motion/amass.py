"""Motion of the SMPL family (.npz), as the AMASS archive gives it.

Paper: Mahmood et al., ICCV 2019, arXiv:1904.03278. A file tells by which rotations the joints of a body model turn and
where the root goes; where the joints lie at rest is known to the body model alone, which this package does not have.
They come from `offsets.npz` or `offsets.json` beside the motion or in a folder above it: of a user's own body model,
or measured. Without either, the studio's average adult moves instead, and its warning says so.

* older files: ``poses`` (T, 156) rotation vectors of 52 joints, ``trans`` (T, 3), ``mocap_framerate``;
* newer ones ("stageii"): ``root_orient`` (T, 3), ``pose_body`` (T, 63), ``trans``, ``mocap_frame_rate``.

Axes: T frames, J the 22 joints of the body; hands are left out. Metres; z up in the world, while at rest y is up, z
points forward and x to the left of the body.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .....core.errors import DataError
from .....core.skeleton import SKELETONS
from .....media.untrusted import load_npz
from .body import ANKLES, ELBOWS, HIPS, KNEES, OFFSETS_J3, SHOULDERS, SPINE, THORAX, WRISTS, rotation
from .motion import FloatArray
from .recording import Recording, forward_kinematics, rest_positions

BODY = 22
JOINTS = SKELETONS["smpl_24"].joints[:BODY]
PARENTS = SKELETONS["smpl_24"].parents[:BODY]
OFFSETS = ("offsets.npz", "offsets.json")
RATES = ("mocap_framerate", "mocap_frame_rate")
READ = {"poses", "root_orient", "pose_body", "trans", *RATES}  # gender, shape and markers are not needed
LEG_M = (0.2, 1.3)  # thigh and shank of a small child, of a tall adult
_TO_REST = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]) / 1000  # forward, left, up in mm


def read_amass(path: Path | str, offsets: Path | None = None) -> Recording:
    """Read a motion.

    Args:
        path: The ``.npz`` file.
        offsets: File of the joints at rest; the average adult's if None.

    Raises:
        DataError: Where the file is no such motion or its numbers do not fit each other, or the offsets are no body's.
    """
    path = Path(path)
    names = names_of(path)
    if not is_amass(names):
        raise _fault(f"it has {', '.join(sorted(names)) or 'nothing'}, not `poses` and `trans`", path)
    arrays = load_npz(path, names & READ)
    turns_TJ3, root_T3 = _turns(arrays, path), _rows(arrays, "trans", 3, path)
    if len(root_T3) != len(turns_TJ3):
        raise _fault(f"there are {len(turns_TJ3)} poses, but {len(root_T3)} rows of `trans`", path)
    if not (np.isfinite(turns_TJ3).all() and np.isfinite(root_T3).all()):
        raise _fault("it holds a number that is not finite", path)
    offsets_J3 = generic_offsets() if offsets is None else read_offsets(offsets)
    local = rotation(np.degrees(turns_TJ3.reshape(-1, 3))).reshape(*turns_TJ3.shape, 3)
    offsets_TJ3 = np.tile(offsets_J3, (len(root_T3), 1, 1))
    offsets_TJ3[:, 0] += root_T3  # the model turns about its root joint and is moved afterwards
    positions, frames = forward_kinematics(PARENTS, local, offsets_TJ3)
    rest = rest_positions(PARENTS, offsets_J3)
    return Recording(path.stem, JOINTS, PARENTS, positions, frames, rest, _rate(arrays, path), 1.0, "z")


def names_of(path: Path) -> set[str]:
    """Names of the arrays in an npz; none if it is no npz."""
    try:
        with zipfile.ZipFile(path) as file:
            return {name.removesuffix(".npy") for name in file.namelist()}
    except (OSError, zipfile.BadZipFile):
        return set()


def is_amass(names: set[str]) -> bool:
    """Whether arrays of these names are a motion; the archive also holds files of shapes alone."""
    return "trans" in names and ("poses" in names or {"root_orient", "pose_body"} <= names)


def offsets_of(motion: Path, top: Path) -> Path | None:
    """The offsets nearest to a motion: in its folder, or in one above it up to ``top``."""
    for folder in motion.parents:
        for name in OFFSETS:
            if (folder / name).is_file():
                return folder / name
        if folder == top or top not in folder.parents:
            break
    return None


def _turns(arrays: Mapping[str, Any], path: Path) -> FloatArray:
    """Rotation vectors (T, 22, 3) in radians."""
    if "poses" in arrays:
        poses = _rows(arrays, "poses", 3 * BODY, path)[:, : 3 * BODY]
    else:
        parts = _rows(arrays, "root_orient", 3, path)[:, :3], _rows(arrays, "pose_body", 3 * BODY - 3, path)
        if len(parts[0]) != len(parts[1]):
            raise _fault(f"there are {len(parts[0])} rows of `root_orient`, but {len(parts[1])} of `pose_body`", path)
        poses = np.concatenate([parts[0], parts[1][:, : 3 * BODY - 3]], axis=1)
    return np.asarray(poses.reshape(-1, BODY, 3))


def _rows(arrays: Mapping[str, Any], name: str, least: int, path: Path) -> FloatArray:
    rows = np.asarray(arrays[name])
    if rows.ndim != 2 or not len(rows) or rows.shape[1] < least or rows.dtype.kind not in "fiu":
        raise _fault(f"`{name}` is {rows.dtype} {rows.shape}, not a row of {least} numbers or more per frame", path)
    return rows.astype(np.float64)


def _rate(arrays: Mapping[str, Any], path: Path) -> float:
    found = [np.asarray(arrays[name]) for name in RATES if name in arrays]
    rate = float(found[0]) if found and found[0].size == 1 and found[0].dtype.kind in "fiu" else 0.0
    if not 0 < rate < np.inf:
        raise _fault(f"it tells no frame rate above zero ({' or '.join(RATES)})", path)
    return rate


def _fault(what: str, path: Path) -> DataError:
    hint = "expected is a motion as AMASS gives it: poses, trans, mocap_framerate; download it again"
    return DataError(what, where=str(path), hint=hint)


# ---------------------------------------------------------------- joints at rest


def generic_offsets() -> FloatArray:
    """Each joint (22, 3) from its parent, of the studio's average adult in T-pose: arms to the sides, feet forward."""
    adult = OFFSETS_J3 @ _TO_REST.T
    rest = {"pelvis": np.zeros(3), "head": np.array([0.0, 0.1, 0.02])}
    rest |= {"spine1": adult[SPINE] / 2, "spine2": adult[SPINE] / 2}
    rest |= {"spine3": adult[THORAX] / 2, "neck": adult[THORAX] / 2}
    for s, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        legs = zip(("hip", "knee", "ankle"), (HIPS, KNEES, ANKLES), strict=True)
        rest |= {f"{side}_{name}": adult[joint[s]] for name, joint in legs}
        rest[f"{side}_foot"] = np.array([0.0, -0.06, 0.13])
        rest[f"{side}_collar"] = rest["neck"] + 0.4 * adult[SHOULDERS[s]]
        rest[f"{side}_shoulder"] = 0.6 * adult[SHOULDERS[s]]
        for name, joint in (("elbow", ELBOWS), ("wrist", WRISTS)):
            rest[f"{side}_{name}"] = np.array([sign * np.linalg.norm(adult[joint[s]]), 0.0, 0.0])
    return np.array([rest[joint] for joint in JOINTS])


def read_offsets(path: Path) -> FloatArray:
    """Each joint (22, 3) from its parent in metres, out of a user's file.

    JSON: an object of three numbers per joint by name. npz: ``offsets`` (22 or more, 3) in SMPL's order, or ``joints``,
    positions at rest, as a body model's joint regressor gives them.

    Raises:
        DataError: If it cannot be read, lacks a joint, or its numbers are no body at rest.
    """
    offsets_J3 = _from_json(path) if path.suffix == ".json" else _from_npz(path)
    left, right = JOINTS.index("left_hip"), JOINTS.index("right_hip")
    ends = [[JOINTS.index(f"{side}_{end}") for end in ("knee", "ankle")] for side in ("left", "right")]
    legs = [float(np.linalg.norm(offsets_J3[end], axis=1).sum()) for end in ends]
    if not all(LEG_M[0] <= length <= LEG_M[1] for length in legs):
        raise _misfit(f"its legs are {legs[0]:.3g} and {legs[1]:.3g} long, which is no person's in metres", path)
    if not offsets_J3[left, 0] > offsets_J3[right, 0]:
        raise _misfit("its left hip is not to the left (+x) of its right one", path)
    if not offsets_J3[JOINTS.index("left_knee"), 1] < 0:
        raise _misfit("its left knee is not below (-y) its hip", path)
    return offsets_J3


def _from_json(path: Path) -> FloatArray:
    try:
        named = json.loads(path.read_text(encoding="utf-8"))
        rows = np.array([named[joint] for joint in JOINTS], np.float64)
    except KeyError as error:
        raise _misfit(f"it has no joint {error}", path) from None
    except (OSError, ValueError, TypeError) as error:
        raise _misfit(f"it cannot be read: {error}", path) from None
    return _checked(rows, path)


def _from_npz(path: Path) -> FloatArray:
    names = names_of(path)
    if "offsets" in names:
        return _checked(load_npz(path, ["offsets"])["offsets"], path)
    if "joints" not in names:
        raise _misfit(f"it has {', '.join(sorted(names)) or 'nothing'}, not `offsets` or `joints`", path)
    joints_J3 = _checked(load_npz(path, ["joints"])["joints"], path)
    offsets_J3 = joints_J3 - joints_J3[[max(parent, 0) for parent in PARENTS]]
    offsets_J3[0] = joints_J3[0]
    return offsets_J3


def _checked(rows: FloatArray, path: Path) -> FloatArray:
    if rows.ndim != 2 or rows.shape[1] != 3 or len(rows) < BODY or rows.dtype.kind not in "fiu":
        raise _misfit(f"it holds {rows.dtype} {rows.shape}, not three numbers for each of {BODY} joints", path)
    if not np.isfinite(rows[:BODY]).all():
        raise _misfit("it holds a number that is not finite", path)
    return rows[:BODY].astype(np.float64)


def _misfit(what: str, path: Path) -> DataError:
    hint = "offsets are metres from the parent joint, at rest, +x left, +y up, +z forward, in the order of SMPL"
    return DataError(f"these are no offsets of a body: {what}", where=str(path), hint=hint)
