"""Dataset ``gestures``: pictures of hand gestures by class, each hand cut out by its labelled box.

Papers: HaGRID, Kapitanov et al., WACV 2024, arXiv:2206.08219; its second release, Nuzhdin et al., arXiv:2412.01508.
Both are read, and so are folders of pictures named by class without any annotation, whose pictures are taken whole.

The pictures have no time. A clip is one person in one split, and its timestamps are made up, a minute apart: a sampler
of near and far frames refuses, one of any frames of a clip draws those of one person.

A picture that cannot be read is replaced by the nearest one of the same class and split, so that labels stay true.

Axes: N frames, S samples.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from ....core.errors import ConfigError, DataError
from ....core.hookspecs import hookimpl
from ....core.interfaces import Array, Clip, Component, Context, Found, Inventory, Options
from ....core.skeleton import Skeleton
from ....media.images import image_size
from ....media.mended import Footage
from ....media.prepared import prepared
from .counts import REGISTER, counts_of
from .example import write_example
from .footage import HandFootage
from .pictures import look, square
from .samples import NAMES, Samples, annotated, by_folder, few, settled

log = logging.getLogger("poserep")

COLUMNS = ("split", "people", "classes")
MADE_UP_S = 60.0
"""Between pictures that have no time."""


class GesturesOptions(Options):
    """Where the pictures lie, which hands of them, and how many of these."""

    root: str
    """A folder of pictures and, if there are any, annotations (json), in any sub-folders. Without annotations each
    picture's folder names its class. Folders called train, val or test tell the split."""
    classes: tuple[str, ...] = ()
    """Gestures that count; all others are left out. Empty: all that there are, with `no_gesture` for hands at rest."""
    height: PositiveInt = 128
    """Side of the square crop in pixels."""
    box_scale: PositiveFloat = 1.5
    """Side of the crop as a multiple of the longer side of the hand's box; whole pictures are shown as they are."""
    prepared: bool = False
    """Keep crops in the cache folder."""
    held_out: float = Field(default=0.1, ge=0, lt=0.5)
    """Share of people for validation, and for test, where the copy does not tell them."""
    user_pattern: str = ""
    """Without annotations: regular expression on file names with a group `user`. Empty: nobody is known."""
    per_class: int = Field(default=0, ge=0)
    """Training hands of each class that are kept, drawn by the seed; 0 keeps all. Fewer are among those of more."""
    fraction: float = Field(default=1.0, gt=0, le=1)
    """Share of each class's training hands that is kept, one at least."""
    seed: int = Field(default=0, ge=0)
    """Seed of that draw."""


class Gestures:
    """The hands by person.

    Attributes:
        clips: One per split and person.
        frame_size: (H, W) of every frame, a square.
        skeleton: None.
        classes: Names of the gestures; the label `gesture` counts them.
    """

    skeleton: Skeleton | None = None

    def __init__(self, options: GesturesOptions, context: Context) -> None:
        self.options = options
        self.frame_size = (options.height, options.height)
        self._root = Path(options.root).expanduser()
        self._pictures, files = look(self._root)
        pattern = _compiled(options.user_pattern)
        rows = annotated(self._pictures, files, self._root, options.classes)
        self._scale = 1.0 if rows is None else options.box_scale
        if rows is None:
            rows = by_folder(self._pictures, self._root, options.classes, pattern)
        every = settled(rows, self._pictures, options.classes, options.held_out)
        _check(every, options, self._root)
        self._all = every
        self._samples = every.take(few(every, options.per_class, options.fraction, options.seed, self._pictures))
        self.classes = self._samples.classes
        self._starts, self.clips = _clips(self._samples)
        hands = HandFootage(str(self._root), self._pictures, self._samples, options.height, self._scale)
        self._footage: Footage = prepared(hands) if options.prepared else hands

    @property
    def skipped(self) -> int:
        """Hands that were asked for so far and could not be read."""
        return self._footage.skipped

    def frames(self, clip: int, indices: Array) -> Array:
        """Hands of one clip, (N, 3, H, W) uint8 RGB.

        Raises:
            DataError: If a picture cannot be read, nor one of the same class near it.
        """
        return self._footage.read(self._starts[clip] + np.asarray(indices))

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        """``gesture``, (N,) int64; ``true_box``, (N, 4) float32, the hand's box in its crop.

        Raises:
            DataError: For another name, or if a picture is missing.
        """
        rows = self._starts[clip] + np.asarray(indices)
        if name == "gesture":
            return np.asarray(self._samples.gesture_S[rows])
        if name == "true_box":
            return np.array([self._box(row) for row in rows], np.float32).reshape(-1, 4)
        raise DataError(f"dataset gestures has no label {name!r}", where=self.clips[clip].name)

    def inventory(self) -> Inventory:
        """Pictures, people and classes of each split, beside the papers' numbers."""
        found = []
        for number, name in enumerate(NAMES):
            rows = self._all.split_S == number
            told = tuple(self._all.classes[one] for one in np.unique(self._all.gesture_S[rows]))
            found.append(Found(name, len(np.unique(self._all.user_S[rows])), told, int(rows.sum())))
        return Inventory(tuple(found), self._all.notes, counts_of(self._all), REGISTER, COLUMNS)

    def _box(self, row: int) -> tuple[float, float, float, float]:
        height, width = image_size(self._pictures.path(self._samples.picture_S[row]))
        box_4 = self._samples.box_S4[row]
        side = square(box_4, (width, height), self._scale)[2]
        return float(box_4[2]) * width / side, float(box_4[3]) * height / side, 0.0, 0.0


def _clips(samples: Samples) -> tuple[Array, Sequence[Clip]]:
    """First sample of each clip, and the clips: a run of samples of one split and person."""
    new = (np.diff(samples.user_S) != 0) | (np.diff(samples.split_S) != 0)
    starts = np.flatnonzero(np.concatenate([[True], new]))
    clips = []
    for start, end in zip(starts, [*starts[1:], len(samples)], strict=True):
        split, user = NAMES[samples.split_S[start]], samples.users[samples.user_S[start]]
        name = f"{split}/{user or 'somebody'}"
        times_s = MADE_UP_S * np.arange(end - start, dtype=np.float64)
        clips.append(Clip(name, user, name, name, split, times_s))
    return starts, tuple(clips)


def _check(samples: Samples, options: GesturesOptions, root: Path) -> None:
    """Tell what a copy lacks, and refuse one without hands."""
    for note in samples.notes:
        log.warning("%s: %s", root, note)
    if not len(samples):
        raise DataError("there is no hand to be seen", where=str(root), hint="; ".join(samples.notes) or REGISTER)
    nobody = int((samples.user_S == samples.users.index("")).sum()) if "" in samples.users else 0
    if nobody and options.held_out:
        log.warning("%s: who is seen in %d pictures is not known: one person may be in several splits", root, nobody)
    pairs = np.unique(samples.user_S * len(NAMES) + samples.split_S) // len(NAMES)
    twice = [samples.users[user] for user in np.flatnonzero(np.bincount(pairs) > 1).tolist() if samples.users[user]]
    if twice:
        log.warning("%s: %d people are in several splits, as %r", root, len(twice), twice[0])


def _compiled(pattern: str) -> re.Pattern[str] | None:
    if not pattern:
        return None
    where = f"dataset.user_pattern = {pattern!r}"
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"dataset.user_pattern is not a regular expression: {error}", where=where) from None
    if "user" not in found.groupindex:
        raise ConfigError("dataset.user_pattern has no group named user", where=where, hint=r"as '(?P<user>\d+)_'")
    return found


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``dataset.gestures``."""
    register(
        Component(
            kind="dataset",
            name="gestures",
            options=GesturesOptions,
            build=Gestures,
            writes=("gesture", "true_box"),
            example=write_example,
        )
    )
