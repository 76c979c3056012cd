"""Pairs of frames as a file: one line of JSON for each, with all that tells which frames they are.

A list of pairs says more than a seed: it can be read, thinned out and trained from again, whatever samplers do then.

Axes: N frames, 3 = x y z.
Coordinates: camera +x right, +y down, +z forward; rotations are world to camera.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ..core.errors import DataError
from ..core.files import write_text, writing
from ..core.interfaces import Array, Clip, Dataset

KindOfPair = Literal["view", "pose", "both"]
SAME_S = 1e-4
"""Two timestamps no further apart are of one frame; a JSON file may have been rounded."""
Text2 = tuple[str, str]
Second = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid", strict=True))
class Pair:
    """Two frames of one take, first the one that is masked, then its reference.

    Attributes:
        kind: Two cameras at one moment (`view`), one camera at two moments (`pose`), or two and two (`both`).
        subject: Who is seen, or "" where unknown.
        take: The recording.
        clips: Names of the clips.
        cameras: Which camera filmed each.
        frames: Position of each frame in its clip.
        times_s: Timestamp of each, in seconds.
    """

    kind: KindOfPair
    subject: str
    take: str
    clips: Text2
    cameras: Text2
    frames: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
    times_s: tuple[Second, Second]

    @property
    def gap_s(self) -> float:
        """Seconds from the masked frame to the reference; below 0 where that lies before."""
        return self.times_s[1] - self.times_s[0]


ONE = TypeAdapter(Pair)


def kind_of(one_camera: bool, gap_s: float, moment_s: float) -> KindOfPair:
    """What two frames of a take have in common; of two cameras' frames up to ``moment_s`` apart: the moment."""
    if one_camera:
        return "pose"
    return "view" if abs(gap_s) <= moment_s else "both"


def pair_of(clips: Sequence[Clip], clip: Sequence[int], frame: Sequence[int], moment_s: float) -> Pair:
    """Two drawn frames, by indices of clips and of frames in them, as a line of the file."""
    one, other = (clips[int(index)] for index in clip)
    times_s = float(one.times_s[frame[0]]), float(other.times_s[frame[1]])
    kind = kind_of(clip[0] == clip[1], times_s[1] - times_s[0], moment_s)
    cameras, frames = (one.camera, other.camera), (int(frame[0]), int(frame[1]))
    return Pair(kind, one.subject, one.take, (one.name, other.name), cameras, frames, times_s)


def write_pairs(pairs: Iterable[Pair], path: Path) -> Path:
    """Write them, one line each.

    Raises:
        DataError: If the file cannot be written.
    """
    text = "".join(json.dumps(asdict(pair), ensure_ascii=False) + "\n" for pair in pairs)
    with writing(path, "pairs", "choose another file with -o"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    return path


def read_pairs(path: Path) -> list[Pair]:
    """Read a file of pairs.

    Raises:
        DataError: If it is missing, has no pair, or a line is none, with the line's number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        hint = "poserep data pairs RECIPE -o FILE writes one"
        raise DataError(f"the list of pairs cannot be read: {reason}", where=str(path), hint=hint) from None
    pairs = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            pairs.append(ONE.validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            what = f"this line is no pair: {key + ': ' if key else ''}{first['msg']}"
            raise DataError(what, where=f"{path}:{number}") from None
    if not pairs:
        raise DataError("the list of pairs is empty", where=str(path))
    return pairs


def viewing_directions(dataset: Dataset, clip: int, frames: Array) -> Array:
    """Where the camera of a clip looks in the world: (N, 3), or (1, 3) of one that does not move.

    Only the label ``rotation`` is read, of three frames first, and of the others if these differ.
    """
    few = frames[[0, len(frames) // 2, -1]]
    ahead_N3 = dataset.labels("rotation", clip, few)[:, 2].astype(np.float64)
    if np.array_equal(ahead_N3, np.broadcast_to(ahead_N3[:1], ahead_N3.shape), equal_nan=True):
        return ahead_N3[:1]
    return np.asarray(dataset.labels("rotation", clip, frames)[:, 2], np.float64)


def degrees_apart(one_N3: Array, other_N3: Array) -> Array:
    """Angle between viewing directions, (N,) in degrees; a roll of a camera about its axis does not count."""
    across = np.linalg.norm(np.cross(one_N3, other_N3), axis=-1)
    return np.asarray(np.rad2deg(np.arctan2(across, (one_N3 * other_N3).sum(axis=-1))))
