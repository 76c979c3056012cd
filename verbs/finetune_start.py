"""The weights that fine-tuning starts from: those of the run, of another run, of the encoder's own choice, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from ..core.checkpoint import complete_checkpoints
from ..core.compose import Composition
from ..core.config import Chosen, Resolved
from ..core.console import note
from ..core.errors import ConfigError, DataError
from ..core.pipeline import Pipeline
from ..core.run import Run
from ..core.study.results import TRAINED
from .session import Session

RANDOM_START = "random"
FOUND_BY = ("detector", "encoder", "decoder")
"""Stages that fine-tuning uses; the first two always."""


def checkpoint_of(session: Session, start: str) -> Path | None:
    """The checkpoint that a start stands for, None where it is no run.

    Raises:
        DataError: If it is a run without one.
    """
    folder = session.run.folder if start == TRAINED else Path(start)
    if not Run(folder).config.is_file():
        return None
    found = complete_checkpoints(folder)
    if not found:
        raise DataError("this run has no checkpoint yet", where=str(folder), hint="train it: poserep train")
    return found[-1]


def started(composition: Composition, start: str) -> Composition:
    """The composition with the encoder's weights of a start; those of a run come later.

    Raises:
        ConfigError: If the encoder cannot be given weights.
    """
    chosen = composition.parts["encoder"]
    own = hasattr(chosen.options, "weights")
    if start == TRAINED or Run(Path(start)).config.is_file() or (start == RANDOM_START and not own):
        return composition
    if not own:
        what = f"the encoder {chosen.component.name!r} takes no weights"
        hint = f"there are {TRAINED!r}, {RANDOM_START!r} and other runs' folders"
        raise ConfigError(what, where="finetune.weights", hint=hint)
    other = Chosen(chosen.component, chosen.options.model_copy(update={"weights": start}))
    return replace(composition, resolved=Resolved(composition.experiment, {**composition.parts, "encoder": other}))


def begin(pipeline: Pipeline, session: Session, start: str) -> None:
    """Give a network that was just drawn the weights of a start that is a run; of another run what it shares.

    Raises:
        DataError: If that run's encoder is another one.
    """
    if start == TRAINED:
        pipeline.load_state_dict(session.model.pipeline.state_dict())
        return
    checkpoint = checkpoint_of(session, start)
    if checkpoint is None:
        return
    tensors = load_file(checkpoint / "model.safetensors")
    for name in FOUND_BY:
        stage = getattr(pipeline, name, None)
        if not isinstance(stage, nn.Module) or not stage.state_dict():
            continue
        prefix = f"pipeline.{name}."
        kept = {key.removeprefix(prefix): one for key, one in tensors.items() if key.startswith(prefix)}
        if _fits(stage, kept):
            stage.load_state_dict(kept)
        elif name == "encoder":
            what = "the encoder of this run is not that of the run that is fine-tuned"
            raise DataError(what, where=start, hint="compare them: poserep runs diff")
        else:
            note(f"the {name} of {start} does not fit, so it starts as the run started")


def _fits(stage: nn.Module, tensors: dict[str, Tensor]) -> bool:
    own = stage.state_dict()
    return own.keys() == tensors.keys() and all(one.shape == tensors[name].shape for name, one in own.items())
