"""Rotations in the forms in which networks and body models give them: six numbers, axis and angle, or a matrix.

Source: the six numbers are the first two columns of a matrix, Zhou et al., CVPR 2019, arXiv:1812.07035, equations (14)
to (16): they are continuous, and any two that are not parallel mean a rotation. Axis and angle are those of kornia.

Axes: leading ``...`` any, 6 = first column then second, 3 = x y z.
"""

from __future__ import annotations

import torch
from kornia.geometry.conversions import axis_angle_to_rotation_matrix, rotation_matrix_to_axis_angle
from torch import Tensor
from torch.nn.functional import normalize

from ..core.errors import ShapeError

TINY = 1e-6


def matrix_from_6d(six: Tensor) -> Tensor:
    """Rotations (..., 3, 3) from (..., 6) by Gram and Schmidt: the first column's length and the second's lean go.

    Raises:
        ShapeError: The last axis is not 6 long.
    """
    _check(six, (6,), "six numbers of a rotation")
    first, second = six[..., :3], six[..., 3:]
    x = normalize(first, dim=-1, eps=TINY)
    y = normalize(second - (x * second).sum(dim=-1, keepdim=True) * x, dim=-1, eps=TINY)
    return torch.stack((x, y, torch.linalg.cross(x, y)), dim=-1)


def sixd_from_matrix(matrix: Tensor) -> Tensor:
    """The first two columns (..., 6) of rotations (..., 3, 3).

    Raises:
        ShapeError: The last two axes are not 3 by 3.
    """
    _check(matrix, (3, 3), "rotations")
    return matrix[..., :2].mT.flatten(-2)


def matrix_from_axis_angle(vector: Tensor) -> Tensor:
    """Rotations (..., 3, 3) about vectors (..., 3) by their length in radians, the right hand's way.

    Raises:
        ShapeError: The last axis is not 3 long.
    """
    _check(vector, (3,), "rotation vectors")
    found: Tensor = axis_angle_to_rotation_matrix(vector.reshape(-1, 3))
    return found.reshape(*vector.shape[:-1], 3, 3)


def axis_angle_from_matrix(matrix: Tensor) -> Tensor:
    """Vectors (..., 3) along the axes of rotations (..., 3, 3), as long as the angle, at most pi.

    Raises:
        ShapeError: The last two axes are not 3 by 3.
    """
    _check(matrix, (3, 3), "rotations")
    found: Tensor = rotation_matrix_to_axis_angle(matrix.reshape(-1, 3, 3))
    return found.reshape(matrix.shape[:-1])


def _check(values: Tensor, last: tuple[int, ...], what: str) -> None:
    if tuple(values.shape[-len(last) :]) != last:
        raise ShapeError(f"{what} end in the shape {last}, these are {tuple(values.shape)}")
