"""Biovision hierarchy files (.bvh), by forward kinematics.

Format: HIERARCHY names joints with OFFSET and CHANNELS, MOTION lists one line of channel values per frame. The order in
CHANNELS is the order of multiplication. Position channels of any joint replace its OFFSET (some writers give six
channels to all). Neither unit nor up axis is told.

Axes: T frames, J joints. The file's own unit, axes and order of joints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .....core.errors import DataError
from .motion import FloatArray
from .recording import Recording, euler, forward_kinematics, rest_positions

_CHANNELS = {f"{axis}{kind}" for axis in "xyz" for kind in ("position", "rotation")}
BODY_M, FASTEST_M_S = 1.7, 15.0  # a joint faster than this at the start of a clip did not move, it was put there
_HINT = "export the clip again as plain BVH text (HIERARCHY, then MOTION)"


@dataclass(slots=True)
class _Joint:
    name: str
    parent: int
    offset: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    channels: list[str] | None = None  # None until the file names them


class _Lines:
    """Words of the lines that are not blank, and errors that name the line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text(encoding="utf-8", errors="replace")
        self.rows = [(n, words) for n, line in enumerate(text.splitlines(), 1) if (words := line.split())]
        self.at = 0

    def __iter__(self) -> Iterator[list[str]]:
        while self.at < len(self.rows):
            self.at += 1
            yield self.rows[self.at - 1][1]

    def error(self, what: str) -> DataError:
        number = self.rows[self.at - 1][0] if self.rows and self.at else 1
        return DataError(what, where=f"{self.path}:{number}", hint=_HINT)

    def numbers(self, words: list[str], count: int, what: str) -> list[float]:
        """Exactly ``count`` finite numbers."""
        if len(words) != count:
            raise self.error(f"{what} needs {count} numbers, but this line has {len(words)}")
        try:
            values = [float(word) for word in words]
        except ValueError:
            raise self.error(f"{what} holds something that is no number") from None
        if not np.isfinite(values).all():
            raise self.error(f"{what} holds a number that is not finite")
        return values


def read_bvh(path: Path | str) -> Recording:
    """Read a BVH file.

    The T-pose that some conversions put in front is left out: frames that the next could not follow from.

    Raises:
        DataError: with file and line, where the text is no BVH, is cut off, or its numbers do not fit its channels.
    """
    path = Path(path)
    lines = _Lines(path)
    joints = _hierarchy(lines)
    seconds, values_TC = _motion(lines, sum(len(joint.channels or ()) for joint in joints))
    parents = tuple(joint.parent for joint in joints)
    local, offsets = _local(joints, values_TC)
    positions, frames = forward_kinematics(parents, local, offsets)
    rest = rest_positions(parents, np.array([joint.offset for joint in joints]))
    names = tuple(joint.name for joint in joints)
    first = _leading_poses(positions, seconds)
    return Recording(path.stem, names, parents, positions[first:], frames[first:], rest, 1 / seconds)


def _leading_poses(positions_TJ3: FloatArray, seconds: float) -> int:
    """Number of frames in front that no body could leave so fast: a T-pose, and what was blended with it."""
    if len(positions_TJ3) < 4:
        return 0
    steps = np.linalg.norm(np.diff(positions_TJ3[:12], axis=0), axis=-1).max(axis=1)
    size = np.ptp(positions_TJ3[len(positions_TJ3) // 2], axis=0).max()
    impossible = np.flatnonzero(steps / seconds > size / BODY_M * FASTEST_M_S)
    return int(impossible[-1]) + 1 if len(impossible) else 0


def _hierarchy(lines: _Lines) -> list[_Joint]:
    joints: list[_Joint] = []
    open_joints: list[int] = []
    if not lines.rows or lines.rows[0][1][0].upper() != "HIERARCHY":
        raise lines.error("this text is no BVH: it does not begin with HIERARCHY")
    lines.at = 1
    for words in lines:
        key = words[0].upper()
        if key == "MOTION":
            break
        _hierarchy_line(lines, key, words, joints, open_joints)
        if words[-1] == "{" and joints:
            open_joints.append(len(joints) - 1)
    else:
        raise lines.error("the file ends before MOTION")
    if open_joints or not joints:
        raise lines.error("MOTION begins before every joint is closed by }" if joints else "no joint before MOTION")
    return joints


def _hierarchy_line(lines: _Lines, key: str, words: list[str], joints: list[_Joint], open_joints: list[int]) -> None:
    parent = open_joints[-1] if open_joints else -1
    if key in ("ROOT", "JOINT"):
        joints.append(_Joint(" ".join(words[1:]).rstrip("{ "), parent))
    elif not open_joints and key != "{":
        raise lines.error(f"{words[0]!r} has no meaning here in a BVH hierarchy")
    elif key == "END":
        joints.append(_Joint(f"{joints[parent].name}_end", parent, channels=[]))
    elif key == "OFFSET":
        joints[parent].offset = lines.numbers(words[1:], 3, "OFFSET")
    elif key == "CHANNELS":
        joints[parent].channels = _channel_names(lines, words[1:])
    elif key == "}":
        _close(lines, joints[open_joints.pop()])
    elif key != "{":
        raise lines.error(f"{words[0]!r} has no meaning here in a BVH hierarchy")


def _close(lines: _Lines, joint: _Joint) -> None:
    if joint.channels is None:
        raise lines.error(f"joint {joint.name!r} has no CHANNELS")


def _channel_names(lines: _Lines, words: list[str]) -> list[str]:
    names = [word.lower() for word in words[1:]]
    if not words or words[0] != str(len(names)):
        raise lines.error(f"CHANNELS announces {words[0] if words else 'nothing'}, but names {len(names)}")
    if unknown := [name for name in names if name not in _CHANNELS]:
        raise lines.error(f"unknown channel {unknown[0]!r}")
    return names


def _motion(lines: _Lines, channels: int) -> tuple[float, FloatArray]:
    """Seconds per frame and channel values (T, C)."""
    frames, seconds = -1, 0.0
    rows: list[list[float]] = []
    for words in lines:
        label = " ".join(words).lower()
        if label.startswith("frames:"):
            frames = int(lines.numbers(words[1:], 1, "Frames:")[0])
        elif label.startswith("frame time:"):
            seconds = lines.numbers(words[2:], 1, "Frame Time:")[0]
        else:
            rows.append(lines.numbers(words, channels, f"frame {len(rows)}"))
    if seconds <= 0:
        raise lines.error("no Frame Time: above zero")
    if len(rows) != frames or not rows:
        raise lines.error(f"the file is cut off or too long: Frames: says {frames}, but there are {len(rows)}")
    return seconds, np.array(rows)


def _local(joints: list[_Joint], values_TC: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Local rotations (T, J, 3, 3) and offsets (T, J, 3)."""
    local = np.tile(np.eye(3), (len(values_TC), len(joints), 1, 1))
    offsets = np.tile(np.array([joint.offset for joint in joints]), (len(values_TC), 1, 1))
    first = 0
    for j, joint in enumerate(joints):
        names = joint.channels or []
        block = values_TC[:, first : first + len(names)]
        turns = [c for c, name in enumerate(names) if name.endswith("rotation")]
        local[:, j] = euler("".join(names[c][0] for c in turns), block[:, turns])
        for c, name in enumerate(names):
            if name.endswith("position"):
                offsets[:, j, "xyz".index(name[0])] = block[:, c]
        first += len(names)
    return local, offsets
