"""`poserep analyse gravity`: the centre of gravity of a falling body beside the middle of its box.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, which plots both tracks: the gravity loss treats the
box's middle as the centre of gravity, of which alone the physics speaks.
Differs from the paper: how far each track is from the parabola that a falling point draws, seen from far away, is
measured too. The centre of gravity is taken in the picture, see `centre_of_gravity`.

Axes: T frames of a clip, N frames, J joints, 2 = x y in [-1, 1] coordinates, +y down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.console import note, say, show_json, show_table
from ..core.errors import DataError
from ..core.interfaces import Array
from ..core.measurement import Measurement
from ..core.probe import collect
from .analyse_figure import COLOURS, save_panels
from .analyse_target import Target, clips_of, need_labels, open_target, whole_clip
from .centre_of_gravity import centre_of_gravity, joint_weights
from .drawing import to_pixels
from .pool import protocol_of
from .probe import Ledger
from .summary import value_text
from .swap import held_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_FRAMES = 5_000  # of the clips that are looked at
SHOWN = 6
FEWEST = 5  # frames of a track that a parabola is fitted to
CENTRE = "centre of gravity"
FOUND, TRUE = "box centre", "true box centre"
INKS = {CENTRE: COLOURS[1], TRUE: COLOURS[2], FOUND: COLOURS[0]}


@dataclass(frozen=True, slots=True)
class Tracks:
    """One clip's tracks by name, (T, 2) each, at its moments, (T,); NaN where nobody is seen."""

    clip: int
    times_s: Array
    tracks: Mapping[str, Array]


def frame_shares(a_N2: Array, b_N2: Array) -> Array:
    """Distance of points in [-1, 1] coordinates, (N,), as a share of the frame's side: 1 from edge to edge.

    Raises:
        DataError: If they are not point by point.
    """
    if a_N2.shape != b_N2.shape:
        raise DataError(f"two tracks are compared point by point: got {a_N2.shape} and {b_N2.shape}")
    return np.asarray(np.linalg.norm(a_N2 - b_N2, axis=-1) / 2)


def off_parabola(times_s: Array, y_T: Array) -> float:
    """Root mean square distance of heights in [-1, 1] from their best parabola, as a share of the frame's height.

    Raises:
        DataError: If fewer than four are finite, through which a parabola says nothing.
    """
    seen = np.isfinite(y_T)
    if seen.sum() < 4:
        raise DataError(f"a parabola is fitted to four heights or more: got {int(seen.sum())}")
    powers_T3 = np.vander(times_s[seen] - times_s[seen].mean(), 3)
    left = y_T[seen] - powers_T3 @ np.linalg.lstsq(powers_T3, y_T[seen], rcond=None)[0]
    return float(np.sqrt((left**2).mean()) / 2)


def tracks(target: Target, split: str) -> list[Tracks]:
    """The tracks of a split's clips: of the true box where there is one, and of the found box where there is a network.

    Raises:
        DataError: If the dataset has no joints in the picture, or there is no box.
    """
    need_labels(target, "pose_2d", *(() if target.pipeline else ("true_box",)))
    dataset = target.source.dataset
    if dataset.skeleton is None:
        raise DataError("the dataset has the label pose_2d, but no skeleton that names its joints")
    weights_J = joint_weights(dataset.skeleton)
    found = []
    for clip in clips_of(dataset.clips, split, MOST_FRAMES):
        if len(dataset.clips[clip]) < FEWEST:
            continue
        every = np.arange(len(dataset.clips[clip]))
        lines = {CENTRE: centre_of_gravity(dataset.labels("pose_2d", clip, every), weights_J)}
        if "true_box" in target.composition.labels:
            lines[TRUE] = dataset.labels("true_box", clip, every)[:, 2:]
        if target.pipeline is not None:
            boxes = collect(target.pipeline, target.source, whole_clip(clip, len(every)), ("box",), until="detector")
            lines[FOUND] = boxes["box"].numpy()[:, 2:]
        found.append(Tracks(clip, dataset.clips[clip].times_s, lines))
    if not found:
        raise DataError(f"no {split} clip has {FEWEST} frames", hint="look at another split: --split train")
    return found


def numbers(found: Sequence[Tracks], ledger: Ledger) -> list[Measurement]:
    """How far each box centre is from the centre of gravity, and how far each track is from a parabola."""
    for name in found[0].tracks:
        if name != CENTRE:
            apart = np.concatenate([frame_shares(one.tracks[name], one.tracks[CENTRE]) for one in found])
            values = {"distance from the centre of gravity, mean": float(np.nanmean(apart))}
            values["distance from the centre of gravity, 90 %"] = float(np.nanquantile(apart, 0.9))
            ledger.add(name, 0, int(np.isfinite(apart).sum()), values, unit="")
        heights = [(one.times_s, one.tracks[name][:, 1]) for one in found]
        whole = [pair for pair in heights if np.isfinite(pair[1]).sum() >= FEWEST]
        if whole:
            off = float(np.mean([off_parabola(*pair) for pair in whole]))
            frames = sum(int(np.isfinite(y_T).sum()) for _times, y_T in whole)
            ledger.add(name, 0, frames, {"height off a parabola, rms": off}, unit="")
    return ledger.rows


def gravity_command(name: str, sets: Sequence[str], split: str, output: Path | None, as_json: bool) -> None:
    """Print the numbers and draw a few clips' tracks over their middle frames."""
    target = open_target(name, sets)
    split = split or held_out(target.source.dataset)
    found = tracks(target, split)
    rows = numbers(found, Ledger(protocol_of(target.composition, target.source, split), Path(name)))
    if as_json:
        show_json({"measurements": [asdict(row) for row in rows], "clips": len(found)})
    else:
        cells = [(row.name, row.method, value_text(row), str(row.samples)) for row in rows]
        dataset = target.composition.experiment.dataset.use
        show_table("", ("number", "of", "value", "n"), cells)
        say(f"{dataset} · {split} · every frame; values: shares of the frame's side; n: frames of {len(found)} clips")
    few = [found[index * len(found) // SHOWN] for index in range(SHOWN)] if len(found) > SHOWN else found
    plots = [partial(draw_tracks, target=target, one=one) for one in few]
    note(str(save_panels(plots, f"{name}: tracks of {split} clips", target.picture(output, "gravity"))))


def draw_tracks(axes: Axes, target: Target, one: Tracks) -> None:
    """The tracks of a clip over its middle frame."""
    dataset = target.source.dataset
    frame_HW3 = dataset.frames(one.clip, np.array([len(one.times_s) // 2]))[0].transpose(1, 2, 0)
    axes.imshow(frame_HW3, alpha=0.6)
    for name, points_T2 in one.tracks.items():
        x, y = to_pixels(points_T2, (frame_HW3.shape[1], frame_HW3.shape[0])).T
        axes.plot(x, y, ".-", color=INKS[name], markersize=3, linewidth=1, label=name)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(dataset.clips[one.clip].name, fontsize=8)
    axes.legend(fontsize=6)
