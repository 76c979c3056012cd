"""Background ``provided``: the one that the dataset itself knows, such as a renderer's empty room.

Axes: N frames, 3 colour channels, H W pixels; uint8.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.errors import DataError
from ...core.hookspecs import hookimpl
from ...core.interfaces import Array, Component, Context, Dataset, Options


class ProvidedOptions(Options):
    """There are none."""


class Provided:
    """Passes the dataset's label ``background`` on."""

    def at(self, dataset: Dataset, clip: int, indices: Array) -> Array:
        """The dataset's background, (N, 3, H, W) uint8, or (1, 3, H, W) if it is static.

        Raises:
            DataError: If the dataset has none.
        """
        try:
            return dataset.labels("background", clip, indices)
        except (DataError, LookupError) as error:
            reason = error.what if isinstance(error, DataError) else f"it has no label {error}"
            raise DataError(
                f"the dataset provides no background: {reason}",
                where=f"clip {dataset.clips[clip].name!r}",
                hint="for a static camera use the median: --use background=median",
            ) from error


def build(options: ProvidedOptions, context: Context) -> Provided:
    """It keeps nothing."""
    return Provided()


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Declare ``background.provided``."""
    register(
        Component(kind="background", name="provided", options=ProvidedOptions, build=build, writes=("background",))
    )
