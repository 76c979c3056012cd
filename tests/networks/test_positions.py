"""Positions: worked values of both kinds, scores that depend on offsets alone, stretching to other crops."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import ConfigError
from poserep.networks.positions import Positions, Rotation, angles, resized, rotate, rows_and_columns, sincos


def rotation(row: float, column: float, width: int) -> Rotation:
    angle = angles(torch.tensor([[row, column]]), width)[None, None]
    return Rotation(angle.cos(), angle.sin())


def test_the_first_half_of_a_head_turns_by_the_row_and_the_second_by_the_column() -> None:
    # E = 8, so D = 4: frequencies 100^0 = 1 and 100^(-2/4) = 0.1, each for a pair of channels i and i + 2
    found = angles(torch.tensor([[3.0, 5.0]]), 8)
    torch.testing.assert_close(found, torch.tensor([[3.0, 0.3, 3.0, 0.3, 5.0, 0.5, 5.0, 0.5]]))


def test_a_pair_of_channels_is_turned_by_hand() -> None:
    x = torch.tensor([1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0]).view(1, 1, 1, 8)
    found = rotate(x, rotation(3.0, 5.0, 8))[0, 0, 0]
    wanted = [math.cos(3), -2 * math.sin(0.3), math.sin(3), 2 * math.cos(0.3)]  # (1, 0) by 3; (0, 2) by 0.3
    wanted += [-3 * math.sin(5), 0.0, 3 * math.cos(5), 0.0]  # (0, 3) by 5
    torch.testing.assert_close(found, torch.tensor(wanted))


@given(places=st.tuples(*[st.integers(0, 13)] * 4), move=st.tuples(st.integers(-9, 9), st.integers(-9, 9)))
def test_scores_depend_on_offsets_alone(places: tuple[int, int, int, int], move: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 1, 1, 16, generator=generator, dtype=torch.float64)

    def score(by: tuple[int, int]) -> torch.Tensor:
        here = rotation(places[0] + by[0], places[1] + by[1], 16)
        there = rotation(places[2] + by[0], places[3] + by[1], 16)
        return (rotate(q, here) * rotate(k, there)).sum()

    torch.testing.assert_close(score((0, 0)), score(move), atol=1e-4, rtol=1e-4)


def test_turning_keeps_lengths_and_sends_the_right_gradient() -> None:
    x = torch.randn(2, 3, 1, 8, dtype=torch.float64, requires_grad=True)
    turn = Rotation(*(part.double() for part in rotation(2.0, 7.0, 8)))
    torch.testing.assert_close(rotate(x, turn).norm(dim=-1), x.norm(dim=-1), atol=1e-6, rtol=1e-6)
    assert torch.autograd.gradcheck(lambda value: rotate(value, turn), x)


def test_sines_and_cosines_of_the_column_come_before_those_of_the_row() -> None:
    # D = 8: rates 1 and 10000^(-1/2) = 0.01; patch 5 of a square of 3 is row 1, column 2
    found = sincos(3, 8)[5]
    wanted = [math.sin(2), math.sin(0.02), math.cos(2), math.cos(0.02)]
    wanted += [math.sin(1), math.sin(0.01), math.cos(1), math.cos(0.01)]
    torch.testing.assert_close(found, torch.tensor(wanted))
    assert rows_and_columns(3)[5].tolist() == [1, 2]


def test_stretching_keeps_a_square_of_its_size_and_what_is_constant_and_follows_a_slope() -> None:
    table = sincos(4, 16)
    assert resized(table, 4) is table
    torch.testing.assert_close(resized(torch.ones(16, 3), 7), torch.ones(49, 3))
    slope = rows_and_columns(8)  # row and column themselves
    finer = resized(slope, 16).view(16, 16, 2)
    middle = (torch.arange(16) + 0.5) / 2 - 0.5  # where the centres of the finer patches lie
    torch.testing.assert_close(finer[4:12, 8, 0], middle[4:12], atol=0.05, rtol=0)  # bicubic, so not quite


def test_some_patches_have_the_positions_that_they_have_among_all() -> None:
    which = torch.tensor([[0, 3, 8], [1, 2, 7]])
    added = Positions(3, 8, 2, rotary=False)
    x = torch.zeros(2, 9, 8)
    torch.testing.assert_close(added.add(x)[torch.arange(2)[:, None], which], added.add(x[:, :3], which))
    assert added.rotation() is None
    turned = Positions(3, 8, 2, rotary=True)
    assert turned.add(x) is x
    whole, part = turned.rotation(), turned.rotation(which)
    assert torch.equal(part.cos[1, 0], whole.cos[0, 0][which[1]])
    assert part.sin.shape == (2, 1, 3, 4)


def test_positions_made_for_other_crops_are_stretched() -> None:
    assert torch.equal(Positions(6, 8, 2, rotary=False, made_for=3).table, resized(sincos(3, 8), 6))


def test_widths_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ConfigError, match="the width of a head must be a multiple of 4"):
        angles(torch.zeros(1, 2), 6)
    with pytest.raises(ConfigError, match="the width of tokens must be a multiple of 4"):
        sincos(2, 10)
