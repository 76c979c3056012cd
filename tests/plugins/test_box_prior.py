import pytest
import torch
from pydantic import ValidationError

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context
from poserep.plugins.losses.box_prior import BoxPrior, BoxPriorOptions


def prior(box: torch.Tensor, subjects: int = 1, **options: object) -> torch.Tensor:
    return BoxPrior(BoxPriorOptions(**options), Context(crop_size=8, facts={"subjects": subjects}))(box=box)


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


def test_each_of_several_subjects_has_the_size_and_all_have_the_centre() -> None:
    # one frame, a large box on the left and a small one on the right: their mean is on target, they are not
    box = torch.tensor([[[0.8, 0.5, -0.4, 0.0], [0.2, 0.5, 0.4, 0.0]]])
    assert float(prior(box)) == pytest.approx(0)
    assert float(prior(box, subjects=2)) == pytest.approx((0.09 + 0 + 0.09 + 0) / 4)
    # in another frame they are the other way round: each subject's mean is on target
    assert float(prior(torch.cat((box, box.flip(1))), subjects=2)) == pytest.approx(0, abs=1e-7)
    aside = box + torch.tensor([0.0, 0.0, 0.2, 0.0])
    assert float(prior(aside, subjects=2) - prior(aside, subjects=2, centre=False)) == pytest.approx(0.02)


def test_the_order_of_subjects_does_not_matter_and_the_gradient_is_right() -> None:
    torch.manual_seed(0)
    box = torch.rand(2, 6, 4, dtype=torch.float64, requires_grad=True)
    turned = box.unflatten(1, (3, 2)).flip(2).flatten(1, 2)
    assert torch.allclose(prior(box, subjects=2), prior(turned, subjects=2))
    assert torch.autograd.gradcheck(lambda x: prior(x, subjects=2), box)
