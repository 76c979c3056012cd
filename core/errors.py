"""Expected failures: each says what happened, where, and what to do, and carries the exit code of the command."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar


class PoserepError(Exception):
    """A failure that a user can mend; shown as one readable block, never as a traceback.

    Args:
        what: The problem in one sentence.
        where: The file and line, flag, plugin or folder that it concerns.
        hint: What to do about it.
    """

    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "error"

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  at   {self.where}")
        if self.hint:
            lines.append(f"  hint {self.hint}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a config: what, where it stands, what to do."""

    what: str
    where: str
    hint: str = ""


def did_you_mean(name: str, names: Collection[str], otherwise: str = "") -> str:
    """A hint: the name that was probably meant, or else what is given, or all that there are."""
    found = get_close_matches(name, names, 1)
    return f"did you mean {found[0]!r}?" if found else otherwise or f"there is: {', '.join(names)}"


class ConfigError(PoserepError):
    """A recipe, flag or combination of parts is wrong. Holds every problem found, not only the first."""

    exit_code = 2
    title = "config error"

    def __init__(self, what: str, *, where: str = "", hint: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(what, where=where, hint=hint)
        self.problems: tuple[Problem, ...] = tuple(problems) or (Problem(what, where, hint),)

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> ConfigError:
        """One error out of all the problems found."""
        if len(problems) == 1:
            only = problems[0]
            return cls(only.what, where=only.where, hint=only.hint)
        return cls(f"{len(problems)} problems", problems=problems)

    def __str__(self) -> str:
        return "\n".join(str(PoserepError(p.what, where=p.where, hint=p.hint)) for p in self.problems)


class PartError(ConfigError):
    """A recipe names a part that is broken: as `PluginError` to the command, with all the problems of the recipe."""

    exit_code = 3
    title = "plugin error"


class PluginError(PoserepError):
    """A plugin is missing, broken, or broke its contract."""

    exit_code = 3
    title = "plugin error"


class DataError(PoserepError):
    """Input data is missing, unreadable, or unfit for what was asked."""

    exit_code = 4
    title = "data error"


class DivergedError(PoserepError):
    """Training produced a number that is not finite."""

    exit_code = 5
    title = "training diverged"


class ShapeError(PoserepError):
    """A tensor does not have the shape that a component declared: a fault of the component before it."""

    exit_code = 3
    title = "shape error"
