import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from poserep.core.compose import compose
from poserep.core.config import complete
from poserep.core.errors import ConfigError
from poserep.core.recipe import shipped
from poserep.core.registry import Registry
from poserep.tests.fakes.outside import install
from poserep.verbs.recipes import complete_text, list_rows, schema


def test_every_shipped_recipe_is_listed_with_its_summary() -> None:
    rows = list_rows(Registry(installed=()))
    assert [row["recipe"] for row in rows] == list(shipped())
    assert all(row["summary"] and row["package"] == "poserep" for row in rows)


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """An installed package that cannot be imported, with a recipe of its own, one under a shipped name, one broken."""
    monkeypatch.syspath_prepend(tmp_path)
    package = f"recipes_{request.node.name}"
    folder = install(tmp_path, package, "", __init__="raise RuntimeError") / "recipes"
    folder.mkdir()
    text = shipped()["dsl"].read_text(encoding="utf-8")
    for name in ("own", "temporal"):
        (folder / f"{name}.toml").write_text(
            re.sub("(?m)^name = .*", f'name = "{name}-outside"', text), encoding="utf-8"
        )
    (folder / "torn.toml").write_text("name = = 3", encoding="utf-8")
    return package


def test_outside_recipes_are_listed_after_the_shipped_ones(outside: str) -> None:
    rows = list_rows()[len(shipped()) :]
    assert [(row["recipe"], row["package"]) for row in rows] == [
        ("own", outside),
        (f"{outside}/temporal", outside),
        ("torn", outside),
    ]
    assert rows[0]["summary"] == tomllib.loads(shipped()["dsl"].read_text(encoding="utf-8"))["summary"]
    assert rows[2]["summary"].startswith("cannot be read: ")


def test_an_outside_recipe_is_composed_by_its_name(outside: str) -> None:
    assert compose("own").experiment.name == "own-outside"
    assert compose(f"{outside}/temporal").experiment.name == "temporal-outside"
    assert compose("temporal").experiment.name == "temporal"
    assert 'name = "own-outside"' in complete_text("own")
    with pytest.raises(ConfigError) as caught:
        compose("onw")
    assert caught.value.hint == "did you mean 'own'?"


def test_a_shown_recipe_is_complete_and_is_a_recipe(tmp_path: Path) -> None:
    text = complete_text("temporal", sets=["training.steps=7"], uses=["losses.contrast=css"], drops=["losses.box"])
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    data = complete(compose(path).resolved)
    assert data["training"]["steps"] == 7
    assert data["losses"]["contrast"]["temperature"] == 1.0
    assert "box" not in data["losses"]
    assert complete_text(str(path)) == text


def test_a_bad_recipe_is_not_shown() -> None:
    with pytest.raises(ConfigError):
        complete_text("temporal", sets=["training.stepz=7"])


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return schema(Registry(installed=()))


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def test_the_schema_is_json_whose_references_all_lead_somewhere(made: dict[str, Any]) -> None:
    assert json.loads(json.dumps(made)) == made
    assert references(made) <= {f"#/$defs/{name}" for name in made["$defs"]}
    assert "Part" not in made["$defs"]


def test_each_slot_is_a_choice_among_the_installed_parts(made: dict[str, Any]) -> None:
    assert made["properties"]["detector"] == {"$ref": "#/$defs/part.detector"}
    choices = {choice["properties"]["use"]["const"]: choice for choice in made["$defs"]["part.loss"]["oneOf"]}
    assert {"dsl", "css", "gravity"} <= set(choices)
    assert choices["dsl"]["additionalProperties"] is False
    assert {"use", "weight", "threshold_s"} <= set(choices["dsl"]["properties"])
    assert "description" in choices["dsl"]["properties"]["threshold_s"]


def check(value: Any, rule: dict[str, Any], whole: dict[str, Any]) -> bool:
    """As much of JSON schema as ours uses."""
    if "$ref" in rule:
        return check(value, whole["$defs"][rule["$ref"].removeprefix("#/$defs/")], whole)
    if "oneOf" in rule:
        return sum(check(value, choice, whole) for choice in rule["oneOf"]) == 1
    if "anyOf" in rule:
        return any(check(value, choice, whole) for choice in rule["anyOf"])
    if "const" in rule or "enum" in rule:
        return value in rule.get("enum", [rule.get("const")])
    if rule.get("type") == "object" and isinstance(value, dict):
        known, more = rule.get("properties", {}), rule.get("additionalProperties", True)
        for pattern, inner in rule.get("patternProperties", {}).items():
            known = known | {key: inner for key in value if re.search(pattern, key)}
        return set(rule.get("required", ())) <= set(value) and all(
            check(item, known[key], whole)
            if key in known
            else (check(item, more, whole) if isinstance(more, dict) else more)
            for key, item in value.items()
        )
    kinds = {"string": str, "integer": int, "number": (int, float), "array": list, "boolean": bool, "object": dict}
    return "type" not in rule or isinstance(value, kinds.get(rule["type"], type(None)))


@pytest.mark.parametrize("recipe", shipped())
def test_every_shipped_recipe_is_valid_by_the_schema(made: dict[str, Any], recipe: str) -> None:
    assert check(tomllib.loads(shipped()[recipe].read_text(encoding="utf-8")), made, made)


@pytest.mark.parametrize(
    "change",
    [
        {"crop_sise": 1},
        {"detector": {"use": "nope"}},
        {"detector": {"use": "stn", "modell": "x"}},
        {"losses": {"a": {}}},
        {"losses": {"A": {"use": "css"}}},
    ],
)
def test_what_is_no_recipe_is_invalid_by_the_schema(made: dict[str, Any], change: dict[str, Any]) -> None:
    data = tomllib.loads(shipped()["temporal"].read_text(encoding="utf-8"))
    assert not check(data | change, made, made)


def test_an_outside_part_is_in_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from poserep.tests.fakes.toy import registry

    names = [choice["properties"]["use"]["const"] for choice in schema(registry())["$defs"]["part.encoder"]["oneOf"]]
    assert "toy" in names
