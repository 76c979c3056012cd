import pytest
import torch
from pydantic import ValidationError

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context
from poserep.plugins.losses.box_prior import BoxPrior, BoxPriorOptions


def prior(box: torch.Tensor, **options: object) -> torch.Tensor:
    return BoxPrior(BoxPriorOptions(**options), Context(crop_size=8))(box=box)


def test_a_mean_on_target_costs_nothing_whatever_the_single_boxes() -> None:
    box = torch.tensor([[[0.25, 0.75, -0.5, 0.25], [0.75, 0.25, 0.5, -0.25]]])
    assert float(prior(box)) == 0


def test_size_and_centre_cost_their_mean_squares() -> None:
    box = torch.tensor([[[0.7, 0.5, 0.4, 0.0]]])
    assert float(prior(box)) == pytest.approx(0.02 + 0.08)
    assert float(prior(box, centre=False)) == pytest.approx(0.02)
    assert float(prior(box, centre=False, size=(0.7, 0.5))) == pytest.approx(0)


def test_the_order_of_boxes_does_not_matter() -> None:
    torch.manual_seed(0)
    box = torch.rand(3, 4, 4)
    assert torch.allclose(prior(box), prior(box.transpose(0, 1).flip(0)))


def test_gradient_is_right_and_equal_for_every_box() -> None:
    box = torch.tensor([[[0.2, 0.5, 0.4, 0.1], [0.3, 0.9, 0.2, 0.0]]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(prior, box)
    (slope,) = torch.autograd.grad(prior(box), box)
    assert torch.equal(slope[0, 0], slope[0, 1])


def test_other_shapes_and_sizes_beyond_the_frame_are_refused() -> None:
    with pytest.raises(ShapeError, match="box: expected"):
        prior(torch.zeros(2, 4))
    with pytest.raises(ValidationError):
        BoxPriorOptions(size=(0.5, 1.5))
