import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poserep.core.compose import compose, wire
from poserep.core.config import complete, resolve
from poserep.core.recipe import Source
from poserep.core.registry import Registry
from poserep.core.study.stages import Stage, canonical, composition_of, key_of, stages_of, steps_of
from poserep.tests.fakes.outside import install, plugin

REGISTRY = Registry(installed=())
ROLES = ("background", "pretraining", "trained", "initial", "probe")


def stages(recipe: str = "temporal", *sets: str, split: str = "test", **flags: list[str]) -> dict[str, Stage]:
    composition = compose(recipe, REGISTRY, sets=[*sets, *flags.pop("sets", [])], **flags)
    return dict(zip(ROLES, stages_of(composition, REGISTRY, split), strict=True))


def changed(*sets: str, split: str = "test", **flags: list[str]) -> set[str]:
    """Which stages of the full method another config does not share."""
    before, after = stages(), stages("temporal", *sets, split=split, **flags)
    return {role for role in ROLES if before[role].address != after[role].address}


def test_the_stages_come_in_order_of_work_each_needing_earlier_ones() -> None:
    found = stages()
    assert [stage.kind for stage in found.values()] == ["background", "pretraining", "features", "features", "probe"]
    assert found["background"].needs == ()
    assert found["pretraining"].needs == (found["background"].address,)
    assert found["trained"].needs == (found["background"].address, found["pretraining"].address)
    assert found["initial"].needs == (found["background"].address,)
    assert found["probe"].needed("features") == (found["trained"].address, found["initial"].address)
    assert found["probe"].needed("background") == (found["background"].address,)
    assert all(len(stage.key) == 16 and int(stage.key, 16) >= 0 for stage in found.values())


READING = {"trained", "initial", "probe"}
LATER = {"pretraining", "trained", "probe"}
ALL = set(ROLES)


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (["name=other"], set()),
        (["summary=other"], set()),
        (["paper=other"], set()),
        (["training.checkpoint_every=7"], set()),
        (["training.log_every=7"], set()),
        (["probe.steps=7"], {"probe"}),
        (["probe.labels=[7]"], {"probe"}),
        (["probe.head.hidden=7"], {"probe"}),
        (["probe.weight_decay=0.5"], {"probe"}),
        (["probe.stride=7"], READING),
        (["probe.test_stride=7"], READING),
        (['probe.fields=["variant", "invariant"]'], READING),
        (["losses.contrast.weight=7.0"], LATER),
        (["losses.contrast.threshold_s=7.0"], LATER),
        (["sampler.positive_max_s=0.3"], LATER),
        (["training.steps=7"], LATER),
        (["training.batch=7"], LATER),
        (["training.seed=7"], LATER | READING),
        (["encoder.pool=average"], LATER | READING),
        (["decoder.dropout=0.5"], LATER | READING),
        (["detector.min_size=0.3"], LATER | READING),
        (["background.max_frames=7"], ALL),
        (["dataset.seed=7"], ALL),
        (["crop_size=64"], ALL),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_value_changes_the_stages_that_depend_on_it_and_no_others(sets: list[str], expected: set[str]) -> None:
    assert changed(*sets) == expected


def test_a_dropped_loss_changes_the_training_and_not_the_random_start() -> None:
    assert changed(drops=["losses.contrast"]) == LATER
    assert changed(uses=["losses.contrast=css", "sampler=contrastive"]) == LATER


def test_another_head_changes_the_probe_alone_and_another_split_only_what_reads_it() -> None:
    assert changed(uses=["probe.head=linear"]) == {"probe"}
    assert changed(split="validation") == READING


def test_two_recipes_on_the_same_data_share_it() -> None:
    assert stages()["background"] == stages("ae-stn-dec")["background"]
    assert stages()["pretraining"] != stages("ae-stn-dec")["pretraining"]


def shuffled(value: Any, draw: Any, path: tuple[str, ...] = ()) -> Any:
    if not isinstance(value, Mapping):
        return value
    keys = list(value) if path == ("phases",) else draw(st.permutations(list(value)))
    return {key: shuffled(value[key], draw, (*path, key)) for key in keys}


def again(data: Mapping[str, Any]) -> list[str]:
    source = Source("test")
    composition = wire(resolve(data, source, REGISTRY), source, REGISTRY)
    return [stage.address for stage in stages_of(composition, REGISTRY, "test")]


@settings(max_examples=20, deadline=None)
@given(st.data(), st.sampled_from(["temporal", "temporal-dive"]))
def test_keys_do_not_depend_on_the_order_of_tables(data: st.DataObject, recipe: str) -> None:
    plain = complete(compose(recipe, REGISTRY).resolved)
    assert again(shuffled(plain, data.draw)) == again(plain)


def test_the_order_of_phases_is_their_order_in_time_and_counts() -> None:
    plain = complete(compose("temporal-dive", REGISTRY).resolved)
    turned = plain | {"phases": dict(reversed(plain["phases"].items()))}
    assert again(plain)[0] == again(turned)[0]
    assert again(plain)[1] != again(turned)[1]
    stage = stages("temporal-dive")["pretraining"]
    assert list(stage.config["phases"]) == ["fall", "learn"]


KEYS = st.from_regex(r"[a-z]{1,4}", fullmatch=True)
JSON = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(KEYS, JSON, min_size=1, max_size=4), st.data())
def test_a_key_stands_for_every_value(config: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(config)))
    other = config | {name: data.draw(JSON)}
    same = json.dumps(other, sort_keys=True) == json.dumps(config, sort_keys=True)
    assert (key_of("probe", config, (), {}) == key_of("probe", other, (), {})) == same
    turned = dict(reversed(config.items()))
    assert key_of("probe", config, (), {}) == key_of("probe", turned, (), {})


def test_a_key_stands_for_kind_needs_and_versions_too() -> None:
    keys = {
        key_of("probe", {"a": 1}, (), {"poserep": "1"}),
        key_of("features", {"a": 1}, (), {"poserep": "1"}),
        key_of("probe", {"a": 1}, ("background/0",), {"poserep": "1"}),
        key_of("probe", {"a": 1}, (), {"poserep": "2"}),
        key_of("probe", {"a": 1}, (), {"poserep": "1", "other": "1"}),
    }
    assert len(keys) == 5


def test_keys_are_the_same_in_every_process_and_place(tmp_path: Path) -> None:
    code = (
        "from poserep.core.compose import compose; from poserep.core.registry import Registry;"
        "from poserep.core.study.stages import stages_of; r = Registry(installed=());"
        "print(*(s.address for s in stages_of(compose('temporal', r), r, 'test')))"
    )
    command = [sys.executable, "-c", code]
    surroundings = dict(os.environ) | {"PYTHONHASHSEED": "7", "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [stage.address for stage in stages().values()]


def test_a_path_counts_as_it_is_written_and_not_by_what_lies_there(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    flags = {"uses": ["dataset=video"], "sets": [f"dataset.path={clip}"]}
    before = stages(**flags)["background"]
    clip.write_text("content")
    assert stages(**flags)["background"] == before
    assert before.config["dataset"]["path"] == str(clip)


def test_the_version_of_a_package_counts_where_its_component_takes_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = '[loss.stillness]\nmodule = "outsider_stages.part"\n'
    install(tmp_path, "outsider_stages", manifest, part=plugin("loss", "stillness", 'reads=("box",)'))
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry()
    composition = compose("temporal", registry, uses=["losses.still=stillness"])
    found = dict(zip(ROLES, stages_of(composition, registry, "test"), strict=True))
    assert found["pretraining"].packages["outsider_stages"] == "1.0"
    assert set(found["background"].packages) == set(found["initial"].packages) == {"poserep"}
    assert found["background"] == stages()["background"]


def test_a_stage_can_be_composed_again_from_what_it_says_and_gives_the_same_keys() -> None:
    for recipe in ("temporal", "temporal-dive", "dsl-stn"):
        found = stages(recipe)
        plain = json.loads(json.dumps(found["probe"].recipe))
        assert again(plain) == [stage.address for stage in found.values()]
        composition = composition_of(found["initial"], REGISTRY)
        assert [stage.key for stage in stages_of(composition, REGISTRY, "test")] == [s.key for s in found.values()]


def test_steps_are_those_of_the_phases_or_of_training() -> None:
    assert steps_of(stages("temporal")["pretraining"].config) == 1500
    assert steps_of(stages("temporal-dive")["pretraining"].config) == 1500
    assert steps_of({"phases": {"a": {"steps": 3}, "b": {"steps": 4}}, "training": {"steps": 9}}) == 7


def test_plain_values_have_no_tuples_no_paths_and_nothing_empty() -> None:
    value = {"b": (1, 2.5, Path("x")), "a": None, "c": {}, "d": {"z": True, "y": "s"}}
    assert canonical(value) == {"b": [1, 2.5, "x"], "d": {"y": "s", "z": True}}
    assert list(canonical(value)["d"]) == ["y", "z"]
    assert list(canonical({"phases": {"b": {}, "a": {"steps": 1}}})["phases"]) == ["a"]
