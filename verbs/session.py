"""A run opened again: its composition, its data, its weights."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..core.batches import Source, open_source
from ..core.checkpoint import load_model
from ..core.compose import Composition, compose
from ..core.pipeline import Model
from ..core.registry import Registry
from ..core.run import Run, open_run


@dataclass(frozen=True, slots=True)
class Session:
    """What every verb on a finished run starts from."""

    run: Run
    composition: Composition
    source: Source
    model: Model


def initial_model(composition: Composition) -> Model:
    """The model as it was before the first step."""
    torch.manual_seed(composition.experiment.training.seed)
    return Model(composition)


TRIM, TOP_PAD, MMAP = -1, -2, -3  # glibc's names of what mallopt sets
KEPT = {MMAP: 32 << 20, TRIM: 1 << 30, TOP_PAD: 64 << 20}


def use_threads(threads: int) -> None:
    """Let torch use so many threads, 0 leaves its own number, and keep the memory that it frees."""
    keep_memory()
    if threads > 0:
        torch.set_num_threads(threads)


def keep_memory() -> None:
    """Let the C library keep freed memory, rather than give it back and fetch it anew, page by page, in every step.

    Without it thousands of page faults are a tenth of a small step's time on a CPU. Only glibc can be told so.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        for name, size in KEPT.items():
            mallopt(name, size)


def open_model(
    folder: Path, registry: Registry | None = None, sets: Sequence[str] = (), uses: Sequence[str] = ()
) -> tuple[Run, Composition, Model]:
    """A run's plan and its newest weights, in evaluation mode, without its data; arguments as for `open_session`.

    Raises:
        DataError: If it is no run folder or has no checkpoint.
    """
    run = open_run(folder)
    composition = compose(run.config, registry, sets=sets, uses=uses)
    model = Model(composition)
    load_model(folder, model)
    return run, composition, model.eval()


def open_session(
    folder: Path, registry: Registry | None = None, sets: Sequence[str] = (), uses: Sequence[str] = ()
) -> Session:
    """Open a run folder, with the newest checkpoint loaded.

    Args:
        folder: The run folder.
        registry: Which plugins there are.
        sets: Overrides of the config, as another dataset path.
        uses: Other parts, as another head.

    Raises:
        DataError: If it is no run folder or has no checkpoint.
    """
    run, composition, model = open_model(folder, registry, sets, uses)
    return Session(run, composition, open_source(composition), model)
