"""What is made out of a file once and kept in the frame cache: named by the state of that file, whole or not there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.files import writing
from ...media.frame_store import store_path


def derived(source: Path, kind: str, key: Mapping[str, Any], write: Callable[[Path], None]) -> Path:
    """A file made out of another, made first if it is not there.

    Args:
        source: The file; another size or time of change is another file.
        kind: Sub-folder of the cache.
        key: What else decides the content, as JSON-able values.
        write: Writes it to the path that it is given. What it raises is passed on, and nothing is kept.

    Raises:
        DataError: If there is no such file, or the cache cannot be written.
    """
    if not source.is_file():
        raise DataError("there is no such file", where=str(source), hint="unpack the whole archive again")
    state = source.stat()
    told = {"path": str(source.resolve()), "bytes": state.st_size, "modified": state.st_mtime_ns}
    stored = store_path(kind, {**told, **key})
    if stored.exists():
        return stored
    temporary = stored.with_suffix(f".{uuid.uuid4().hex}.tmp")
    try:
        with writing(stored.parent, "frame cache", "set POSEREP_CACHE to a folder on another disk"):
            stored.parent.mkdir(parents=True, exist_ok=True)
            write(temporary)
            temporary.replace(stored)
    finally:
        temporary.unlink(missing_ok=True)
    return stored
