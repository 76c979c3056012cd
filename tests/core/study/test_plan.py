import json
from pathlib import Path

import pytest

from poserep.core.registry import Entry, Registry
from poserep.core.study.file import Study, read_study
from poserep.core.study.plan import Cell, Plan, plan
from poserep.core.study.stages import Stage, StageKind
from poserep.core.study.store import Store

REGISTRY = Registry(installed=())
TEXT = """name = "contrast"
recipe = "temporal"
seeds = [0, 1, 2]

[axes.contrast.dsl]
[axes.contrast.css]
use = { "losses.contrast" = "css", sampler = "contrastive" }
[axes.contrast.none]
drop = ["losses.contrast"]

[axes.latent.split]
[axes.latent.whole]
use = { exchange = "none" }
set = { "encoder.invariant" = 0, "encoder.variant" = 128 }

[axes.find.stn]
[axes.find.frame]
use = { detector = "full_frame" }
drop = ["losses.box"]
"""


def study_from(folder: Path, text: str) -> Study:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path)


def planned(folder: Path, text: str, registry: Registry = REGISTRY) -> Plan:
    return plan(study_from(folder, text), registry, Store(folder / "stages"))


def cell_of(found: Plan, arm: str, seed: int = 0) -> Cell:
    return next(cell for cell in found.cells if cell.arm.name == arm and cell.seed == seed)


def do(store: Store, stage: Stage, seconds: float) -> None:
    """Take a stage for done after so many seconds."""
    with store.claim(stage):
        pass
    path = store.path(stage) / "stage.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seconds": seconds}))


def test_every_arm_with_every_seed_is_a_cell_of_five_stages_and_what_is_the_same_is_there_once(tmp_path: Path) -> None:
    found = planned(tmp_path, TEXT)
    assert len(found.cells) == 12 * 3
    assert found.impossible == ()
    assert all(len(cell.stages) == 5 for cell in found.cells)
    kinds = [address.partition("/")[0] for address in found.stages]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    # one dataset; the random start knows no contrast: 2 latents x 2 detectors x 3 seeds of it
    assert counts == {"background": 1, "pretraining": 36, "features": 36 + 12, "probe": 36}
    assert found.twins == ()
    assert set(found.states.values()) == {"new"}
    assert len(found.todo) == len(found.stages)
    assert not (tmp_path / "stages").exists()


def test_stages_come_after_what_they_need_and_the_first_seed_of_all_arms_before_the_second(tmp_path: Path) -> None:
    found = planned(tmp_path, TEXT)
    order = {address: index for index, address in enumerate(found.stages)}
    for stage in found.stages.values():
        assert all(order[need] < order[stage.address] for need in stage.needs)
    last = [max(order[cell.stages[-1].address] for cell in found.cells if cell.seed == seed) for seed in (0, 1, 2)]
    first = [min(order[cell.stages[-1].address] for cell in found.cells if cell.seed == seed) for seed in (0, 1, 2)]
    assert last[0] < first[1]
    assert last[1] < first[2]


def test_an_arm_that_cannot_be_wired_is_left_out_with_its_problems(tmp_path: Path) -> None:
    text = TEXT + '[arms.fall]\nuse = { "losses.fall" = "gravity" }\n'
    text += '[arms.lost]\nrecipe = "temporall"\n[arms.blind]\ndrop = ["background", "decoder"]\n'
    found = planned(tmp_path, text)
    assert {cell.arm.name for cell in found.impossible} == {"fall", "lost", "blind"}
    assert len(found.impossible) == 9
    assert cell_of(found, "fall").composition is None
    assert cell_of(found, "fall").stages == ()
    assert "roles" in cell_of(found, "fall").problems[0].what
    assert cell_of(found, "lost").problems[0].hint == "did you mean 'temporal'?"
    assert len(cell_of(found, "blind").problems) >= 2
    assert len(found.stages) == len(planned(tmp_path, TEXT).stages)


def test_an_arm_whose_dataset_has_no_poses_cannot_be_measured(tmp_path: Path) -> None:
    text = 'name = "a"\nrecipe = "temporal-video"\n[base]\nset = { "dataset.path" = "clips" }\n'
    (problem,) = cell_of(planned(tmp_path, text), "base").problems
    assert "has no 3D poses" in problem.what


def test_an_arm_without_the_labels_at_which_arms_are_compared_is_impossible(tmp_path: Path) -> None:
    text = 'name = "a"\nrecipe = "temporal"\ncompare_at = 7\n'
    (problem,) = cell_of(planned(tmp_path, text), "base").problems
    assert problem.where == f"{tmp_path}/study.toml:3"
    assert cell_of(planned(tmp_path, f"{text}labels = [7]\n"), "base").problems == ()


def test_a_plugin_that_breaks_when_asked_makes_its_arm_impossible_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Component, Options

class Nothing(Options):
    pass

@hookimpl
def poserep_register(register):
    facts = lambda options: {}["joints"]
    register(Component(kind="loss", name="wrong", options=Nothing, build=lambda o, c: None, facts=facts))
"""
    (tmp_path / "wrong_when_asked.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry([Entry("loss", "wrong", "wrong_when_asked", package="fakes")], installed=())
    text = 'name = "a"\nrecipe = "temporal"\n[arms.well]\n[arms.wrong]\nuse = { "losses.w" = "wrong" }\n'
    found = planned(tmp_path, text, registry)
    assert cell_of(found, "well").problems == ()
    (problem,) = cell_of(found, "wrong").problems
    assert "joints" in problem.what


def test_arms_that_come_to_the_same_config_are_said_to_be_equal(tmp_path: Path) -> None:
    text = 'name = "a"\nrecipe = "temporal"\n[arms.one]\n[arms.two]\nset = { "losses.contrast.weight" = 0.01 }\n'
    text += (
        '[arms.three]\nset = { "losses.contrast.weight" = 0.02 }\n[arms.four]\nuse = { "losses.fall" = "gravity" }\n'
    )
    found = planned(tmp_path, text)
    assert found.twins == (("one", "two"),)
    assert cell_of(found, "one").stages == cell_of(found, "two").stages
    assert {cell.arm.name for cell in found.users(cell_of(found, "one").stages[1])} == {"one", "two"}


def test_what_is_done_in_another_study_is_not_left_to_do(tmp_path: Path) -> None:
    other = planned(tmp_path, 'name = "other"\nrecipe = "temporal"\nseeds = [1]\n')
    store = Store(tmp_path / "stages")
    for stage in cell_of(other, "base", 1).stages:
        do(store, stage, 3.0)
    found = planned(tmp_path, TEXT)
    assert len(found.todo) == len(found.stages) - 5
    assert {found.states[stage.address] for stage in cell_of(found, "dsl/split/stn", 1).stages} == {"done"}
    assert found.seconds[cell_of(found, "dsl/split/stn", 1).stages[-1].address] == 3.0


def test_nothing_is_known_of_the_time_before_something_of_the_kind_was_done(tmp_path: Path) -> None:
    found = planned(tmp_path, 'name = "a"\nrecipe = "temporal"\nseeds = [0]\n')
    assert set(found.seconds.values()) == {None}
    assert (found.estimate().seconds, found.estimate().unknown) == (0, 5)


def stage_like(kind: StageKind, key: str, config: dict[str, object]) -> Stage:
    return Stage(kind, key, config, (), {}, "", {})


def test_times_are_told_from_stages_done_before_per_step_and_those_alike_first(tmp_path: Path) -> None:
    store = Store(tmp_path / "stages")
    text = 'name = "a"\nrecipe = "temporal"\nseeds = [0, 1]\n'
    background, pretraining, trained, initial, _probe = cell_of(planned(tmp_path, text), "base").stages
    do(store, background, 9.0)
    other = {**pretraining.config, "crop_size": 96, "training": {"steps": 10}}
    do(store, stage_like("pretraining", "a" * 16, other), 100.0)
    do(store, stage_like("probe", "b" * 16, {}), 5.0)
    do(store, stage_like("features", "c" * 16, {"network": "trained"}), 4.0)
    found = planned(tmp_path, text)
    assert found.seconds[background.address] == 9.0
    assert found.seconds[pretraining.address] == pytest.approx(10.0 * 1500)
    assert found.seconds[trained.address] == found.seconds[initial.address] == 4.0
    like = {**pretraining.config, "training": {"steps": 100}, "losses": {}}
    for key, seconds in (("d", 10.0), ("e", 20.0), ("f", 90.0)):
        do(store, stage_like("pretraining", key * 16, like), seconds)
    found = planned(tmp_path, text)
    assert found.seconds[pretraining.address] == pytest.approx(0.2 * 1500)
    assert found.estimate().unknown == 0
    assert found.estimate().seconds == pytest.approx(2 * (300 + 4 + 4 + 5))
    assert found.estimate(slots=2).seconds == pytest.approx(300 + 4 + 4 + 5)


def test_a_large_study_is_planned_in_seconds(tmp_path: Path) -> None:
    text = TEXT.replace("seeds = [0, 1, 2]", f"seeds = {list(range(20))}")
    assert len(planned(tmp_path, text).cells) == 240
