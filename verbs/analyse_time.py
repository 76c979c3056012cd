"""`poserep analyse time`: how unlike two frames of a clip are, by their distance in time.

It shows whether what DSL supposes holds for a dataset, and proposes the sampler's distances; see `analyse_curve`.
Poses are compared where they are labelled; with a trained network the latents are, without any label.

Axes: T frames of a clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.console import note, say, show_json, show_table, track
from ..core.errors import DataError
from ..core.interfaces import Array, Clip
from ..core.probe import collect, every_kth
from .analyse_curve import FAR, NEAR, Curve, Proposal, binned, latent_distance, pairs_within, pose_distance, propose
from .analyse_figure import COLOURS, save_panels
from .analyse_target import Target, clips_of, open_target, whole_clip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_FRAMES = 20_000  # of the clips that are looked at
MOST_PAIRS = 400_000
MOST_BINS = 120
ROWS = 12


@dataclass(frozen=True, slots=True)
class Reader:
    """What is compared: its name and unit, how a clip's values are read, (T, ...), and how far two rows are apart."""

    what: str
    unit: str
    read: Callable[[int], Array]
    distance: Callable[[Array, Array], Array]


def readers(target: Target) -> list[Reader]:
    """Poses, where they are labelled, and latents, where there is a network.

    Raises:
        DataError: If there are neither.
    """
    found = []
    if "pose" in target.composition.labels:
        found.append(Reader("pose distance (MPJPE)", "mm", partial(_poses, target), pose_distance))
    if target.pipeline is not None:
        found.append(Reader("latent distance (1 - cosine)", "", partial(_latents, target), latent_distance))
    if not found:
        raise DataError(
            "there is nothing to compare in time: the dataset has no poses, and a recipe has no trained network",
            hint="give the folder of a run trained on it",
        )
    return found


def _poses(target: Target, clip: int) -> Array:
    dataset = target.source.dataset
    return dataset.labels("pose", clip, np.arange(len(dataset.clips[clip])))


def _latents(target: Target, clip: int) -> Array:
    if target.pipeline is None:
        raise DataError("a recipe has no trained network")
    draw = whole_clip(clip, len(target.source.dataset.clips[clip]))
    found: Array = collect(target.pipeline, target.source, draw, ("variant",))["variant"].flatten(1).numpy()
    return found


def curves(target: Target, split: str, most_s: float) -> list[Curve]:
    """One curve of each reader.

    Args:
        target: A recipe or a run.
        split: Which clips.
        most_s: The farthest that two frames are apart; 0 for half of the middle clip's length.

    Raises:
        DataError: If there is nothing to read, or the clips are too short.
    """
    clips = target.source.dataset.clips
    chosen = [clip for clip in clips_of(clips, split, MOST_FRAMES) if len(clips[clip]) > 2]
    if not chosen:
        raise DataError(f"no {split} clip has three frames", hint="a curve over time needs longer clips")
    spans = [float(clips[clip].times_s[-1] - clips[clip].times_s[0]) for clip in chosen]
    most_s = most_s or float(np.median(spans)) / 2
    return [curve_of(reader, clips, chosen, most_s) for reader in readers(target)]


def curve_of(reader: Reader, clips: Sequence[Clip], chosen: Sequence[int], most_s: float) -> Curve:
    """The curve of one reader over the chosen clips."""
    gap_s = float(np.median(np.concatenate([np.diff(clips[clip].times_s) for clip in chosen])))
    references = max(8, int(MOST_PAIRS * gap_s / most_s / len(chosen)))
    gaps, distances = [], []
    for clip in track(chosen, reader.what, len(chosen), "clips"):
        times_s, values = clips[clip].times_s, reader.read(clip)
        first, second = pairs_within(times_s, most_s, references)
        gaps.append(times_s[second] - times_s[first])
        distances.append(reader.distance(values[first], values[second]))
    if not sum(map(len, gaps)):
        raise DataError(f"no two frames of a clip are within {most_s:g} s", hint="raise --max")
    width_s = max(gap_s, most_s / MOST_BINS)
    columns = binned(np.concatenate(gaps), np.concatenate(distances), width_s)
    frames = sum(len(clips[clip]) for clip in chosen)
    return Curve(reader.what, reader.unit, **columns, clips=len(chosen), frames=frames)


def time_command(name: str, sets: Sequence[str], split: str, most_s: float, output: Path | None, as_json: bool) -> None:
    """`poserep analyse time`: print the curves and what they propose, and draw them."""
    target = open_target(name, sets)
    found = [(curve, propose(curve)) for curve in curves(target, split, most_s)]
    dataset = target.composition.experiment.dataset.use
    protocol = f"{dataset} · {split} · pairs within a clip, up to {found[0][0].time_s[-1]:.2f} s apart"
    if as_json:
        show_json({"protocol": protocol, "curves": [data(*pair) for pair in found]})
    else:
        for curve, proposal in found:
            show_curve(curve, proposal, protocol)
    plots = [partial(plot, curve=curve, proposal=proposal) for curve, proposal in found]
    note(str(save_panels(plots, protocol, target.picture(output, "time"))))


def data(curve: Curve, proposal: Proposal) -> dict[str, Any]:
    """A curve and its proposal for ``--json``; what is never reached is null."""
    columns = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in asdict(curve).items()}
    wanted = {key: value if np.isfinite(value) else None for key, value in asdict(proposal).items()}
    return columns | {"proposal": wanted}


def show_curve(curve: Curve, proposal: Proposal, protocol: str) -> None:
    """A few rows of a curve, then the proposal."""
    digits = 1 if curve.unit else 3
    rows = [
        (
            f"{curve.time_s[k]:.2f}",
            *(f"{column[k]:.{digits}f}" for column in (curve.mean, curve.low, curve.high)),
            f"{curve.mean[k] / proposal.plateau:.2f}",
            str(curve.pairs[k]),
        )
        for k in every_kth(len(curve.time_s), ROWS)
    ]
    columns = ("s apart", "mean", "10 %", "90 %", "of plateau", "pairs")
    title = f"{curve.what}{f', {curve.unit}' if curve.unit else ''}"
    show_table(title, columns, rows)
    say(f"{protocol}; {curve.clips} clips, {curve.frames} frames")
    for line in proposed(proposal, digits, curve.unit):
        say(line)


def proposed(proposal: Proposal, digits: int, unit: str) -> list[str]:
    """The proposal in words, with what speaks against it."""
    level = f"plateau {proposal.plateau:.{digits}f}{f' {unit}' if unit else ''}"
    far = f"{proposal.negative_min_s:g}"
    lines = [
        f"{level}; 10 % of it: sampler.positive_max_s={proposal.positive_max_s:g}",
        f"90 % of it: sampler.negative_min_s={far} losses.contrast.threshold_s={far}",
    ]
    if proposal.first_share > NEAR:
        lines.append(f"the next frame is at {proposal.first_share:.0%} already: positives are as near as frames allow")
    if proposal.lowest_after < FAR:
        lines.append(f"behind the 90 % it falls back to {proposal.lowest_after:.0%}: far frames are alike again there")
    return lines


def plot(axes: Axes, curve: Curve, proposal: Proposal) -> None:
    """The curve, the middle 80 % of its pairs, its plateau and what is proposed."""
    time_s, mean, low, high = (np.concatenate([[0.0], c]) for c in (curve.time_s, curve.mean, curve.low, curve.high))
    axes.fill_between(time_s, low, high, color=COLOURS[0], alpha=0.15, linewidth=0, label="10 % to 90 % of pairs")
    axes.plot(time_s, mean, color=COLOURS[0], marker="." if len(time_s) < 60 else None, label="mean")
    axes.axhline(proposal.plateau, color=COLOURS[5], linewidth=0.8, linestyle="dashed", label="plateau")
    for seconds, what, colour in (
        (proposal.positive_max_s, "positive_max_s", COLOURS[2]),
        (proposal.negative_min_s, "negative_min_s", COLOURS[1]),
    ):
        axes.axvline(seconds, color=colour, linewidth=1.2, label=f"{what} {seconds:.2g} s")
    axes.set_xlabel("seconds apart")
    axes.set_ylabel(f"{curve.what}{f', {curve.unit}' if curve.unit else ''}", fontsize=8)
    axes.set_title(f"n={curve.pairs.sum()} pairs of {curve.clips} clips", fontsize=9)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7)
