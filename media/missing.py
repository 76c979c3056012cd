"""What a copy of a dataset lacks, told once, when it is opened."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

log = logging.getLogger("poserep.missing")


def tell_missing(copy: str, missing: Sequence[str]) -> None:
    """Log the first things that a copy lacks."""
    more = f"; and {len(missing) - 3} more, which `poserep data inspect` lists" if len(missing) > 3 else ""
    if missing:
        log.warning("%s lacks %s%s", copy, "; ".join(missing[:3]), more)


@contextmanager
def untold() -> Iterator[None]:
    """Keep quiet about what is missing, where all of it is listed anyway."""
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = False
