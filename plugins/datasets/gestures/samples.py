"""From pictures and annotations to samples: one per labelled hand, its class, its person, its split.

People are in one split only. Where a copy tells no validation or test pictures, people are drawn for them by a hash of
their id, so that a larger copy of the same data draws the same. A few labels per class are drawn by the seed and the
class alone: those of a smaller subset are among those of a larger one.

Axes: S samples, M pictures, C classes.
"""

from __future__ import annotations

import logging
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ....core.errors import DataError, did_you_mean
from ....core.interfaces import Array
from .annotations import NO_GESTURE, Hands, read_hands, split_of
from .pictures import Pictures

log = logging.getLogger("poserep")

NAMES = ("train", "validation", "test")
WHOLE = np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)


@dataclass(frozen=True, slots=True)
class Samples:
    """All hands, sorted by split, person and picture.

    Attributes:
        classes: Names of the classes, sorted.
        users: Names of the people; "" among them where somebody is not known.
        picture_S: Which picture.
        box_S4: The hand in it, in shares.
        gesture_S: Which class.
        user_S: Which of the people.
        split_S: Which of `NAMES`.
        notes: What the copy lacks, one sentence each.
    """

    classes: tuple[str, ...]
    users: Sequence[str]
    picture_S: Array
    box_S4: Array
    gesture_S: Array
    user_S: Array
    split_S: Array
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.picture_S)

    def take(self, rows: Array) -> Samples:
        """Some of them."""
        columns = (self.picture_S, self.box_S4, self.gesture_S, self.user_S, self.split_S)
        picture, box, gesture, user, split = (column[rows] for column in columns)
        return replace(self, picture_S=picture, box_S4=box, gesture_S=gesture, user_S=user, split_S=split)


@dataclass(frozen=True, slots=True)
class Rows:
    """Hands as they are found, before it is settled who is in which split.

    Attributes:
        picture_H: Which picture.
        box_H4: Where in it.
        label_H: Which of `labels`.
        user_H: Which of `users`.
        split_H: Which of `NAMES`, -1 where none is told.
        labels: Names.
        users: Names.
        notes: As in `Samples`.
    """

    picture_H: Array
    box_H4: Array
    label_H: Array
    user_H: Array
    split_H: Array
    labels: tuple[str, ...]
    users: tuple[str, ...]
    notes: tuple[str, ...] = ()


def annotated(pictures: Pictures, files: Sequence[Path], root: Path, classes: Sequence[str]) -> Rows | None:
    """Hands of all annotation files whose pictures are there; None if no file is one.

    A picture of which several files tell counts once, by the file that tells a split if there is one.

    Raises:
        DataError: If a file is broken, or a class is not known.
    """
    known = sorted({path.stem for path in files} | {NO_GESTURE})
    told: dict[Path, Hands] = {}
    for path in sorted(files, key=lambda path: not split_of(path, root)):
        if (hands := read_hands(path)) is None:
            log.warning("%s: these are no annotations of hands, left out", path)
            continue
        _check_classes(hands, path, classes, known)
        told[path] = hands
    if not told:
        return None
    if unknown := sorted(set(classes) - {label for hands in told.values() for label in hands.labels}):
        what = f"there is no picture of the class {unknown[0]!r}"
        raise DataError(what, where=str(root), hint=did_you_mean(unknown[0], known))
    return _joined(pictures, told, root, classes)


def _check_classes(hands: Hands, path: Path, classes: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a label that is no class, if all are wanted."""
    unknown = [label for label in hands.labels if label not in known]
    if unknown and not classes:
        stem = os.fsdecode(hands.stem_H[hands.label_H == hands.labels.index(unknown[0])][0])
        near = did_you_mean(unknown[0], known, f"there is a file for: {', '.join(known)}")
        hint = f"{near}; name the gestures that you want in dataset.classes, and all others are left out"
        raise DataError(f"there is no class {unknown[0]!r}", where=f"{path}: {stem}", hint=hint)


def _joined(pictures: Pictures, told: Mapping[Path, Hands], root: Path, classes: Sequence[str]) -> Rows:
    """The wanted hands of all files, with their pictures."""
    labels = tuple(sorted({label for hands in told.values() for label in hands.labels}))
    users = tuple(sorted({user for hands in told.values() for user in hands.users}))
    wanted = np.array([not classes or label in classes for label in labels])
    seen = np.zeros(len(pictures), bool)
    absent = flat = 0
    columns: list[tuple[Array, ...]] = []
    for path, hands in told.items():
        label_H, user_H = _among(hands.labels, labels)[hands.label_H], _among(hands.users, users)[hands.user_H]
        place_H = pictures.find(hands.stem_H)
        known_H = wanted[label_H]
        large_H = (hands.box_H4[:, 2:] > 0).all(axis=1)
        absent += len(np.unique(hands.stem_H[known_H & (place_H < 0)]))
        flat += int((known_H & ~large_H).sum())
        rows = np.flatnonzero(known_H & large_H & (place_H >= 0))
        rows = rows[~seen[place_H[rows]]]
        seen[place_H[rows]] = True
        split = split_of(path, root)
        split_H = np.full(len(rows), NAMES.index(split) if split else -1)
        columns.append((place_H[rows], hands.box_H4[rows], label_H[rows], user_H[rows], split_H))
    without = int((~seen[pictures.first_M()]).sum())
    notes = [(absent, "annotated pictures are not there"), (flat, "boxes without area are left out")]
    notes.append((without, "pictures have no annotation of a wanted class, and are left out"))
    picture, box, label, user, split_H = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return Rows(picture, box, label, user, split_H, labels, users, tuple(f"{n} {what}" for n, what in notes if n))


def _among(names: Sequence[str], all_names: Sequence[str]) -> Array:
    """Where names stand among others, (N,) int64."""
    place = {name: number for number, name in enumerate(all_names)}
    return np.array([place[name] for name in names], np.int64)


def by_folder(pictures: Pictures, root: Path, classes: Sequence[str], users: re.Pattern[str] | None) -> Rows:
    """Whole pictures, their folders' names being the classes.

    Raises:
        DataError: If a wanted class has no folder, or the pattern does not match a name.
    """
    names = [folder.name for folder in pictures.folders]
    labels = tuple(sorted(set(names)))
    if unknown := sorted(set(classes) - set(names)):
        what = f"there is no folder of the class {unknown[0]!r}"
        raise DataError(what, where=str(root), hint=did_you_mean(unknown[0], labels))
    wanted = np.array([not classes or name in classes for name in names], bool)
    picture_H = np.flatnonzero(wanted[pictures.folder_M]) if names else np.zeros(0, np.int64)
    folder_H = pictures.folder_M[picture_H]
    splits = [split_of(folder / "any", root) for folder in pictures.folders]
    split_F = np.array([NAMES.index(split) if split else -1 for split in splits], np.int64)
    who = [_user(pictures.path(picture), users) for picture in picture_H.tolist()] if users else [""] * len(picture_H)
    people = tuple(sorted(set(who)))
    return Rows(
        picture_H,
        np.repeat(WHOLE, len(picture_H), axis=0),
        _among(names, labels)[folder_H],
        _among(who, people),
        split_F[folder_H],
        labels,
        people,
    )


def _user(path: Path, pattern: re.Pattern[str]) -> str:
    match = pattern.search(path.name)
    if match is None:
        raise DataError(
            f"user_pattern does not match {path.name!r}",
            where=f"dataset.user_pattern = {pattern.pattern!r}",
            hint="correct the pattern, or move that file elsewhere",
        )
    return match["user"] or ""


def settled(rows: Rows, pictures: Pictures, wanted: Sequence[str], held_out: float) -> Samples:
    """The samples, with every person whose split is not told in one of them.

    Args:
        rows: Hands.
        pictures: Their pictures.
        wanted: Classes; all that there are if empty.
        held_out: Share of people for each of validation and test, where no split is told for it.
    """
    classes = tuple(sorted(wanted)) or tuple(rows.labels[label] for label in np.unique(rows.label_H).tolist())
    place = np.array([classes.index(label) if label in classes else -1 for label in rows.labels], np.int64)
    chance_H = np.array([chance(user) for user in rows.users])[rows.user_H] if rows.users else np.zeros(0)
    if "" in rows.users:  # where nobody is known, pictures are drawn
        for row in np.flatnonzero(rows.user_H == rows.users.index("")):
            chance_H[row] = chance(os.fsdecode(pictures.stem_M[rows.picture_H[row]]))
    split_H = np.maximum(rows.split_H, 0)
    lacking = [number for number in range(1, len(NAMES)) if not (split_H == number).any()]
    for turn, number in enumerate(lacking):
        drawn_H = (chance_H >= turn * held_out) & (chance_H < (turn + 1) * held_out)
        split_H = np.where(drawn_H & (np.maximum(rows.split_H, 0) == 0), number, split_H)
    order = np.lexsort((rows.box_H4[:, 0], rows.picture_H, rows.user_H, split_H))
    columns = (rows.picture_H, rows.box_H4, place[rows.label_H], rows.user_H, split_H)
    picture, box, gesture, user, split = (column[order] for column in columns)
    return Samples(classes, rows.users, picture, box, gesture, user, split, rows.notes)


def chance(user: str) -> float:
    """A number in [0, 1) that a name always gives."""
    return zlib.crc32(user.encode()) / 2**32


def few(samples: Samples, per_class: int, fraction: float, seed: int, pictures: Pictures) -> Array:
    """Which samples (N,) stay when only a few of the training ones have labels: rows in rising order.

    Args:
        samples: All.
        per_class: How many of each class; all for 0.
        fraction: Share of each class, one at least.
        seed: Of the draw.
        pictures: By whose names the samples are put in order before the draw, whatever else the copy holds.
    """
    keep = [np.flatnonzero(samples.split_S != 0)]
    for number, name in enumerate(samples.classes):
        rows = np.flatnonzero((samples.split_S == 0) & (samples.gesture_S == number))
        stems = pictures.stem_M[samples.picture_S[rows]]
        rows = rows[np.lexsort((samples.box_S4[rows, 0], stems))]
        count = min(per_class or len(rows), max(1, round(fraction * len(rows))))
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        keep.append(rows[rng.permutation(len(rows))[:count]])
    return np.sort(np.concatenate(keep))
