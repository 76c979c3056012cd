import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import ShapeError
from poserep.core.fields import FIELDS, expect, known


def test_every_field_says_its_axes_unit_and_meaning() -> None:
    for name, field in FIELDS.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert field.name == name
        assert re.fullmatch(r"([A-Zhw]|\d+)( ([A-Zhw]|\d+))*", field.axes), name
        assert field.unit
        assert field.meaning


def test_the_vocabulary_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        FIELDS["depth"] = FIELDS["frame"]  # a mapping that takes no items


def test_outside_fields_need_a_prefix() -> None:
    assert known("frame")
    assert known("mypackage:depth")
    assert not known("disparity")


def test_shapes_that_fit_pass() -> None:
    expect(("a", torch.zeros(2, 4, 3), "B T 3"), ("b", torch.zeros(2, 4), "B T"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([("a", (2, 4), "B T V")], "a: expected (B, T, V), got (2, 4): 3 axes wanted, 2 given"),
        ([("a", (2, 4), "B 3")], "a: expected (B, 3), got (2, 4): that axis must be 3"),
        ([("a", (2, 4), "B T"), ("b", (2, 5), "B T")], "b: expected (B, T), got (2, 5): T is 5 here, but 4 in a"),
    ],
)
def test_a_wrong_shape_is_named(arguments: list[tuple[str, tuple[int, ...], str]], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        expect(*((name, torch.zeros(shape), axes) for name, shape, axes in arguments))
    assert caught.value.what == message


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_tensor_agrees_with_itself(shape: list[int]) -> None:
    axes = " ".join("ABCD"[: len(shape)])
    expect(("a", torch.zeros(shape), axes), ("b", torch.ones(shape), axes))
