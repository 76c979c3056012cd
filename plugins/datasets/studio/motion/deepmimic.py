"""DeepMimic motions (Peng et al., SIGGRAPH 2018): JSON text with ``Frames``, and the character that they move.

A frame is [seconds until the next, root x y z, root quaternion w x y z, then per joint: a quaternion (spherical), one
angle in radians about z (revolute), nothing (fixed)]. Metres; x forward, y up, z right. The character is a file of its
own (``character_*.txt``); without one, the joints of the published humanoid with the lengths of an average adult.

Axes: T frames, J joints, C numbers of a frame.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .....core.errors import DataError
from .body import OFFSETS_J3, rotation
from .motion import FloatArray
from .recording import Recording, forward_kinematics, quaternion, rest_positions

_WIDTH = {"spherical": 4, "revolute": 1, "fixed": 0, "none": 0}
_FIRST = 8  # seconds, root position and root quaternion come before the joints


@dataclass(frozen=True, slots=True)
class _Character:
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    parents: tuple[int, ...]
    offsets_J3: FloatArray


def read_deepmimic(path: Path | str, character_path: Path | str | None = None) -> Recording:
    """Read a motion; frames of unequal length are resampled to the most common one.

    Args:
        path: The motion.
        character_path: Its character; by default the only ``character_*.txt`` beside the motion, else the built-in one.

    Raises:
        DataError: with the file, where it is no JSON of that form or its numbers do not fit the character.
    """
    path = Path(path)
    beside = sorted(path.parent.glob("character_*.txt"))
    if character_path is None and len(beside) == 1:
        character_path = beside[0]
    character = _built_in() if character_path is None else _read_character(Path(character_path))
    values, step_s = _evenly_timed(_read_frames(path, character), character)
    local, offsets = _local(character, values)
    positions, frames = forward_kinematics(character.parents, local, offsets)
    rest = rest_positions(character.parents, character.offsets_J3)
    return Recording(
        path.stem, character.names, character.parents, positions, frames, rest, 1 / step_s, metres=1.0, up="y"
    )


def _built_in() -> _Character:
    """The published humanoid's joints; x, y, z here are forward, up, right."""
    arm, leg = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")
    names = ["root", "chest", "neck"]
    kinds, parents, sources = ["none", "spherical", "spherical"], [-1, 0, 1], [0, 7, 8]
    for side, hip, shoulder in (("right", 1, 14), ("left", 4, 11)):
        for limb, parent, first, limb_kinds in (
            (leg, 0, hip, ("spherical", "revolute", "spherical")),
            (arm, 1, shoulder, ("spherical", "revolute", "fixed")),
        ):
            for n, (joint, kind) in enumerate(zip(limb, limb_kinds, strict=True)):
                parents.append(parent if n == 0 else len(names) - 1)
                names.append(f"{side}_{joint}")
                kinds.append(kind)
                sources.append(first + n)
    forward_left_up = OFFSETS_J3[sources] / 1000
    for n, name in enumerate(names):
        if name.endswith("shoulder"):  # hangs on the chest joint, below the thorax
            forward_left_up[n] += OFFSETS_J3[8] / 1000
    offsets = forward_left_up[:, [0, 2, 1]] * [1, 1, -1]
    return _Character(tuple(names), tuple(kinds), tuple(parents), offsets)


def _load(path: Path, key: str) -> Any:
    """The value of ``key`` in a JSON file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except json.JSONDecodeError as error:
        raise DataError(
            f"this text is no JSON: {error.msg}",
            where=f"{path}:{error.lineno}",
            hint="the file is cut off or another kind",
        ) from None
    if not isinstance(content, dict) or not content.get(key):
        raise DataError(f"this JSON has no {key}", where=str(path), hint="give a DeepMimic motion or character")
    return content[key]


def _read_character(path: Path) -> _Character:
    try:
        joints = _load(path, "Skeleton")["Joints"]
        offsets = np.array([[float(joint[f"Attach{axis}"]) for axis in "XYZ"] for joint in joints])
        kinds = tuple(str(joint["Type"]) for joint in joints)
        names = tuple(str(joint["Name"]) for joint in joints)
        parents = tuple(int(joint["Parent"]) for joint in joints)
        known = all(kind in _WIDTH for kind in kinds)
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise DataError(
            "a joint of this character lacks a name, parent, attachment or known type",
            where=str(path),
            hint="types are spherical, revolute, fixed and none",
        )
    return _Character(names, kinds, parents, offsets)


def _read_frames(path: Path, character: _Character) -> FloatArray:
    """Numbers (T, C) of the motion."""
    frames = _load(path, "Frames")
    count = _FIRST + sum(_WIDTH[kind] for kind in character.kinds[1:])
    for n, frame in enumerate(frames, 1):
        if len(frame) != count:
            raise DataError(
                f"frame {n} has {len(frame)} numbers, but the character takes {count}",
                where=str(path),
                hint="give the character that the motion was made for",
            )
    values = np.array(frames, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError("a frame holds a number that is not finite", where=str(path), hint="get the file again")
    for joint, first, width in _columns(character):
        if width == 4 and not np.linalg.norm(values[:, first : first + 4], axis=1).all():
            name = character.names[joint]
            raise DataError(f"{name} has a quaternion of length zero", where=str(path), hint="get the file again")
    return values


def _columns(character: _Character) -> list[tuple[int, int, int]]:
    """(joint, first column, width) of every joint that turns."""
    found, first = [(0, 4, 4)], _FIRST
    for joint, kind in enumerate(character.kinds[1:], 1):
        if _WIDTH[kind]:
            found.append((joint, first, _WIDTH[kind]))
        first += _WIDTH[kind]
    return found


def _evenly_timed(values_TC: FloatArray, character: _Character) -> tuple[FloatArray, float]:
    """The frames at equal distances, and that distance in seconds."""
    seconds = values_TC[:-1, 0] if len(values_TC) > 1 else np.array([1 / 30])  # a single pose has no rate
    step = float(np.median(seconds))
    if not (seconds > 0).all():
        raise DataError("a frame lasts no time", where="Frames", hint="only the last frame may have a duration of 0")
    if np.ptp(seconds) < 1e-3 * step:
        return values_TC, step
    values = values_TC.copy()
    for _, first, width in _columns(character):
        if width == 4:  # q and -q are the same rotation: take the sign that is nearer to the frame before
            block = values[:, first : first + 4]
            block[1:] *= np.cumprod(np.where((block[1:] * block[:-1]).sum(axis=1) < 0, -1.0, 1.0))[:, None]
    at = np.concatenate([[0.0], np.cumsum(seconds)])
    even = np.arange(0.0, at[-1] + 1e-9, step)
    return np.stack([np.interp(even, at, column) for column in values.T], axis=1), step


def _local(character: _Character, values_TC: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Local rotations (T, J, 3, 3) and offsets (T, J, 3)."""
    local = np.tile(np.eye(3), (len(values_TC), len(character.names), 1, 1))
    offsets = np.tile(character.offsets_J3, (len(values_TC), 1, 1))
    offsets[:, 0] += values_TC[:, 1:4]
    for joint, first, width in _columns(character):
        if width == 4:
            local[:, joint] = quaternion(values_TC[:, first : first + 4])
        else:
            local[:, joint] = rotation(np.degrees(values_TC[:, first, None]) * np.array([0.0, 0.0, 1.0]))
    return local, offsets
