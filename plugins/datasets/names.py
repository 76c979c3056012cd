"""What file names tell: their natural order, and take, camera and subject by a pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...core.errors import ConfigError, DataError
from ...core.interfaces import Clip


def natural(name: str) -> str:
    """Sorting key under which ``frame10`` follows ``frame9``."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(12), name)


@dataclass(frozen=True, slots=True)
class Named:
    """Take, camera and subject of a clip."""

    take: str
    camera: str
    subject: str = ""


def compiled(pattern: str, option: str) -> re.Pattern[str] | None:
    """A camera pattern; None if it is empty.

    Raises:
        ConfigError: If it is no regular expression, or has no group ``camera``.
    """
    if not pattern:
        return None
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"{option} is not a regular expression: {error}", where=f"{option} = {pattern!r}") from None
    if "camera" not in found.groupindex:
        raise ConfigError(
            f"{option} has no group named camera",
            where=f"{option} = {pattern!r}",
            hint=r"for example '(?P<take>.*)_cam(?P<camera>\d+)'",
        )
    return found


def named(name: str, pattern: re.Pattern[str] | None) -> Named:
    """Read a clip's name. Without a pattern each clip is a take and a camera of its own.

    The take is the group ``take``, or else what the pattern left over.

    Raises:
        DataError: If the pattern does not match.
    """
    if pattern is None:
        return Named(take=name, camera=name)
    match = pattern.search(name)
    if match is None:
        raise DataError(
            f"camera_pattern does not match {name!r}",
            where=f"camera_pattern = {pattern.pattern!r}",
            hint="correct the pattern, or move that file elsewhere",
        )
    groups = {group: text or "" for group, text in match.groupdict().items()}
    rest = name[: match.start()] + name[match.end() :]
    return Named(groups.get("take", rest), groups["camera"], groups.get("subject", ""))


def check_held_out(clips: Sequence[Clip], cameras: Sequence[str]) -> None:
    """Refuse to hold out a camera that there is not, or all.

    Raises:
        ConfigError: Naming the cameras that there are.
    """
    known = sorted({clip.camera for clip in clips})
    where, have = f"dataset.test_cameras = {list(cameras)}", f"there are: {', '.join(known)}"
    if absent := [camera for camera in cameras if camera not in known]:
        raise ConfigError(f"no clip is of the camera {absent[0]!r}", where=where, hint=have)
    if set(known) == set(cameras):
        raise ConfigError("every camera is held out: none is left to train on", where=where, hint=have)
