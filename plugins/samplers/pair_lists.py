"""Pairs of a file, held against the dataset that they shall be read from.

Axes: M pairs of one kind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array, Clip
from ...media.pairs import SAME_S, KindOfPair, Pair, read_pairs
from .pair_pools import Listed
from .windows import Row

OPTIONS = "open the dataset with the options that the pairs were drawn with, or draw new ones: poserep data pairs"

FEW = 3


def listed(
    sampler: str, path: Path, clips: Sequence[Clip], allowed: Array, kinds: Collection[KindOfPair]
) -> Mapping[KindOfPair, Listed]:
    """The file's pairs by kind, as positions in the row of the allowed clips.

    Raises:
        DataError: When it is no list of pairs, is of another dataset, or lacks a kind that the sampler draws.
    """
    pairs = read_pairs(path)
    row = Row.of(clips, allowed)
    start = {clips[clip].name: int(begin) for clip, begin in zip(row.clip, row.start[:-1], strict=True)}
    by_name = {clip.name: clip for clip in clips}
    for number, pair in enumerate(pairs, 1):
        _check(pair, f"{path}, pair {number}", by_name, start)
    found = {}
    for kind in kinds:
        chosen = [pair for pair in pairs if pair.kind == kind]
        if not chosen:
            have = ", ".join(sorted({pair.kind for pair in pairs}))
            raise DataError(
                f"the sampler '{sampler}' draws pairs of the kind {kind!r}, of which the list has none: it has {have}",
                where=str(path),
                hint="use the sampler that drew the list, or leave that kind out of the mixture",
            )
        at_M2 = np.array(
            [[start[name] + frame for name, frame in zip(pair.clips, pair.frames, strict=True)] for pair in chosen]
        )
        found[kind] = Listed(at_M2[:, 0], at_M2[:, 1])
    return found


def _check(pair: Pair, where: str, by_name: Mapping[str, Clip], start: Mapping[str, int]) -> None:
    """Refuse a pair that this dataset has not, or that may not be learned from."""
    for name, frame, time_s in zip(pair.clips, pair.frames, pair.times_s, strict=True):
        if other := _other(by_name, name, frame, time_s):
            raise DataError(f"the list of pairs is of another dataset: {other}", where=where, hint=OPTIONS)
        if name not in start:
            split = by_name[name].split
            why = "it shows who or what is tested on" if split == "train" else f"it is of the split {split!r}"
            what = f"the list of pairs asks for clip {name!r}, which is not trained on: {why}"
            raise DataError(what, where=where, hint="leave its lines out of the list")
    if (pair.clips[0] == pair.clips[1]) != (pair.kind == "pose"):
        raise DataError(f"a pair of the kind {pair.kind!r} cannot be of clips {' and '.join(pair.clips)}", where=where)


def _other(by_name: Mapping[str, Clip], name: str, frame: int, time_s: float) -> str:
    """In what a frame of the list is not one of this dataset; empty if it is."""
    clip = by_name.get(name)
    if clip is None:
        more = ", ..." if len(by_name) > FEW else ""
        return f"this one has no clip {name!r}, but {', '.join(map(repr, list(by_name)[:FEW]))}{more}"
    if frame >= len(clip):
        return f"clip {name!r} has {len(clip)} frames here, no #{frame}"
    here_s = float(clip.times_s[frame])
    return f"#{frame} of clip {name!r} is at {here_s:g} s, not {time_s:g} s" if abs(here_s - time_s) > SAME_S else ""
