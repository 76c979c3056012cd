import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import ShapeError
from poserep.core.interfaces import Context, Roles
from poserep.plugins.losses.gravity import Gravity, GravityOptions, acceleration_term, order_term, scale_term

ROLES = Roles(("first", "second", "third", "fourth"))
TIMES = torch.arange(4, dtype=torch.float64)
number = st.floats(-1, 1)


def drop() -> torch.Tensor:
    """A box of constant size that falls as a body does, seen from the side: (1, 4, 4)."""
    height = -0.8 + 0.02 * TIMES + 0.5 * 0.1 * TIMES.square()
    size = torch.full((4,), 0.3, dtype=torch.float64)
    return torch.stack([size, 1.5 * size, 0.1 * size, height], dim=1)[None]


def gravity(box: torch.Tensor, **options: float) -> torch.Tensor:
    return Gravity(GravityOptions(**options), Context(crop_size=8))(box=box, roles=ROLES)


def test_terms_have_the_values_of_the_equations() -> None:
    y = torch.tensor([[0.0, 0.0, 0.0, 0.5]])
    assert float(acceleration_term(y)) == 0.25
    assert float(order_term(y, 1, 0.01)) == pytest.approx(0.02)
    assert float(order_term(y, -1, 0.01)) == pytest.approx(0.02 + 0.51)
    s = torch.tensor([[[0.2, 0.4], [0.3, 0.4], [0.3, 0.4], [0.3, 0.6]]])
    assert float(scale_term(s)) == pytest.approx(0.01 + 0.04)


@given(number, number, number)
def test_constant_acceleration_costs_nothing(a: float, b: float, c: float) -> None:
    y = (a * TIMES.square() + b * TIMES + c)[None]
    assert float(acceleration_term(y)) == pytest.approx(0, abs=1e-20)


def test_changing_acceleration_costs() -> None:
    assert float(acceleration_term(TIMES.pow(3)[None])) == 36


def test_a_drop_costs_nothing_and_its_reverse_only_in_order() -> None:
    assert float(gravity(drop())) == pytest.approx(0, abs=1e-12)
    assert float(gravity(drop().flip(1))) > 0.1
    assert float(gravity(drop().flip(1), order=0.0)) == pytest.approx(0, abs=1e-12)
    assert float(gravity(drop().flip(1), down=-1)) == pytest.approx(0, abs=1e-12)


def test_where_the_body_falls_does_not_matter_but_its_size_must_stay() -> None:
    moved = drop() + torch.tensor([0.2, 0.1, 0.4, 0.3])
    assert float(gravity(moved)) == pytest.approx(0, abs=1e-12)
    grown = drop()
    grown[0, 3, 0] += 0.1
    assert float(gravity(grown)) == pytest.approx(0.01)
    assert float(gravity(grown, scale=0.0)) == pytest.approx(0, abs=1e-12)


def test_roles_are_found_by_name() -> None:
    loss = Gravity(GravityOptions(), Context(crop_size=8))
    assert float(loss(box=drop().flip(1), roles=Roles(ROLES.names[::-1]))) == pytest.approx(0, abs=1e-12)


def test_gradient_is_right() -> None:
    torch.manual_seed(0)
    box = torch.rand(2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gravity, box)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match="that axis must be 4"):
        gravity(torch.zeros(2, 4, 3))
