"""Checkpoints: safetensors for every tensor, JSON for the rest; complete or absent, and no pickle is ever read."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .errors import DataError
from .fit import State

KEEP = 2
FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT))  # safetensors has but the text
PREFIX = "step-"


def write_whole(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder so that it either exists whole or not at all: fill a temporary one, sync, rename.

    Raises:
        DataError: If the disk is full or the place cannot be written; what was there before is untouched.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        fill(temporary)
        for path in temporary.iterdir():
            _sync(path)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
        _sync(folder.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        full = any(text in str(error) for text in FULL)
        raise DataError(
            "the disk is full" if full else f"cannot write: {error}",
            where=str(folder),
            hint="earlier checkpoints are whole; make room and run the same command again" if full else "",
        ) from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save(run: Path, state: State) -> Path:
    """Write a checkpoint of a run folder and drop all but the newest few, and what killed writers left behind."""
    for left in (run / "checkpoints").glob(".*.part"):
        shutil.rmtree(left, ignore_errors=True)
    folder = run / "checkpoints" / f"{PREFIX}{state.step:08d}"

    def fill(temporary: Path) -> None:
        save_file(_contiguous(state.model.state_dict()), temporary / "model.safetensors")
        precision = state.precision.state_dict()  # of 16-mixed the scale of the gradients, else empty
        about: dict[str, Any] = {"step": state.step, "optimizers": {}, "precision": precision}
        for name, optimizer in state.optimizers.items():
            tensors, scalars = split_state(optimizer.state_dict()["state"])
            save_file(_contiguous(tensors), temporary / f"optimizer-{name}.safetensors")
            about["optimizers"][name] = scalars
        (temporary / "state.json").write_text(json.dumps(about), encoding="utf-8")

    write_whole(folder, fill)
    for old in complete_checkpoints(run)[:-KEEP]:
        shutil.rmtree(old)
    return folder


def complete_checkpoints(run: Path) -> list[Path]:
    """Whole checkpoints of a run, oldest first; temporary ones do not count."""
    return sorted((run / "checkpoints").glob(f"{PREFIX}*"))


def load(run: Path, state: State) -> bool:
    """Restore the newest checkpoint into the state; False if there is none.

    Raises:
        DataError: If it cannot be read or does not fit this model.
    """
    found = complete_checkpoints(run)
    if not found:
        return False
    folder = found[-1]
    about = _read(folder, lambda: json.loads((folder / "state.json").read_text(encoding="utf-8")))
    load_model(run, state.model)
    for name, optimizer in state.optimizers.items():
        tensors = _read(folder, partial(load_file, folder / f"optimizer-{name}.safetensors"))
        whole = optimizer.state_dict()
        whole["state"] = join_state(tensors, about["optimizers"][name])
        lay_out(whole["state"], [p for group in optimizer.param_groups for p in group["params"]])
        optimizer.load_state_dict(whole)
    if about.get("precision"):
        state.precision.load_state_dict(about["precision"])
    state.step = about["step"]
    return True


def load_model(run: Path, model: torch.nn.Module) -> Path:
    """Restore a model's weights from the newest checkpoint.

    Raises:
        DataError: If there is none, or it does not fit.
    """
    found = complete_checkpoints(run)
    if not found:
        raise DataError("this run has no checkpoint yet", where=str(run), hint="train it: poserep train")
    folder = found[-1]
    tensors = _read(folder, lambda: load_file(folder / "model.safetensors"))
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise DataError(f"the weights do not fit the recipe: {error}", where=str(folder)) from None
    return folder


def _read(folder: Path, reader: Callable[[], Any]) -> Any:
    try:
        return reader()
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise DataError(
            f"the checkpoint cannot be read: {error}",
            where=str(folder),
            hint="delete this folder to go on from the one before",
        ) from None


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}


def split_state(state: dict[int, dict[str, Any]]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimiser's per-parameter state as named tensors and plain numbers."""
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, Any] = {}
    for index, values in state.items():
        for name, value in values.items():
            (tensors if isinstance(value, Tensor) else scalars)[f"{index}.{name}"] = value
    return tensors, scalars


def lay_out(state: dict[int, dict[str, Any]], parameters: Sequence[Tensor]) -> None:
    """Give each moment the memory layout of its weight, in place: a fused optimiser pairs them by address."""
    for index, values in state.items():
        like = parameters[index]
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == like.shape:
                values[name] = torch.empty_like(like).copy_(value)


def join_state(tensors: dict[str, Tensor], scalars: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Inverse of `split_state`."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in (*tensors.items(), *scalars.items()):
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    return state
