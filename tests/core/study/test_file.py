from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poserep.core.errors import ConfigError, Problem
from poserep.core.probe import METRICS as MEASURED
from poserep.core.study.file import METRICS, Study, read_study, tables_of

TEXT = """name = "contrast"
recipe = "temporal"
seeds = [0, 1]
labels = [100, 0]
compare_at = 100
baseline = "css"
unit = "sequence"

[base]
set = { "training.steps" = 200 }

[axes.contrast.dsl]

[axes.contrast.css]
use = { "losses.contrast" = "css", sampler = "contrastive" }

[axes.contrast.none]
drop = ["losses.contrast"]

[arms.ae]
recipe = "ae-stn-dec"
set = {}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        read_study(written(folder, text))
    return caught.value.problems


def names(study: Study) -> list[str]:
    return [name for name, _tables in tables_of(study)]


def test_a_study_is_read_with_its_values_and_their_lines(tmp_path: Path) -> None:
    study = read_study(written(tmp_path, TEXT))
    assert (study.name, study.recipe, study.seeds, study.labels) == ("contrast", "temporal", (0, 1), (100, 0))
    assert study.axes["contrast"]["css"].use == {"losses.contrast": "css", "sampler": "contrastive"}
    assert study.axes["contrast"]["none"].drop == ("losses.contrast",)
    assert study.arms["ae"].recipe == "ae-stn-dec"
    assert study.base.set == {"training.steps": 200}
    assert study.source.locate(("axes", "contrast", "css", "use")) == f"{tmp_path}/study.toml:15"
    assert study.folder == tmp_path


def test_what_is_not_said_has_a_default() -> None:
    study = Study(name="a", recipe="temporal")
    assert (study.seeds, study.labels, study.split, study.metric) == ((0, 1, 2), None, "test", "N-MPJPE")
    assert (study.compare_at, study.baseline, study.cross, study.unit) == (None, None, True, "seed")
    assert study.baseline_arm == "base"


def test_an_arm_is_made_of_the_base_then_its_values_in_the_order_of_the_axes(tmp_path: Path) -> None:
    study = read_study(written(tmp_path, TEXT))
    assert names(study) == ["dsl", "css", "none", "ae"]
    assert dict(tables_of(study))["css"] == (("base",), ("axes", "contrast", "css"))
    assert dict(tables_of(study))["ae"] == (("base",), ("arms", "ae"))
    assert study.baseline_arm == "css"


AXES = {"contrast": ("dsl", "css", "none"), "latent": ("split", "whole"), "find": ("stn", "frame")}


def study_of(axes: dict[str, tuple[str, ...]], cross: bool) -> Study:
    tables = {axis: {value: {} for value in values} for axis, values in axes.items()}
    return Study.model_validate({"name": "a", "recipe": "temporal", "axes": tables, "cross": cross})


def test_crossed_axes_give_every_combination_the_last_axis_fastest() -> None:
    arms = names(study_of(AXES, cross=True))
    assert len(arms) == 12
    assert arms[:3] == ["dsl/split/stn", "dsl/split/frame", "dsl/whole/stn"]


def test_one_at_a_time_gives_the_first_values_and_each_other_value_alone() -> None:
    arms = names(study_of(AXES, cross=False))
    assert arms == ["dsl/split/stn", "css/split/stn", "none/split/stn", "dsl/whole/stn", "dsl/split/frame"]


def test_a_study_without_axes_has_its_single_arms_or_else_the_recipe_itself() -> None:
    assert names(Study.model_validate({"name": "a", "recipe": "r", "arms": {"x": {}, "y": {}}})) == ["x", "y"]
    assert names(Study(name="a", recipe="r")) == ["base"]


LABEL = st.from_regex(r"[a-z][a-z0-9_.+=-]{0,4}( [a-z]{1,3})?", fullmatch=True)


@given(st.dictionaries(LABEL, st.lists(LABEL, min_size=1, max_size=4, unique=True), max_size=4), st.booleans())
def test_arms_are_as_many_as_their_values_allow_and_no_two_have_one_name(
    axes: dict[str, list[str]], cross: bool
) -> None:
    found = names(study_of({axis: tuple(values) for axis, values in axes.items()}, cross))
    count = 1
    for values in axes.values():
        count = count * len(values) if cross else count + len(values) - 1
    assert len(found) == len(set(found)) == count
    assert (
        len({tables for _name, tables in tables_of(study_of({k: tuple(v) for k, v in axes.items()}, cross))}) == count
    )


def test_the_metrics_are_those_that_a_probe_measures() -> None:
    assert tuple(MEASURED) == METRICS


def test_every_problem_is_told_at_once_with_its_line_and_what_was_meant(tmp_path: Path) -> None:
    text = """name = "Contrast"
recipe = "temporal"
sedes = [0]
labels = [-1]
split = "tset"

[axes.contrast.css]
uses = { sampler = "contrastive" }

[axes.contrast.none]
drop = "losses.contrast"

[arms.ae]
recip = "ae-stn-dec"
"""
    found = {problem.where.rpartition(":")[2]: problem for problem in faults(tmp_path, text)}
    assert set(found) == {"1", "3", "4", "5", "8", "11", "14"}
    assert all(problem.where.startswith(f"{tmp_path}/study.toml:") for problem in found.values())
    assert found["3"].hint == "did you mean 'seeds'?"
    assert found["8"] == Problem(
        "axes.contrast.css.uses: there is no such key in [axes.contrast.css]",
        f"{tmp_path}/study.toml:8",
        "did you mean 'use'?",
    )
    assert found["14"].hint == "did you mean 'recipe'?"


@pytest.mark.parametrize(
    ("line", "changed", "what", "hint"),
    [
        ('baseline = "css"', 'baseline = "cas"', "baseline: there is no arm 'cas'", "did you mean 'css'?"),
        ('unit = "sequence"', 'metric = "MPJPEE"', "metric: there is no 'MPJPEE'", "did you mean 'MPJPE'?"),
        ("compare_at = 100", "compare_at = 50", "compare_at: 50 is not one of labels", "labels has: 100, 0"),
        ("seeds = [0, 1]", "seeds = [1, 1, 0]", "seeds: 1 is there twice", "name each once"),
        ("[arms.ae]", "[arms.css]", "arms.css: an arm of the axes has this name", "give it another name"),
        ("[axes.contrast.dsl]", "[axis.contrast.dsl]", "axis: there is no such key in a study", "did you mean 'axes'?"),
        (
            "[axes.contrast.dsl]",
            "[axes.contrast]\nuse = {}",
            "axes.contrast.use: here stands the name of what is changed",
            "give it a name: [axes.contrast.NAME]",
        ),
        (
            "[axes.contrast.dsl]",
            "[axes.contrast]\ndsl = 3",
            "axes.contrast.dsl: must be a table, not 3",
            'a part is a table: { use = "NAME" }',
        ),
    ],
)
def test_a_slip_is_told_with_what_was_meant(tmp_path: Path, line: str, changed: str, what: str, hint: str) -> None:
    assert line in TEXT
    text = TEXT.replace(line, changed)
    (fault,) = faults(tmp_path, text)
    assert (fault.what, fault.hint) == (what, hint)
    slip = changed.splitlines()[-1]
    assert fault.where == f"{tmp_path}/study.toml:{text.splitlines().index(slip) + 1}"


@pytest.mark.parametrize("name", ["a/b", " a", "", "a  b", "a·b"])
def test_a_value_may_not_be_named_so_that_arms_could_be_confused(tmp_path: Path, name: str) -> None:
    assert faults(tmp_path, TEXT.replace("[axes.contrast.none]", f'[axes.contrast."{name}"]'))


@pytest.mark.parametrize("text", ["axes = 3", "axes = { contrast = 3 }", "arms = [1]", "base = 1", "[axes.contrast]"])
def test_a_table_that_is_none_is_told_and_not_a_crash(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, f'name = "a"\nrecipe = "temporal"\n{text}\n')


def test_a_file_that_cannot_be_read_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_study(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_study(written(tmp_path, "name = "))
