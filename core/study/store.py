"""Stages on disk: STORE/KIND/KEY, each with a ``stage.json`` that says what made it and how far it is.

Any number of processes may work on one store: who wants to work on a stage must get the next attempt at it, see
`core.study.attempts`. A stage is done when ``stage.json`` says so, which it does, by a rename, after all else is
written: a process killed at any point leaves a stage that is not done and can be taken up again.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import DataError, PoserepError
from ..files import write_text, writing
from ..run import surroundings
from .attempts import Attempt
from .stages import Stage, StageKind

State = Literal["new", "running", "stopped", "done", "failed"]
"""``new``: not begun; ``running``: a living process is at it; ``stopped``: begun, but that process stopped or died."""
CAUSE = ("cause", "error", "what", "where", "hint")


class StageStoppedError(PoserepError):
    """A stage was asked to stop before it was done; raised by its job. It can be taken up again."""


class StageLostError(PoserepError):
    """Another process has taken a stage over, for this one had stood still; nothing was written about it."""


def default_store() -> Path:
    """POSEREP_STAGES, or ``runs/stages``."""
    return Path(os.environ.get("POSEREP_STAGES") or "runs/stages")


def _writing(folder: Path) -> AbstractContextManager[None]:
    return writing(folder, "store of stages", "choose another place with --store")


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of stages. A stage may be given as such or by its address ``KIND/KEY``."""

    folder: Path

    def path(self, stage: Stage | str) -> Path:
        """The stage's own folder."""
        return self.folder / (stage if isinstance(stage, str) else stage.address)

    def put(self, stage: Stage) -> None:
        """Make the folder of a stage, so that a job can find what to do there; nothing if it is there.

        Raises:
            DataError: If the store cannot be written.
        """
        path = self.path(stage)
        if (path / "stage.json").is_file():
            return
        made = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        with _writing(path):
            made.mkdir(parents=True)
            write_text(made / "stage.json", json.dumps(asdict(stage) | {"state": "new"}, indent=1))
            try:
                made.rename(path)  # fails if another process was faster: a folder with content is never replaced
            except OSError:
                shutil.rmtree(made)
                if not (path / "stage.json").is_file():
                    raise

    def read(self, address: str) -> Stage:
        """A stage from its ``stage.json``.

        Raises:
            DataError: If it is not there or cannot be read.
        """
        about = self.about(address)
        try:
            parts = {name: about[name] for name in Stage.__dataclass_fields__}
        except KeyError:
            raise DataError(f"there is no stage {address}", where=str(self.folder)) from None
        return Stage(**parts | {"needs": tuple(parts["needs"])})

    def about(self, stage: Stage | str) -> dict[str, Any]:
        """The content of ``stage.json``, empty if there is none.

        Beside the stage's own fields it has ``state`` and, once begun, ``attempt`` (its number), ``surroundings``,
        ``started``, ``seconds`` and of a failure ``cause``, ``error``, ``what``, ``where``, ``hint`` as in
        ``run.json``.
        """
        path = self.path(stage) / "stage.json"
        try:
            about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            hint = "remove its folder; it will be made again"
            raise DataError(f"the stage cannot be read: {error}", where=str(path), hint=hint) from None
        return about

    def state(self, stage: Stage | str) -> State:
        """How far a stage is."""
        told: State = self.about(stage).get("state", "new")
        if told == "done":
            return "done"
        if self.holder(stage):
            return "running"
        return "stopped" if told == "running" else told

    def holder(self, stage: Stage | str) -> str:
        """Who is working on it, as ``host:pid``; "" if nobody."""
        attempts = self._attempts(stage)
        return attempts[-1].holder if attempts else ""

    def seconds(self, stage: Stage | str) -> float | None:
        """How long its attempts took together; None if it is not done."""
        about = self.about(stage)
        return about.get("seconds") if about.get("state") == "done" else None

    @contextmanager
    def claim(self, stage: Stage) -> Iterator[Path | None]:
        """Work on a stage inside of this, alone: its folder, or None if it is done or another process is at it.

        On leaving, the stage is done; if an exception leaves, it is failed with its cause, or stopped if that is
        `StageStoppedError` or KeyboardInterrupt. The exception goes on.

        Raises:
            DataError: If the store cannot be written.
            StageLostError: If another process took the stage over, for this one had stood still for a minute.
        """
        self.put(stage)
        with _writing(self.path(stage)):
            attempt = self._begin(stage)
        if attempt is None:
            yield None
            return
        try:
            around = surroundings()
            number = len(self._attempts(stage))
            self._tell(stage, state="running", attempt=number, started=around["started"], surroundings=around)
            with attempt.beating():
                yield self.path(stage)
        except (StageStoppedError, KeyboardInterrupt):
            with suppress(PoserepError):  # the disk may be full
                self._leave(stage, attempt, state="stopped")
            raise
        except BaseException as error:
            with suppress(PoserepError):
                self._leave(stage, attempt, state="failed", **_cause(error))
            raise
        else:
            self._leave(stage, attempt, state="done")
        finally:
            attempt.end()

    def result_of(self, stage: Stage | str, name: str) -> Path:
        """A file that a done stage has written.

        Raises:
            DataError: If the stage is not done or the file is not there.
        """
        path = self.path(stage) / name
        done = self._is_done(stage)
        if not done or not path.is_file():
            missing = f"has no {name}" if done else "is not done"
            hint = "run the study again; if that says it is done, remove its folder"
            raise DataError(f"the stage {missing}", where=str(self.path(stage)), hint=hint)
        return path

    def finished(self, kind: StageKind) -> Iterator[dict[str, Any]]:
        """The ``stage.json`` of every done stage of a kind."""
        for path in sorted((self.folder / kind).glob("[!.]*/stage.json")):
            about = self.about(f"{kind}/{path.parent.name}")
            if about.get("state") == "done":
                yield about

    def _attempts(self, stage: Stage | str) -> list[Attempt]:
        """All attempts so far, in order."""
        found: list[Attempt] = []
        while (path := self.path(stage) / f"attempt-{len(found) + 1}").exists():
            found.append(Attempt(path))
        return found

    def _begin(self, stage: Stage) -> Attempt | None:
        """The next attempt, made; None if it is not this process's turn, or there is nothing left to do."""
        attempts = self._attempts(stage)
        if attempts and not attempts[-1].over():
            return None
        mine = Attempt(self.path(stage) / f"attempt-{len(attempts) + 1}")
        if self._is_done(stage) or not mine.make():
            return None
        if self._is_done(stage):  # since it was looked at
            mine.end()
            return None
        return mine

    def _is_done(self, stage: Stage | str) -> bool:
        return self.about(stage).get("state") == "done"

    def _leave(self, stage: Stage, attempt: Attempt, **facts: Any) -> None:
        """Tell how an attempt went.

        Raises:
            StageLostError: If it was not this process's turn any more.
        """
        with suppress(OSError):
            os.utime(attempt.path)
        attempts = self._attempts(stage)
        if not attempts or attempts[-1] != attempt:
            hint = "nothing is lost: the other goes on with it"
            raise StageLostError("another process has taken this stage over", where=str(self.path(stage)), hint=hint)
        self._tell(stage, seconds=round(sum(one.seconds for one in attempts), 3), **facts)

    def _tell(self, stage: Stage, **facts: Any) -> None:
        """Write facts into ``stage.json``, which the holder alone does."""
        path = self.path(stage)
        kept = {key: value for key, value in self.about(stage).items() if key not in CAUSE}
        with _writing(path):
            write_text(path / "stage.json", json.dumps(kept | facts, indent=1))


def _cause(error: BaseException) -> dict[str, str]:
    """A failure as facts, as in ``run.json``."""
    parts = {name: str(getattr(error, name, "")) for name in ("what", "where", "hint")}
    return {"cause": str(error) or type(error).__name__, "error": type(error).__name__, **parts}
