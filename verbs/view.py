"""`poserep view`: what a camera sees, synthesised from another camera's frames, beside what it truly saw.

Paper: Rhodin et al., CVPR 2019, arXiv:1903.05684, as the baseline NSD of Honari et al., TPAMI 2022, arXiv:2012.01511:
the time-variant latent of a frame is turned by the exact rotation between the cameras, and decoded into the box and
background of the other camera.
Differs from the papers: it is measured, beside the same latent not turned. The box is found in the other camera's own
frame: a rotation tells how somebody looks from there, not where in the picture he is.

Where a frame has several subjects, each of the target's boxes takes the latents of the source's box that looks alike.

Axes: M moments, 2 = target and source frame of a moment, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from ..core.console import note, say, show_json, show_table
from ..core.errors import ConfigError
from ..core.interfaces import Clip, Draw, Roles
from ..core.pipeline import Pipeline
from .analyse_swap import THRESHOLD, mask_iou
from .pool import protocol_of
from .probe import Ledger
from .samples import as_bytes
from .session import Session
from .sheet import enlarged, save_sheet, titled
from .summary import value_text
from .view_pairs import apart, choose_pairs, spread

MEASURED = 200
"""Moments that the numbers are over, at most."""
CHUNK = 32
CLEARLY = 20 / 255
"""Difference from the background by which a pixel counts as the subject's, where there is no true mask."""
TURNED, NAIVE, OWN, EMPTY = "re-synthesised", "not turned", "its own latents", "background alone"
COLUMNS = ("source", TURNED, "true", NAIVE)
TRUE, CHANGED = "true silhouettes", "pixels that differ from the background, for lack of true silhouettes"


def turning(pipeline: Pipeline, run: Path) -> Any:
    """The run's exchange, which takes latents from one camera to another by ``seen_from``.

    Raises:
        ConfigError: If it cannot, or the run cannot draw.
    """
    exchange: Any = getattr(pipeline, "exchange", None)
    turns = hasattr(exchange, "seen_from")
    if not turns or "composite" not in pipeline.wires:
        missing = "no decoder: it cannot draw a frame" if turns else "no exchange that turns latents between cameras"
        raise ConfigError(
            f"this recipe has {missing}",
            where=str(run),
            hint="train one with the exchange rotate_view and a decoder, as `nsd` and `nsd-video` are",
        )
    return exchange


def psnr(image: Tensor, truth: Tensor, where: Tensor) -> Tensor:
    """Peak signal to noise ratio in dB of images (M, 3, H, W) in [0, 1] over the pixels of masks (M, 1, H, W), (M,).

    NaN of an empty mask.
    """
    error_M = ((image.clamp(0, 1) - truth).square().mean(1, keepdim=True) * where).flatten(1).sum(1)
    return -10 * torch.log10(error_M / where.flatten(1).sum(1))


@torch.no_grad()
def synthesise(session: Session, draw: Draw) -> dict[str, Tensor]:
    """The views of every drawn moment (target, source), as images (M, 3, H, W), and masks (M, 1, H, W).

    Returns:
        ``source``, ``true``, ``subject`` (the silhouette), and for each way of drawing the image and ``mask of ...``.
    """
    exchange = turning(session.model.pipeline, session.run.folder)
    chunks = [Draw(draw.clip[n : n + CHUNK], draw.frame[n : n + CHUNK]) for n in range(0, len(draw.clip), CHUNK)]
    parts = [_chunk(session, exchange, chunk) for chunk in chunks]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _chunk(session: Session, exchange: Any, draw: Draw) -> dict[str, Tensor]:
    pipeline, labels = session.model.pipeline.eval(), session.composition.labels
    batch = session.source.read(draw, extra=[name for name in ("rotation", "true_mask") if name in labels])
    record = pipeline.observe(batch | {"roles": Roles(("target", "source"))})
    (own, seen), (own_look, look) = (record[name].chunk(2, dim=1) for name in ("variant", "invariant"))
    if own.shape[1] > 1:
        match_MSS = exchange.matches(own_look, look)
        seen, look = match_MSS @ seen, match_MSS @ look
    turned = exchange.seen_from(seen, record["rotation"][:, 1:], record["rotation"][:, :1])
    ways = {TURNED: (turned, look), NAIVE: (seen, look), OWN: (own, own_look)}
    truth, background = record["frame"][:, 0], record["background"][:, 0]
    found = {"source": record["frame"][:, 1], "true": truth, EMPTY: background}
    for name, latents in ways.items():
        drawn = pipeline.redraw(record, *latents)
        found |= {name: drawn["redrawn"][:, 0], f"mask of {name}": drawn["mask"].sum(1)}
    differs = (truth - background).abs().amax(1, keepdim=True) > CLEARLY
    subject = record["true_mask"][:, 0] > THRESHOLD if "true_mask" in labels else differs
    return found | {"subject": subject.float()}


def numbers(found: Mapping[str, Tensor], ledger: Ledger) -> None:
    """PSNR of the subject's pixels and of the whole frame, and how well masks fit that of the frame's own latents."""
    everywhere = torch.ones_like(found["subject"])
    for name in (TURNED, NAIVE, OWN, EMPTY):
        values = {"PSNR of the subject": psnr(found[name], found["true"], found["subject"])}
        values["PSNR of the frame"] = psnr(found[name], found["true"], everywhere)
        means = {kind: float(one[one.isfinite()].mean()) for kind, one in values.items()}
        ledger.add(name, 0, len(everywhere), means, unit="dB")
        if name in (TURNED, NAIVE):
            iou = mask_iou(found[f"mask of {name}"], found[f"mask of {OWN}"]).nanmean()
            ledger.add(name, 0, len(everywhere), {"mask IoU with its own latents": float(iou)}, unit="")


def sheet(found: Mapping[str, Tensor], draw: Draw, clips: Sequence[Clip]) -> list[Image]:
    """A row for each moment shown: source, re-synthesised, true, not turned."""
    tiles = []
    for row, ((target, source), (frame, _)) in enumerate(zip(draw.clip, draw.frame, strict=True)):
        whose = {"source": clips[source].camera}
        moment = f"{clips[target].times_s[frame]:.2f} s"
        for column in COLUMNS:
            title = f"{whose.get(column, clips[target].camera)} {column} {moment if column == 'source' else ''}"
            tiles.append(titled(enlarged(as_bytes(found[column][row])), title))
    return tiles


def view_command(
    session: Session, cameras: tuple[str, str], output: Path | None, moments: int, as_json: bool = False
) -> None:
    """Print the numbers and draw the grid, ``view.png`` in the run folder if no place is given.

    Raises:
        ConfigError: If the run cannot turn latents, or there are no such cameras.
        DataError: If no two cameras saw a moment, or the picture cannot be written.
    """
    dataset, folder = session.source.dataset, session.run.folder
    turning(session.model.pipeline, folder)
    pairs = choose_pairs(dataset, *cameras)
    draw = spread(pairs, MEASURED)
    found = synthesise(session, draw)
    clips, first = dataset.clips, pairs[0]
    ledger = Ledger(protocol_of(session.composition, session.source, clips[first.target].split), folder)
    numbers(found, ledger)
    source, target = clips[first.source].camera, clips[first.target].camera
    degrees, silhouettes = apart(dataset, first), TRUE if "true_mask" in session.composition.labels else CHANGED
    if as_json:
        about = {"from": source, "to": target, "degrees": degrees, "split": clips[first.target].split}
        show_json({"measurements": [asdict(row) for row in ledger.rows], **about, "subject": silhouettes})
    else:
        cells = [(row.name, row.method, f"{value_text(row)} {row.unit}", str(row.samples)) for row in ledger.rows]
        show_table("", ("number", "drawn from", "value", "n"), cells)
        say(f"{source} to {target}, {degrees:.0f} degrees · {clips[first.target].split} · subject: {silhouettes}")
    shown = spread(pairs, moments)
    picture = synthesise(session, shown)
    tiles = sheet(picture, shown, clips)
    note(str(save_sheet(tiles, len(COLUMNS), output or folder / "view.png")))
