"""Held-out targets completed with one reference or another: the pictures, and each frame's errors.

Targets are masked as while training. Nothing else is as while training: boxes are not jittered, colours not changed.
Equal seeds hide the same patches whatever the reference.

Axes: N pairs, P patches, Q values of a patch, h w crop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.compose import Composition
from ..core.errors import ConfigError
from ..core.interfaces import Draw, Roles
from ..networks.patches import (
    completed,
    own_scale,
    patchify,
    person_share,
    silhouette,
    standardised,
    unpatchify,
)
from ..networks.trunk import IMAGENET_MEAN
from .completion import foreground_psnr, masked_error
from .completion_pictures import MASKED, PERSON, PSNR, RAW
from .data_pairs import ROLES, check_pairs
from .session import Session

CHUNK = 32
TAU = 0.1
"""A patch shows the person where the person covers more than this share of it, unless the corruption says otherwise."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How the decoder's patches are to be read: with each patch's own mean and deviation taken off, or as they are."""

    normalised: bool
    eps: float


def check_completes(composition: Composition, run: str) -> None:
    """Refuse a run that predicts no patches of pairs.

    Raises:
        ConfigError: Naming what it lacks.
    """
    if "patches_decoded" not in {name for wire in composition.wires for name in wire.writes}:
        raise ConfigError(
            "this recipe's decoder predicts no patches: there is nothing that it completes",
            where=run,
            hint="train one that does, as `crocoman` and `mae` do",
        )
    check_pairs(composition)


def scale_of(composition: Composition) -> Scale:
    """As the loss over the decoded patches has it."""
    for wire in composition.wires:
        if wire.role.startswith("losses.") and "patches_decoded" in wire.reads:
            options = composition.parts[wire.role].options
            return Scale(getattr(options, "normalise", False), getattr(options, "eps", 1e-6))
    return Scale(False, 1e-6)


@torch.no_grad()
def complete(session: Session, draw: Draw, seed: int) -> dict[str, Tensor]:
    """Targets completed with the references that are drawn beside them, (N, 2).

    Returns:
        target, masked, reference and completed, pictures (N, 3, h, w) in [0, 1]; hidden and person, (N, P), 1 where a
        patch is hidden and where it shows the person; and of each frame, (N,), its errors by name.
    """
    parts = []
    for start in range(0, len(draw.clip), CHUNK):
        rows = slice(start, start + CHUNK)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + start)
            parts.append(_chunk(session, Draw(draw.clip[rows], draw.frame[rows])))
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _chunk(session: Session, draw: Draw) -> dict[str, Tensor]:
    composition, pipeline = session.composition, session.model.pipeline.eval()
    batch = session.source.read(draw, extra=[name for name in ("true_mask",) if name in composition.labels])
    pipeline.get_submodule("corruption").training = True  # but not what it is made of: colours are not changed
    try:
        record = pipeline(batch | {"roles": Roles(ROLES)})
    finally:
        pipeline.eval()
    scale, tau = scale_of(composition), getattr(composition.parts["corruption"].options, "tau", TAU)
    target, decoded, hidden = record["crop"][:, 0], record["patches_decoded"][:, 0].float(), record["hidden"][:, 0]
    told = {name: record[name][:, 0] for name in ("true_mask", "background") if name in record}
    mask = silhouette(target, record["box"][:, 0], **told)
    person = (person_share(mask, patch_of(decoded)) > tau).to(hidden.dtype)
    done = completed(target, decoded, hidden, scale.normalised, scale.eps)
    errors = errors_of(target, decoded, done, scale)
    return {
        "target": target,
        "masked": masked(target, hidden, patch_of(decoded)),
        "reference": record["crop"][:, 1],
        "completed": done,
        "hidden": hidden,
        "person": person,
        **{name: masked_error(*pair, hidden) for name, pair in errors.items()},
        **{f"{name} {PERSON}": masked_error(*pair, hidden * person) for name, pair in errors.items()},
        PSNR: foreground_psnr(done, target, mask),
    }


def patch_of(decoded_NPQ: Tensor) -> int:
    """Side of a patch in pixels, of three colours."""
    return math.isqrt(decoded_NPQ.shape[-1] // 3)


def masked(crop: Tensor, hidden_NP: Tensor, patch: int) -> Tensor:
    """Crops (N, 3, h, w) with hidden patches in one grey, for a picture."""
    grey_Q = crop.new_tensor(IMAGENET_MEAN).repeat(patch**2)
    return unpatchify(torch.where(hidden_NP[..., None] > 0, grey_Q, patchify(crop, patch)), patch)


def errors_of(crop: Tensor, decoded_NPQ: Tensor, done: Tensor, scale: Scale) -> dict[str, tuple[Tensor, Tensor]]:
    """Predicted and true patches (N, P, Q): by each patch's own mean and deviation, and as colours in [0, 1].

    Args:
        crop: What is true, (N, 3, h, w).
        decoded_NPQ: What was predicted.
        done: The completed crop, (N, 3, h, w).
        scale: What the predicted patches are.
    """
    patch = patch_of(decoded_NPQ)
    true_NPQ = patchify(standardised(crop), patch)
    mean, std = own_scale(true_NPQ, scale.eps)
    own = decoded_NPQ if scale.normalised else (decoded_NPQ - mean) / std
    return {MASKED: (own, (true_NPQ - mean) / std), RAW: (patchify(done, patch), patchify(crop, patch))}
