"""Pictures and poses of a run for its report, kept in ``samples.npz`` so that the report needs no torch.

Axes: N sample frames, S swapped frames, M skeletons, 3 H W images as uint8.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.interfaces import Array, Clip, Draw, Roles
from ..core.metrics import n_mpjpe
from ..core.probe import Regressor, every_kth
from .features import needed, rows_of
from .pool import Pool, Poses
from .session import Session

STRIPS = 6
SWAPPED = 5
SKELETONS = 6


def as_bytes(image: Tensor) -> Array:
    """[0, 1] floats as uint8, rounded and clipped."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


@dataclass(frozen=True, slots=True)
class Shown:
    """Test frames whose poses are drawn: their rows (M,) in the test frames, latents (M, F), pictures (M, 3, H, W)."""

    rows: Array
    latents: Tensor
    frames: Array


def write_samples(session: Session, pool: Pool, regressor: Regressor) -> None:
    """Draw a few held-out frames, their boxes, masks, redrawn frames, swaps and skeletons, and keep them."""
    arrays = pictures(session, pool.test) | skeletons(shown(session, pool), pool.poses, regressor)
    save_samples(session.run.samples, arrays)


def pictures(session: Session, test: Draw) -> dict[str, Array]:
    """What of the samples needs no poses."""
    arrays = strips(session, test)
    if "redrawn" in arrays:
        arrays |= swap_grid(session, test, SWAPPED)
    return arrays


def save_samples(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write samples, through a temporary file."""
    temporary = path.with_name(f".samples.{os.getpid()}.npz")
    np.savez_compressed(temporary, allow_pickle=False, **arrays)
    temporary.replace(path)


def pick(draw: Draw, count: int) -> tuple[Draw, Array]:
    """Frames spread over a draw, off the clips' very beginnings, each a clip further on so that cameras differ."""
    total, clip_length = len(draw.clip), int((draw.clip[:, 0] == draw.clip[0, 0]).sum())
    spread = every_kth(total, count)
    rows = (spread + total // (2 * count) + clip_length * np.arange(len(spread))) % total
    return Draw(draw.clip[rows], draw.frame[rows]), rows


def differing(clips: Sequence[Clip], draw: Draw, count: int) -> Draw:
    """Frames of a draw, (N, 1), in turn from each subject, or from each clip if there are not two subjects.

    The later in the turn, the later in what there is of the subject: so actions and moments differ as well.
    """
    subjects = {clips[clip].subject for clip in np.unique(draw.clip)}
    owners = [clips[clip].subject if len(subjects) > 1 else str(clip) for clip in draw.clip[:, 0]]
    groups = [np.flatnonzero(np.array(owners) == owner) for owner in sorted(set(owners))]
    turns = [(groups[turn % len(groups)], (turn + 0.5) / count) for turn in range(count)]
    rows = [group[int(share * len(group))] for group, share in turns]
    return Draw(draw.clip[rows], draw.frame[rows])


@torch.no_grad()
def _record(session: Session, draw: Draw, until: str, extra: tuple[str, ...] = ()) -> dict[str, Tensor]:
    pipeline = session.model.pipeline.eval()
    have = session.composition.labels
    batch = session.source.read(draw, extra=[name for name in extra if name in have])
    record: dict[str, Tensor] = pipeline(batch | {"roles": Roles(("frame",))}, until=until)
    return record


def strips(session: Session, test: Draw) -> dict[str, Array]:
    """Frame, box, crop, mask, redrawn frame and background of a few frames."""
    few, _rows = pick(test, STRIPS)
    record = _record(session, few, "", ("true_box",))
    images = ("frame", "background", "crop", "mask", "redrawn")
    arrays = {name: as_bytes(record[name][:, 0]) for name in images if name in record}
    arrays |= {name: record[name][:, 0].numpy() for name in ("box", "true_box") if name in record}
    return arrays


@torch.no_grad()
def swap_grid(session: Session, draw: Draw, count: int) -> dict[str, Array]:
    """Row: whose appearance; column: whose pose, box and background."""
    few = differing(session.source.dataset.clips, draw, count)
    record = _record(session, few, "encoder")
    if "invariant" not in record:
        return {}
    grid = []
    for row in range(count):
        invariant = record["invariant"][row : row + 1].expand(count, -1, -1)
        grid.append(as_bytes(session.model.pipeline.redraw(record, record["variant"], invariant)["redrawn"][:, 0]))
    return {"swap": np.stack(grid), "swap_frame": as_bytes(record["frame"][:, 0])}


@torch.no_grad()
def shown(session: Session, pool: Pool) -> Shown:
    """A few test frames and what the probe sees of them."""
    few, rows = pick(pool.test, SKELETONS)
    names = needed(session.composition)
    record = _record(session, few, "encoder", names)
    found = {name: record[name][:, 0] for name in names}
    seen = rows_of(session.model, session.composition.experiment.probe.fields, found, pool.layout)
    return Shown(rows, seen, as_bytes(record["frame"][:, 0]))


@torch.no_grad()
def skeletons(few: Shown, poses: Poses, regressor: Regressor) -> dict[str, Array]:
    """True and predicted poses of a few frames, mm; nothing of 2D poses."""
    if poses.size_HW:
        return {}
    predicted = regressor(few.latents)
    truth = poses.test[torch.from_numpy(few.rows)]
    return {
        "pose_true": truth.numpy(),
        "pose_predicted": predicted.numpy(),
        "pose_frame": few.frames,
        "pose_error": n_mpjpe(predicted, truth).numpy(),
    }
