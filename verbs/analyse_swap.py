"""`poserep analyse swap`: whether a swap keeps the pose of the one and the look of the other, in numbers and a picture.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, which shows such swaps as pictures.
Differs from the paper: they are measured. A frame gives its pose latent, box and background (the pose donor), another
its invariant latent (the look donor). The redrawn mask is compared with the pose donor's silhouette, the redrawn
colours with those of the look donor.

Axes: L look donors, P pose donors, Q quantiles, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.console import note, say, show_json, show_table
from ..core.errors import DataError, ShapeError
from ..core.interfaces import Array, Draw, Roles
from ..core.measurement import Measurement
from ..core.probe import frames_of
from .analyse_target import subject_indices
from .pool import protocol_of
from .probe import Ledger
from .samples import as_bytes, differing
from .session import Session, open_session
from .sheet import enlarged, save_sheet, titled
from .summary import value_text
from .swap import check_split, held_out

QUANTILES = 16
THRESHOLD = 0.5
MATRICES = ("iou", "to_look", "to_pose", "iou_other", "counted")
TRUE, OWN = "true silhouettes", "each frame redrawn as itself, for lack of true silhouettes"
SHOWN = 6
"""Donors that the picture shows."""


@dataclass(frozen=True, slots=True)
class Swapped:
    """Every look in every pose.

    Attributes:
        frame: The donors' frames, (P, 3, H, W) uint8.
        redrawn: (L, P, 3, H, W) uint8.
        iou: Redrawn mask and the pose donor's silhouette, (L, P).
        to_look: Colour distance from the look donor, (L, P).
        to_pose: Colour distance from the pose donor, (L, P).
        iou_other: As ``iou``, but with the pose latent of the look donor too, in the pose donor's box, (L, P).
        counted: Pairs that count, (L, P) bool: of two subjects, or of two frames where there are not two subjects.
        notes: Of what the pairs are, and what the silhouettes are.
    """

    frame: Array
    redrawn: Array
    iou: Array
    to_look: Array
    to_pose: Array
    iou_other: Array
    counted: Array
    notes: tuple[str, str]


def mask_iou(a: Tensor, b: Tensor) -> Tensor:
    """Area of the intersection over that of the union of masks (..., H, W) in [0, 1], (...); NaN where both are empty.

    Raises:
        ShapeError: If the two shapes differ.
    """
    if a.shape != b.shape:
        raise ShapeError(f"masks of one shape are compared: got {tuple(a.shape)} and {tuple(b.shape)}")
    a, b = a > THRESHOLD, b > THRESHOLD
    return (a & b).sum(dim=(-2, -1)) / (a | b).sum(dim=(-2, -1)).float()


def colour_quantiles(image_3HW: Tensor, mask_HW: Tensor) -> Tensor:
    """How each colour is distributed inside a mask, wherever it lies there: (3, Q) in [0, 1]; NaN of an empty mask."""
    inside_3N = image_3HW[:, mask_HW > THRESHOLD]
    if not inside_3N.shape[1]:
        return image_3HW.new_full((3, QUANTILES), torch.nan)
    levels = (torch.arange(QUANTILES) + 0.5).to(inside_3N) / QUANTILES
    return torch.quantile(inside_3N, levels, dim=1).T


def colour_distance(a_3Q: Tensor, b_3Q: Tensor) -> Tensor:
    """Mean difference of two distributions of colour (..., 3, Q): their earth mover's distance, (...), 0 to 1."""
    return (a_3Q - b_3Q).abs().mean(dim=(-2, -1))


@torch.no_grad()
def swap_matrix(session: Session, draw: Draw) -> Swapped:
    """Redraw each drawn frame, (P, 1), with the look of each, and measure."""
    truth = "true_mask" in session.composition.labels
    batch = session.source.read(draw, extra=("true_mask",) if truth else ())
    pipeline = session.model.pipeline.eval()
    record = pipeline(batch | {"roles": Roles(("frame",))}, until="encoder")
    drawn = [_one_look(session, record, look) for look in range(len(draw.clip))]
    redrawn_LP, mask_LP, other_LP = (torch.stack(column) for column in zip(*drawn, strict=True))
    silhouette_P = record["true_mask"][:, 0, 0] if truth else mask_LP.diagonal().movedim(-1, 0)
    frame_P = record["frame"][:, 0]
    donor_P3Q = torch.stack([colour_quantiles(*pair) for pair in zip(frame_P, silhouette_P, strict=True)])
    cells = zip(redrawn_LP.flatten(0, 1), mask_LP.flatten(0, 1), strict=True)
    seen_LP3Q = torch.stack([colour_quantiles(*cell) for cell in cells]).unflatten(0, mask_LP.shape[:2])
    subject_P, names = subject_indices(session.source.dataset.clips, draw)
    apart = subject_P if len(names) > 1 else np.arange(len(subject_P))
    return Swapped(
        frame=as_bytes(frame_P),
        redrawn=as_bytes(redrawn_LP),
        iou=mask_iou(mask_LP, silhouette_P.expand_as(mask_LP)).numpy(),
        to_look=colour_distance(seen_LP3Q, donor_P3Q[:, None]).numpy(),
        to_pose=colour_distance(seen_LP3Q, donor_P3Q[None]).numpy(),
        iou_other=mask_iou(other_LP, silhouette_P.expand_as(other_LP)).numpy(),
        counted=apart[:, None] != apart[None],
        notes=("subjects" if len(names) > 1 else "frames", TRUE if truth else OWN),
    )


def _one_look(session: Session, record: Mapping[str, Tensor], look: int) -> tuple[Tensor, Tensor, Tensor]:
    """One look in every pose: redrawn (P, 3, H, W), masks (P, H, W), and masks with that frame's pose latent too."""
    pipeline, own = session.model.pipeline, record["variant"]
    invariant = record["invariant"][look].expand_as(record["invariant"])
    swapped = pipeline.redraw(record, own, invariant)
    other = pipeline.redraw(record, own[look].expand_as(own), invariant)
    return swapped["redrawn"][:, 0], swapped["mask"][:, 0, 0], other["mask"][:, 0, 0]


def numbers(found: Swapped, ledger: Ledger) -> list[Measurement]:
    """Means over the pairs that count, and over each frame redrawn as itself.

    Raises:
        DataError: If in no pair anything was redrawn.
    """
    whole = found.counted & np.isfinite(found.iou) & np.isfinite(found.to_look) & np.isfinite(found.to_pose)
    if not whole.any():
        raise DataError("no pair of frames can be compared: nothing was redrawn, or all show the same subject")
    pairs = {
        "mask IoU with the pose donor": found.iou[whole].mean(),
        "mask IoU, pose latent of the look donor": np.nanmean(found.iou_other[whole]),
        "colour distance from the look donor": found.to_look[whole].mean(),
        "colour distance from the pose donor": found.to_pose[whole].mean(),
        "share nearer to the look donor": (found.to_look < found.to_pose)[whole].mean(),
    }
    ledger.add("swapped", 0, int(whole.sum()), {name: float(value) for name, value in pairs.items()}, unit="")
    own = {"mask IoU with the pose donor": found.iou, "colour distance from the look donor": found.to_look}
    values = {name: float(np.nanmean(np.diagonal(value))) for name, value in own.items()}
    ledger.add("itself", 0, len(found.frame), values, unit="")
    return ledger.rows


def swap_command(folder: Path, split: str, count: int, output: Path | None, as_json: bool) -> None:
    """Print the numbers and draw the matrix."""
    session = open_session(folder)
    check_split(session.composition, folder)
    dataset = session.source.dataset
    split = split or held_out(dataset)
    every = frames_of(dataset.clips, split, 1)
    found = swap_matrix(session, differing(dataset.clips, every, min(count, len(every.clip))))
    rows = numbers(found, Ledger(protocol_of(session.composition, session.source, split), folder))
    if as_json:
        matrices = {name: getattr(found, name).tolist() for name in MATRICES}
        show_json({"measurements": [asdict(row) for row in rows], "silhouettes": found.notes[1], **matrices})
    else:
        cells = [(row.name, row.method, value_text(row), str(row.samples)) for row in rows]
        show_table("", ("number", "frames", "value", "n"), cells)
        whose, against = found.notes
        say(f"{rows[0].protocol.dataset} · {split}; swapped: pairs of two {whose}; masks against {against}")
    note(str(draw_matrix(found, output or folder / "swap-matrix.png")))


def draw_matrix(found: Swapped, path: Path) -> Path:
    """A row has one look, a column one pose; each cell with its mask IoU and its colour distance."""
    shown = range(min(SHOWN, len(found.frame)))
    tiles = [titled(enlarged(found.frame[0] * 0 + 255), "look down, pose across")]
    tiles += [titled(enlarged(found.frame[pose]), f"pose {pose + 1}") for pose in shown]
    for look in shown:
        tiles.append(titled(enlarged(found.frame[look]), f"look {look + 1}"))
        for pose in shown:
            text = f"mask IoU {found.iou[look, pose]:.2f}  colour {found.to_look[look, pose]:.3f}"
            tiles.append(titled(enlarged(found.redrawn[look, pose]), text))
    return save_sheet(tiles, len(shown) + 1, path)
