from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.compose import Composition
from poserep.core.errors import ConfigError, Problem
from poserep.core.registry import Registry
from poserep.core.study.arms import Arm, compose_arm, expand
from poserep.core.study.file import Study, read_study

REGISTRY = Registry(installed=())
TEXT = """name = "contrast"
recipe = "temporal"
labels = [100, 0]

[base]
set = { training.steps = 200, "encoder.variant" = 64 }

[axes.contrast.dsl]

[axes.contrast.css]
use = { "losses.contrast" = "css", sampler = "contrastive" }
set = { "losses.contrast.weight" = 0.5 }

[axes.contrast.none]
drop = ["losses.contrast"]

[axes.find.stn]
set = { detector.min_size = 0.3 }

[axes.find.frame]
use = { detector = "full_frame" }

[arms.ae]
recipe = "ae-stn-dec"
"""


def study_from(folder: Path, text: str) -> Study:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path)


def composed(study: Study, name: str, seed: int = 0) -> Composition:
    return compose_arm(arm_of(study, name), study, seed, REGISTRY)


def arm_of(study: Study, name: str) -> Arm:
    return next(arm for arm in expand(study) if arm.name == name)


def faults(study: Study, name: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        composed(study, name)
    return caught.value.problems


def test_an_arm_tells_what_it_does_as_flags(tmp_path: Path) -> None:
    arm = arm_of(study_from(tmp_path, TEXT), "css/stn")
    assert arm.recipe == "temporal"
    base, contrast, find = arm.layers
    assert base.sets == ("training.steps=200", "encoder.variant=64")
    assert contrast.uses == ("losses.contrast=css", "sampler=contrastive")
    assert (contrast.sets, find.sets) == (("losses.contrast.weight=0.5",), ("detector.min_size=0.3",))
    assert arm_of(study_from(tmp_path, TEXT), "none/stn").layers[1].drops == ("losses.contrast",)


def test_an_arm_is_the_recipe_with_base_values_seed_and_labels(tmp_path: Path) -> None:
    study = study_from(tmp_path, TEXT)
    experiment = composed(study, "css/stn", seed=7).experiment
    assert (experiment.training.steps, experiment.training.seed) == (200, 7)
    assert experiment.probe.labels == (100, 0)
    assert experiment.sampler.use == "contrastive"
    assert (experiment.losses["contrast"].use, experiment.losses["contrast"].weight) == ("css", 0.5)
    assert "contrast" not in composed(study, "none/frame").experiment.losses


def test_a_single_arm_may_start_from_another_recipe_and_the_base_acts_on_it_too(tmp_path: Path) -> None:
    experiment = composed(study_from(tmp_path, TEXT), "ae").experiment
    assert (experiment.name, experiment.training.steps) == ("ae-stn-dec", 200)


def test_without_labels_in_the_study_the_recipes_own_stay(tmp_path: Path) -> None:
    study = study_from(tmp_path, TEXT.replace("labels = [100, 0]", ""))
    assert composed(study, "dsl/stn").experiment.probe.labels == (100, 500, 0)


def test_a_recipe_file_is_looked_for_beside_the_study(tmp_path: Path) -> None:
    own = Path(__file__).parents[3] / "plugins" / "recipes" / "dsl.toml"
    (tmp_path / "own.toml").write_text(own.read_text(encoding="utf-8"), encoding="utf-8")
    study = study_from(tmp_path, 'name = "a"\nrecipe = "own.toml"\n')
    assert composed(study, "base").experiment.name == "dsl"


def test_layers_act_one_after_the_other_so_a_later_part_forgets_earlier_values(tmp_path: Path) -> None:
    text = 'name = "a"\nrecipe = "temporal"\n[base]\nset = { "losses.contrast.threshold_s" = 1.0 }\n'
    text += '[axes.contrast.css]\nuse = { "losses.contrast" = "css", sampler = "contrastive" }\n'
    assert composed(study_from(tmp_path, text), "css").experiment.losses["contrast"].options == {}


def test_a_table_as_value_changes_only_what_it_names(tmp_path: Path) -> None:
    text = 'name = "a"\nrecipe = "temporal"\n[base]\nset = { encoder = { network = { layers = [2, 1, 1, 1] } } }\n'
    network = composed(study_from(tmp_path, text), "base").experiment.encoder.options["network"]
    assert (network["layers"], network["stem_width"]) == ((2, 1, 1, 1), 8)


def test_what_an_arm_gets_wrong_is_told_at_its_line_of_the_study(tmp_path: Path) -> None:
    text = """name = "a"
recipe = "temporal"

[axes.contrast.typo]
use = { "losses.contrast" = "cas" }
set = { "training.stepps" = 3 }

[axes.contrast.lost]
drop = ["losses.contrrast"]
"""
    study = study_from(tmp_path, text)
    assert {(fault.where.rpartition("/")[2], fault.hint) for fault in faults(study, "typo")} == {
        ("study.toml:5", "did you mean 'css'?"),
        ("study.toml:6", "did you mean 'steps'?"),
    }
    assert faults(study, "lost") == (
        Problem(
            "there is no 'losses.contrrast' to drop", f"{tmp_path}/study.toml:9", "did you mean 'losses.contrast'?"
        ),
    )


def test_what_the_wiring_refuses_is_told_at_its_line_of_the_study(tmp_path: Path) -> None:
    text = (
        'name = "a"\nrecipe = "temporal"\n[axes.find.stn]\n[axes.contrast.fall]\nuse = { "losses.fall" = "gravity" }\n'
    )
    (fault,) = faults(study_from(tmp_path, text), "stn/fall")
    assert "needs frames in the roles" in fault.what
    assert fault.where == f"{tmp_path}/study.toml:5"


def test_a_recipe_that_there_is_not_is_told(tmp_path: Path) -> None:
    study = study_from(tmp_path, 'name = "a"\nrecipe = "temporall"\n')
    assert faults(study, "base")[0].hint == "did you mean 'temporal'?"


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,5}", fullmatch=True), VALUES, max_size=4))
def test_every_value_comes_through_as_it_was_written(values: dict[str, object]) -> None:
    from poserep.core.recipe import parse_value

    study = Study.model_validate({"name": "a", "recipe": "r", "base": {"set": values}})
    (arm,) = expand(study)
    parts = [flag.partition("=") for flag in arm.layers[0].sets]
    assert {key: parse_value(text) for key, _equals, text in parts} == values
    assert not any("\n" in flag for flag in arm.layers[0].sets)
