"""Weights of transformers over patches from elsewhere: a timm checkpoint, a file of completion's authors, a run.

Three layouts are known by their names. timm's (``blocks.0.attn.qkv.weight``) has an encoder alone; its class token and
learned positions have no place here. That of cross-view completion's authors (``enc_blocks``, ``dec_blocks``) is also
our own modules', so that nothing but the table of positions is renamed. A run's checkpoint has the same names under
``pipeline.encoder`` and ``pipeline.decoder``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError, DataError
from .positions import resized
from .weights import WAYS_OUT, hub_file, read_weights

Half = Literal["encoder", "decoder"]
SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".safetensors")
TIMM = {"patch_embed.": "patch_embed.", "blocks.": "enc_blocks.", "norm.": "enc_norm."}
OWN: Mapping[Half, Mapping[str, str]] = {
    "encoder": {
        "patch_embed.": "patch_embed.",
        "enc_blocks.": "enc_blocks.",
        "enc_norm.": "enc_norm.",
        "enc_pos_embed": "positions.table",
        "to_variant.": "to_variant.",
        "to_invariant.": "to_invariant.",
    },
    "decoder": {
        "decoder_embed.": "decoder_embed.",
        "mask_token": "mask_token",
        "image_ids": "image_ids",
        "dec_blocks.": "dec_blocks.",
        "dec_norm.": "dec_norm.",
        "dec_pos_embed": "positions.table",
        "prediction_head.proj.": "prediction_head.",
        "prediction_head.": "prediction_head.",
    },
}
SPARE = ("positions.", "to_variant.", "to_invariant.", "image_ids")
"""What a file may lack: positions are computed, and these layers are ours."""
log = logging.getLogger("poserep")


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file's tensors and of a network's.

    Attributes:
        source: The file.
        matched: Names of tensors that were taken over.
        missing: Of the network's that the file has not.
        unused: Of the file's, in its own names, that have no place in either half of the network.
    """

    source: str
    matched: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        told = [f"{len(self.matched)} tensors matched"]
        for name, names in (("missing", self.missing), ("unused", self.unused)):
            shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
            told.append(f"{name}: {shown or 'none'}")
        return f"weights of {self.source}: {'; '.join(told)}"


def load_tokens(network: nn.Module, weights: str, half: Half) -> Report | None:
    """Start a network from weights that were trained elsewhere, and tell what fitted.

    Args:
        network: An encoder or a decoder with the names of this module.
        weights: ``random``, the name of a timm checkpoint, or a file.
        half: Which of the two it is.

    Returns:
        What was taken over, which is logged too; None for ``random``.

    Raises:
        ConfigError: When nothing has that name, or a timm checkpoint is asked for a decoder.
        DataError: When the weights cannot be had or do not fit.
    """
    if weights == "random":
        return None
    path = weight_file(weights, half)
    state = read_weights(path)
    found, unused = renamed(state, half)
    own = network.state_dict()
    if "positions.table" in found and "positions.table" in own:
        table_PD = found["positions.table"].flatten(0, -2).float()
        found["positions.table"] = resized(table_PD, round(len(own["positions.table"]) ** 0.5))
    matched = {name: tensor for name, tensor in found.items() if name in own}
    unused += tuple(name for name in found if name not in own)
    missing = tuple(name for name in own if name not in matched)
    report = Report(path.name, tuple(matched), missing, unused)
    _check(report, matched, own, half, path)
    with torch.no_grad():
        for name, tensor in matched.items():
            own[name].copy_(tensor.view(own[name].shape))
    log.info("%s: %s", half, report)
    return report


def weight_file(weights: str, half: Half) -> Path:
    """The file of a timm checkpoint from the hub or its cache, or the file that is named.

    Raises:
        ConfigError: When nothing has that name, or a timm checkpoint is asked for a decoder.
        DataError: When the hub does not give it.
    """
    import timm

    path = Path(weights).expanduser()
    if path.suffix in SUFFIXES or path.is_file():
        return path
    if half == "encoder" and timm.is_model(weights):
        return hub_file(weights)
    near = get_close_matches(weights, timm.list_models("vit_*", pretrained=True), n=3)
    raise ConfigError(
        f"there are no weights {weights!r} for a {half}",
        where=f"{half}.weights",
        hint=f"did you mean {' or '.join(near)}?" if near and half == "encoder" else WAYS_OUT,
    )


def renamed(state: Mapping[str, Tensor], half: Half) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """A file's tensors of one half under our names, and the names of those that belong to neither half."""
    found: dict[str, Tensor] = {}
    unused: list[str] = []
    timm = any(name.startswith("blocks.") for name in state)
    halves: Mapping[Half, Mapping[str, str]] = {"encoder": TIMM, "decoder": {}} if timm else OWN
    for name, tensor in state.items():
        owner, bare = _owner(name, halves)
        if owner == half:
            found[_rename(bare, halves[half])] = tensor
        elif not owner:
            unused.append(name)
    return found, tuple(unused)


def _owner(name: str, halves: Mapping[Half, Mapping[str, str]]) -> tuple[Half | None, str]:
    """To which half a tensor belongs, and its name without a run's prefix."""
    for half, names in halves.items():
        if name.startswith(f"pipeline.{half}."):
            return half, name.removeprefix(f"pipeline.{half}.")
        if name.startswith(tuple(names)):
            return half, name
    return None, name


def _rename(name: str, names: Mapping[str, str]) -> str:
    return next((new + name[len(old) :] for old, new in names.items() if name.startswith(old)), name)


def _check(report: Report, matched: Mapping[str, Tensor], own: Mapping[str, Tensor], half: Half, path: Path) -> None:
    """Refuse what would leave part of the network at its random start, or compute something else than the file's."""
    lacking = [name for name in report.missing if not name.startswith(SPARE)]
    extra = [name for name in report.unused if name.startswith(("enc_blocks.", "dec_blocks.", "blocks."))]
    wrong = [name for name, tensor in matched.items() if tensor.numel() != own[name].numel()]
    if wrong:
        shapes = f"{tuple(matched[wrong[0]].shape)} in the file, {tuple(own[wrong[0]].shape)} here"
        what = f"{len(wrong)} tensors have other sizes, among them {wrong[0]}: {shapes}"
    elif lacking:
        what = f"the file lacks {len(lacking)} of the {half}'s {len(own)} tensors, among them {lacking[0]}"
    elif extra:
        what = f"the file has {len(extra)} tensors of blocks that the {half} has no place for, among them {extra[0]}"
    else:
        return
    hint = f"set {half}.preset, or its width, depth and heads" + (", and patch" if half == "encoder" else "")
    raise DataError(f"the weights do not fit the {half}: {what}", where=str(path), hint=f"{hint}, to those of the file")
