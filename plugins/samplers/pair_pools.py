"""Where pairs come from: two cameras at one moment, one camera at two moments, two cameras at two, or a list.

Axes: N frames of all allowed clips one after another, M moments, P frames that have a partner, B pairs, 3 = x y z;
2 = first backwards, then forwards in time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array, Clip
from ...media.pairs import degrees_apart
from .views import Moments
from .windows import Reach, Row, span_s

Positions = tuple[Array, Array]
Directions = Callable[[int], Array]
"""Of an index of a clip: where its camera looks at each of its frames, (N, 3), or (1, 3) if it stands still."""


class Pool(Protocol):
    """Pairs of one kind."""

    def draw(self, rng: np.random.Generator, count: int) -> Positions:
        """Two frames of each pair as positions in the row, (B,) each."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """Pairs of a list: every line equally often.

    Attributes:
        first: The masked frames, (M,).
        second: Their references, (M,).
    """

    first: Array
    second: Array

    def draw(self, rng: np.random.Generator, count: int) -> Positions:
        """Draw lines."""
        line = rng.integers(len(self.first), size=count)
        return self.first[line], self.second[line]


def views(
    sampler: str,
    clips: Sequence[Clip],
    allowed: Array,
    tolerance_s: float,
    angles: tuple[float, float, Directions],
) -> Listed:
    """Every two frames that two cameras took of one take at once, with a good angle between the cameras.

    Each comes once; who draws may turn it around. An angle that is not known is good.

    Args:
        sampler: Its name, for errors.
        clips: All clips.
        allowed: Which of them may be drawn from, (A,).
        tolerance_s: Most that two frames of one moment may be apart.
        angles: Least and most degrees between viewing directions, and where cameras look, an empty array if unknown.

    Raises:
        DataError: When no take is seen by two cameras at once, or only by cameras of other angles.
    """
    found = Moments.of(sampler, clips, allowed, tolerance_s)
    least, most, looks = angles
    edges = np.flatnonzero(np.diff(found.pair, prepend=-1, append=-1))
    kept, seen = [], []
    for start, end in pairwise(edges):
        here, there = found.here[start:end], found.there[start:end]
        if here[0] > there[0]:
            continue  # the same moments, the other way round
        degrees_M = angles_at(found.row, looks, here, there)
        seen += [degrees_M.min(), degrees_M.max()]
        kept.append(start + np.flatnonzero(~((degrees_M < least) | (degrees_M > most))))
    moment = np.concatenate(kept)
    if not len(moment):
        raise DataError(
            f"the sampler '{sampler}' finds no two cameras of one take that look from {least:g} to {most:g} degrees "
            f"apart: they are from {min(seen):.3g} to {max(seen):.3g} degrees apart",
            where="sampler",
            hint="lower sampler.angle_min_deg or raise sampler.angle_max_deg",
        )
    return Listed(found.here[moment], found.there[moment])


def angles_at(row: Row, looks: Directions, here: Array, there: Array) -> Array:
    """Degrees between two clips' cameras at some moments, (M,); NaN where it is not known."""
    ahead = []
    for position in (here, there):
        stretch = int(np.searchsorted(row.start, position[0], side="right") - 1)
        ahead_N3 = looks(int(row.clip[stretch]))
        if not len(ahead_N3):
            return np.full(len(here), np.nan)
        frames = position - row.start[stretch] if len(ahead_N3) > 1 else np.zeros(len(position), np.int64)
        ahead.append(ahead_N3[frames])
    return degrees_apart(*ahead)


@dataclass(frozen=True, slots=True)
class Poses:
    """Two frames of one clip, whose distance in time is drawn uniformly over its logarithm.

    Attributes:
        gap_s: Least and most of it.
        near: Steps to the last frame that is near enough, (2, N).
        far: Steps to the first frame that is far enough, (2, N).
        clock_s: Timestamps with each clip long after the one before it, so that all rise, (N,).
        position: Frames that have a partner, (P,).
    """

    gap_s: tuple[float, float]
    near: Array
    far: Array
    clock_s: Array
    position: Array

    @classmethod
    def of(cls, sampler: str, clips: Sequence[Clip], allowed: Array, gap_s: tuple[float, float]) -> Poses:
        """Find them.

        Raises:
            DataError: When no clip has two frames so far apart.
        """
        row = Row.of(clips, allowed)
        reach = Reach.of(row, clips, near_s=gap_s[1], far_s=gap_s[0])
        clocks, begin = [], 0.0
        for clip in (clips[index] for index in row.clip if len(clips[index])):
            clocks.append(clip.times_s - clip.times_s[0] + begin)
            begin = clocks[-1][-1] + 4 * gap_s[1]
        found = np.flatnonzero((reach.near >= reach.far).any(axis=0))
        if not len(found):
            raise no_gap(sampler, [clips[index] for index in allowed], gap_s)
        row.log_skipped(sampler, found)
        return cls(gap_s, reach.near, reach.far, np.concatenate(clocks), found)

    def draw(self, rng: np.random.Generator, count: int) -> Positions:
        """Draw frames uniformly over all that have a partner, and each one's partner."""
        first = self.position[rng.integers(len(self.position), size=count)]
        return first, self.partner(rng, first)

    def partner(self, rng: np.random.Generator, first: Array) -> Array:
        """A frame at a good distance from each of those that have one, (B,): on either side if there is room."""
        everywhere = np.arange(len(first))
        near, far = self.near[:, first], self.far[:, first]
        backwards, forwards = near >= far
        side = np.where(backwards & forwards, rng.integers(2, size=len(first)), forwards)
        sign = 2 * side - 1
        closest, farthest = (first + sign * steps[side, everywhere] for steps in (far, near))
        least_s, most_s = self.gap_s
        room_s = np.clip(np.abs(self.clock_s[farthest] - self.clock_s[first]), least_s, most_s)
        gap_s = least_s * (room_s / least_s) ** rng.random(len(first))
        wanted_s = self.clock_s[first] + sign * gap_s
        after = np.clip(np.searchsorted(self.clock_s, wanted_s), 1, len(self.clock_s) - 1)
        nearer = wanted_s - self.clock_s[after - 1] < self.clock_s[after] - wanted_s
        found: Array = np.clip(after - nearer, np.minimum(closest, farthest), np.maximum(closest, farthest))
        return found


@dataclass(frozen=True, slots=True)
class Both:
    """Two cameras at two moments: a pair of views, the second of which is then moved in time.

    Attributes:
        views: The pairs of views, both ways round, whose second frame has a partner.
        poses: Its partners.
    """

    views: Listed
    poses: Poses

    @classmethod
    def of(cls, sampler: str, views: Listed, poses: Poses) -> Both:
        """Find them.

        Raises:
            DataError: When there is none.
        """
        ways = np.concatenate((views.first, views.second)), np.concatenate((views.second, views.first))
        fits = np.isin(ways[1], poses.position)
        if not fits.any():
            raise DataError(
                f"the sampler '{sampler}' finds no two cameras at two moments: no frame of another camera has a second "
                f"one from {poses.gap_s[0]:g} to {poses.gap_s[1]:g} s away",
                hint="record longer clips",
            )
        return cls(Listed(ways[0][fits], ways[1][fits]), poses)

    def draw(self, rng: np.random.Generator, count: int) -> Positions:
        """Draw pairs of views uniformly, then the second one's partner."""
        first, second = self.views.draw(rng, count)
        return first, self.poses.partner(rng, second)


def no_gap(sampler: str, clips: Sequence[Clip], gap_s: tuple[float, float]) -> DataError:
    """The error of a sampler that finds no two frames of one clip at a good distance, naming the longest clip."""
    if not clips:
        return DataError(f"the sampler '{sampler}' is given no clip to draw from")
    longest = max(clips, key=span_s)
    return DataError(
        f"the sampler '{sampler}' needs two frames of one clip from {gap_s[0]:g} to {gap_s[1]:g} s apart: the longest "
        f"of {len(clips)} clips ('{longest.name}') has {len(longest)} frames in {span_s(longest):g} s",
        hint="set sampler.gap_min_s and sampler.gap_max_s to what the frame rate allows",
    )
