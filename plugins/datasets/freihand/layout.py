"""What lies in a folder of FreiHAND: pictures, numbers, and what a whole copy would have besides.

Layout: ``training/rgb/%08d.jpg`` are the samples before the green screen, then all of them again with each of three
other backgrounds; ``training/mask/%08d.jpg``; ``evaluation/rgb``. Beside the folders lie ``training_K.json``,
``training_xyz.json`` and so on, a row per sample.

Axes: N samples, J joints.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ....core.errors import DataError
from ....core.interfaces import Array
from .numbers import stored_numbers

log = logging.getLogger("poserep")

Version = Literal["gs", "hom", "sample", "auto"]
VERSIONS: tuple[Version, ...] = get_args(Version)
JOINTS, VERTICES, MANO = 21, 778, 61
ROWS = {"K": (3, 3), "xyz": (JOINTS, 3), "scale": (1,), "mano": (MANO,), "verts": (VERTICES, 3)}
NEEDED = ("K", "xyz")
REGISTER = "https://lmb.informatik.uni-freiburg.de/projects/freihand/"
_NAME = re.compile(r"(\d+)\.(?:jpg|jpeg|png)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """The training or the evaluation set.

    Attributes:
        folder: The folder of its pictures.
        count: Samples.
        numbers: ``K``, ``xyz`` and what else is there, a row per sample.
        files: Names of its pictures by number; "" where one is missing, (versions * N,).
        masks: Names of its masks by number, (N,) or (0,).
        missing: What a whole copy would have besides.
    """

    folder: Path
    count: int
    numbers: dict[str, Array]
    files: Array
    masks: Array
    missing: tuple[str, ...]

    def versions(self) -> Sequence[int]:
        """Which of its versions have pictures."""
        return [v for v in range(len(self.files) // self.count) if (self.files[self.rows(v)] != b"").any()]

    def rows(self, version: int) -> slice:
        """Where a version's pictures stand in `files`."""
        return slice(version * self.count, (version + 1) * self.count)

    def picture(self, version: int, sample: int) -> Path | None:
        """The file of a sample's picture, or None."""
        place = version * self.count + sample
        name = os.fsdecode(self.files[place]) if place < len(self.files) else ""
        return self.folder / "rgb" / name if name else None


def read_part(root: Path, name: str, versions: int, extra: Sequence[str] = ()) -> Part:
    """A set's index.

    Args:
        root: The folder with ``training`` and ``evaluation``.
        name: Which of them.
        versions: How many pictures there are of each sample in a whole copy.
        extra: Files of numbers that must be there besides `NEEDED`.

    Raises:
        DataError: If a file is missing or broken, or files disagree on the number of samples.
    """
    paths = {what: root / f"{name}_{what}.json" for what in ROWS}
    if not root.is_dir():
        raise DataError("there is no such folder", where=str(root), hint="dataset.root names that of FreiHAND")
    for what in (*NEEDED, *extra):
        if not paths[what].is_file():
            raise DataError(f"there is no {paths[what].name}", where=str(root), hint=f"unpack it from {REGISTER}")
    opened = [what for what, path in paths.items() if path.is_file() and (what != "verts" or what in extra)]
    numbers = {what: stored_numbers(paths[what], ROWS[what]) for what in opened}
    count = len(numbers["xyz"])
    for what, rows in numbers.items():
        if len(rows) != count or not count:
            raise DataError(
                f"{paths[what].name} has {len(rows)} rows, {paths['xyz'].name} has {count}",
                where=str(root),
                hint="both must tell of the same samples: copy them again from one archive",
            )
    files = _numbered(root / name / "rgb", versions * count)
    if not (files != b"").any():
        raise DataError("there is no picture", where=str(root / name / "rgb"), hint=f"unpack them from {REGISTER}")
    masks = _numbered(root / name / "mask", count) if (root / name / "mask").is_dir() else np.zeros(0, np.bytes_)
    return Part(root / name, count, numbers, files, masks, tuple(_missing(paths, name, files, count)))


def _numbered(folder: Path, count: int) -> Array:
    """File names by the number in them, (count,) as bytes; empty where there is none.

    Raises:
        DataError: If the folder has a picture beyond the number.
    """
    found: dict[int, str] = {}
    for entry in (file.name for file in os.scandir(folder)) if folder.is_dir() else ():
        if match := _NAME.fullmatch(entry):
            found[int(match[1])] = entry
    if found and max(found) >= count:
        raise DataError(
            f"{found[max(found)]} is one too many: the labels are of {count} pictures",
            where=str(folder),
            hint="pictures and labels are of different copies, or of different versions of the dataset",
        )
    names = np.zeros(count, f"S{max([1, *(len(os.fsencode(name)) for name in found.values())])}")
    for number, name in found.items():
        names[number] = os.fsencode(name)
    return names


def _missing(paths: dict[str, Path], name: str, files: Array, count: int) -> list[str]:
    told = [f"{path.name}" for what, path in paths.items() if not path.is_file()]
    for version, rows in enumerate(files.reshape(-1, count)):
        if lost := int((rows == b"").sum()):
            which = f" with the background '{VERSIONS[version]}'" if name == "training" else ""
            told.append(f"{lost} of {count} {name} pictures{which}")
    return told
