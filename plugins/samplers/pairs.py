"""What the samplers of pairs share: what they read of a dataset, and how a pair is drawn.

Paper: Armando et al., CVPR 2024, arXiv:2311.09104: one image of a person is masked, another one of this person helps to
complete it, from another camera at that moment (cross-view) or of another moment (cross-pose).
Differs from the paper: how pairs are chosen is not known to us; all numbers and rules here are ours, and options.

Axes: N frames of all allowed clips one after another, B pairs, T = 2 roles, H W pixels.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array, Clip, Dataset, Draw
from ...media.pairs import KindOfPair, viewing_directions
from .leakage import unseen
from .likeness import change
from .pair_lists import listed
from .pair_pools import Both, Pool, Poses, views
from .windows import Row

log = logging.getLogger("poserep")

ROLES = ("target", "reference")
KINDS: tuple[KindOfPair, ...] = ("view", "pose", "both")


class PairSampler:
    """Draws pairs of the kinds that it is asked for.

    Args:
        name: Of the sampler, for messages.
        options: `pair_options.PairOptions`, with those of the kinds that are drawn.
        shares: How often each kind is drawn, adding up to 1; those of share 0 need not be possible.
    """

    roles = ROLES

    def __init__(self, name: str, options: Any, shares: Mapping[KindOfPair, float]) -> None:
        self.name = name
        self.options = options
        self.shares = {kind: shares[kind] for kind in KINDS if shares.get(kind, 0) > 0}
        compares = "pose" in self.shares and options.change_min > 0 and not options.manifest
        self.tries: int = options.tries if compares else 1
        self._dataset: Dataset | None = None
        self._labels: frozenset[str] = frozenset()
        self._pools: Mapping[KindOfPair, Pool] = {}

    def look(self, dataset: Dataset, labels: frozenset[str]) -> None:
        """Take note of where cameras, boxes and pictures can be looked up."""
        self._dataset, self._labels = dataset, labels

    def prepare(self, clips: Sequence[Clip], allowed: Array) -> None:
        """Find the pairs.

        Raises:
            DataError: When there is none of a kind that shall be drawn, or the list of pairs does not fit.
        """
        options = self.options
        allowed = unseen(self.name, clips, np.asarray(allowed, np.int64), options.tested_on, options.leakage)
        if options.manifest:
            path = Path(options.manifest).expanduser()
            self._pools = listed(self.name, path, clips, allowed, list(self.shares))
            self._row, self._frame_N = Row.of(clips, allowed), _numbers(clips, allowed)
            return
        kept = self._large(clips, allowed)
        thinned = list(clips)
        for clip, frames in kept.items():
            thinned[clip] = _thinned(clips[clip], frames)
        self._pools = self._find(thinned, allowed, kept)
        self._row = Row.of(thinned, allowed)
        self._frame_N = np.concatenate([kept[clip] for clip in allowed]) if kept else _numbers(clips, allowed)

    def draw(self, rng: np.random.Generator, count: int) -> Draw:
        """Draw ``count`` pairs, (B, 2); either frame may be the masked one, but of a list the one that it says."""
        kinds = list(self.shares)
        limits = np.cumsum([self.shares[kind] for kind in kinds])[:-1]
        drawn_B = np.searchsorted(limits, rng.random(count), side="right")
        position_B2 = np.empty((count, 2), np.int64)
        for number, kind in enumerate(kinds):
            rows = np.flatnonzero(drawn_B == number)
            position_B2[rows] = np.stack(self._pools[kind].draw(rng, len(rows)), axis=1)
        return self._turned(rng, position_B2)

    def accepts(self, draw: Draw, frame: Array) -> Array:
        """Whether two moments of one camera differ enough, (B,); pairs of two cameras always do."""
        good_B = np.ones(len(draw.clip), bool)
        rows = np.flatnonzero(draw.clip[:, 0] == draw.clip[:, 1])
        boxes_B24 = self._boxes(draw, rows)
        for row in rows:
            good_B[row] = change(frame[row], None if boxes_B24 is None else boxes_B24[row]) >= self.options.change_min
        return good_B

    def again(self, rng: np.random.Generator, draw: Draw) -> Draw:
        """Another pair of one camera in place of each such; the others, which are never turned down, stay."""
        rows = np.flatnonzero(draw.clip[:, 0] == draw.clip[:, 1])
        other = self._turned(rng, np.stack(self._pools["pose"].draw(rng, len(rows)), axis=1))
        clip, frame = draw.clip.copy(), draw.frame.copy()
        clip[rows], frame[rows] = other.clip, other.frame
        return Draw(clip, frame)

    def _turned(self, rng: np.random.Generator, position_B2: Array) -> Draw:
        """Positions as clips and frames, every second pair turned around."""
        if not self.options.manifest:
            turned_B = rng.random(len(position_B2)) < 0.5
            position_B2 = np.where(turned_B[:, None], position_B2[:, ::-1], position_B2)
        return Draw(self._row.draw(position_B2).clip, self._frame_N[position_B2])

    def _find(self, clips: Sequence[Clip], allowed: Array, kept: Mapping[int, Array]) -> Mapping[KindOfPair, Pool]:
        """Where each kind of pair comes from."""
        found: dict[KindOfPair, Pool] = {}
        options, kinds = self.options, self.shares
        if kinds.keys() & {"view", "both"}:
            angles = options.angle_min_deg, options.angle_max_deg, self._directions(clips, kept)
            found["view"] = seen = views(self.name, clips, allowed, options.tolerance_ms / 1000, angles)
        if kinds.keys() & {"pose", "both"}:
            found["pose"] = moved = Poses.of(self.name, clips, allowed, (options.gap_min_s, options.gap_max_s))
        if "both" in kinds:
            found["both"] = Both.of(self.name, seen, moved)
        return found

    def _directions(self, clips: Sequence[Clip], kept: Mapping[int, Array]) -> Any:
        """Where the camera of each clip looks, read when it is asked for, and once."""
        known: dict[int, Array] = {}

        def looks(clip: int) -> Array:
            if self._dataset is None or "rotation" not in self._labels:
                return np.empty((0, 3))
            if clip not in known:
                frames = kept[clip] if clip in kept else np.arange(len(clips[clip]))
                known[clip] = viewing_directions(self._dataset, clip, frames)
            return known[clip]

        return looks

    def _large(self, clips: Sequence[Clip], allowed: Array) -> dict[int, Array]:
        """Frames of each allowed clip whose box is large enough; nothing where that is not asked.

        Raises:
            DataError: When it is asked for and boxes are not known, or none is.
        """
        least = self.options.box_min_px
        if not least:
            return {}
        if self._dataset is None or "true_box" not in self._labels:
            what = f"the sampler '{self.name}' shall drop small boxes, but the dataset has no label 'true_box'"
            raise DataError(what, where="sampler.box_min_px", hint="sampler.box_min_px = 0 drops none")
        height, width = self._dataset.frame_size
        kept = {}
        for clip in allowed:
            box_N4 = self._dataset.labels("true_box", int(clip), np.arange(len(clips[clip])))
            longer_N = (box_N4[:, :2] * np.array([width, height])).max(axis=1)
            kept[int(clip)] = np.flatnonzero(longer_N >= least)  # nobody there is NaN, and not large enough
        return _told(self.name, kept, sum(len(clips[clip]) for clip in allowed), least)

    def _boxes(self, draw: Draw, rows: Array) -> Array | None:
        """True boxes of some pairs of one clip, (B, 2, 4); None where the dataset has none."""
        if self._dataset is None or "true_box" not in self._labels:
            return None
        found = np.full((len(draw.clip), 2, 4), np.nan)
        for clip in np.unique(draw.clip[rows, 0]):
            own = rows[draw.clip[rows, 0] == clip]
            boxes = self._dataset.labels("true_box", int(clip), draw.frame[own].ravel())
            found[own] = boxes.reshape(-1, 2, 4)
        return found


def _numbers(clips: Sequence[Clip], allowed: Array) -> Array:
    """Frames of the allowed clips in one row, (N,)."""
    return np.concatenate([np.arange(len(clips[clip])) for clip in allowed] or [np.empty(0, np.int64)])


def _thinned(clip: Clip, frames: Array) -> Clip:
    return replace(clip, times_s=clip.times_s[frames])


def _told(sampler: str, kept: dict[int, Array], frames: int, least: float) -> dict[int, Array]:
    """The frames that are kept, after it is said how many are not.

    Raises:
        DataError: When none is.
    """
    left = sum(map(len, kept.values()))
    told = f"sampler '{sampler}': {frames - left} of {frames} frames"
    if kept and not left:
        raise DataError(
            f"{told} have a true box below {least:g} pixels: none is left",
            where="sampler.box_min_px",
            hint="raise the height of the dataset's frames, or lower the option",
        )
    if left < frames:
        log.warning("%s are left out: their box is below %g pixels, or nobody is there", told, least)
    return kept
