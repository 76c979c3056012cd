import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context, Roles
from poserep.plugins.losses.triplet import Triplet, TripletOptions, triplet

ROLES = Roles(("reference", "positive", "negative"))


def loss(variant: torch.Tensor, roles: Roles = ROLES, **options: object) -> torch.Tensor:
    return Triplet(TripletOptions.model_validate(options), Context(crop_size=8))(variant=variant, roles=roles)


def test_worked_values_of_unit_latents() -> None:
    # Squared distances of unit vectors: 0 if equal, 2 at a right angle, 4 if opposite.
    ahead, aside, back = [3.0, 0], [0.0, 5], [-1.0, 0]
    for tuple_T2, wanted in (
        ((ahead, ahead, aside), 0.0),  # 0 - 2 + 0.2 < 0
        ((ahead, ahead, ahead), 0.2),
        ((ahead, aside, back), 0.0),
        ((ahead, aside, ahead), 2.2),
        ((ahead, back, aside), 2.2),
    ):
        assert float(loss(torch.tensor([tuple_T2]))) == pytest.approx(wanted)


def test_worked_value_of_latents_as_they_are() -> None:
    # |(0,0) - (1,2)|^2 - |(0,0) - (2,0)|^2 + 0.5 = 5 - 4 + 0.5
    variant = torch.tensor([[[0.0, 0], [1, 2], [2, 0]]])
    assert float(loss(variant, normalise=False, margin=0.5)) == pytest.approx(1.5)


def test_lengths_of_latents_and_a_turn_of_their_space_do_not_matter() -> None:
    torch.manual_seed(0)
    variant = torch.randn(5, 3, 6)
    turned = (variant * (torch.rand(5, 3, 1) + 0.5)) @ torch.linalg.qr(torch.randn(6, 6)).Q
    assert torch.allclose(loss(variant), loss(turned), atol=1e-6)


def test_several_negatives_are_averaged() -> None:
    variant = torch.tensor([[[1.0, 0], [1, 0], [1, 0], [0, 1]]])
    roles = Roles(("reference", "positive", "negative_1", "negative_2"))
    assert float(loss(variant, roles)) == pytest.approx(0.1)


def test_gradient_is_right_and_ends_where_the_margin_is_kept() -> None:
    torch.manual_seed(0)
    variant = torch.randn(4, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, margin=5.0), variant)
    near, far = torch.tensor([1.0, 0.0], requires_grad=True), torch.tensor([1.0, 2.0], requires_grad=True)
    triplet(near, far, 0.2).sum().backward()
    assert near.grad.tolist() == [1, 0]
    assert far.grad.tolist() == [-1, 0]


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="variant: expected"):
        loss(torch.zeros(3, 6))
