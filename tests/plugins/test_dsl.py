import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context, Roles
from poserep.plugins.losses.dsl import DSL, DSLOptions, closeness, pair_loss

ROLES = Roles(("reference", "positive", "intermediate", "negative"))
CONTEXT = Context(crop_size=8)


def pair(distance_s: float, similarity: float, **options: str) -> float:
    form = options.get("dissimilarity", "relu")
    loss = pair_loss(torch.tensor(similarity), closeness(torch.tensor(distance_s), 4.0), form)
    return float(loss)


@pytest.mark.parametrize(
    ("distance_s", "similarity", "wanted"),
    [(0, 1, 0), (0, 0, 1), (2, 0, 0.5), (2, 0.3, 0.5), (2, 1, 0.5), (4, 1, 1), (9, 1, 1), (4, 0, 0), (9, -0.5, 0)],
)
def test_a_pair_costs_what_equation_5_says(distance_s: float, similarity: float, wanted: float) -> None:
    assert pair(distance_s, similarity) == pytest.approx(wanted)


def test_forms_of_dissimilarity_differ_for_opposite_latents_only() -> None:
    assert pair(4, -0.5, dissimilarity="relu") == 0
    assert pair(4, -0.5, dissimilarity="abs") == 0.5
    assert pair(4, -0.5, dissimilarity="raw") == -0.5
    assert pair(1, 0.5, dissimilarity="relu") == pair(1, 0.5, dissimilarity="abs") == pair(1, 0.5, dissimilarity="raw")


@given(st.floats(0, 10), st.floats(0.01, 0.99))
def test_likeness_is_rewarded_up_to_half_the_threshold_and_punished_beyond(distance_s: float, value: float) -> None:
    similarity = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    weight = closeness(torch.tensor(distance_s, dtype=torch.float64), 4.0)
    (slope,) = torch.autograd.grad(pair_loss(similarity, weight, "relu"), similarity)
    assert float(slope) == pytest.approx(1 - 2 * max(0.0, 1 - distance_s / 4))


def test_opposite_latents_are_pulled_together_with_weight_w_and_left_alone_beyond_the_threshold() -> None:
    for distance_s, wanted in ((0.0, -1.0), (3.0, -0.25), (4.0, 0.0), (8.0, 0.0)):
        similarity = torch.tensor(-0.5, requires_grad=True)
        (slope,) = torch.autograd.grad(
            pair_loss(similarity, closeness(torch.tensor(distance_s), 4.0), "relu"), similarity
        )
        assert float(slope) == wanted


def test_a_tuple_costs_the_sum_of_its_three_pairs_with_the_reference() -> None:
    variant = torch.tensor([[[1.0, 0], [0, 1], [1, 1], [2, 0]]])
    time = torch.tensor([[5.0, 5.0, 4.0, 1.0]])
    half = 0.5**0.5
    wanted = 1 + (0.75 * (1 - half) + 0.25 * half) + 1
    assert float(DSL(DSLOptions(), CONTEXT)(variant=variant, time=time, roles=ROLES)) == pytest.approx(wanted)
    mean = DSL(DSLOptions(reduction="mean"), CONTEXT)(variant=variant, time=time, roles=ROLES)
    assert float(mean) == pytest.approx(wanted / 3)


def test_lengths_of_latents_and_the_origin_of_time_do_not_matter() -> None:
    torch.manual_seed(0)
    variant, time = torch.randn(3, 4, 5), 8 * torch.rand(3, 4)
    loss = DSL(DSLOptions(), CONTEXT)
    moved = loss(variant=variant * torch.rand(3, 4, 1).add(0.5), time=time + 7, roles=ROLES)
    assert torch.allclose(loss(variant=variant, time=time, roles=ROLES), moved, atol=1e-5)


def test_roles_are_found_by_name() -> None:
    torch.manual_seed(0)
    variant, time = torch.randn(3, 4, 5), 8 * torch.rand(3, 4)
    loss = DSL(DSLOptions(), CONTEXT)
    turned = loss(variant=variant.flip(1), time=time.flip(1), roles=Roles(ROLES.names[::-1]))
    assert torch.allclose(loss(variant=variant, time=time, roles=ROLES), turned)


def test_gradient_is_right() -> None:
    torch.manual_seed(0)
    variant = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    time = 8 * torch.rand(2, 4, dtype=torch.float64)
    loss = DSL(DSLOptions(), CONTEXT)
    assert torch.autograd.gradcheck(lambda v: loss(variant=v, time=time, roles=ROLES), variant)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="T is 3 here, but 4 in variant"):
        DSL(DSLOptions(), CONTEXT)(variant=torch.zeros(2, 4, 5), time=torch.zeros(2, 3), roles=ROLES)
