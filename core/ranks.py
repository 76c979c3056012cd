"""What crosses processes: randomness and batch statistics that equal those of one process at the same global batch.

Each function works alike without ``torch.distributed``. Processes must hold equal numbers of rows.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F


def world_size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def own_rows(rows: int) -> slice:
    """Rows of this process, where it holds ``rows`` of the global batch."""
    return slice(rank() * rows, (rank() + 1) * rows)


def uniform_rows(rows: int, *shape: int, like: Tensor) -> Tensor:
    """Uniform numbers in [0, 1), (rows, *shape) float32 on the device of ``like``.

    Every process draws the whole batch's numbers from the same seed and keeps its own rows, so that two processes
    see the numbers that one would.
    """
    return torch.rand(rows * world_size(), *shape, device=like.device)[own_rows(rows)]


def global_mean(x_B: Tensor) -> Tensor:
    """Mean over axis 0 of every process's rows, with gradient."""
    return total_over_processes(x_B.mean(dim=0)) / world_size()


class _Total(Function):
    """Sum over processes. Each process's result depends on every process's input, and so do the gradients."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> Tensor:
        return total_over_processes(grads[0])


def total_over_processes(x: Tensor) -> Tensor:
    """Sum of every process's tensor, with gradient."""
    total: Tensor = x if world_size() == 1 else _Total.apply(x)
    return total


def anybody(asks: bool, device: torch.device) -> bool:
    """Whether any process asks for something that all must do at the same step."""
    return bool(total_over_processes(torch.tensor(float(asks), device=device)))


class RowDropout(nn.Module):
    """Dropout whose mask for the whole batch is the same however many processes share it."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x_N: Tensor) -> Tensor:
        """(N, ...) with a share of its elements dropped while training."""
        if not self.training or not self.share:
            return x_N
        return x_N * (uniform_rows(*x_N.shape, like=x_N) >= self.share) / (1 - self.share)


class GatheredBatchNorm(nn.Module):
    """Batch norm over the rows of all processes, for maps and for plain features; torch's own has no CPU version.

    Args:
        norm: The batch norm whose weights and statistics it takes over, with the activation that timm's bring along.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        super().__init__()
        self.eps = norm.eps
        self.momentum = 0.1 if norm.momentum is None else norm.momentum
        self.weight, self.bias = norm.weight, norm.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))
        self.drop: nn.Module = getattr(norm, "drop", nn.Identity())
        self.act: nn.Module = getattr(norm, "act", nn.Identity())
        self.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, ...) by the global batch's statistics."""
        if self.training:
            normal = self._by_batch(x.float()).to(x.dtype)
        else:
            normal = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        out: Tensor = self.act(self.drop(normal))
        return out

    def _by_batch(self, x: Tensor) -> Tensor:
        axes = [axis for axis in range(x.ndim) if axis != 1]
        count = x.numel() // x.shape[1] * world_size()
        mean = total_over_processes(x.sum(axes, keepdim=True)) / count
        centred = x - mean
        variance = total_over_processes(centred.square().sum(axes, keepdim=True)) / count
        self._remember(mean.flatten(), variance.flatten() * count / max(count - 1, 1))
        scale = (variance + self.eps).rsqrt() * self.weight.view_as(variance)
        return centred * scale + self.bias.view_as(variance)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


def gather_batch_norm(module: nn.Module) -> None:
    """Replace each batch norm by one over all processes, in place, keeping weights and statistics."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            setattr(module, name, GatheredBatchNorm(child))
        else:
            gather_batch_norm(child)
