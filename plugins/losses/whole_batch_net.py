"""Rows of the whole batch: what a loss needs that compares tuples of one process with those of the others.

Axes: B tuples of this process, N tuples of all processes.
"""

from __future__ import annotations

from torch import Tensor

from ...core.ranks import own_rows, total_over_processes, world_size


def every_row(x_B: Tensor) -> Tensor:
    """The rows of all processes in the order of one process's batch, (N, ...) from (B, ...), with gradient."""
    if world_size() == 1:
        return x_B
    mine = own_rows(len(x_B))
    whole_N = x_B.new_zeros(len(x_B) * world_size(), *x_B.shape[1:])
    whole_N[mine] = x_B
    return total_over_processes(whole_N)


def mean_where(value: Tensor, kept: Tensor) -> Tensor:
    """This process's part of the mean over the kept values of all processes, a scalar; 0 if none is kept.

    Averaged over processes, which may keep unequal numbers, it is that mean.
    """
    count = total_over_processes(kept.sum().float())
    return (value * kept).sum() * world_size() / count.clamp(min=1)
