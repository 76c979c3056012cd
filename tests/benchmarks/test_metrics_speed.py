"""How much faster P-MPJPE is on a batch than pose by pose; run with ``pytest --benchmark-only``."""

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from poserep.core.metrics import p_mpjpe

POSES = 2000


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    pose, truth = 300 * torch.randn(2, POSES, 17, 3, generator=generator)
    return pose, truth


def pose_by_pose(pose_NJ3: Tensor, truth_NJ3: Tensor) -> Tensor:
    """The definition, one pose at a time."""
    errors = []
    for pose, truth in zip(pose_NJ3.double(), truth_NJ3.double(), strict=True):
        p0, g0 = pose - pose.mean(0), truth - truth.mean(0)
        u, s, vt = torch.linalg.svd(p0.T @ g0)
        d = torch.tensor([1.0, 1.0, torch.linalg.det(u @ vt)], dtype=torch.float64)
        aligned = (s * d).sum() / p0.square().sum() * p0 @ (u * d @ vt) + truth.mean(0)
        errors.append((aligned - truth).norm(dim=1).mean())
    return torch.stack(errors).float()


@pytest.mark.benchmark(group=f"P-MPJPE of {POSES} poses")
@pytest.mark.parametrize("compute", [p_mpjpe, pose_by_pose], ids=["batched", "pose by pose"])
def test_speed_of_p_mpjpe(
    benchmark: BenchmarkFixture, pair: tuple[Tensor, Tensor], compute: Callable[[Tensor, Tensor], Tensor]
) -> None:
    torch.testing.assert_close(benchmark(compute, *pair), p_mpjpe(*pair), atol=1e-3, rtol=0)
