"""No network for a while: what is checked must not depend on it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn


def _refuse(*_arguments: Any, **_keywords: Any) -> NoReturn:
    raise OSError("checks go without a network")


@contextmanager
def offline() -> Iterator[None]:
    """Refuse to look up names and to connect, as a machine without a network does."""
    kept = socket.getaddrinfo, socket.create_connection
    socket.getaddrinfo, socket.create_connection = _refuse, _refuse
    try:
        yield
    finally:
        socket.getaddrinfo, socket.create_connection = kept
