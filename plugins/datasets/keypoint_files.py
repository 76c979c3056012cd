"""Files of 2D joints as detectors and annotators write them: COCO keypoint JSON, and npz.

Sources: https://cocodataset.org/#format-data and #format-results (Lin et al., ECCV 2014).

* COCO JSON with ``images`` and ``annotations``, as person_keypoints_val2017.json: ``keypoints`` are x, y, v for each
  of 17 joints, v being 0 where a joint is not labelled, 1 where it is hidden, 2 where it is seen; pictures go by
  ``file_name``, and ``width`` and ``height`` tell in which pixels. Crowds (``iscrowd``) are no one's joints and are
  left out; of people who are told alike the one of the larger ``area`` counts.
* COCO results, a list: ``image_id`` is a file's name or a number, and v the detector's confidence.
* npz: ``keypoints`` (N, 17, 2 or 3) or with several people (N, P, 17, 2 or 3), a row per picture in order; ``scores``
  (N, 17) or (N, P, 17) may hold the confidence. Without any, a joint at exactly (0, 0) is missing.

Axes: D detections (one person in one picture), N pictures, P people, J joints, 3 = x y confidence.
Coordinates: pixels, a pixel's centre has integer coordinates.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array
from ...core.skeleton import COCO_17

JOINTS = len(COCO_17)


@dataclass(frozen=True, slots=True)
class Detections:
    """What a file tells.

    Attributes:
        picture: Of each detection, the name or the number of its picture.
        pose_DJ3: Joints in COCO order, (D, 17, 3) float32.
        score_D: How sure the whole person is.
        size_D2: Width and height of its picture; NaN where the file does not tell.
        listed: All pictures of which the file tells that it knows them, by name; none if it does not.
        count: Of how many pictures there is a row, in order; None if detections name their pictures.
    """

    picture: Sequence[str | int]
    pose_DJ3: Array
    score_D: Array
    size_D2: Array
    listed: Sequence[str] = ()
    count: int | None = None


def read_detections(path: Path) -> Detections:
    """Read a file by its suffix.

    Raises:
        DataError: If it is missing, of another format, or broken.
    """
    if not path.is_file():
        raise DataError("there is no such file of keypoints", where=str(path), hint="dataset.keypoints names it")
    readers = {".json": _read_json, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        hint = "COCO keypoint JSON (.json) and .npz are"
        raise DataError("keypoints of this kind are not understood", where=str(path), hint=hint)
    try:
        return readers[path.suffix.lower()](path)
    except (OSError, EOFError, zipfile.BadZipFile, ValueError, TypeError, KeyError, AttributeError) as error:
        told = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        hint = "expected is COCO keypoint JSON or an npz with `keypoints`, see poserep plugins show"
        raise DataError(f"the keypoints cannot be read: {told}", where=str(path), hint=hint) from None


# ---------------------------------------------------------------- JSON


def _read_json(path: Path) -> Detections:
    data = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(data, list):
        return _detections(data, {})
    for category in data.get("categories", ()):
        named = category.get("keypoints")
        if named is not None and tuple(named) != COCO_17.joints:
            raise ValueError(f"its joints are {', '.join(named)}, not the {JOINTS} of COCO")
    images = {str(image["id"]): image for image in data["images"]}  # files mix numbers with their spelling
    if len(images) < len(data["images"]):
        raise ValueError("several of its images have the same id")
    return _detections(data["annotations"], images, listed=[str(image["file_name"]) for image in data["images"]])


def _detections(
    rows: Sequence[Mapping[str, Any]], images: Mapping[str, Mapping[str, Any]], listed: Sequence[str] = ()
) -> Detections:
    people = {number: row for number, row in enumerate(rows) if "keypoints" in row}
    if not people and rows:
        raise ValueError("its annotations have no keypoints")
    people = {number: row for number, row in people.items() if not row.get("iscrowd")}
    pose_DJ3 = np.zeros((len(people), JOINTS, 3), np.float32)
    picture: list[str | int] = []
    size_D2 = np.full((len(people), 2), np.nan)
    for d, (number, row) in enumerate(people.items()):
        which = row["image_id"]
        if images and str(which) not in images:
            raise ValueError(f"annotation {number} is of the image {which!r}, which is not among its images")
        image = images.get(str(which), {})
        picture.append(str(image["file_name"]) if image else which)
        size_D2[d] = image.get("width", np.nan), image.get("height", np.nan)
        values = np.asarray(row["keypoints"], np.float32).ravel()
        if len(values) != 3 * JOINTS:
            raise ValueError(f"annotation {number} has {len(values)} numbers, not 3 for each of COCO's {JOINTS} joints")
        pose_DJ3[d] = values.reshape(JOINTS, 3)
    sure_D = np.nan_to_num(pose_DJ3[..., 2]).mean(axis=1)
    pairs = zip(people.values(), sure_D, strict=True)
    score_D = np.array([row.get("score", sure) for row, sure in pairs], np.float64)
    order = np.argsort([float(row.get("area") or 0) for row in people.values()], kind="stable")  # the larger later
    picture = [picture[d] for d in order]
    return Detections(picture, pose_DJ3[order], score_D[order], size_D2[order], listed)


# ---------------------------------------------------------------- npz


def _read_npz(path: Path) -> Detections:
    with np.load(path, allow_pickle=False) as data:
        if "keypoints" not in data:
            raise ValueError(f"it has {', '.join(data) or 'nothing'}, not `keypoints`")
        keypoints = np.asarray(data["keypoints"], np.float32)
        scores: Array | None = np.asarray(data["scores"], np.float32) if "scores" in data else None
    if keypoints.ndim not in (3, 4) or keypoints.shape[-2] != JOINTS or keypoints.shape[-1] not in (2, 3):
        raise ValueError(f"`keypoints` is {keypoints.shape}, not (N, {JOINTS}, 2 or 3) or (N, P, {JOINTS}, 2 or 3)")
    if scores is not None and scores.shape != keypoints.shape[:-1]:
        raise ValueError(f"`scores` is {scores.shape}, not {keypoints.shape[:-1]}, that of `keypoints`")
    here = np.asarray(keypoints[..., :2].any(axis=-1), np.float32)
    sure = scores if scores is not None else keypoints[..., 2] if keypoints.shape[-1] == 3 else here
    people = keypoints.shape[1] if keypoints.ndim == 4 else 1
    pose_DJ3 = np.concatenate([keypoints[..., :2], sure[..., None]], axis=-1).reshape(-1, JOINTS, 3)
    picture = np.repeat(np.arange(len(keypoints)), people).tolist()
    score_D = np.nan_to_num(pose_DJ3[..., 2]).mean(axis=1)
    return Detections(picture, pose_DJ3, score_D, np.full((len(pose_DJ3), 2), np.nan), count=len(keypoints))
