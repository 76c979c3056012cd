"""What a head with a task of its own has besides being a module: it learns labels by its own loss and tells its errors.

Axes: N frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class TaskHead(Protocol):
    """A head that declares ``reads`` has a task of its own: it ``writes`` labels, with ``?`` where it can do without.

    An ``nn.Module`` for `poserep finetune`. It is called with its features, an axis of frames first, and gives by the
    names of its labels, and more if it likes, what its loss and its errors take; class scores for what counts. Maps and
    2D joints are those of the crop. Beside the context's facts it is told ``joints``, ``vertices``, ``classes`` and
    ``parts`` of its labels. It may have ``scores(predicted, labels)``: numbers by name of all frames together.

    Attributes:
        units: Unit of each error and score.
    """

    units: Mapping[str, str]

    def settle(self, features: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> None:
        """Take over statistics of labelled frames, once, before training."""
        ...

    def __call__(self, **features: Tensor) -> Mapping[str, Tensor]:
        """What it says of frames."""
        ...

    def guess(self, count: int) -> Mapping[str, Tensor]:
        """What it would say of so many frames without looking at them."""
        ...

    def loss(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
        """A scalar."""
        ...

    def errors(self, predicted: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """By name, (N,) each; NaN where a frame has none."""
        ...
