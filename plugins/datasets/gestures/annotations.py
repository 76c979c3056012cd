"""Annotations of hands in the format of HaGRID: a json file per gesture and split, an entry per picture.

An entry has ``labels`` and ``bboxes``, [left, top, width, height] in shares of the picture, one of each per hand, and
``user_id``, which tells people apart. The first release adds ``leading_hand`` and ``landmarks``; the second
``hand_landmarks``, ``meta``, and of gestures that both hands make ``united_bbox`` and ``united_label``: there the box
of both hands stands for the two. All else is not needed and may be missing.

Axes: H hands; 4 = left top width height.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from ....media.untrusted import load_npz
from ..derived import derived

NO_GESTURE = "no_gesture"
FORMAT = 1
"""Goes up when other things are kept of a file, so that old caches are not used."""
COLUMNS = ("stem_H", "box_H4", "label_H", "user_H")
SPLITS = {
    "train": {"train", "training", "trainval"},
    "validation": {"val", "valid", "validation", "trainval"},
    "test": {"test", "testing"},
}
FARTHEST = 1.5
"""A box beyond this share of the picture is told in pixels."""

Hand = tuple[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Hands:
    """All hands of one file.

    Attributes:
        stem_H: Names of their pictures without suffix, as bytes.
        box_H4: Boxes in shares of the picture, float32.
        label_H: Which of `labels`.
        user_H: Which of `users`.
        labels: Gestures.
        users: Who shows them; "" where it is not told.
    """

    stem_H: Array
    box_H4: Array
    label_H: Array
    user_H: Array
    labels: tuple[str, ...]
    users: tuple[str, ...]


def split_of(path: Path, root: Path) -> str:
    """The split that the folders above a file tell.

    Empty if they do not, or if its pictures are for training and validation alike.
    """
    for part in reversed(path.relative_to(root).parts[:-1]):
        words = set(re.findall("[a-z]+", part.lower()))
        found = [split for split, spellings in SPLITS.items() if words & spellings]
        if found:
            return found[0] if len(found) == 1 else ""
    return ""


def read_hands(path: Path) -> Hands | None:
    """The hands of one file; None if it is json of another kind.

    A file of half a million pictures takes a minute to parse, so what it tells is kept in the frame cache.

    Raises:
        DataError: If it is broken, or an entry of it is, or the cache cannot be written.
    """

    def write(stored: Path) -> None:
        columns: dict[str, Any] = _parsed(path)
        with stored.open("wb") as file:
            np.savez(file, **columns)

    kept = load_npz(derived(path, "hands", {"format": FORMAT}, write))
    if not kept:
        return None
    stem_H, box_H4, label_H, user_H = (kept[name] for name in COLUMNS)
    return Hands(stem_H, box_H4, label_H, user_H, tuple(kept["labels"].tolist()), tuple(kept["users"].tolist()))


def _parsed(path: Path) -> dict[str, Array]:
    """The columns of `Hands`; none if the file is json of another kind."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"the annotations cannot be read: {error}", where=str(path), hint="copy them again") from None
    if not isinstance(entries, dict) or not any(isinstance(one, dict) and "bboxes" in one for one in entries.values()):
        return {}
    labels: dict[str, int] = {}
    users: dict[str, int] = {}
    stems, boxes, label_of, user_of = [], [], [], []
    for stem, entry in entries.items():
        for label, box in _hands(entry, f"{path}: {stem}"):
            stems.append(stem.encode())
            boxes.append(box)
            label_of.append(labels.setdefault(label, len(labels)))
            user_of.append(users.setdefault(str(entry.get("user_id") or ""), len(users)))
    return {
        "stem_H": np.array(stems, np.bytes_),
        "box_H4": np.array(boxes, np.float32).reshape(-1, 4),
        "label_H": np.array(label_of, np.int32),
        "user_H": np.array(user_of, np.int32),
        "labels": np.array(list(labels), np.str_),
        "users": np.array(list(users), np.str_),
    }


def _hands(entry: Mapping[str, Any], where: str) -> Iterator[Hand]:
    """Gesture and box of each hand; of both together where they make one gesture."""
    try:
        labels, boxes = entry["labels"], entry["bboxes"]
        together, both = entry.get("united_label") or (), entry.get("united_bbox") or ()
        if len(labels) != len(boxes) or len(together) != len(both):
            raise ValueError(f"it has {len(boxes) + len(both)} boxes, but {len(labels) + len(together)} labels")
        pairs = [*zip(together, both, strict=True), *zip(labels, boxes, strict=True)]
        for number, (label, box) in enumerate(pairs):
            if number >= len(together) and label in together:
                continue
            left, top, width, height = (float(number) for number in box)
            if not all(abs(number) <= FARTHEST for number in (left, top, width, height)):
                raise ValueError(f"its box {list(box)} is not in shares of the picture")
            yield str(label), (left, top, width, height)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        told = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        hint = "an entry has `labels` and `bboxes`, [left, top, width, height] in [0, 1], one of each per hand"
        raise DataError(f"an annotation is broken: {told}", where=where, hint=hint) from None
