"""What an analysis looks at: a recipe's data, or those of a run together with its network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.batches import Source, open_source
from ..core.compose import Composition, compose
from ..core.errors import ConfigError, DataError
from ..core.interfaces import Array, Clip, Draw
from ..core.pipeline import Pipeline
from ..core.run import Run
from .session import open_session


@dataclass(frozen=True, slots=True)
class Target:
    """Data, and of a run also its network.

    Attributes:
        composition: The plan of the recipe or of the run.
        source: Its data.
        pipeline: The trained stages; None of a recipe.
        folder: Where pictures go that nobody gave a place.
    """

    composition: Composition
    source: Source
    pipeline: Pipeline | None
    folder: Path

    def picture(self, output: Path | None, name: str) -> Path:
        """Where the picture goes."""
        return output or self.folder / f"{name}.png"


def open_target(name: str, sets: Sequence[str] = ()) -> Target:
    """A recipe by its name or file, or a run by its folder.

    Raises:
        ConfigError: If it is neither, or a setting is wrong.
        DataError: If the run cannot be read.
    """
    run = Run(Path(name))
    if run.config.is_file():
        session = open_session(run.folder, sets=sets)
        return Target(session.composition, session.source, session.model.pipeline, run.folder)
    if Path(name).is_dir():
        raise ConfigError("this folder is no run", where=name, hint="give a run's folder, or a recipe's name or file")
    composition = compose(name, sets=sets)
    return Target(composition, open_source(composition), None, Path())


def need_labels(target: Target, *names: str) -> None:
    """Refuse a dataset without some labels.

    Raises:
        DataError: Naming them.
    """
    if missing := [name for name in names if name not in target.composition.labels]:
        dataset = target.composition.experiment.dataset.use
        raise DataError(f"the dataset {dataset!r} has no {', '.join(missing)}, which this analysis compares with")


def clips_of(clips: Sequence[Clip], split: str, most: int = 0) -> list[int]:
    """Indices of a split's clips; of many, evenly spread ones that have at most so many frames together.

    Raises:
        DataError: If the split is empty.
    """
    found = [index for index, clip in enumerate(clips) if clip.split == split]
    if not found:
        have = sorted({clip.split for clip in clips})
        raise DataError(f"the dataset has no {split} frames", hint=f"it has: {', '.join(have)}")
    frames = sum(len(clips[index]) for index in found)
    if not 0 < most < frames:
        return found
    keep = max(1, len(found) * most // frames)
    return [found[index * len(found) // keep] for index in range(keep)]


def whole_clip(clip: int, frames: int) -> Draw:
    """Every frame of a clip as tuples of one."""
    return Draw(np.full((frames, 1), clip, np.int64), np.arange(frames, dtype=np.int64)[:, None])


def subject_indices(clips: Sequence[Clip], draw: Draw) -> tuple[Array, list[str]]:
    """Who is seen in each drawn frame, (N,), as an index into the names that come with it."""
    names, index_N = np.unique([clips[clip].subject for clip in draw.clip[:, 0]], return_inverse=True)
    return np.asarray(index_N), names.tolist()
