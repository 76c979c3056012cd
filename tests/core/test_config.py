import re
import tomllib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poserep.core.compose import compose
from poserep.core.config import Resolved, complete, resolve, to_toml
from poserep.core.errors import ConfigError, Problem
from poserep.core.recipe import Source, override, read, shipped
from poserep.core.registry import Registry

REGISTRY = Registry(installed=())
FILE = "temporal.toml"


def faults(sets: Sequence[str] = (), uses: Sequence[str] = (), drops: Sequence[str] = ()) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        resolved("temporal", sets, uses, drops)
    return caught.value.problems


def resolved(recipe: str, sets: Sequence[str] = (), uses: Sequence[str] = (), drops: Sequence[str] = ()) -> Resolved:
    data, source = read(recipe)
    override(data, source, sets, uses, drops)
    return resolve(data, source, REGISTRY)


@pytest.mark.parametrize(
    ("flag", "what", "hint"),
    [
        ("trainig.steps=3", "trainig: there is no such key in a recipe", "did you mean 'training'?"),
        ("crop_sise=8", "crop_sise: there is no such key in a recipe", "did you mean 'crop_size'?"),
        ("training.stepz=3", "training.stepz: there is no such key in a recipe", "did you mean 'steps'?"),
        ("probe.strid=3", "probe.strid: there is no such key in a recipe", "did you mean 'stride'?"),
        ("phases.a={steps=1, loses=[]}", "phases.a.loses: there is no such key in a recipe", "did you mean 'losses'?"),
        (
            "phases.steps={stepz=1, steps=1}",
            "phases.steps.stepz: there is no such key in a recipe",
            "did you mean 'steps'?",
        ),
        ("detector.modell=x", "detector.modell: there is no such key in detector stn", "did you mean 'model'?"),
        ("losses.box.sise=[1,1]", "losses.box.sise: there is no such key in loss box_prior", "did you mean 'size'?"),
        ("probe.head.hiden=8", "probe.head.hiden: there is no such key in head mlp", "did you mean 'hidden'?"),
        ("background.zzz=8", "background.zzz: there is no such key in background median", None),
        ("detector.use=stnn", "there is no detector named 'stnn'", "did you mean 'stn'?"),
        ("losses.box.use=boxprior", "there is no loss named 'boxprior'", "did you mean 'box_prior'?"),
        ("probe.head.use=mpl", "there is no head named 'mpl'", "did you mean 'mlp'?"),
        (
            "phases.a={steps=1, sampler={use='temporl'}}",
            "there is no sampler named 'temporl'",
            "did you mean 'temporal'?",
        ),
        ("name=Mine", "name: must be of the form ^[a-z0-9][a-z0-9_.-]*$, not 'Mine'", ""),
        ("losses.A={use='css'}", "losses.A: must be of the form ^[a-z][a-z0-9_]*$, not 'A'", ""),
        ("crop_size=0", "crop_size: must be greater than 0, not 0", ""),
        ("crop_size=1.5", "crop_size: must be a whole number, not 1.5", ""),
        ("training.batch=true", "training.batch: must be a whole number, not true", ""),
        ("training.decay=2", "training.decay: must be at most 1, not 2", ""),
        ("training.learning_rate=inf", "training.learning_rate: must be a finite number, not inf", ""),
        (
            "training.precision=fp8",
            "training.precision: must be '32-true', 'bf16-mixed' or '16-mixed', not 'fp8'",
            "",
        ),
        ("losses.box.weight=nan", "losses.box.weight: must be a finite number, not nan", ""),
        ("losses.box.weight=heavy", "losses.box.weight: must be a number, not 'heavy'", ""),
        ("dataset=studio", "dataset: must be a table, not 'studio'", 'a part is a table: { use = "NAME" }'),
        (
            "detector.model=7",
            "detector.model: must be text, not 7",
            """text stands in quotes: KEY='"..."' on the command line""",
        ),
        ("losses.box.size=[0.5]", "losses.box.size.1 is missing", None),
        ("phases.a={steps=0}", "phases.a.steps: must be greater than 0, not 0", ""),
        ("phases.a={steps=1, losses=[]}", "phases.a.losses: must be a list of 1 or more, not []", ""),
        ("training=3", "training: must be a table, not 3", "set the keys inside it, as training.KEY=VALUE"),
        ("probe.mirror=1", "probe.mirror: must be true or false, not 1", ""),
        ("probe.labels=100", "probe.labels: must be a list, not 100", ""),
        ("probe.joints=3", "probe.joints: must be text or a list, not 3", None),
        ("probe.joints=['head', 3]", "probe.joints.1: must be text, not 3", None),
        (
            "probe.metrics=['PCK']",
            "probe.metrics.0: must be 'N-MPJPE', 'MPJPE' or 'P-MPJPE', not 'PCK'",
            "",
        ),
        ("detector.min_size=0", "detector.min_size: must be greater than 0, not 0", ""),
    ],
)
def test_a_wrong_key_or_value_is_told_with_its_flag_and_the_near_name(
    flag: str, what: str | None, hint: str | None
) -> None:
    (fault,) = faults(sets=[flag])
    assert fault.where == f"--set {flag}"
    assert what is None or fault.what == what
    assert hint is None or fault.hint == hint


def test_a_swap_to_an_unknown_part_points_to_its_flag() -> None:
    assert faults(uses=["losses.contrast=cs"]) == (
        Problem("there is no loss named 'cs'", "--use losses.contrast=cs", "did you mean 'css'?"),
    )


@pytest.mark.parametrize(
    ("drop", "what", "hint"),
    [
        ("dataset", "dataset is missing", 'add it: [dataset] use = "..."'),
        ("losses", "losses is missing", 'add it: [losses.NAME] use = "..."'),
        ("name", "name is missing", "add it: name = ..."),
        ("encoder.use", "encoder.use is missing", 'add it: [encoder] use = "..."'),
        ("losses.box.use", "losses.box.use is missing", 'add it: [losses.box] use = "..."'),
    ],
)
def test_what_a_recipe_cannot_do_without_is_told(drop: str, what: str, hint: str) -> None:
    assert faults(drops=[drop]) == (Problem(what, f"--drop {drop}", hint),)


def test_a_phase_without_a_length_is_told() -> None:
    assert faults(sets=["phases.a.losses=['box']"]) == (
        Problem("phases.a.steps is missing", "--set phases.a.losses=['box']", "add it: --set phases.a.steps=..."),
    )


def test_problems_of_the_file_carry_its_line() -> None:
    text = read("temporal")[1].text.replace("[detector]\n", '[detector]\nmodell = "x"\n')
    text = re.sub(r"^batch = \d+$", "batch = 0", text, flags=re.MULTILINE)
    with pytest.raises(ConfigError) as caught:
        resolve(tomllib.loads(text), Source(FILE, text), REGISTRY)
    batch, model = (text.splitlines().index(line) + 1 for line in ("batch = 0", 'modell = "x"'))
    assert {(problem.what, problem.where) for problem in caught.value.problems} == {
        ("training.batch: must be greater than 0, not 0", f"{FILE}:{batch}"),
        ("detector.modell: there is no such key in detector stn", f"{FILE}:{model}"),
    }


def test_every_problem_of_every_level_is_told_at_once() -> None:
    found = faults(
        sets=["crop_sise=1", "training.stepz=1", "probe.head.hiden=1", "detector.modell=x", "phases.a.sampler.use=tmp"],
        uses=["losses.contrast=cs"],
    )
    assert len(found) == 7  # and the phase has no length
    assert all(problem.where.startswith("--") for problem in found)


def test_a_missing_option_of_a_part_points_to_the_part() -> None:
    (fault,) = faults(uses=["dataset=video"])
    assert fault.what == "dataset.path is missing"
    assert fault.where == "--use dataset=video"
    assert fault.hint == "add it: --set dataset.path=..."


def test_a_rule_between_options_is_told_in_plain_words() -> None:
    sets = ["sampler.min_step=4", "sampler.max_step=2"]
    (fault,) = faults(sets=sets, uses=["sampler=equidistant"])
    assert fault.what == "sampler: max_step (2) is below min_step (4)"


@pytest.mark.parametrize("recipe", shipped())
def test_a_resolved_recipe_is_a_recipe_that_resolves_to_itself(recipe: str) -> None:
    whole = complete(compose(recipe, REGISTRY, sets=needed(recipe)).resolved)
    text = to_toml(whole)
    again = resolve(tomllib.loads(text), Source("again.toml", text), REGISTRY)
    assert complete(again) == whole
    assert to_toml(complete(again)) == text


def needed(recipe: str) -> list[str]:
    """What a shipped recipe leaves to its user."""
    path = read(recipe)[0]["dataset"].get("path")
    return ["dataset.path=clips"] if path == "" else []


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@settings(max_examples=30, deadline=None)
@given(
    steps=st.integers(1, 10**9),
    rate=st.floats(1e-9, 1e3),
    weight=st.floats(-1e6, 1e6),
    summary=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])),
    role=NAMES,
    labels=st.lists(st.integers(0, 10**6), max_size=4),
)
def test_any_values_survive_being_written_and_read(**values: Any) -> None:
    data, source = read("temporal")
    data["training"] |= {"steps": values["steps"], "learning_rate": values["rate"]}
    data["summary"] = values["summary"]
    data["losses"][values["role"]] = {"use": "css", "weight": values["weight"]}
    data["probe"]["labels"] = values["labels"]
    whole = complete(resolve(data, source, REGISTRY))
    again = complete(resolve(tomllib.loads(to_toml(whole)), source, REGISTRY))
    assert again == whole
    assert again["training"]["learning_rate"] == values["rate"]
    assert again["losses"][values["role"]]["weight"] == values["weight"]


def test_defaults_are_filled_in_and_options_typed() -> None:
    whole = complete(resolved("temporal"))
    assert whole["training"]["checkpoint_every"] == 500
    assert whole["losses"]["contrast"]["dissimilarity"] == "relu"
    assert whole["losses"]["reconstruction"]["weight"] == 1.0
    assert "phases" not in to_toml(whole)


def test_optional_slots_left_out_stay_out() -> None:
    whole = complete(resolved("temporal", drops=["background", "decoder", "corruption", "exchange"]))
    assert not {"background", "decoder"} & set(whole)
    assert whole["corruption"] == {"use": "none"}


def test_a_whole_part_can_be_given_as_one_value() -> None:
    value = "{ use = 'none', redraw = 2 }"
    assert complete(resolved("temporal", sets=[f"exchange={value}"]))["exchange"]["redraw"] == 2
