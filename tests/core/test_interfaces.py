import math

import numpy as np
import pytest
from pydantic import ValidationError

from poserep.core.interfaces import Clip, Component, Options, Roles, declared


class Some(Options):
    """Options."""

    rate: float = 0.5
    """How fast."""


def test_options_refuse_unknown_keys() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Some.model_validate({"ratte": 1.0})


@pytest.mark.parametrize("value", ["1", True, math.nan, math.inf, None])
def test_options_take_no_value_of_another_type_and_no_infinity(value: object) -> None:
    with pytest.raises(ValidationError):
        Some.model_validate({"rate": value})


def test_a_whole_number_is_a_number() -> None:
    assert Some.model_validate({"rate": 1}).rate == 1.0


def test_options_are_frozen_and_documented_by_the_sentence_under_each() -> None:
    with pytest.raises(ValidationError):
        Some().rate = 1.0
    assert Some.model_fields["rate"].description == "How fast."


def test_declared_names_may_depend_on_the_options() -> None:
    assert declared(("frame",), Some()) == ("frame",)
    assert declared(lambda options: ("frame",) * int(2 * options.rate), Some()) == ("frame",)


def test_a_component_states_nothing_unless_it_does() -> None:
    component = Component(kind="loss", name="x", options=Some, build=lambda o, c: None)
    assert component.reads == component.writes == component.roles == ()
    assert component.facts(Some()) == {}


def test_a_role_covers_its_numbered_siblings() -> None:
    roles = Roles(("reference", "positive", "negative_1", "negative_2"))
    assert roles.index("positive") == 1
    assert roles.family("negative") == [2, 3]
    assert roles.family("reference") == [0]
    assert roles.missing(("reference", "negative", "intermediate")) == ["intermediate"]


def test_a_clip_is_as_long_as_its_times() -> None:
    assert len(Clip("a", "", "a", "left", "train", np.arange(5) / 10)) == 5
