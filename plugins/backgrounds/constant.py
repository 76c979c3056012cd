"""Background ``constant``: one picture or one colour behind every frame.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, section 4 (MPI-INF-3DHP "MV-data"): there the subject was pasted
onto a known picture, which then is the background.

Axes: 3 colour channels, H W pixels; uint8.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Component, Context, Dataset, Options
from ...media.images import read_image

Level = Annotated[int, Field(ge=0, le=255)]


class ConstantOptions(Options):
    """What stands behind the subject."""

    colour: tuple[Level, Level, Level] = (128, 128, 128)
    """Red, green and blue from 0 to 255."""
    image: str = ""
    """A picture file, brought to the frame's size, in place of the colour."""


class Constant:
    """The same background always."""

    def __init__(self, options: ConstantOptions) -> None:
        self._options = options
        self._made = np.zeros((1, 3, 0, 0), np.uint8)

    def at(self, dataset: Dataset, clip: int, indices: Array) -> Array:
        """The background, (1, 3, H, W) uint8.

        Raises:
            DataError: If the picture is missing or broken.
        """
        if self._made.shape[2:] != dataset.frame_size:
            self._made = self._at_size(dataset.frame_size)
        return self._made

    def _at_size(self, size_HW: tuple[int, int]) -> Array:
        if self._options.image:
            return read_image(Path(self._options.image).expanduser(), size_HW, tolerance=np.inf)[None]
        colour = np.array(self._options.colour, np.uint8)[None, :, None, None]
        return np.broadcast_to(colour, (1, 3, *size_HW))


def build(options: ConstantOptions, context: Context) -> Constant:
    """The picture is read when the frame's size is known."""
    return Constant(options)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``background.constant``."""
    register(
        Component(kind="background", name="constant", options=ConstantOptions, build=build, writes=("background",))
    )
