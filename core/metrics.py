"""How far a pose is from the truth: MPJPE, its two aligned forms, PCK and its area under the curve.

Papers: N-MPJPE, Rhodin et al., CVPR 2018, arXiv:1803.04775; P-MPJPE, the similarity Procrustes problem
(Umeyama, TPAMI 1991); PCK and AUC in 3D, Mehta et al., 3DV 2017, arXiv:1611.09813.
Differs from the papers: nothing known. Every function is batched and returns one number per pose, so that
the caller decides how to average and what to count.

Axes: N poses (any leading axes), J joints, 3 = x y z.
Units: mm; poses are root-centred by the caller (``root_centre``). A pose with a NaN has an error of NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .errors import ShapeError

PCK_THRESHOLD_MM = 150.0
AUC_THRESHOLDS_MM = tuple(range(0, 151, 5))


def root_centre(pose_NJ3: Tensor, root: int = 0) -> Tensor:
    """The pose with its root joint at the origin."""
    return pose_NJ3 - pose_NJ3[..., root, None, :]


def joint_errors(pose_NJ3: Tensor, truth_NJ3: Tensor) -> Tensor:
    """Distance of every joint from its true place, shape (N, J), mm.

    Raises:
        ShapeError: The two shapes differ, or are not (N, J, 3).
    """
    _check_shapes(pose_NJ3, truth_NJ3)
    errors_NJ: Tensor = torch.linalg.vector_norm(pose_NJ3 - truth_NJ3, dim=-1)
    return errors_NJ


def mpjpe(pose_NJ3: Tensor, truth_NJ3: Tensor) -> Tensor:
    """Mean distance of the joints from their true places, shape (N,), mm.

    Raises:
        ShapeError: The two shapes differ, or are not (N, J, 3).
    """
    return joint_errors(pose_NJ3, truth_NJ3).mean(dim=-1)


def n_mpjpe(pose_NJ3: Tensor, truth_NJ3: Tensor) -> Tensor:
    """MPJPE after the best scale s = <p, g> / <p, p> for each pose, shape (N,), mm.

    The scale may be negative, and is 0 for a pose whose joints all lie at the origin.

    Raises:
        ShapeError: The two shapes differ, or are not (N, J, 3).
    """
    _check_shapes(pose_NJ3, truth_NJ3)
    scale_N = _quotient((pose_NJ3 * truth_NJ3).sum(dim=(-2, -1)), pose_NJ3.square().sum(dim=(-2, -1)))
    return mpjpe(scale_N[..., None, None] * pose_NJ3, truth_NJ3)


def p_mpjpe(pose_NJ3: Tensor, truth_NJ3: Tensor) -> Tensor:
    """MPJPE after the best scale, rotation and translation for each pose, shape (N,), mm. No reflection.

    Raises:
        ShapeError: The two shapes differ, or are not (N, J, 3).
    """
    return mpjpe(procrustes(pose_NJ3, truth_NJ3), truth_NJ3)


def procrustes(pose_NJ3: Tensor, truth_NJ3: Tensor) -> Tensor:
    """Each pose moved by the similarity that brings it closest, in the least squares sense, to the truth.

    With both centred, H = P^T G = U S V^T, D = diag(1, 1, det(U V^T)): R = U D V^T, s = tr(S D) / |P|^2.
    The solution is found in float64; the result has the dtype of the pose.

    Raises:
        ShapeError: The two shapes differ, or are not (N, J, 3).
    """
    _check_shapes(pose_NJ3, truth_NJ3)
    pose, truth = pose_NJ3.double(), truth_NJ3.double()
    centre_N13 = truth.mean(dim=-2, keepdim=True)
    pose, truth = pose - pose.mean(dim=-2, keepdim=True), truth - centre_N13
    # A NaN stays in its own pose, but the decomposition would refuse the whole batch.
    covariance_N33 = (pose.mT @ truth).nan_to_num(0.0, 0.0, 0.0)
    U_N33, S_N3, Vh_N33 = torch.linalg.svd(covariance_N33)
    sign_N3 = torch.ones_like(S_N3)
    sign_N3[..., 2] = torch.linalg.det(U_N33 @ Vh_N33)  # +1 or -1: undoes a reflection
    scale_N = _quotient((S_N3 * sign_N3).sum(dim=-1), pose.square().sum(dim=(-2, -1)))
    rotation_N33 = (U_N33 * sign_N3[..., None, :]) @ Vh_N33
    aligned_NJ3: Tensor = scale_N[..., None, None] * pose @ rotation_N33 + centre_N13
    return aligned_NJ3.to(pose_NJ3.dtype)


def pck(errors_NJ: Tensor, threshold_mm: float = PCK_THRESHOLD_MM) -> Tensor:
    """Share of the joints that are within the threshold of their true places, shape (N,), in [0, 1]."""
    return auc(errors_NJ, (threshold_mm,))


def auc(errors_NJ: Tensor, thresholds_mm: Sequence[float] = AUC_THRESHOLDS_MM) -> Tensor:
    """Mean of PCK over the thresholds, 0 to 150 mm in steps of 5; shape (N,), in [0, 1]."""
    within_NJT = errors_NJ[..., None] <= errors_NJ.new_tensor(thresholds_mm)
    share_NJ = within_NJT.to(errors_NJ.dtype).mean(dim=-1)
    return share_NJ.where(~errors_NJ.isnan(), torch.nan).mean(dim=-1)


def _quotient(above_N: Tensor, below_N: Tensor) -> Tensor:
    """``above / below``, and 0 where both are 0."""
    return above_N / below_N.where(below_N != 0, 1)


def _check_shapes(pose_NJ3: Tensor, truth_NJ3: Tensor) -> None:
    if pose_NJ3.shape != truth_NJ3.shape or pose_NJ3.ndim < 2 or pose_NJ3.shape[-1] != 3:
        raise ShapeError(
            f"poses and truth must both be (N, J, 3): got {tuple(pose_NJ3.shape)} and {tuple(truth_NJ3.shape)}"
        )
