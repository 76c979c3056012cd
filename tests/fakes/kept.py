"""A dataset of video files with the option `prepared`, as readers of published datasets have it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Array, Clip, Component, Context, Options
from poserep.core.registry import Entry, Registry
from poserep.core.skeleton import HUMAN36M_17
from poserep.media.footage import prepared, video_footage
from poserep.tests.fakes import toy

RECIPE = toy.RECIPE.replace('use = "toy"', 'use = "kept"\nroot = "ROOT"', 1)


class KeptOptions(Options):
    """Options of the dataset."""

    root: str
    """Folder of mp4 files."""
    prepared: bool = False
    """Whether frames are kept."""


class Kept:
    """A clip per file."""

    skeleton = HUMAN36M_17
    frame_size = (8, 8)

    def __init__(self, options: KeptOptions, context: Context) -> None:
        files = sorted(Path(options.root).glob("*.mp4"))
        plain = [video_footage(path, self.frame_size, count=12, fps=25) for path in files]
        self.footage = [prepared(one) if options.prepared else one for one in plain]
        self.clips = [Clip(path.stem, "", path.stem, "", "train", np.arange(12) / 25) for path in files]

    def frames(self, clip: int, indices: Array) -> Array:
        return self.footage[clip].read(indices)

    def labels(self, name: str, clip: int, indices: Array) -> Array:
        return np.zeros((len(indices), 17, 3), np.float32)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    register(
        Component(
            kind="dataset",
            name="kept",
            options=KeptOptions,
            build=Kept,
            writes=("pose",),
            facts=lambda options: {"joints": 17},
        )
    )


def registry() -> Registry:
    """What ships, the toys, and this dataset."""
    return toy.registry(Entry("dataset", "kept", module=__name__, summary="Videos", package="fakes"))


def recipe(folder: Path, root: Path) -> Path:
    """The toy recipe on a folder of videos."""
    path = folder / "kept.toml"
    path.write_text(RECIPE.replace("ROOT", str(root)), encoding="utf-8")
    return path
