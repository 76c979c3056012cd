import math
from pathlib import Path

import pytest
import torch

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context, Roles
from poserep.plugins.losses.css_in_batch import CSSInBatchOptions, build
from poserep.plugins.losses.css_in_batch_net import CSSInBatch, in_batch_nce
from poserep.tests.fakes.two import in_two_processes

ROLES = Roles(("reference", "positive"))


def loss(width: int, **options: object) -> CSSInBatch:
    torch.manual_seed(0)
    return build(CSSInBatchOptions.model_validate(options), Context(crop_size=8, facts={"variant": width}))


def css(variant: torch.Tensor, **options: object) -> torch.Tensor:
    return loss(variant.shape[-1], **options).to(variant.dtype)(variant=variant, roles=ROLES)


def test_two_tuples_at_right_angles_cost_what_the_softmax_leaves() -> None:
    variant = torch.tensor([[[1.0, 0], [3, 0]], [[0, 2], [0, 1]]], dtype=torch.float64)
    assert float(css(variant)) == pytest.approx(math.log(math.e + 1) - 1)
    assert float(css(variant, temperature=0.1)) == pytest.approx(math.log(math.exp(10) + 1) - 10)


def test_equal_scores_cost_the_log_of_the_batch() -> None:
    assert float(css(torch.ones(5, 2, 3))) == pytest.approx(math.log(5))


def test_the_positive_stands_where_it_is_said_to() -> None:
    score = torch.tensor([[0.0, math.log(3.0)]])
    assert float(in_batch_nce(score, torch.tensor([1]))) == pytest.approx(math.log(4 / 3))
    assert float(in_batch_nce(score, torch.tensor([0]))) == pytest.approx(math.log(4))


def test_the_bilinear_score_is_a_product_with_its_matrix() -> None:
    part = loss(2, score="bilinear")
    with torch.no_grad():
        part.matrix.weight.copy_(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))  # z -> (z_2, 0)
    variant = torch.tensor([[[5.0, 1.0], [2.0, 9.0]], [[5.0, 0.0], [1.0, 9.0]]])
    # scores (2, 1) of the first reference, (0, 0) of the second
    assert part(variant=variant, roles=ROLES).item() == pytest.approx((math.log(1 + math.exp(-1)) + math.log(2)) / 2)


def test_lengths_of_latents_the_order_of_tuples_and_other_roles_do_not_matter() -> None:
    torch.manual_seed(0)
    variant = torch.randn(5, 2, 6)
    changed = variant.flip(0) * (torch.rand(5, 2, 1) + 0.5)
    assert torch.allclose(css(variant), css(changed))
    more = torch.cat([torch.randn(5, 1, 6), variant], dim=1)
    roles = Roles(("negative", "reference", "positive"))
    assert torch.allclose(css(variant), loss(6)(variant=more, roles=roles))


@pytest.mark.parametrize("score", ["cosine", "bilinear"])
def test_gradient_is_right(score: str) -> None:
    torch.manual_seed(0)
    variant = torch.randn(3, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: css(v, score=score), variant)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="variant: expected"):
        loss(6)(variant=torch.zeros(4, 6), roles=ROLES)


SHARED = """
from poserep.core.interfaces import Context, Roles
from poserep.plugins.losses.css_in_batch import CSSInBatchOptions, build


def measure(rows):
    torch.manual_seed(0)
    loss = build(CSSInBatchOptions(score="bilinear"), Context(crop_size=8, facts={"variant": 5}))
    variant = torch.randn(4, 2, 5)[rows].requires_grad_()
    value = loss(variant=variant, roles=Roles(("reference", "positive")))
    value.backward()
    return value.detach(), loss.matrix.weight.grad, variant.grad
"""


@pytest.mark.slow
def test_two_processes_have_each_others_negatives(tmp_path: Path) -> None:
    in_two_processes(tmp_path, SHARED)
