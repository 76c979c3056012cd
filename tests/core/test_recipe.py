import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.config import to_toml
from poserep.core.errors import ConfigError, Problem
from poserep.core.recipe import Source, override, parse_value, read, shipped

TEXT = """name = "own"

[detector]
use = "stn"
channels = [8, 8]

[losses.contrast]
use = "dsl"
weight = 0.5
threshold_s = 2.0

[losses.box]
use = "box_prior"

[training]
steps = 5

[probe]
head = { use = "mlp", hidden = 8 }
"""


def fresh() -> tuple[dict[str, object], Source]:
    return tomllib.loads(TEXT), Source("own.toml", TEXT)


def problems(**flags: list[str]) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        override(*fresh(), **flags)
    return caught.value.problems


def changed(**flags: list[str]) -> dict[str, object]:
    data, source = fresh()
    override(data, source, **flags)
    return data


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("name", "own.toml:1"),
        ("detector", "own.toml:3"),
        ("detector.channels", "own.toml:5"),
        ("detector.modell", "own.toml:3"),
        ("losses.contrast.weight", "own.toml:9"),
        ("losses.box", "own.toml:12"),
        ("probe.head.hidden", "own.toml:19"),
        ("encoder", "own.toml"),
    ],
)
def test_a_value_is_found_by_its_line_or_the_nearest_table(path: str, place: str) -> None:
    assert fresh()[1].locate(path.split(".")) == place


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("training.steps", "--set training.steps=9"),
        ("training.batch", "own.toml:15"),
        ("losses.contrast", "--use losses.contrast=css"),
        ("losses.contrast.use", "--use losses.contrast=css"),
        ("losses.contrast.threshold_s", "--use losses.contrast=css"),
        ("trainig", "--set trainig.batch=2"),
        ("losses.box", "--drop losses.box"),
    ],
)
def test_a_value_that_a_flag_set_is_found_by_the_flag(path: str, place: str) -> None:
    data, source = fresh()
    sets = ["training.steps=9", "trainig.batch=2"]
    override(data, source, sets=sets, uses=["losses.contrast=css"], drops=["losses.box"])
    assert source.locate(path.split(".")) == place


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("2e-3", 2e-3),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ('"two words"', "two words"),
        ("{ a = 1 }", {"a": 1}),
        ("bare", "bare"),
        ("clips/one.mp4", "clips/one.mp4"),
        ("two words", "two words"),
        ("", ""),
    ],
)
def test_a_value_is_toml_and_what_is_not_is_text(text: str, value: object) -> None:
    assert parse_value(text) == value


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(VALUES)
def test_every_value_can_be_given_on_the_command_line(value: object) -> None:
    text = to_toml({"value": value}).removeprefix("value = ")
    assert parse_value(text) == value


def test_a_value_is_set_and_tables_are_made_on_the_way() -> None:
    data = changed(sets=["training.batch=4", "phases.first.steps=3"])
    assert data["training"] == {"steps": 5, "batch": 4}
    assert data["phases"] == {"first": {"steps": 3}}


def test_a_swap_forgets_the_options_but_keeps_a_losss_weight() -> None:
    data = changed(uses=["losses.contrast=css", "detector=full_frame"])
    assert data["losses"]["contrast"] == {"use": "css", "weight": 0.5}
    assert data["detector"] == {"use": "full_frame"}


def test_a_swap_may_add_a_part() -> None:
    assert changed(uses=["losses.fall=gravity"])["losses"]["fall"] == {"use": "gravity"}


def test_what_is_dropped_is_gone() -> None:
    data = changed(drops=["losses.box", "detector"])
    assert "box" not in data["losses"]
    assert "detector" not in data


def test_drops_come_first_then_swaps_then_values_whatever_their_order() -> None:
    flags = {"sets": ["losses.box.weight=2.0"], "uses": ["losses.box=css"], "drops": ["losses.box"]}
    assert changed(**flags)["losses"]["box"] == {"use": "css", "weight": 2.0}


@given(st.permutations(["training.steps=1", "losses.box.weight=2.0", "crop_size=8", "losses.box.size=[0.1, 0.2]"]))
def test_the_order_of_values_does_not_matter(sets: list[str]) -> None:
    assert changed(sets=sets) == changed(sets=sorted(sets))


@pytest.mark.parametrize(
    ("role", "hint"),
    [
        ("losses.contrst", "did you mean 'losses.contrast'?"),
        ("zzz", "this recipe has: detector, losses.contrast, losses.box, probe.head"),
        ("training.steps.deep", "this recipe has: detector, losses.contrast, losses.box, probe.head"),
    ],
)
def test_what_is_not_there_cannot_be_dropped(role: str, hint: str) -> None:
    assert problems(drops=[role]) == (Problem(f"there is no {role!r} to drop", f"--drop {role}", hint),)


@pytest.mark.parametrize("flag", ["sampler", "sampler=", "=css", "name.x=css", "losses..x=css"])
def test_a_swap_that_says_too_little_is_refused(flag: str) -> None:
    hint = "write --use ROLE=NAME, as losses.contrast=css"
    assert problems(uses=[flag]) == (Problem(f"{flag!r} does not swap a part", f"--use {flag}", hint),)


@pytest.mark.parametrize("flag", ["training.steps", "=3", "training.steps.deep=3", "a..b=3"])
def test_a_value_without_a_place_is_refused(flag: str) -> None:
    hint = "write --set KEY=VALUE, as training.steps=500"
    assert problems(sets=[flag]) == (Problem(f"{flag!r} does not set a value", f"--set {flag}", hint),)


def test_every_bad_flag_is_told_at_once() -> None:
    found = problems(sets=["x"], uses=["y"], drops=["z"])
    assert [problem.where for problem in found] == ["--drop z", "--use y", "--set x"]


def test_a_recipe_is_read_by_name_or_by_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(TEXT)
    assert read(path)[0] == tomllib.loads(TEXT)
    assert read("temporal")[0]["name"] == "temporal"
    assert read("temporal")[1].name == "temporal.toml"
    assert read(path)[1].name == str(path)


def test_a_recipe_of_an_outside_package_is_read_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(TEXT)
    installed = shipped() | {"pack/own": path}
    assert read("pack/own", installed)[1].name == str(path)
    assert read("temporal", installed)[1].name == "temporal.toml"
    with pytest.raises(ConfigError) as caught:
        read("pack/owm", installed)
    assert caught.value.hint == "did you mean 'pack/own'?"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("temporl", "did you mean 'temporal'?"), ("zzz", "`poserep recipes list` names them all")],
)
def test_an_unknown_recipe_has_a_near_name_or_the_list(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(name)
    assert caught.value.what == f"there is no recipe {name!r} (No such file or directory)"
    assert caught.value.hint == hint


def test_a_folder_or_a_picture_is_no_recipe(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG\xff")
    for path, reason in ((tmp_path, "Is a directory"), (picture, "not text")):
        with pytest.raises(ConfigError) as caught:
            read(path)
        assert caught.value.what == f"there is no recipe {str(path)!r} ({reason})"


def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("name = 'x'\nsteps = = 3\n")
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert caught.value.what.startswith("not valid TOML: ")
    assert "line 2" in caught.value.what
    assert caught.value.where == str(path)


def test_every_shipped_recipe_bears_the_name_of_its_file() -> None:
    for name in shipped():
        data, _ = read(name)
        assert data["name"] == name
        assert data["summary"]
