"""Acclaim skeleton and motion files (.asf + .amc), as the CMU motion capture database gives them.

A joint here is the END of a bone, called ``<bone>_end``: ``lfemur_end`` is the left knee. A bone turns by C M C^-1 with
C from its ``axis`` and M from its degrees of freedom, both in the order x, y, z about fixed axes; child = parent +
length * (G_bone @ direction). One unit is 0.0254 / <the length in :units> metres (0.45 in that database); 120 frames a
second are its convention and not stored.

Axes: T frames, J joints. The file's own unit, y up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .....core.errors import DataError
from .motion import FloatArray
from .recording import Recording, euler, forward_kinematics, rest_positions

logger = logging.getLogger("poserep")

CMU_FPS = 120.0
INCH_M = 0.0254
_ROOT_CHANNELS = ("TX", "TY", "TZ", "RX", "RY", "RZ")


@dataclass(slots=True)
class _Bone:
    name: str
    offset_3: FloatArray  # direction times length
    axis_33: FloatArray
    channels: tuple[str, ...]


@dataclass(slots=True)
class _Acclaim:
    bones: list[_Bone]  # the root first, parents before children
    parents: list[int]
    metres: float
    degrees: float  # per unit of angle


def read_amc(amc_path: Path | str, asf_path: Path | str) -> Recording:
    """Read a motion and the skeleton that it moves.

    Raises:
        DataError: with file and line, where either file is cut off, or the motion does not fit the skeleton.
    """
    amc_path, skeleton = Path(amc_path), _read_asf(Path(asf_path))
    values = _read_frames(amc_path, skeleton)
    count = len(next(iter(values.values())))
    local = np.tile(np.eye(3), (count, len(skeleton.bones), 1, 1))
    offsets = np.tile(np.array([bone.offset_3 for bone in skeleton.bones]), (count, 1, 1))
    for b, bone in enumerate(skeleton.bones):
        block = values.get(bone.name, np.zeros((count, len(bone.channels))))
        turns = [c for c, name in enumerate(bone.channels) if name.startswith("R")][::-1]  # fixed axes: the last first
        order = "".join(bone.channels[c][1].lower() for c in turns)
        local[:, b] = bone.axis_33 @ euler(order, skeleton.degrees * block[:, turns]) @ bone.axis_33.T
        for c, name in enumerate(bone.channels):
            if name.startswith("T"):
                offsets[:, b, "XYZ".index(name[1])] += block[:, c]
    positions, frames = forward_kinematics(skeleton.parents, local, offsets, at_end=True)
    names = tuple("root" if bone.name == "root" else f"{bone.name}_end" for bone in skeleton.bones)
    rest = rest_positions(skeleton.parents, np.array([bone.offset_3 for bone in skeleton.bones]))
    return Recording(
        amc_path.stem, names, tuple(skeleton.parents), positions, frames, rest, CMU_FPS, skeleton.metres, "y"
    )


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and words, comments ("#", and the "#!OML" header) and blank lines left out."""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if (words := line.split()) and not words[0].startswith("#"):
            yield number, words


def _floats(words: list[str], count: int, where: str) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != count or not np.isfinite(values).all():
        raise DataError(
            f"expected {count} numbers, found {' '.join(words)!r}",
            where=where,
            hint="the motion must have been recorded with this skeleton, and the file be complete",
        )
    return values


def _axis(words: list[str], where: str) -> FloatArray:
    """Rotation (3, 3) of an ``axis x y z XYZ`` line: about fixed axes in the order named."""
    order = words[3].lower() if len(words) > 3 else "xyz"
    degrees = _floats(words[:3], 3, where)
    return np.asarray(euler(order[::-1], np.array([degrees[::-1]]))[0])


def _read_asf(path: Path) -> _Acclaim:
    sections: dict[str, list[tuple[int, list[str]]]] = {}
    current: list[tuple[int, list[str]]] = []
    for number, words in _rows(path):
        if words[0].startswith(":"):
            current = sections.setdefault(words[0].lower(), [])
        else:
            current.append((number, words))
    for needed in (":bonedata", ":hierarchy"):
        if needed not in sections:
            raise DataError(f"this text is no ASF skeleton: it has no {needed}", where=str(path), hint="give the .asf")
    units = {words[0].lower(): words[1] for _, words in sections.get(":units", []) if len(words) > 1}
    length = _floats([units.get("length", "0.45")], 1, str(path))[0]
    bones = {bone.name: bone for bone in _bones(sections[":bonedata"], path)}
    bones["root"] = _root(sections.get(":root", []), path)
    order, parents = _tree(sections[":hierarchy"], bones, path)
    degrees = 1.0 if units.get("angle", "deg").lower().startswith("deg") else float(np.degrees(1.0))
    return _Acclaim([bones[name] for name in order], parents, INCH_M / length, degrees)


def _root(rows: list[tuple[int, list[str]]], path: Path) -> _Bone:
    found = {words[0].lower(): (f"{path}:{number}", words[1:]) for number, words in rows}
    order = tuple(word.upper() for word in found.get("order", ("", list(_ROOT_CHANNELS)))[1])
    axis = found.get("axis", ("", ["XYZ"]))[1][0]
    where, orientation = found.get("orientation", ("", ["0", "0", "0"]))
    position = found.get("position", ("", ["0", "0", "0"]))
    return _Bone("root", np.array(_floats(position[1][:3], 3, position[0])), _axis([*orientation, axis], where), order)


def _bones(rows: list[tuple[int, list[str]]], path: Path) -> Iterator[_Bone]:
    bone: dict[str, list[str]] = {}
    for number, words in rows:
        key, where = words[0].lower(), f"{path}:{number}"
        if key == "begin":
            bone = {}
        elif key == "end":
            if lacking := [name for name in ("name", "direction", "length", "axis") if not bone.get(name)]:
                raise DataError(f"a bone has no {lacking[0]}", where=where, hint="the skeleton file is incomplete")
            direction = np.array(_floats(bone["direction"], 3, where))
            length = _floats(bone["length"], 1, where)[0]
            channels = tuple(word.upper() for word in bone.get("dof", []))
            yield _Bone(bone["name"][0], length * direction, _axis(bone["axis"], where), channels)
        elif key[0].isalpha():
            bone[key] = words[1:]


def _tree(rows: list[tuple[int, list[str]]], bones: dict[str, _Bone], path: Path) -> tuple[list[str], list[int]]:
    """Names of the bones, parents first, and the index of each one's parent."""
    order, parents = ["root"], [-1]
    for number, words in rows:
        if words[0].lower() in ("begin", "end"):
            continue
        if words[0] not in order or any(child not in bones for child in words[1:]):
            raise DataError(
                f"the hierarchy names a bone that is not there in {' '.join(words)!r}",
                where=f"{path}:{number}",
                hint="the skeleton file is incomplete",
            )
        parents += [order.index(words[0])] * len(words[1:])
        order += words[1:]
    return order, parents


def _read_frames(path: Path, skeleton: _Acclaim) -> dict[str, FloatArray]:
    """Channel values (T, C) of each bone that moves."""
    channels = {bone.name: len(bone.channels) for bone in skeleton.bones if bone.channels}
    frames: list[dict[str, list[float]]] = []
    for number, words in _rows(path):
        where = f"{path}:{number}"
        if words[0].startswith(":"):
            continue
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
        elif not frames or words[0] not in channels:
            raise DataError(
                f"this text is no AMC motion of the skeleton: {words[0]!r} comes before any frame or is no moving bone",
                where=where,
                hint="pair the motion with the skeleton it was recorded with",
            )
        else:
            frames[-1][words[0]] = _floats(words[1:], channels[words[0]], where)
    return _stacked(frames, path)


def _stacked(frames: list[dict[str, list[float]]], path: Path) -> dict[str, FloatArray]:
    """The frames as arrays; a last one that is cut off is left out, as the format tells no number of frames."""
    moving = set(frames[0]) if frames else set()
    if not moving:
        raise DataError("no frame in this AMC file", where=str(path), hint="the file is empty or cut off")
    if len(frames) > 1 and moving - set(frames[-1]):
        logger.warning("%s is cut off within frame %d, which is left out", path, len(frames))
        frames = frames[:-1]
    for n, frame in enumerate(frames, 1):
        if lacking := sorted(moving - set(frame)):
            raise DataError(f"frame {n} has no {lacking[0]}", where=str(path), hint="the file is damaged: get it again")
    return {name: np.array([frame[name] for frame in frames]) for name in moving}
