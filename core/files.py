"""Files that a reader never sees half-written, and one error for places that cannot be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import DataError


def write_text(path: Path, text: str) -> None:
    """Write a file by a temporary one of this process, so that nobody ever reads half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


@contextmanager
def writing(place: Path, what: str, elsewhere: str) -> Iterator[None]:
    """What goes wrong while writing as an error that says what to do.

    Args:
        place: Where it is written.
        what: What is written, as "run folder".
        elsewhere: How to choose another place, as "choose another place with --run".

    Raises:
        DataError: If the disk is full or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        hint = "make room on the disk" if error.errno == errno.ENOSPC else elsewhere
        raise DataError(f"cannot write the {what}: {error.strerror or error}", where=str(place), hint=hint) from None
