"""What crosses processes: randomness and batch statistics that equal those of one process at the same global batch.

Each function works alike without ``torch.distributed``. Processes must hold equal numbers of rows.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


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
    mean = x_B.mean(dim=0)
    if world_size() == 1:
        return mean
    total: Tensor = all_reduce(mean)
    return total / world_size()


class GatheredBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the rows of all processes; torch's own has no CPU version."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (N, C, H, W) by the global batch's statistics."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        x = input.float()
        count = x.numel() // x.shape[1] * world_size()
        moments = all_reduce(torch.stack((x.sum((0, 2, 3)), x.square().sum((0, 2, 3))))) / count
        mean, variance = moments[0], (moments[1] - moments[0].square()).clamp(min=0)
        self._remember(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = (variance + self.eps).rsqrt() * self.weight
        out = x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]
        return out.to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum or 0.1)
        self.running_var.lerp_(variance, self.momentum or 0.1)


def gather_batch_norm(module: nn.Module) -> None:
    """Replace each batch norm by one over all processes, in place, keeping weights and statistics."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d) and type(child) is not GatheredBatchNorm2d:
            gathered = GatheredBatchNorm2d(child.num_features, child.eps, child.momentum)
            gathered.load_state_dict(child.state_dict())
            setattr(module, name, gathered.train(child.training))
        else:
            gather_batch_norm(child)
