import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from poserep.core.errors import ShapeError
from poserep.core.metrics import (
    auc,
    closest_rotation,
    joint_errors,
    mpjpe,
    n_mpjpe,
    p_mpjpe,
    pck,
    procrustes,
    root_centre,
)

Metric = Callable[[Tensor, Tensor], Tensor]
METRICS: list[Metric] = [mpjpe, n_mpjpe, p_mpjpe, joint_errors, procrustes]
few = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**16)


def poses(n: int, seed: int = 0, joints: int = 17) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 300 * torch.randn(n, joints, 3, generator=generator, dtype=torch.float64)


def rotations(n: int, seed: int) -> Tensor:
    turned, _ = torch.linalg.qr(poses(n, seed, joints=3))
    proper: Tensor = turned * torch.linalg.det(turned)[:, None, None]
    return proper


def slow_p_mpjpe(pose_J3: Tensor, truth_J3: Tensor) -> Tensor:
    """The spec's formula, one pose at a time."""
    p0, g0 = pose_J3 - pose_J3.mean(0), truth_J3 - truth_J3.mean(0)
    u, s, vt = torch.linalg.svd(p0.T @ g0)
    d = torch.diag(torch.tensor([1.0, 1.0, torch.linalg.det(u @ vt).sign()], dtype=p0.dtype))
    scale = torch.trace(torch.diag(s) @ d) / p0.norm() ** 2
    error_J3: Tensor = scale * p0 @ (u @ d @ vt) + truth_J3.mean(0) - truth_J3
    return error_J3.norm(dim=1).mean()


# MPJPE


def test_mpjpe_is_the_mean_length_of_the_errors() -> None:
    # joint errors of 5 (3, 4, 0) and 1 mm
    truth = torch.zeros(1, 2, 3)
    pose = torch.tensor([[[3.0, 4.0, 0.0], [0.0, 0.0, -1.0]]])

    torch.testing.assert_close(joint_errors(pose, truth), torch.tensor([[5.0, 1.0]]))
    torch.testing.assert_close(mpjpe(pose, truth), torch.tensor([3.0]))


@few
@given(seeds)
def test_mpjpe_ignores_a_motion_of_both(seed: int) -> None:
    p, g, turn, shift = poses(4, seed), poses(4, seed + 1), rotations(4, seed + 2), poses(4, seed + 3, joints=1)

    torch.testing.assert_close(mpjpe(p @ turn + shift, g @ turn + shift), mpjpe(p, g))


def test_root_centred_poses_have_their_root_at_the_origin() -> None:
    pose = poses(3)
    centred = root_centre(pose, root=8)

    assert (centred[:, 8] == 0).all()
    torch.testing.assert_close(centred[:, 3] - centred[:, 5], pose[:, 3] - pose[:, 5])


# N-MPJPE


def test_n_mpjpe_takes_the_scale_of_least_squares() -> None:
    # p = (1, 1), g = (1, 3) along x: s = 4 / 2 = 2, so both errors are 1
    pose = torch.tensor([[[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    truth = torch.tensor([[[1.0, 0.0, 0.0], [3.0, 0.0, 0.0]]])

    torch.testing.assert_close(mpjpe(pose, truth), torch.tensor([1.0]))
    torch.testing.assert_close(n_mpjpe(2.5 * pose, truth), torch.tensor([1.0]))
    torch.testing.assert_close(n_mpjpe(truth, pose), torch.tensor([(0.6 + 0.2) / 2]))  # s = 4 / 10


@few
@given(seeds, st.floats(0.01, 100), st.sampled_from([-1, 1]))
def test_n_mpjpe_ignores_the_scale_of_the_pose(seed: int, scale: float, sign: int) -> None:
    p, g = poses(4, seed), poses(4, seed + 1)

    torch.testing.assert_close(n_mpjpe(sign * scale * p, g), n_mpjpe(p, g))


def test_a_pose_of_zeros_has_the_size_of_the_truth_as_its_error() -> None:
    truth = poses(2)
    truth = truth - truth.mean(dim=1, keepdim=True)

    torch.testing.assert_close(n_mpjpe(torch.zeros_like(truth), truth), truth.norm(dim=-1).mean(dim=-1))
    torch.testing.assert_close(p_mpjpe(torch.zeros_like(truth), truth), truth.norm(dim=-1).mean(dim=-1))


# P-MPJPE


def test_a_quarter_turn_of_a_stick_is_aligned_away() -> None:
    # a stick along x, 2 mm long, and one along y, 6 mm long, 1 m away
    pose = torch.tensor([[[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    truth = torch.tensor([[[1000.0, -3.0, 0.0], [1000.0, 3.0, 0.0]]])

    torch.testing.assert_close(procrustes(pose, truth), truth)
    torch.testing.assert_close(p_mpjpe(pose, truth), torch.zeros(1))


@few
@given(seeds)
def test_p_mpjpe_equals_the_loop_over_poses(seed: int) -> None:
    p, g = poses(8, seed), poses(8, seed + 1)

    expected = torch.stack([slow_p_mpjpe(a, b) for a, b in zip(p, g, strict=True)])
    torch.testing.assert_close(p_mpjpe(p, g), expected)


@few
@given(seeds, st.floats(0.01, 100))
def test_p_mpjpe_ignores_scale_rotation_and_translation(seed: int, scale: float) -> None:
    p, g, moved = poses(4, seed), poses(4, seed + 1), poses(4, seed + 3, joints=1)
    similar = scale * p @ rotations(4, seed + 2) + moved

    torch.testing.assert_close(p_mpjpe(similar, g), p_mpjpe(p, g))
    torch.testing.assert_close(p_mpjpe(similar, p), torch.zeros(4, dtype=p.dtype), atol=1e-9, rtol=0)


def test_the_closest_rotation_of_a_rotation_is_itself_and_of_a_quarter_turn_as_worked_out() -> None:
    turned = rotations(50, seed=3)
    torch.testing.assert_close(closest_rotation(7.0 * turned), turned)
    quarter = torch.tensor([[[0.0, 5.0, 0.0], [-2.0, 0.0, 0.0], [0.0, 0.0, 1.0]]], dtype=torch.float64)
    expected = torch.tensor([[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]], dtype=torch.float64)
    torch.testing.assert_close(closest_rotation(quarter), expected)


@few
@given(seed=seeds, flat=st.floats(0, 1), mirrored=st.booleans())
def test_no_rotation_is_closer_than_the_closest_however_flat_or_mirrored(
    seed: int, flat: float, mirrored: bool
) -> None:
    matrices = poses(20, seed, joints=3)
    U, S, Vh = torch.linalg.svd(matrices)
    S[:, 2] *= flat
    matrices = (U * S[:, None]) @ Vh * (-1 if mirrored else 1)
    own = closest_rotation(matrices)
    sign = torch.linalg.det(matrices).sign()
    best = S[:, 0] + S[:, 1] + sign * S[:, 2]  # the greatest tr(H^T R) that there is
    torch.testing.assert_close((matrices * own).sum(dim=(1, 2)), best)
    torch.testing.assert_close(own @ own.mT, torch.eye(3, dtype=torch.float64).expand(20, 3, 3))
    torch.testing.assert_close(torch.linalg.det(own), torch.ones(20, dtype=torch.float64))


@pytest.mark.parametrize("diagonal", [(0, 0, 0), (1, 0, 0), (1, 1, -1), (-1, -1, -1), (3, 2, -2), (1, 1e-9, 1e-9)])
def test_matrices_without_a_single_closest_rotation_still_get_a_rotation(diagonal: tuple[float, ...]) -> None:
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    own = closest_rotation(matrix)
    first, second, third = sorted(map(abs, diagonal), reverse=True)
    best = first + second + (third if math.prod(diagonal) >= 0 else -third)
    torch.testing.assert_close(torch.linalg.det(own), torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close((matrix * own).sum(), torch.tensor(float(best), dtype=torch.float64))


def test_a_mirror_image_is_not_aligned_away() -> None:
    pose = poses(8)

    assert (p_mpjpe(pose * torch.tensor([-1.0, 1.0, 1.0]), pose) > 10).all()


def test_flat_poses_are_aligned_although_their_third_axis_is_free() -> None:
    flat = poses(4) * torch.tensor([1.0, 1.0, 0.0])

    torch.testing.assert_close(
        p_mpjpe(flat @ rotations(4, 1), flat), torch.zeros(4, dtype=flat.dtype), atol=1e-9, rtol=0
    )


def test_alignment_leaves_no_better_similarity_nearby() -> None:
    p, g = poses(4), poses(4, seed=1)
    best = procrustes(p, g)
    squares = (best - g).square().sum(dim=(1, 2))

    for seed in range(20):
        nudge = torch.linalg.matrix_exp(1e-3 * (rotations(4, seed) - rotations(4, seed).mT))
        centre = best.mean(dim=1, keepdim=True)
        other = (1 + 1e-3 * math.sin(seed)) * (best - centre) @ nudge + centre
        assert ((other - g).square().sum(dim=(1, 2)) >= squares).all()


def test_single_precision_costs_less_than_a_thousandth_of_a_millimetre() -> None:
    p, g = poses(64), poses(64, seed=1)

    result = p_mpjpe(p.float(), g.float())

    assert result.dtype == torch.float32
    torch.testing.assert_close(result.double(), p_mpjpe(p, g), atol=1e-3, rtol=0)


# PCK and its area


def test_pck_counts_the_joints_up_to_the_threshold() -> None:
    errors = torch.tensor([[0.0, 149.0, 150.0, 151.0], [200.0, 200.0, 200.0, 10.0]])

    torch.testing.assert_close(pck(errors), torch.tensor([0.75, 0.25]))
    torch.testing.assert_close(pck(errors, threshold_mm=5), torch.tensor([0.25, 0.0]))


def test_auc_is_the_mean_of_pck_over_31_thresholds() -> None:
    # an error of 0 passes all, of 100 passes 100, 105 .. 150 (11 of 31), of 151 none
    torch.testing.assert_close(auc(torch.tensor([[0.0], [100.0], [151.0]])), torch.tensor([1.0, 11 / 31, 0.0]))


@few
@given(seeds)
def test_auc_equals_the_loop_over_thresholds(seed: int) -> None:
    errors = joint_errors(0.2 * poses(4, seed), 0.2 * poses(4, seed + 1))

    torch.testing.assert_close(auc(errors), torch.stack([pck(errors, t) for t in range(0, 151, 5)]).mean(dim=0))


# All of them


@pytest.mark.parametrize("metric", [mpjpe, n_mpjpe, p_mpjpe])
def test_a_nan_stays_in_its_own_pose(metric: Metric) -> None:
    p, g = poses(3), poses(3, seed=1)
    p[1, 4, 2] = math.nan
    g[2, 0, 0] = math.inf

    errors = metric(p, g)

    assert errors.isfinite().tolist() == [True, False, False]
    torch.testing.assert_close(errors[0], metric(p[:1], g[:1])[0])


def test_a_nan_is_neither_a_hit_nor_a_miss() -> None:
    errors = torch.tensor([[math.nan, 1.0], [1.0, 1.0]])

    assert pck(errors).isnan().tolist() == auc(errors).isnan().tolist() == [True, False]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.__name__)
@pytest.mark.parametrize(
    ("pose", "truth"), [((2, 17, 3), (2, 16, 3)), ((2, 17, 3), (1, 17, 3)), ((2, 17, 2), (2, 17, 2)), ((3,), (3,))]
)
def test_poses_of_other_shapes_are_refused(metric: Metric, pose: tuple[int, ...], truth: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError) as refusal:
        metric(torch.zeros(pose), torch.zeros(truth))

    assert str(pose) in refusal.value.what
    assert str(truth) in refusal.value.what


def test_no_poses_give_no_errors() -> None:
    assert p_mpjpe(torch.zeros(0, 17, 3), torch.zeros(0, 17, 3)).shape == (0,)
