"""Which pairs `poserep analyse completion` completes: drawn by the run's own sampler, from clips of another split.

For each pair there is a stranger: the reference of another pair of the same kind, which shows somebody else.

Axes: N pairs, 2 = target and reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.batches import Batches, Source
from ..core.compose import Composition
from ..core.errors import DataError
from ..core.interfaces import Array, Clip, Dataset, Draw, Looking, Sampler
from ..media.pairs import KindOfPair, pair_of
from .data_pairs import KINDS, MOMENT_S

ROUNDS = 40
"""So many batches are drawn at most to find enough pairs of each kind."""
STRANGERS = ("another moment", "another moment from another camera", "another take", "another subject")
"""What strangers show, from the least to the most foreign."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        count: Pairs of each kind.
        seed: Draws them, and what is hidden.
        split: Whose targets; the held-out split if empty.
        after_s: Targets and references are not from before this second of their clip.
    """

    count: int
    seed: int = 0
    split: str = ""
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of one kind.

    Attributes:
        draw: Targets and references, (N, 2).
        stranger: The references that are shown in their place, (N,) indices of pairs.
        foreign: How foreign these are at least: one of `STRANGERS`.
    """

    draw: Draw
    stranger: Array
    foreign: str

    def with_reference(self, column: int, rows: Array | None = None) -> Draw:
        """Each target with a frame of some pair in place of its reference: of its own, or of the pairs in ``rows``."""
        taken = np.arange(len(self.draw.clip)) if rows is None else rows
        clip, frame = self.draw.clip.copy(), self.draw.frame.copy()
        clip[:, 1], frame[:, 1] = self.draw.clip[taken, column], self.draw.frame[taken, column]
        return Draw(clip, frame)


def choose(composition: Composition, dataset: Dataset, wanted: Wanted) -> dict[KindOfPair, Pairs]:
    """Pairs of each kind that the sampler draws, whose targets are of the split.

    The references may be another camera's of the same take, for a camera alone may be held out.

    Raises:
        DataError: If there is no such split, no two pairs of any kind in it, or they have one reference.
    """
    found = _found(composition, dataset, wanted)
    rng = np.random.default_rng(wanted.seed)
    chosen = {}
    for kind in (kind for kind in KINDS if len(found.get(kind, ())) > 1):
        clip, frame = (np.stack(column) for column in zip(*found[kind][: wanted.count], strict=True))
        chosen[kind] = Pairs(Draw(clip, frame), *strangers(dataset.clips, Draw(clip, frame), rng))
    if not chosen:
        what = f"the {wanted.split} split gives no two pairs of a kind"
        what += f" from {wanted.after_s:g} s on" if wanted.after_s else ""
        hint = "--set dataset.end_s=999 reads a video on to its end" if wanted.after_s else "try --split train"
        raise DataError(what, hint=hint)
    return chosen


def _found(composition: Composition, dataset: Dataset, wanted: Wanted) -> dict[KindOfPair, list[tuple[Array, Array]]]:
    """Clips and frames, (2,) each, of the pairs of each kind: as many as are wanted, or all of some rounds."""
    clips, count = dataset.clips, 2 * wanted.count
    sampler = _sampler(composition, dataset, wanted.split)
    batches = Batches(Source(dataset, None, frozenset()), sampler, count, wanted.seed)
    moment_s = getattr(composition.parts[_role(composition)].options, "tolerance_ms", 1000 * MOMENT_S) / 1000 + 1e-6
    found: dict[KindOfPair, list[tuple[Array, Array]]] = {}
    for step in range(ROUNDS):
        draw, _ = batches.choose(step, slice(0, count))
        for clip, frame in zip(draw.clip, draw.frame, strict=True):
            pair = pair_of(clips, clip, frame, moment_s)
            if clips[clip[0]].split == wanted.split and min(pair.times_s) >= wanted.after_s:
                found.setdefault(pair.kind, []).append((clip, frame))
        if found and min(map(len, found.values())) >= wanted.count:
            break
    return found


def _role(composition: Composition) -> str:
    """The sampler of the last phase: what it draws is what the run learnt last."""
    return composition.phases[-1].sampler


def _sampler(composition: Composition, dataset: Dataset, split: str) -> Sampler:
    """The run's sampler over the takes of a split, with nobody left out and no list to keep to."""
    clips = dataset.clips
    takes = {(clip.subject, clip.take) for clip in clips if clip.split == split}
    allowed = [index for index, clip in enumerate(clips) if (clip.subject, clip.take) in takes]
    if not allowed:
        have = ", ".join(sorted({clip.split for clip in clips}))
        raise DataError(f"the dataset has no {split} frames", hint=f"it has: {have}")
    chosen = composition.parts[_role(composition)]
    anybody = {"manifest": "", "tested_on": ()}
    fields = type(chosen.options).model_fields
    options = chosen.options.model_copy(update={name: value for name, value in anybody.items() if name in fields})
    sampler: Sampler = chosen.component.build(options, composition.context)
    if isinstance(sampler, Looking):
        sampler.look(dataset, composition.labels)
    # as if trained on, so that the sampler does not keep off those who are tested on
    sampler.prepare([replace(clip, split="train") for clip in clips], np.array(allowed, np.int64))
    return sampler


def strangers(clips: Sequence[Clip], draw: Draw, rng: np.random.Generator) -> tuple[Array, str]:
    """For each pair another one, drawn among those that show somebody else; or else another take, another moment.

    Of another moment preferred are references that the target's own camera did not take: they might tell more of the
    target than its own reference.

    Returns:
        Indices of pairs, (N,), and how foreign the least foreign of them is.

    Raises:
        DataError: If a pair has no other with another reference.
    """
    subject, take = (np.array([getattr(clips[clip], name) for clip in draw.clip[:, 0]]) for name in ("subject", "take"))
    reference_s = np.array([clips[c].times_s[f] for c, f in zip(draw.clip[:, 1], draw.frame[:, 1], strict=True)])
    chosen, least = np.empty(len(subject), np.int64), len(STRANGERS) - 1
    for row in range(len(subject)):
        somebody_else = (subject != subject[row]) & (subject != "") & (subject[row] != "")
        moment = reference_s != reference_s[row]
        groups = (moment, moment & (draw.clip[:, 1] != draw.clip[row, 0]), take != take[row], somebody_else)
        rank = max((rank for rank, group in enumerate(groups) if group.any()), default=-1)
        if rank < 0:
            raise DataError("all pairs have one reference: there is no other to complete with", hint="draw more pairs")
        chosen[row], least = rng.choice(np.flatnonzero(groups[rank])), min(least, rank)
    return chosen, STRANGERS[least]
