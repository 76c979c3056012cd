import json
from pathlib import Path

import pytest

from poserep.core.compose import Composition, compose
from poserep.core.errors import DataError
from poserep.core.pipeline import Model
from poserep.core.registry import Registry
from poserep.tests.fakes.tiny import TINY
from poserep.tests.fakes.toy import toy
from poserep.verbs.compose import describe, show


@pytest.fixture(scope="module")
def composition() -> Composition:
    sets = (*TINY, "phases.a={steps=3, losses=['box']}", "phases.b={steps=4}")
    return compose("temporal", Registry(installed=()), sets=sets)


def test_a_description_is_json_and_holds_the_wiring(composition: Composition) -> None:
    description = describe(composition)
    assert json.loads(json.dumps(description)) == description
    assert [row["role"] for row in description["wiring"]] == [wire.role for wire in composition.wires]
    assert description["facts"] == {"joints": 17, "variant": 8, "invariant": 4}
    assert [(phase["name"], phase["steps"], list(phase["losses"])) for phase in description["phases"]] == [
        ("a", 3, ["box"]),
        ("b", 4, ["reconstruction", "contrast", "box"]),
    ]
    assert description["phases"][0]["sampler"] == "temporal"


def test_every_weight_is_counted_once(tmp_path: Path) -> None:
    composition = toy(tmp_path, uses=("losses.foe=adversary",))
    rows = {row["role"]: row["parameters"] for row in describe(composition)["wiring"]}
    assert sum(rows.values()) == sum(p.numel() for p in Model(composition).parameters())
    assert rows["losses.foe"] == rows["losses.time"] == 5
    assert rows["sampler"] == 0


def test_what_is_shown_names_every_part_phase_and_number(
    composition: Composition, capsys: pytest.CaptureFixture[str]
) -> None:
    show(composition, describe(composition))
    out = capsys.readouterr().out
    for wire in composition.wires:
        assert wire.role in out
    assert "phase a: 3 steps, tuples by temporal, total = 1 box" in out
    assert "probe: mlp on variant with 100, 500, all labels" in out
    assert "crop 16 px · joints 17, variant 8, invariant 4 · wiring checked: 15 fields" in out


def test_weights_that_are_not_there_are_told(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    composition = compose("temporal", Registry(installed=()), sets=(*TINY, f'detector.weights="{path}"'))
    with pytest.raises(DataError) as caught:
        describe(composition)
    assert str(path) in str(caught.value)
