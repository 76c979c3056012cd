"""What the checks of one target share: its parts, a folder, and what is found out for all parts at once."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
import weakref
from contextlib import redirect_stdout, suppress
from functools import cached_property, partial
from pathlib import Path

from ..core.errors import PoserepError
from ..core.registry import Entry, Registry
from ..media.frame_store import cache_at
from .apart import declare_without_torch, run_in_two
from .checks import CHECKS
from .claims import MODEL, Check, ConformanceError, Level, SkippedError
from .report import Outcome, State
from .subject import Subject
from .targets import broken_packages, entries_of

TOLD = 400
LEVELS: tuple[Level, ...] = ("loads", "example", "builds", "runs")


class Bench:
    """The parts of a target, ready to be checked.

    Args:
        target: ``kind.name``, a name, a package, or ``all``.
        registry: Where the parts are declared; the one of this environment if not given.

    Raises:
        PluginError: If the target names nothing.
    """

    def __init__(self, target: str, registry: Registry | None = None) -> None:
        self.registry = registry or Registry()
        self.entries = entries_of(target, self.registry)
        self.broken = broken_packages(target, self.registry)
        self._done: dict[tuple[str, str], Outcome] = {}

    @property
    def cases(self) -> list[tuple[Entry, Check]]:
        """Every check of every part; what a check needs stands before it."""
        return [(entry, check) for entry in self.entries for check in CHECKS if entry.kind in check.kinds]

    @cached_property
    def folder(self) -> Path:
        """Where parts write; gone when the bench is closed."""
        path = Path(tempfile.mkdtemp(prefix="poserep-check-"))
        weakref.finalize(self, shutil.rmtree, path, True)
        return path

    @cached_property
    def subjects(self) -> dict[str, Subject]:
        """The parts by key."""
        return {
            entry.key: Subject(
                entry,
                partial(self.registry.get, entry.kind, entry.name),
                self.registry.fields,
                self.folder / entry.key,
                self,
            )
            for entry in self.entries
        }

    @cached_property
    def heavy(self) -> dict[str, str]:
        """What keeps parts from being declared without torch, by key; nothing of those that are."""
        return declare_without_torch(self.entries)

    @cached_property
    def pairs(self) -> dict[str, str]:
        """In what two processes differ from one, by key; "" where they agree."""
        model = [subject for subject in self.subjects.values() if subject.kind in MODEL]
        return run_in_two([one for one in model if self.obstacle(one, "runs") is None], self.folder / "pairs")

    def obstacle(self, subject: Subject, level: Level) -> SkippedError | None:
        """Why checks that need a level cannot be made."""
        for name in LEVELS[: LEVELS.index(level) + 1] if level else ():
            check = next((one for one in CHECKS if one.name == name and subject.kind in one.kinds), None)
            before = self.outcome(subject.entry, check) if check else None
            if before is not None and before.state == "failed":
                return SkippedError(f"it failed the check {name!r} before")
            if before is not None and before.state == "skipped":
                return SkippedError(before.reason)
        return None

    def outcome(self, entry: Entry, check: Check) -> Outcome:
        """Make one check, once."""
        case = entry.key, check.name
        if case not in self._done:
            before: Level = LEVELS[LEVELS.index(check.name) - 1] if check.name in LEVELS[1:] else check.needs
            subject = self.subjects[entry.key]
            obstacle = self.obstacle(subject, before)
            if obstacle is not None:
                self._done[case] = Outcome(entry.key, check.name, "skipped", str(obstacle))
            else:
                with cache_at(self.folder / "cache"):  # not to fill the user's
                    self._done[case] = execute(subject, check)
        return self._done[case]

    def close(self) -> None:
        """Give back what the parts hold, and remove the folder."""
        for subject in self.__dict__.get("subjects", {}).values():
            shared = subject.__dict__.pop("shared", None)
            if subject.kind == "executor" and shared is not None:
                with suppress(Exception):  # one that cannot be closed has failed the check of that
                    shared.close()
        if "folder" in self.__dict__:
            shutil.rmtree(self.folder, ignore_errors=True)


def execute(subject: Subject, check: Check) -> Outcome:
    """Make a check, whatever the part does."""
    start = time.perf_counter()
    state: State = "run"
    reason, numbers = "", dict[str, float]()
    try:
        with redirect_stdout(sys.stderr):  # standard output belongs to the command
            numbers |= check.run(subject) or {}
    except SkippedError as why:
        state, reason = "skipped", str(why)
    except ConformanceError as cause:
        state, reason = "failed", str(cause)
    except PoserepError as error:
        state, reason = "failed", f"{type(error).__name__}: {error.what}"
    except (Exception, SystemExit) as error:
        state, reason = "failed", f"{type(error).__name__}: {short(str(error)) or 'without a message'}"
    return Outcome(subject.key, check.name, state, reason, time.perf_counter() - start, numbers)


def short(text: str) -> str:
    """The beginning of a message; some libraries tell of all that they know."""
    text = " ".join(text.split())
    return text if len(text) <= TOLD else f"{text[:TOLD]} ..."
