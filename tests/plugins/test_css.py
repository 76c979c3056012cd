import math

import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context, Roles
from poserep.plugins.losses.css import CSS, CSSOptions, info_nce

ROLES = Roles(("reference", "positive", "negative_1", "negative_2"))
CONTEXT = Context(crop_size=8)


def css(variant: torch.Tensor, temperature: float = 1.0, roles: Roles = ROLES) -> torch.Tensor:
    return CSS(CSSOptions(temperature=temperature), CONTEXT)(variant=variant, roles=roles)


def test_a_perfect_tuple_still_costs_what_the_softmax_leaves() -> None:
    variant = torch.tensor([[[1.0, 0], [3, 0], [0, 1], [0, 2]]], dtype=torch.float64)
    assert float(css(variant)) == pytest.approx(math.log(math.e + 2) - 1)
    assert float(css(variant, temperature=0.1)) == pytest.approx(math.log(math.exp(10) + 2) - 10)


def test_equal_candidates_cost_the_log_of_their_number() -> None:
    assert float(info_nce(torch.full((1, 3), 0.4))) == pytest.approx(math.log(3))


def test_lengths_of_latents_and_the_order_of_negatives_do_not_matter() -> None:
    torch.manual_seed(0)
    variant = torch.randn(5, 4, 6)
    changed = variant[:, [0, 1, 3, 2]] * (torch.rand(5, 4, 1) + 0.5)
    assert torch.allclose(css(variant), css(changed))


def test_one_negative_is_enough() -> None:
    variant = torch.tensor([[[1.0, 0], [1, 0], [1, 0]]])
    assert float(css(variant, roles=Roles(("reference", "positive", "negative")))) == pytest.approx(math.log(2))


def test_gradient_is_right_and_pulls_the_positive() -> None:
    torch.manual_seed(0)
    variant = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(css, variant)
    similarity = torch.zeros(1, 3, requires_grad=True)
    info_nce(similarity).sum().backward()
    assert torch.allclose(similarity.grad, torch.tensor([[-2 / 3, 1 / 3, 1 / 3]]))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="variant: expected"):
        css(torch.zeros(4, 6))
