"""Archives that may come from anywhere: nothing is written outside the folder that was asked for, and no links."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from ..core.errors import DataError


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int
    kind: str
    open: Callable[[], IO[bytes] | None]


def extract(archive: Path, folder: Path) -> int:
    """Unpack a zip or tar (also .tgz, .tar.bz2, .tar.xz) into a folder.

    All names are checked before the first file is written. A file appears under its name only when it is complete.

    Args:
        archive: The file.
        folder: Where to; made if need be.

    Returns:
        How many files were written.

    Raises:
        DataError: If a member leads out of the folder, is a link or a device, the disk is too small, or the archive
            is broken or missing.
    """
    if not archive.is_file():
        raise DataError("there is no such file", where=str(archive))
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                return _write(list(_of_zip(file)), archive, folder)
        with tarfile.open(archive) as file:
            return _write(list(_of_tar(file)), archive, folder)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise DataError(f"the archive is neither a zip nor a tar, or is broken: {error}", where=str(archive)) from None
    except OSError as error:
        raise DataError(f"cannot unpack: {error.strerror or error}", where=f"{archive} to {folder}") from None


def _of_zip(file: zipfile.ZipFile) -> Iterator[_Member]:
    for one in file.infolist():
        mode = stat.S_IFMT(one.external_attr >> 16)
        kind = "folder" if one.is_dir() else "file" if mode in (0, stat.S_IFREG) else "link"
        yield _Member(one.filename, one.file_size, kind, partial(file.open, one))


def _of_tar(file: tarfile.TarFile) -> Iterator[_Member]:
    for one in file.getmembers():
        kind = (
            "folder" if one.isdir() else "file" if one.isfile() else "link" if one.issym() or one.islnk() else "device"
        )
        yield _Member(one.name, one.size, kind, partial(file.extractfile, one))


def _write(members: list[_Member], archive: Path, folder: Path) -> int:
    places = [_inside(one, archive) for one in members]
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = sum(one.size for one in members), shutil.disk_usage(folder).free
    if needed > free:
        what = f"unpacked, it takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
        raise DataError(what, where=str(archive), hint=f"make room on the disk of {folder}")
    count = 0
    for one, place in zip(members, places, strict=True):
        target = folder / place
        if not target.parent.resolve().is_relative_to(folder.resolve()):
            raise DataError("a link in the folder leads out of it", where=str(target.parent), hint="unpack elsewhere")
        if one.kind == "folder":
            target.mkdir(parents=True, exist_ok=True)
        elif (source := one.open()) is not None:
            _write_one(source, target)
            count += 1
    return count


def _inside(member: _Member, archive: Path) -> PurePosixPath:
    """Where a member goes, relative to the folder."""
    path, elsewhere = PurePosixPath(member.name.replace("\\", "/")), PureWindowsPath(member.name)
    if path.is_absolute() or elsewhere.drive or ".." in path.parts or "\0" in member.name:
        raise _refusal(f"{member.name!r} leads out of the folder", archive)
    if member.kind not in ("file", "folder"):
        raise _refusal(f"{member.name!r} is a {member.kind}", archive)
    return path


def _refusal(what: str, archive: Path) -> DataError:
    hint = "nothing was unpacked; take the archive from those who publish it"
    return DataError(f"the archive's member {what}", where=str(archive), hint=hint)


def _write_one(source: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.unlink(missing_ok=True)  # of an extraction that was stopped; or a link, which is not followed
    with source, unfinished.open("xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    unfinished.replace(target)
