"""Forms of rotations: values by hand, ways there and back, gradients, refusals."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from poserep.core.errors import ShapeError
from poserep.networks.rotations import (
    axis_angle_from_matrix,
    matrix_from_6d,
    matrix_from_axis_angle,
    sixd_from_matrix,
)

QUARTER_ABOUT_Z = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
numbers = st.lists(st.floats(-3, 3, width=32), min_size=6, max_size=6)


def test_six_numbers_are_made_a_rotation_as_worked_out_by_hand() -> None:
    # first (0, 2, 0) -> y; second (1, 5, 0) loses its share of y -> x; the third is y cross x = -z
    found = matrix_from_6d(torch.tensor([0.0, 2, 0, 1, 5, 0]))
    torch.testing.assert_close(found, torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]]))


def test_a_vector_along_z_of_a_right_angle_turns_x_to_y() -> None:
    found = matrix_from_axis_angle(torch.tensor([0.0, 0, math.pi / 2]))
    torch.testing.assert_close(found, QUARTER_ABOUT_Z, atol=1e-6, rtol=0)
    torch.testing.assert_close(axis_angle_from_matrix(QUARTER_ABOUT_Z), torch.tensor([0.0, 0, math.pi / 2]))


@settings(max_examples=30, deadline=None)
@given(numbers)
def test_whatever_the_six_numbers_a_rotation_comes_of_them(six: list[float]) -> None:
    first, second = torch.tensor(six, dtype=torch.float64).split(3)
    if float(torch.linalg.cross(first, second).norm()) < 1e-3:
        return  # parallel ones mean no rotation
    found = matrix_from_6d(torch.cat((first, second)))
    torch.testing.assert_close(found @ found.T, torch.eye(3, dtype=torch.float64), atol=1e-9, rtol=0)
    assert float(torch.linalg.det(found)) == pytest.approx(1, abs=1e-9)


def test_lengths_and_lean_of_the_two_columns_do_not_matter() -> None:
    torch.manual_seed(0)
    six = torch.randn(5, 6, dtype=torch.float64)
    other = torch.cat((3 * six[:, :3], 0.5 * six[:, 3:] + 2 * six[:, :3]), dim=1)
    torch.testing.assert_close(matrix_from_6d(other), matrix_from_6d(six))


def test_every_form_leads_there_and_back() -> None:
    torch.manual_seed(1)
    vector = torch.randn(2, 7, 3, dtype=torch.float64)  # shorter than pi, with few exceptions that are cut
    vector = vector * (3.0 / vector.norm(dim=-1, keepdim=True)).clamp(max=1)
    matrix = matrix_from_axis_angle(vector)
    torch.testing.assert_close(axis_angle_from_matrix(matrix), vector)
    torch.testing.assert_close(matrix_from_6d(sixd_from_matrix(matrix)), matrix)


def test_no_turn_is_no_vector_and_has_the_gradient_of_a_small_one() -> None:
    vector = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    matrix = matrix_from_axis_angle(vector)
    torch.testing.assert_close(matrix, torch.eye(3, dtype=torch.float64))
    assert torch.autograd.grad(matrix[1, 0], vector)[0].tolist() == [0, 0, 1]  # turning about z moves x to y
    assert axis_angle_from_matrix(torch.eye(3)).tolist() == [0, 0, 0]


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(2)
    six = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    vector = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(matrix_from_6d, (six,))
    assert torch.autograd.gradcheck(matrix_from_axis_angle, (vector,))


def test_other_shapes_are_refused() -> None:
    for function, shape in (
        (matrix_from_6d, (2, 5)),
        (sixd_from_matrix, (2, 3)),
        (matrix_from_axis_angle, (4,)),
        (axis_angle_from_matrix, (3, 2)),
    ):
        with pytest.raises(ShapeError, match="end in the shape"):
            function(torch.zeros(shape))
