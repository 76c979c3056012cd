"""Box prior: over a batch, boxes have on average a given size and lie around the frame's centre.

Paper: Honari et al., TPAMI 2022, arXiv:2012.01511, after Rhodin et al., Neural Scene Decomposition, CVPR 2019.
The prior is on the batch's mean: a single box may be anywhere, of any size.
Differs from the paper: sizes are shares of the frame's own sides, so that a tall box is asked for by ``size``. The
paper pulls towards the centre on Human3.6M alone (``centre``). Its weight is not given;
Rhodin et al. use 0.1. Of several subjects each has the size in the batch's mean, lest one box take them all; their
centres are averaged together, so that each may keep to its side.

Axes: B tuples, T frames of a tuple, S subjects, N = T S boxes.
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
    """Mean width and height of each subject's boxes, as shares of the frame's sides."""
    centre: bool = True
    """Whether the mean centre of all boxes is pulled to the frame's."""


def prior(mean_S4: Tensor, size_2: Tensor, centre: bool) -> Tensor:
    """Squared distance of each subject's mean size from the wanted one, averaged over subjects and axes, a scalar.

    With ``centre`` also that of the mean of all centres from the frame's.
    """
    loss = (mean_S4[:, :2] - size_2).square().mean()
    return loss + mean_S4[:, 2:].mean(dim=0).square().mean() if centre else loss


class BoxPrior:
    """The prior over the boxes of all processes."""

    def __init__(self, options: BoxPriorOptions, context: Context) -> None:
        self.options = options
        self.subjects = context.facts.get("subjects", 1)

    def __call__(self, *, box: Tensor) -> Tensor:
        """From box (B, N, 4), a scalar that is the same in every process.

        Raises:
            ShapeError: When box has other axes.
        """
        from ...core.ranks import global_mean

        expect(("box", box, "B N 4"))
        mean_S4 = global_mean(box.reshape(-1, self.subjects, 4))
        return prior(mean_S4, mean_S4.new_tensor(self.options.size), self.options.centre)


@hookimpl
def poserep_register(register: Callable[[Component], None]) -> None:
    """Register the loss ``box_prior``."""
    register(Component(kind="loss", name="box_prior", options=BoxPriorOptions, build=BoxPrior, reads=("box",)))
