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
_NEWTON_STEPS, _ROUNDING = 24, 1e-14
_SIMPLE_ROOT = 1e-4
"""Where the product of an eigenvalue's distances to the others is less, for matrices of norm 1, it is decomposed."""
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


def keypoint_errors(joints_NJ2: Tensor, truth_NJ2: Tensor, size_HW: tuple[int, int]) -> Tensor:
    """Distance of every 2D joint from its true place in the picture, over the picture's longer side, (N, J).

    Joints are in [-1, 1] of a frame of that size. An unknown joint (NaN) has an error of NaN.

    Raises:
        ShapeError: The two shapes differ, or are not (N, J, 2).
    """
    _check_shapes(joints_NJ2, truth_NJ2, 2)
    pixels_2 = joints_NJ2.new_tensor(size_HW[::-1]) / 2
    errors_NJ: Tensor = torch.linalg.vector_norm((joints_NJ2 - truth_NJ2) * pixels_2, dim=-1) / max(size_HW)
    return errors_NJ


def procrustes(pose_NJ3: Tensor, truth_NJ3: Tensor) -> Tensor:
    """Each pose moved by the similarity that brings it closest, in the least squares sense, to the truth.

    With both centred and H = P^T G, the rotation R maximises tr(H^T R), and s = tr(H^T R) / |P|^2.
    The solution is found in float64; the result has the dtype of the pose.

    Raises:
        ShapeError: The two shapes differ, or are not (N, J, 3).
    """
    _check_shapes(pose_NJ3, truth_NJ3)
    pose, truth = pose_NJ3.double(), truth_NJ3.double()
    centre_N13 = truth.mean(dim=-2, keepdim=True)
    pose, truth = pose - pose.mean(dim=-2, keepdim=True), truth - centre_N13
    covariance_N33 = (pose.mT @ truth).nan_to_num(0.0, 0.0, 0.0)  # a NaN stays in its own pose, see the last product
    rotation_N33 = closest_rotation(covariance_N33)
    scale_N = _quotient((covariance_N33 * rotation_N33).sum(dim=(-2, -1)), pose.square().sum(dim=(-2, -1)))
    aligned_NJ3: Tensor = scale_N[..., None, None] * pose @ rotation_N33 + centre_N13
    return aligned_NJ3.to(pose_NJ3.dtype)


def closest_rotation(H_N33: Tensor) -> Tensor:
    """The rotation R, never a reflection, that maximises tr(H^T R), for each matrix; float64, (N, 3, 3).

    Horn (JOSA A 1987): the unit quaternion of R is the eigenvector of the greatest eigenvalue of a symmetric 4 x 4
    matrix K of trace 0. Theobald (Acta Cryst. 2005): Newton's steps on its characteristic polynomial, from above, find
    that eigenvalue without a decomposition of each matrix. The few of which it is no simple root are decomposed.
    """
    flat_M33 = H_N33.reshape(-1, 3, 3)
    norm_M11 = torch.linalg.matrix_norm(flat_M33, keepdim=True)
    K_M44 = _horn(flat_M33 / norm_M11.where(norm_M11 > 0, 1))
    K2_M44 = K_M44 @ K_M44
    K3_M44 = K2_M44 @ K_M44
    p2, p3, p4 = (power.diagonal(dim1=-2, dim2=-1).sum(-1) for power in (K2_M44, K3_M44, K2_M44 @ K2_M44))
    c2, c1, c0 = -p2 / 2, -p3 / 3, (p2.square() / 2 - p4) / 4  # x^4 + c2 x^2 + c1 x + c0, by Newton's identities
    root_M = torch.full_like(c0, 3**0.5)  # the sum of three singular values of a matrix of norm 1 is not above it
    for _ in range(_NEWTON_STEPS):
        value = ((root_M.square() + c2) * root_M + c1) * root_M + c0
        slope = (4 * root_M.square() + 2 * c2) * root_M + c1
        step_M = _quotient(value, slope)
        root_M = root_M - step_M
        if not (step_M.abs() > _ROUNDING).any():
            break
    # The polynomial without this root, of K: the projector on its eigenvector, but for a factor.
    x_M11, c2_M11, c1_M11 = root_M[:, None, None], c2[:, None, None], c1[:, None, None]
    own_M44 = (x_M11.square() + c2_M11) * x_M11 + c1_M11
    projector_M44 = K3_M44 + x_M11 * K2_M44 + (x_M11.square() + c2_M11) * K_M44 + own_M44 * torch.eye(4).to(K_M44)
    weight_M, column_M = projector_M44.diagonal(dim1=-2, dim2=-1).max(dim=-1)
    quaternion_M4 = projector_M44[torch.arange(len(column_M)), column_M]
    rotation_M33 = _rotation(quaternion_M4 / quaternion_M4.norm(dim=-1, keepdim=True).clamp(min=_SIMPLE_ROOT))
    hard = (weight_M < _SIMPLE_ROOT).nonzero()[:, 0]
    if len(hard):
        rotation_M33[hard] = _decomposed(flat_M33[hard])
    return rotation_M33.reshape(H_N33.shape)


def _horn(H_M33: Tensor) -> Tensor:
    """Horn's matrix, (M, 4, 4), of row vectors that R turns from the right."""
    xx, xy, xz, yx, yy, yz, zx, zy, zz = H_M33.flatten(1).unbind(-1)
    rows = (
        (xx + yy + zz, yz - zy, zx - xz, xy - yx),
        (yz - zy, xx - yy - zz, xy + yx, zx + xz),
        (zx - xz, xy + yx, yy - xx - zz, yz + zy),
        (xy - yx, zx + xz, yz + zy, zz - xx - yy),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _rotation(quaternion_M4: Tensor) -> Tensor:
    """Unit quaternions (w, x, y, z) as rotations of row vectors, (M, 3, 3)."""
    w, x, y, z = quaternion_M4.unbind(-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)),
        (2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)),
        (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _decomposed(H_M33: Tensor) -> Tensor:
    """The same by H = U S V^T, D = diag(1, 1, det(U V^T)): R = U D V^T."""
    U_M33, _, Vh_M33 = torch.linalg.svd(H_M33)
    sign_M3 = torch.ones_like(U_M33[..., 0])
    sign_M3[..., 2] = torch.linalg.det(U_M33 @ Vh_M33)  # +1 or -1: undoes a reflection
    rotation_M33: Tensor = (U_M33 * sign_M3[..., None, :]) @ Vh_M33
    return rotation_M33


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


def _check_shapes(pose: Tensor, truth: Tensor, numbers: int = 3) -> None:
    if pose.shape != truth.shape or pose.ndim < 2 or pose.shape[-1] != numbers:
        raise ShapeError(
            f"poses and truth must both be (N, J, {numbers}): got {tuple(pose.shape)} and {tuple(truth.shape)}"
        )
