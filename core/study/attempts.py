"""Whose turn it is to work on something in a folder that several processes, perhaps of several machines, share.

Whoever wants to makes the next of the numbered files ``attempt-1``, ``attempt-2``, ... by a hard link, which only one
can; and may only if the attempt before has ended or is stale: its process is gone from this host, or its file was not
touched for a minute, though its process touches it every few seconds. Attempts are never removed, so no number is
given twice, and nobody can take a turn from one who has just got it, as one could by removing or renaming a stale
lock that another has meanwhile replaced.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import write_text

HEARTBEAT_S = 5.0
STALE_S = 60.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One process's turn at a stage: a file that only it could make, touched while it lives."""

    path: Path

    @property
    def about(self) -> dict[str, Any]:
        """Host, pid and start; whether it has ended. Empty if it was killed while making it without hard links."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {"ended": True}
        with suppress(ValueError):
            about: dict[str, Any] = json.loads(text)
            return about
        return {}

    @property
    def holder(self) -> str:
        """``host:pid`` of a living process; "" if it has ended or is stale."""
        about = self.about
        if about.get("ended") or time.time() - self.touched > STALE_S:
            return ""
        host, pid = about.get("host", ""), about.get("pid", 0)
        return "" if host == socket.gethostname() and not _lives(pid) else f"{host}:{pid}"

    @property
    def touched(self) -> float:
        """When it was last touched, seconds since the epoch; 0 if it is gone."""
        try:
            return self.path.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return max(0.0, self.touched - float(self.about.get("started", self.touched)))

    def make(self) -> bool:
        """Make the file; False if another process was faster."""
        text = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "started": time.time()})
        whole = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}")
        whole.write_text(text, encoding="utf-8")
        with suppress(FileExistsError):
            try:
                os.link(whole, self.path)  # whoever is killed here leaves no file that does not say whose it is
            except OSError:  # it is there, or the file system has no hard links
                with self.path.open("x", encoding="utf-8") as file:
                    file.write(text)
            finally:
                whole.unlink()
            return True
        return False

    def over(self) -> bool:
        """Whether the next may begin.

        Of a process that cannot be looked at two looks tell: after a sleep of the machine, or between hosts with other
        clocks, the file of a living one seems old, but is touched again.
        """
        if self.holder:
            return False
        about, touched = self.about, self.touched
        if about.get("ended") or (about.get("host") == socket.gethostname() and not _lives(about["pid"])):
            return True
        time.sleep(2 * HEARTBEAT_S)
        return self.touched == touched or bool(self.about.get("ended"))

    def end(self) -> None:
        """Let others have their turn."""
        with suppress(OSError):  # a full disk or a removed folder: it becomes stale instead
            write_text(self.path, json.dumps(self.about | {"ended": True}))

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Touch the file every few seconds, in a thread."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(HEARTBEAT_S):
                with suppress(OSError):
                    os.utime(self.path)

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _lives(pid: int) -> bool:
    """Whether there is a process of this number here."""
    if os.name != "posix":
        return True
    try:
        with suppress(PermissionError):  # somebody else's
            os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
