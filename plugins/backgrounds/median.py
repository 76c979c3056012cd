"""Background ``median``: what most frames of a static camera show at each pixel.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4 (Human3.6M and MPI-INF-3DHP).
Differs from the paper: at most ``max_frames`` frames spread evenly are looked at, not every one; the number follows
Rhodin et al., CVPR 2019. A subject who hardly leaves his place stays in the median.

Axes: N frames, 3 colour channels, H W pixels; uint8.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import Field

from ...core.errors import DataError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Component, Context, Dataset, Options

KEPT_BYTES = 256e6
CLEARLY = 20
"""Grey levels by which some channel of a moving pixel differs: above noise and compression."""
MOVING_LEAST = 0.001
"""Share of pixels that move in the middle one of the frames, below which there is no subject."""


class MedianOptions(Options):
    """Which frames are looked at."""

    over: Literal["camera", "clip"] = "camera"
    """Share one background among all clips of a camera, or make one for each clip."""
    max_frames: int = Field(default=50, ge=3)
    """Frames looked at, spread evenly over all there are."""
    require_motion: bool = True
    """Refuse footage in which nothing of a person's size moves: nothing can be learnt from it."""


def evenly(lengths: list[int], count: int) -> list[Array]:
    """Frame indices of every clip, ``count`` in total or all, spread evenly over clips laid end to end."""
    total = sum(lengths)
    picked = np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(np.int64))
    starts = np.cumsum([0, *lengths])
    return [picked[(picked >= a) & (picked < b)] - a for a, b in pairwise(starts)]


def moving_share(frames: Array, background: Array) -> Array:
    """Share of each frame's pixels that differ clearly from the background, (N,).

    Args:
        frames: (N, 3, H, W) uint8.
        background: (1 or N, 3, H, W) uint8.
    """
    difference = np.maximum(frames, background) - np.minimum(frames, background)  # uint8 does not wrap so
    share: Array = (difference.max(axis=1) > CLEARLY).mean(axis=(1, 2))
    return share


def check_motion(frames: Array, background: Array, where: str) -> None:
    """Refuse footage without a moving subject.

    Raises:
        DataError: If in half of the frames less than 0.1 % of the pixels differ from the background.
    """
    share = float(np.median(moving_share(frames, background)))
    if share < MOVING_LEAST:
        raise DataError(
            f"nothing moves in {where}: {100 * share:.2f} % of the pixels differ from the median of "
            f"{len(frames)} frames, {100 * MOVING_LEAST} % are the least",
            where=where,
            hint="choose footage with a moving person who is not tiny, or set background.require_motion=false",
        )


class Median:
    """Computes each background when it is first asked for, and keeps the most recent ones."""

    def __init__(self, options: MedianOptions) -> None:
        self._options = options
        self._dataset: Dataset | None = None
        self._kept: OrderedDict[str, Array] = OrderedDict()

    def at(self, dataset: Dataset, clip: int, indices: Array) -> Array:
        """The static background of the clip's camera, (1, 3, H, W) uint8.

        Raises:
            DataError: If nothing moves.
        """
        if dataset is not self._dataset:
            self._dataset = dataset
            self._kept.clear()
        name = dataset.clips[clip].camera if self._options.over == "camera" else dataset.clips[clip].name
        if name not in self._kept:
            self._kept[name] = self._made(dataset, clip)
            while len(self._kept) * self._kept[name].nbytes > max(KEPT_BYTES, self._kept[name].nbytes):
                self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return self._kept[name]

    def _made(self, dataset: Dataset, clip: int) -> Array:
        one = dataset.clips[clip]
        clips, where = [clip], f"clip {one.name!r}"
        if self._options.over == "camera":
            clips = [index for index, other in enumerate(dataset.clips) if other.camera == one.camera]
            where = f"camera {one.camera!r}"
        chosen = evenly([len(dataset.clips[index]) for index in clips], self._options.max_frames)
        frames = np.concatenate(
            [dataset.frames(index, picked) for index, picked in zip(clips, chosen, strict=True) if len(picked)]
        )
        background: Array = np.median(frames, axis=0, keepdims=True).round().astype(np.uint8)
        if self._options.require_motion:
            check_motion(frames, background, where)
        return background


def build(options: MedianOptions, context: Context) -> Median:
    """Nothing is computed yet."""
    return Median(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``background.median``."""
    register(Component(kind="background", name="median", options=MedianOptions, build=build, writes=("background",)))
