"""Batches as a pure function of (seed, step): nothing to save, and a resumed run sees what it would have seen."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from .compose import Composition
from .interfaces import Array, Background, Choosy, Context, Dataset, Draw, Looking, Roles, Sampler
from .ranks import own_rows, world_size

log = logging.getLogger("poserep")

AHEAD = 2  # batches read while the network computes
LABELS = frozenset(("pose", "pose_2d", "true_box", "true_mask", "rotation"))


class Source:
    """A dataset with its background and the fields that an experiment asks of them.

    Args:
        dataset: Where frames and labels are read.
        background: Estimator of the empty scene, or None.
        wanted: Fields to put in a batch.
        labels: Fields that it may ask the dataset for.
    """

    def __init__(
        self,
        dataset: Dataset,
        background: Background | None,
        wanted: frozenset[str],
        labels: frozenset[str] = LABELS,
    ) -> None:
        self.dataset = dataset
        self.background = background
        self.wanted = wanted
        self.labels = labels - {"background"}  # it comes through its own slot
        names = sorted({clip.subject for clip in dataset.clips} - {""})
        numbers = {name: index for index, name in enumerate(names)} | {"": -1}
        self._subjects = np.array([numbers[clip.subject] for clip in dataset.clips], np.int64)

    def read(self, draw: Draw, extra: Sequence[str] = ()) -> dict[str, Any]:
        """The fields of the drawn frames: images uint8 (B, T, C, H, W), numbers float32 (B, T, ...)."""
        wanted = self.wanted | set(extra)
        columns: dict[str, Array] = {}
        flat_clip, flat_frame = draw.clip.ravel(), draw.frame.ravel()
        for clip in np.unique(flat_clip):
            rows = np.flatnonzero(flat_clip == clip)
            for name, values in self._read_clip(int(clip), flat_frame[rows], wanted).items():
                if name not in columns:
                    columns[name] = np.empty((flat_clip.size, *values.shape[1:]), values.dtype)
                columns[name][rows] = values
        batch: dict[str, Any] = {
            name: torch.from_numpy(values).unflatten(0, draw.clip.shape) for name, values in columns.items()
        }
        batch["clip"] = torch.from_numpy(draw.clip.astype(np.int64))
        batch["subject"] = torch.from_numpy(self._subjects[draw.clip])
        return batch

    def _read_clip(self, clip: int, frames: Array, wanted: frozenset[str] | set[str]) -> dict[str, Array]:
        found = {
            "frame": self.dataset.frames(clip, frames),
            "time": self.dataset.clips[clip].times_s[frames].astype(np.float32),
        }
        if "background" in wanted and self.background is not None:
            found["background"] = np.broadcast_to(self.background.at(self.dataset, clip, frames), found["frame"].shape)
        for name in self.labels & wanted:
            found[name] = self.dataset.labels(name, clip, frames)
        return found


def open_source(composition: Composition) -> Source:
    """Build the dataset and the background estimator of an experiment."""
    context = composition.context
    chosen = composition.parts["dataset"]
    dataset = chosen.component.build(chosen.options, context)
    background = None
    if "background" in composition.parts:
        chosen = composition.parts["background"]
        background = chosen.component.build(chosen.options, context)
    return Source(dataset, background, composition.wanted, composition.labels)


def build_sampler(composition: Composition, role: str, dataset: Dataset, context: Context) -> Sampler:
    """A sampler, prepared on the clips of the training split.

    Raises:
        DataError: If no clip can hold a tuple.
    """
    chosen = composition.parts[role]
    sampler: Sampler = chosen.component.build(chosen.options, context)
    if isinstance(sampler, Looking):
        sampler.look(dataset, composition.labels)
    allowed = [index for index, clip in enumerate(dataset.clips) if clip.split == "train"]
    sampler.prepare(dataset.clips, np.array(allowed, np.int64))
    return sampler


class Batches:
    """Training batches of one phase.

    Args:
        source: Where the drawn frames are read.
        sampler: What is drawn.
        count: Tuples of a global batch; each process reads its own share.
        seed: Together with the step it fixes the draw.
    """

    def __init__(self, source: Source, sampler: Sampler, count: int, seed: int) -> None:
        self.source = source
        self.sampler = sampler
        self.count = count
        self.seed = seed
        self._warned = False

    def draw(self, step: int) -> Draw:
        """The global draw of a step."""
        return self.sampler.draw(np.random.default_rng([self.seed, step]), self.count)

    def at(self, step: int) -> Mapping[str, Any]:
        """This process's share of a step's batch."""
        _, batch = self.choose(step, own_rows(self.count // world_size()))
        batch["roles"] = Roles(self.sampler.roles)
        return batch

    def choose(self, step: int, rows: slice) -> tuple[Draw, dict[str, Any]]:
        """Some tuples of a step and what is read of them, after those that a choosy sampler turns down are redrawn.

        Other tuples of the step have no say in it, so that processes agree without asking each other.
        """
        whole = self.draw(step)
        chosen = Draw(whole.clip[rows].copy(), whole.frame[rows].copy())
        batch = self.source.read(chosen)
        if isinstance(self.sampler, Choosy) and self.sampler.tries > 1:
            self._redraw(self.sampler, step, (whole, rows), chosen, batch)
        return chosen, batch

    def _redraw(
        self, sampler: Choosy, step: int, source: tuple[Draw, slice], chosen: Draw, batch: dict[str, Any]
    ) -> None:
        """Put other tuples in the places of those that are turned down, until none is or the tries are spent."""
        whole, rows = source
        bad = np.flatnonzero(~sampler.accepts(chosen, batch["frame"].numpy()))
        for attempt in range(1, sampler.tries):
            if not len(bad):
                return
            other = sampler.again(np.random.default_rng([self.seed, step, attempt]), whole)
            other = Draw(other.clip[rows][bad], other.frame[rows][bad])
            chosen.clip[bad], chosen.frame[bad] = other.clip, other.frame
            found = self.source.read(other)
            for name, values in found.items():
                batch[name][bad] = values
            bad = bad[~sampler.accepts(other, found["frame"].numpy())]
        if len(bad) and not self._warned:
            self._warned = True
            what = "step %d: the sampler turned down %d of %d tuples %d times over; they are trained on all the same"
            log.warning(what, step, len(bad), len(chosen.clip), sampler.tries)

    def run(self, first: int, last: int) -> Iterator[Mapping[str, Any]]:
        """Batches of the steps from ``first`` up to, not including, ``last``, read ahead in a thread."""
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
            ahead: list[Future[Mapping[str, Any]]] = []
            try:
                for step in range(first, last):
                    while len(ahead) <= AHEAD and step + len(ahead) < last:
                        ahead.append(pool.submit(self.at, step + len(ahead)))
                    yield ahead.pop(0).result()
            finally:
                for future in ahead:
                    future.cancel()
