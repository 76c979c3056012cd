"""Background ``panorama``: for a camera that turns, what most frames show of each direction, as each frame sees it.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4 (Ski): homographies between consecutive frames from SIFT
matches with RANSAC, a panorama of per-pixel medians, warped back to each frame.
Differs from the paper: homographies are also held to key frames, so that their errors do not add up; RANSAC asks how
much of the frame agrees, not how many matches do, for a skier who is followed has many (see ``panorama_match``); and
the median of a pixel looks at no more than about ``max_frames`` frames. It holds for a camera that turns or zooms
where it stands, or before a flat scene, and turns by less than half a circle in a clip.

It needs OpenCV: ``pip install 'poserep[panorama]'``. A clip's backgrounds are made once and kept in the frame cache.

Axes: N frames, 3 colour channels, H W pixels; uint8.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
from pydantic import Field

from ...core.errors import DataError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Component, Context, Dataset, Options
from ...media.frame_store import frame_store
from .panorama_match import features, opencv
from .panorama_median import panorama, rastered, shown
from .panorama_place import Look, LostError, Placing

LOGGER = logging.getLogger("poserep")
MAKING = 1  # goes up when other pixels are made, so that old caches are not used
LOOKED_AT = 32
"""Frames of a clip by which it is told from others in the cache."""
REMEMBERED = 200
"""Frames whose features are kept."""


class PanoramaOptions(Options):
    """How a panorama is put together."""

    largest_side: int = Field(default=4096, ge=64)
    """Pixels of a panorama's longer side; a larger one is made at a lower resolution."""
    max_frames: int = Field(default=50, ge=3)
    """Frames that the median of a part of the panorama looks at, spread evenly over those that show it."""
    least_matches: int = Field(default=10, ge=4)
    """Matches that must agree on where a frame lies."""
    when_lost: Literal["refuse", "nearest"] = "refuse"
    """A frame that too few matches place: refuse the clip, or leave the frame out and give it the background of the
    nearest in time that has one."""


class Panorama:
    """Makes the backgrounds of a clip when one is first asked for."""

    def __init__(self, options: PanoramaOptions) -> None:
        self._options = options
        self._dataset: Dataset | None = None
        self._kept: dict[int, Array] = {}

    def at(self, dataset: Dataset, clip: int, indices: Array) -> Array:
        """The background behind each frame, (N, 3, H, W) uint8.

        Raises:
            DataError: If a frame has too little in common with those before it, or the camera turns too far.
        """
        if dataset is not self._dataset:
            self._dataset = dataset
            self._kept.clear()
        if clip not in self._kept:
            self._kept[clip] = self._store(dataset, clip)  # in a file: this holds no more than its address
        return np.asarray(self._kept[clip][indices])

    def _store(self, dataset: Dataset, clip: int) -> Array:
        one = dataset.clips[clip]
        key = {"making": MAKING, "options": self._options.model_dump(mode="json"), "clip": stamp(dataset, clip)}
        shape = (len(one), 3, *dataset.frame_size)
        return frame_store("panorama", key, shape, lambda: self._made(dataset, clip), f"panorama of {one.name}")

    def _made(self, dataset: Dataset, clip: int) -> Iterator[Array]:
        """The backgrounds of a clip, frame by frame, (1, 3, H, W) uint8."""
        count, size_HW, where = len(dataset.clips[clip]), dataset.frame_size, f"clip {dataset.clips[clip].name!r}"

        def read(frame: int) -> Array:
            return np.asarray(dataset.frames(clip, np.array([frame]))[0])

        places = self._places(lru_cache(REMEMBERED)(lambda frame: features(read(frame))), count, size_HW, where)
        known = np.array(sorted(places))
        try:
            homographies, shape_HW = rastered([places[n] for n in known], size_HW, self._options.largest_side)
        except ValueError:
            raise DataError(
                f"the camera turns too far for one panorama in {where}",
                where=where,
                hint="cut the video into clips in which it turns by less than 120 degrees",
            ) from None
        picture = panorama(lambda n: read(int(known[n])), homographies, size_HW, shape_HW, self._options.max_frames)
        for frame in range(count):
            nearest = int(np.abs(known - frame).argmin())
            yield shown(picture, homographies[nearest], size_HW)[None]

    def _places(self, look: Look, count: int, size_HW: tuple[int, int], where: str) -> dict[int, Array]:
        least, go_on = self._options.least_matches, self._options.when_lost == "nearest"
        try:
            places = Placing(look, size_HW, least, go_on).run(count)
        except LostError as error:
            raise DataError(
                f"frame {error.frame} of {where} has too little in common with the frames before it: "
                f"{error.agreeing} matches agree on how the camera moved, {least} are the least",
                where=f"{where}, frame {error.frame}",
                hint='cut the clip there, raise the frame rate, or set background.when_lost="nearest"',
            ) from None
        if len(places) < count:
            LOGGER.warning(
                "%d of %d frames of %s could not be placed: each has the background of its nearest neighbour",
                count - len(places),
                count,
                where,
            )
        return places


def stamp(dataset: Dataset, clip: int) -> str:
    """What tells the pictures of a clip from those of others: its name, length, and a hash of some of its frames."""
    one = dataset.clips[clip]
    content = hashlib.sha256(f"{one.name} {len(one)} {dataset.frame_size}".encode())
    for frame in np.unique(np.linspace(0, len(one) - 1, min(LOOKED_AT, len(one))).round().astype(np.int64)):
        content.update(np.ascontiguousarray(dataset.frames(clip, np.array([frame]))).data)
    return content.hexdigest()


def build(options: PanoramaOptions, context: Context) -> Panorama:
    """Nothing is computed yet.

    Raises:
        PluginError: If OpenCV is not installed.
    """
    opencv()
    return Panorama(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``background.panorama``."""
    register(
        Component(
            kind="background",
            name="panorama",
            options=PanoramaOptions,
            build=build,
            writes=("background",),
            example={"when_lost": "nearest"},
        )
    )
