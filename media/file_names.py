"""Many files of a folder as one array of names, and what tells one state of a file from another."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..core.errors import DataError
from ..core.interfaces import Array

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


class FileNames(Sequence[Path]):
    """Files of one folder, a few bytes each.

    Args:
        folder: Where they lie.
        names: Their names, bytes or text, (N,).
    """

    def __init__(self, folder: Path, names: Array) -> None:
        self.folder = folder
        self.names = names if names.dtype.kind == "S" else np.array([os.fsencode(name) for name in names.tolist()])

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> FileNames: ...

    def __getitem__(self, index: int | slice) -> Path | FileNames:
        if isinstance(index, slice):
            return FileNames(self.folder, self.names[index])
        return self.folder / os.fsdecode(bytes(self.names[index]))


def files_in(folder: Path, suffixes: Sequence[str] = PICTURES) -> FileNames:
    """The files of a folder with one of the suffixes: shorter names first, then by name, so that 9 stands before 10.

    Raises:
        DataError: If there is no such folder.
    """
    endings = tuple(suffix.lower() for suffix in suffixes)
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.lower().endswith(endings)]
    except OSError as error:
        raise DataError(f"the folder cannot be read: {error.strerror or error}", where=str(folder)) from None
    names.sort(key=lambda name: (len(name), name))
    return FileNames(folder, np.array([os.fsencode(name) for name in names], "S"))


def file_identity(path: Path) -> Mapping[str, Any]:
    """What changes when a file does: where it lies, its size, when it was last changed.

    Raises:
        DataError: If there is no such file.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror or error}", where=str(path)) from None
    return {"path": str(path.resolve()), "bytes": stat.st_size, "modified": stat.st_mtime_ns}
