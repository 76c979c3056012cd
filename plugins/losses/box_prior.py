"""Box prior: over a batch, boxes have on average a given size and lie around the frame's centre.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, after Rhodin et al., Neural Scene Decomposition, CVPR 2019.
The prior is on the batch's mean: a single box may be anywhere, of any size.
Differs from the paper: sizes are shares of the frame's own sides, so that a tall box is asked for by ``size``. The
paper pulls towards the centre on Human3.6M alone (``centre``). Its weight is not given;
Rhodin et al. use 0.1.

Axes: B tuples, T frames of a tuple.
Coordinates: boxes (s_x, s_y, u_x, u_y) in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ...core.fields import expect
from ...core.hookspecs import hookimpl
from ...core.interfaces import Component, Context, Options

if TYPE_CHECKING:
    from torch import Tensor

Share = Annotated[float, Field(gt=0, le=1)]


class BoxPriorOptions(Options):
    """Options of the box prior."""

    size: tuple[Share, Share] = (0.5, 0.5)
    """Mean width and height of the boxes, as shares of the frame's sides."""
    centre: bool = True
    """Whether the boxes' mean centre is pulled to the frame's."""


def prior(mean_4: Tensor, size_2: Tensor, centre: bool) -> Tensor:
    """Squared distance of the mean box from the wanted one, averaged over the two axes, a scalar."""
    loss = (mean_4[:2] - size_2).square().mean()
    return loss + mean_4[2:].square().mean() if centre else loss


class BoxPrior:
    """The prior over the boxes of all processes."""

    def __init__(self, options: BoxPriorOptions, context: Context) -> None:
        self.options = options

    def __call__(self, *, box: Tensor) -> Tensor:
        """From box (B, T, 4), a scalar that is the same in every process.

        Raises:
            ShapeError: When box has other axes.
        """
        from ...core.ranks import global_mean

        expect(("box", box, "B T 4"))
        mean_4 = global_mean(box.flatten(0, 1))
        return prior(mean_4, mean_4.new_tensor(self.options.size), self.options.centre)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``box_prior``."""
    register(Component(kind="loss", name="box_prior", options=BoxPriorOptions, build=BoxPrior, reads=("box",)))
