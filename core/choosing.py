"""What a sampler may have besides `core.interfaces.Sampler`, if clips alone do not tell it what to draw.

Axes: B tuples, T roles of a tuple, H W pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

    from .interfaces import Array, Dataset, Draw


@runtime_checkable
class Looking(Protocol):
    """A sampler that looks at the dataset for what clips do not tell: where cameras stand, how large boxes are."""

    def look(self, dataset: Dataset, labels: frozenset[str]) -> None:
        """Take note of the dataset and of the labels that it has; called once, before `Sampler.prepare`."""
        ...


@runtime_checkable
class Choosy(Protocol):
    """A sampler that may turn down a tuple by its pictures; it is then drawn again, up to ``tries`` times in all."""

    tries: int

    def accepts(self, draw: Draw, frame: Array) -> Array:
        """Which of the tuples are good, bool (B,), by their frames (B, T, 3, H, W) uint8."""
        ...

    def again(self, rng: np.random.Generator, draw: Draw) -> Draw:
        """Another tuple in place of each, (B, T); equal generator state and equal draw, equal result."""
        ...
