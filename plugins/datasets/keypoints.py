"""The label ``pose_2d`` out of a file of 2D joints that a detector found in the pictures of a clip.

Joints go from COCO's order to that of Human3.6M by `COCO_TO_HUMAN36M`: pelvis, spine, thorax and crown are put between
or beyond what COCO has. A joint is NaN where it, or one that it is made of, was not found with enough confidence.
Of several people in a picture the one with the highest score counts.

Axes: N pictures of a clip, D detections, J joints, 2 = x y, 3 = x y confidence.
Coordinates: pixels of a picture in files, a pixel's centre has integer coordinates; [-1, 1] of the frame in labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ...core.errors import ConfigError, DataError
from ...core.interfaces import Array
from ...core.skeleton import COCO_17, COCO_TO_HUMAN36M, HUMAN36M_17
from ...media.images import WHOLE, Range
from .keypoint_files import Detections, read_detections
from .names import natural


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """What a clip's joints were found in.

    Attributes:
        clip: Name of the clip.
        names: File names of its pictures in order; empty for a video, whose pictures have numbers.
        count: How many there are, before any are left out.
        size_WH: Width and height in pixels.
    """

    clip: str
    names: Sequence[str]
    count: int
    size_WH: tuple[float, float]


def read_poses(
    root: Path, pattern: str, clips: Sequence[ClipFiles], min_score: float, crop: tuple[Range, Range] = (WHOLE, WHOLE)
) -> list[Array]:
    """2D poses of every picture of every clip, (N, 17, 2) float32, NaN where a joint is not known.

    Args:
        root: What the pattern is relative to.
        pattern: Path of a file, with ``{clip}`` where each clip has its own.
        clips: Their pictures.
        min_score: Least confidence of a joint.
        crop: Part of the width and of the height that the frame shows, in percent.

    Raises:
        ConfigError: If the pattern cannot work.
        DataError: If a file is missing or broken, does not fit the pictures, or no joint is known.
    """
    files = _files(root, pattern, clips)
    poses: dict[int, Array] = {}
    for path, numbers in files.items():
        group = [clips[number] for number in numbers]
        found = read_detections(path)
        for number, pose_NJ2 in zip(numbers, _poses(found, group, min_score, crop, path), strict=True):
            poses[number] = pose_NJ2
        if not any(np.isfinite(poses[number]).any() for number in numbers):
            raise DataError(
                f"no joint is known with a confidence of {min_score:g} in any picture",
                where=str(path),
                hint="lower dataset.keypoints_min_score, or look whether the file is the right one",
            )
    return [poses[number] for number in range(len(clips))]


def _files(root: Path, pattern: str, clips: Sequence[ClipFiles]) -> dict[Path, list[int]]:
    """Which clips each file is for."""
    files: dict[Path, list[int]] = {}
    for number, clip in enumerate(clips):
        try:
            path = root / Path(pattern.format(clip=clip.clip)).expanduser()
        except (KeyError, IndexError, ValueError):
            raise ConfigError(
                "dataset.keypoints may hold {clip} only",
                where=f"dataset.keypoints = {pattern!r}",
                hint='for example "../keypoints/{clip}.json"',
            ) from None
        files.setdefault(path, []).append(number)
    if len(clips) > 1 and "{clip}" not in pattern and not all(clip.names for clip in clips):
        raise ConfigError(
            f"one file of keypoints cannot be for {len(clips)} videos",
            where=f"dataset.keypoints = {pattern!r}",
            hint='give each its own: "../keypoints/{clip}.json"',
        )
    return files


# ---------------------------------------------------------------- joints


def to_human36m(pose_DJ3: Array, min_score: float) -> Array:
    """COCO joints as those of Human3.6M, (D, 17, 2); NaN where one that is needed is below the confidence."""
    weights_JJ = np.zeros((len(HUMAN36M_17), len(COCO_17)))
    for joint, parts in COCO_TO_HUMAN36M.items():
        for part, weight in parts.items():
            weights_JJ[HUMAN36M_17.index(joint), COCO_17.index(part)] = weight
    known_DJ = np.isfinite(pose_DJ3).all(axis=-1) & (pose_DJ3[..., 2] >= min_score)
    mixed = weights_JJ @ np.where(known_DJ[..., None], pose_DJ3[..., :2], 0)
    lacks_DJ = ~known_DJ @ (weights_JJ != 0).T
    return np.where(lacks_DJ[..., None], np.nan, mixed)


def to_frame(pixels: Array, size_WH: Array, crop: tuple[Range, Range]) -> Array:
    """Pixels of a picture, (..., 2), in [-1, 1] coordinates of the part of it that the frame shows."""
    start, end = np.array(crop).T / 100
    share: Array = (pixels + 0.5) / size_WH
    frame: Array = 2 * (share - start) / (end - start) - 1
    return frame


def _poses(
    found: Detections, clips: Sequence[ClipFiles], min_score: float, crop: tuple[Range, Range], path: Path
) -> list[Array]:
    places = _places(found, clips, path)
    joints_DJ2 = to_human36m(found.pose_DJ3, min_score)
    poses = [np.full((clip.count, len(HUMAN36M_17), 2), np.nan, np.float32) for clip in clips]
    for d in np.argsort(found.score_D, kind="stable"):  # the surest last, over the others
        number, index = places[found.picture[d]]
        told = bool(np.isfinite(found.size_D2[d]).all())
        size_2 = found.size_D2[d] if told else np.array(clips[number].size_WH)
        poses[number][index] = to_frame(joints_DJ2[d], size_2, crop)
    return poses


# ---------------------------------------------------------------- pictures

Places = Mapping[str | int, tuple[int, int]]


def _places(found: Detections, clips: Sequence[ClipFiles], path: Path) -> Places:
    """Of every picture that the file speaks of, the clip and the position in it.

    Raises:
        DataError: If one is not there, or their number is another.
    """
    if found.count is not None:
        _check_count(found.count, clips, path)
        return {index: (0, index) for index in range(found.count)}
    if not clips[0].names:
        return _by_number(found, clips[0], path)
    known = _by_name(clips)
    places: dict[str | int, tuple[int, int]] = {}
    for picture in (*found.listed, *found.picture):
        key = picture if isinstance(picture, int) else "/".join(PurePosixPath(picture).parts[-2:])
        fitting = known.get(key, [])
        if len(fitting) != 1:
            raise _misfit(picture, bool(fitting), clips, path)
        places[picture] = fitting[0]
    return places


def _by_name(clips: Sequence[ClipFiles]) -> dict[str | int, list[tuple[int, int]]]:
    """Where pictures are by folder and name, by name alone, and by the number in it."""
    known: dict[str | int, list[tuple[int, int]]] = {}
    for number, clip in enumerate(clips):
        for index, name in enumerate(clip.names):
            keys: list[str | int] = [f"{clip.clip}/{name}", name]
            if (digits := _number(name)) is not None:
                keys.append(digits)
            for key in keys:
                known.setdefault(key, []).append((number, index))
    return known


def _by_number(found: Detections, clip: ClipFiles, path: Path) -> Places:
    """Frames of a video: the listed pictures in order, or else the number in a picture's name, counted from 0."""
    if found.listed:
        _check_count(len(found.listed), [clip], path)
        return {name: (0, index) for index, name in enumerate(sorted(found.listed, key=natural))}
    places: dict[str | int, tuple[int, int]] = {}
    for picture in found.picture:
        index = picture if isinstance(picture, int) else _number(picture)
        if index is None or not 0 <= index < clip.count:
            raise DataError(
                f"the keypoints are of the frame {picture!r}, but {clip.clip!r} has {clip.count} frames",
                where=str(path),
                hint="frames are counted from 0, all those of the file, whatever stride, start_s and end_s leave out",
            )
        places[picture] = (0, index)
    return places


def _number(name: str) -> int | None:
    """The last number in a file's name without its suffix."""
    digits = re.findall(r"\d+", PurePosixPath(name).stem)
    return int(digits[-1]) if digits else None


def _check_count(count: int, clips: Sequence[ClipFiles], path: Path) -> None:
    if len(clips) > 1:
        hint = 'give each its own: "../keypoints/{clip}.npz"'
        raise DataError(f"one npz cannot be for {len(clips)} clips", where=str(path), hint=hint)
    if count != clips[0].count:
        raise DataError(
            f"the keypoints are of {count} pictures, but {clips[0].clip!r} has {clips[0].count}",
            where=str(path),
            hint="a row for each is needed, NaN or 0 where nobody is found, and before any stride, start_s or end_s",
        )


def _misfit(picture: str | int, several: bool, clips: Sequence[ClipFiles], path: Path) -> DataError:
    shown = f"{clips[0].clip}/{clips[0].names[0]}"
    if several:
        hint = f'name pictures with their folder, as {shown!r}, or give each clip a file: "{{clip}}.json"'
        return DataError(f"more than one picture fits the keypoints of {picture!r}", where=str(path), hint=hint)
    hint = f"pictures are called as {shown!r}"
    return DataError(f"the keypoints are of the picture {picture!r}, which is not there", where=str(path), hint=hint)
