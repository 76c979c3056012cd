"""`poserep analyse leak`: how much each part of the latent knows of the subject, and how much of the pose.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511: KMeans on either part against the subject, and the pose
read off either. Held-out subjects alone are clustered; the pose is read as `poserep probe` reads it.

Axes: N frames, F features, K clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.markup import escape

from ..core.console import note, say, show_json, show_table
from ..core.errors import ConfigError, DataError
from ..core.interfaces import Array, Clip, Draw
from ..core.measurement import Measurement
from ..core.probe import collect, frames_of
from .analyse_clusters import accuracy, chance_accuracy, confusion, kmeans, linear_reading, two_at_a_time
from .analyse_figure import COLOURS, save_panels
from .analyse_target import subject_indices
from .features import Features
from .pool import open_pool, protocol_of, sequence_of
from .probe import Ledger, mean_pose, read_off
from .session import Session, open_session
from .summary import value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = ("variant", "invariant")
ALL_LABELS = ("probe.labels=[0]",)
CLUSTERED, PAIRED, LINEAR = "subject by clusters", "subject by clusters, two at a time", "subject read linearly"
DOTS = 2000
"""Frames that the picture shows at most."""


@dataclass(frozen=True, slots=True)
class Clustered:
    """One part's clusters.

    Attributes:
        latents: (N, F).
        table: Frames of each cluster and subject, see `confusion`, (K, K).
        chance: What such clusters score when they know nothing.
        pairs: Share and chance of two subjects at a time.
        linear: Share read linearly from other takes, and of how many frames; None where a subject has one take.
    """

    latents: Array
    table: Array
    chance: float
    pairs: tuple[float, float]
    linear: tuple[float, int] | None


def leak(session: Session, split: str) -> tuple[list[Measurement], dict[str, Clustered], Array, list[str]]:
    """Measure both parts.

    Returns:
        The numbers, the clusters of each part, who is seen in each frame (N,), and the subjects' names.

    Raises:
        ConfigError: If the latent has no two parts.
        DataError: If fewer than two subjects are held out.
    """
    composition, source = session.composition, session.source
    if missing := [part for part in PARTS if part not in {name for wire in composition.wires for name in wire.writes}]:
        raise ConfigError(
            f"this recipe has no {' and no '.join(missing)} latent: there is nothing to leak from one into the other",
            where=str(session.run.folder),
            hint="train one whose encoder splits it, as `temporal` does: encoder.invariant above 0",
        )
    draw = frames_of(source.dataset.clips, split, composition.experiment.probe.test_stride)
    subject_N, names = subject_indices(source.dataset.clips, draw)
    if len(names) < 2:
        raise DataError(
            f"the {split} split shows {len(names)} subject: telling subjects apart needs two or more",
            hint="give the dataset more, or look at another split: --split train",
        )
    found = collect(session.model.pipeline, source, draw, PARTS)
    learn_N = learning_half(source.dataset.clips, draw)
    clusters = {part: clustered(found[part].flatten(1).numpy(), subject_N, learn_N) for part in PARTS}
    ledger = Ledger(protocol_of(composition, source, split), session.run.folder)
    add_subjects(ledger, clusters)
    if "pose" in composition.labels:
        add_poses(ledger, session, split)
    return ledger.rows, clusters, subject_N, names


def learning_half(clips: Sequence[Clip], draw: Draw) -> Array:
    """Half of each subject's takes, drawn by lot, as a mask over the drawn frames, (N,)."""
    takes: dict[str, list[str]] = {}
    for clip in np.unique(draw.clip):
        own = takes.setdefault(clips[clip].subject, [])
        if (take := sequence_of(clips[clip])) not in own:
            own.append(take)
    rng = np.random.default_rng(0)
    learnt = {own[row] for own in takes.values() for row in rng.permutation(len(own))[: (len(own) + 1) // 2]}
    return np.array([sequence_of(clips[clip]) in learnt for clip in draw.clip[:, 0]])


def clustered(x_NF: Array, subject_N: Array, learn_N: Array) -> Clustered:
    """As many clusters as subjects, matched to them; and the subject read linearly where each has two takes."""
    count = int(subject_N.max()) + 1
    cluster_N = kmeans(x_NF, count)
    sides = [np.unique(subject_N[side]) for side in (learn_N, ~learn_N)]
    linear = linear_reading(x_NF, subject_N, learn_N) if min(map(len, sides)) == count else None
    table = confusion(cluster_N, subject_N, count)
    chance = chance_accuracy(cluster_N, subject_N, count)
    return Clustered(x_NF, table, chance, two_at_a_time(x_NF, subject_N), linear)


def add_subjects(ledger: Ledger, clusters: dict[str, Clustered]) -> None:
    """The shares of frames whose subject is found, each beside its chance."""
    for part, found in clusters.items():
        frames = int(found.table.sum())
        ledger.add(part, 0, frames, {CLUSTERED: accuracy(found.table), f"{CLUSTERED}, chance": found.chance}, unit="")
        share, chance = found.pairs
        ledger.add(part, 0, frames, {PAIRED: share, f"{PAIRED}, chance": chance}, unit="")
        if found.linear:
            share, others = found.linear
            ledger.add(part, 0, others, {LINEAR: share, f"{LINEAR}, chance": 1 / len(found.table)}, unit="")


def add_poses(ledger: Ledger, session: Session, split: str) -> None:
    """Pose errors of the probe, read from each part, beside the mean pose."""
    composition, pipeline = session.composition, session.model.pipeline
    pool = open_pool(composition, session.source, split)
    mean_pose(ledger, pool.poses, composition.experiment.probe.labels)
    train, test = (collect(pipeline, session.source, draw, PARTS) for draw in (pool.train, pool.test))
    for part in PARTS:
        read_off(ledger, part, composition, Features(train[part].flatten(1), test[part].flatten(1)), pool.poses)


def leak_command(folder: Path, split: str, output: Path | None, as_json: bool) -> None:
    """Print the numbers and draw both parts."""
    rows, clusters, subject_N, names = leak(open_session(folder, sets=ALL_LABELS), split)
    if as_json:
        tables = {part: found.table.tolist() for part, found in clusters.items()}
        show_json({"measurements": [asdict(row) for row in rows], "subjects": names, "clusters": tables})
    else:
        cells = [(row.name, row.method, value_text(row), str(row.labels or ""), str(row.samples)) for row in rows]
        show_table("", ("number", "read from", "value", "labels", "n"), cells)
        say(escape(str(rows[0].protocol)))
        say(f"chance of clusters: the same clusters shuffled, matched anew; {len(names)} subjects: {', '.join(names)}")
    plots = [partial(scatter, part=part, found=clusters[part], subject_N=subject_N, names=names) for part in PARTS]
    note(str(save_panels(plots, f"{folder}: latents by subject", output or folder / "leak.png")))


def first_two(x_NF: Array) -> Array:
    """The two directions of most variance, (N, 2)."""
    centred = x_NF - x_NF.mean(0)
    _values, vectors = np.linalg.eigh(centred.T @ centred)
    return np.asarray(centred @ vectors[:, [-1, -2]])


def scatter(axes: Axes, part: str, found: Clustered, subject_N: Array, names: list[str]) -> None:
    """Frames of one part on its two main directions, coloured by subject."""
    points_N2 = first_two(np.asarray(found.latents, np.float64))
    stride = -(-len(points_N2) // DOTS)
    for index, name in enumerate(names):
        x, y = points_N2[subject_N == index][::stride].T
        kind: dict[str, Any] = {"s": 4, "alpha": 0.6, "linewidths": 0}
        axes.scatter(x, y, color=COLOURS[index % len(COLOURS)], label=name, **kind)
    share, chance = accuracy(found.table), found.chance
    axes.set_title(f"{part}: subject by clusters {share:.2f}, chance {chance:.2f}, n={found.table.sum()}", fontsize=9)
    axes.set_xlabel("first main direction")
    axes.set_ylabel("second")
    axes.legend(fontsize=7, markerscale=3)
