import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.core.select import boxes_of, select


def test_rows_are_taken_from_their_own_tuple_in_the_order_asked_for() -> None:
    x = torch.arange(8).view(2, 4)
    assert select(x, torch.tensor([[3, 0], [1, 1]])).tolist() == [[3, 0], [5, 5]]


def test_further_axes_are_carried_along() -> None:
    x = torch.rand(2, 4, 3, 5, 6)
    assert torch.equal(select(x, torch.tensor([[2], [0]])), torch.stack([x[0, 2:3], x[1, :1]]))


def test_gradient_is_added_where_a_frame_is_taken_twice() -> None:
    x = torch.zeros(1, 3, requires_grad=True)
    select(x, torch.tensor([[1, 1, 2]])).sum().backward()
    assert x.grad.tolist() == [[0, 2, 1]]


def test_targets_of_another_number_of_tuples_are_refused() -> None:
    with pytest.raises(ShapeError, match="B is 3 here, but 2 in frames"):
        select(torch.zeros(2, 4, 5), torch.zeros(3, 1, dtype=torch.int64))


def test_boxes_of_a_frame_lie_together_frame_by_frame() -> None:
    target = torch.tensor([[2, 0], [1, 1]])
    assert boxes_of(target, 2).tolist() == [[4, 5, 0, 1], [2, 3, 2, 3]]
    assert torch.equal(boxes_of(target, 1), target)
