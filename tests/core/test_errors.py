import pytest

from poserep.core.errors import (
    ConfigError,
    DataError,
    DivergedError,
    PluginError,
    PoserepError,
    Problem,
    ShapeError,
)


def test_an_error_tells_what_where_and_what_to_do() -> None:
    assert str(PoserepError("no such file", where="a.toml:3", hint="make one")) == (
        "no such file\n  at   a.toml:3\n  hint make one"
    )


def test_an_error_without_place_and_hint_is_one_line() -> None:
    assert str(PoserepError("no such file")) == "no such file"


@pytest.mark.parametrize(
    ("kind", "code"),
    [(PoserepError, 1), (ConfigError, 2), (PluginError, 3), (ShapeError, 3), (DataError, 4), (DivergedError, 5)],
)
def test_each_kind_of_error_has_its_exit_code(kind: type[PoserepError], code: int) -> None:
    assert kind.exit_code == code
    assert issubclass(kind, PoserepError)


def test_one_problem_is_the_error_itself() -> None:
    error = ConfigError.of([Problem("bad", "a.toml:1", "mend it")])
    assert (error.what, error.where, error.hint) == ("bad", "a.toml:1", "mend it")
    assert error.problems == (Problem("bad", "a.toml:1", "mend it"),)


def test_several_problems_are_all_told() -> None:
    error = ConfigError.of([Problem("bad", "a.toml:1"), Problem("worse", "a.toml:2", "mend it")])
    assert error.what == "2 problems"
    assert str(error) == "bad\n  at   a.toml:1\nworse\n  at   a.toml:2\n  hint mend it"
