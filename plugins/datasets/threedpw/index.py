"""Which sequences a copy of 3DPW has, and which of their frames have a picture and a camera.

Layout: ``imageFiles/NAME/image_00012.jpg`` beside ``sequenceFiles/{train,validation,test}/NAME.pkl``.

Axes: N frames.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.errors import DataError, did_you_mean
from ....core.interfaces import Array
from ....media.file_names import FileNames
from ..numbered_pictures import numbered, picture_WH
from .sequence import read_sequence

log = logging.getLogger("poserep")

REGISTER = "https://virtualhumans.mpi-inf.mpg.de/3DPW/"
SPLITS = ("train", "validation", "test")
PAPER = {"train": 12_265, "test": 14_803}


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """One person of one sequence.

    Attributes:
        name: Of the clip.
        sequence: Of the sequence.
        split: "train", "validation" or "test".
        path: Of the sequence's file.
        person: Which one in it.
        rows: Frames that have a picture and a camera, (N,), also the numbers of pictures.
        left_out: How many frames have a picture and no camera.
        pictures: All of the sequence.
        numbers: Of each picture, rising.
        picture_WH: Width and height of the pictures.
    """

    name: str
    sequence: str
    split: str
    path: Path
    person: int
    rows: Array
    left_out: int
    pictures: FileNames
    numbers: Array
    picture_WH: tuple[int, int]

    @property
    def upright(self) -> bool:
        """Whether pictures are higher than wide."""
        return self.picture_WH[1] > self.picture_WH[0]

    def files(self, rows: Array) -> FileNames:
        """The pictures of frames."""
        return FileNames(self.pictures.folder, self.pictures.names[np.searchsorted(self.numbers, rows)])


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """What was found, and what was not."""

    takes: tuple[Take, ...]
    missing: tuple[str, ...]


def index_of(root: str, wanted: Collection[str], single: bool, invalid: bool) -> Index:
    """Read all sequence files of a copy.

    Args:
        root: Of the copy.
        wanted: Names of sequences; all if empty.
        single: Leave out sequences with several people.
        invalid: Keep frames without a camera.

    Raises:
        DataError: If there is no sequence, one is broken or has no such name, or none has pictures.
    """
    home = Path(root).expanduser()
    files, missing = sequence_files(home)
    names = sorted(path.stem for _, path in files)
    for name in wanted:
        if name not in names:
            raise DataError(f"there is no sequence {name!r}", where=str(home), hint=did_you_mean(name, names))
    chosen = [(split, path) for split, path in files if not wanted or path.stem in wanted]
    takes = [take for split, path in chosen for take in _takes(path, split, (single, invalid), missing)]
    if not takes:
        hint = f"pictures are looked for as {home}/imageFiles/{names[0]}/image_00000.jpg"
        if single:
            hint += "; sequences with several people are read with --set dataset.protocol=everyone"
        raise DataError("no sequence is left that has pictures", where=str(home), hint=hint)
    if left_out := sum(take.left_out for take in takes):
        log.info("%s: %d frames without an aligned camera are left out", home, left_out)
    return Index(tuple(takes), tuple(missing))


def sequence_files(home: Path) -> tuple[list[tuple[str, Path]], list[str]]:
    """The sequence files of a copy with their splits, and the splits of which there is none.

    Raises:
        DataError: If there is no file at all.
    """
    found = {split: sorted((home / "sequenceFiles" / split).glob("*.pkl")) for split in SPLITS}
    if not any(found.values()):
        raise DataError(
            "there is no sequence file",
            where=str(home),
            hint=f"dataset.root names the folder with imageFiles and sequenceFiles; register at {REGISTER}",
        )
    missing = [f"sequenceFiles/{split}" for split, paths in found.items() if not paths]
    return [(split, path) for split, paths in found.items() for path in paths], missing


def _takes(path: Path, split: str, choice: tuple[bool, bool], missing: list[str]) -> Iterator[Take]:
    """The people of a sequence; what it lacks is added to the list."""
    single, invalid = choice
    content = read_sequence(path)
    if single and len(content.people) != 1:
        return
    folder = path.parents[2] / "imageFiles" / path.stem
    if not folder.is_dir():
        missing.append(f"imageFiles/{path.stem}")
        log.warning("%s: there is no such folder: the sequence is left out", folder)
        return
    numbers, pictures = numbered(folder)
    every = np.arange(len(content.extrinsics_N44))
    pictured = np.isin(every, numbers)
    if lost := int((~pictured).sum()):
        missing.append(f"imageFiles/{path.stem}: {lost} of {len(every)} pictures")
        log.warning("%s: %d of %d frames have no picture and are left out", folder, lost, len(every))
    for number, person in enumerate(content.people):
        rows = every[pictured & (person.valid_N | invalid)]
        if len(rows):
            name = path.stem if len(content.people) == 1 else f"{path.stem}/{number}"
            left_out = int(pictured.sum()) - len(rows)
            yield Take(name, path.stem, split, path, number, rows, left_out, pictures, numbers, picture_WH(pictures))
