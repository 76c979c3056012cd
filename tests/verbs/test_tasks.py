"""Tasks for fine-tuning: every shipped one composes with a pretraining, and what is none is refused."""

from pathlib import Path

import pytest

from poserep.core.compose import compose
from poserep.core.errors import ConfigError
from poserep.core.interfaces import declared
from poserep.core.registry import Registry
from poserep.verbs.probe_data import probed
from poserep.verbs.tasks import shipped_tasks, task_sets

REGISTRY = Registry(installed=())


@pytest.mark.parametrize("name", shipped_tasks())
def test_each_task_fits_a_pretraining_of_its_size_and_its_dataset_has_the_labels(name: str) -> None:
    recipe = "crocoman-full" if name.endswith("-full") else "crocoman"
    composition = compose(recipe, REGISTRY, sets=task_sets(name))
    options = composition.experiment.finetune
    assert options is not None
    chosen = composition.parts["finetune.head"]
    assert set(declared(chosen.component.reads, chosen.options)) <= {"tokens", "variant"}
    needed = {label for label in declared(chosen.component.writes, chosen.options) if not label.endswith("?")}
    assert needed <= probed(composition).labels


def test_a_task_replaces_the_whole_table_for_fine_tuning_and_flags_come_after_it() -> None:
    sets = ["finetune.mirror=true", *task_sets("body-mesh"), "finetune.steps=7"]
    composition = compose("crocoman", REGISTRY, sets=sets)
    assert composition.experiment.finetune is not None
    assert not composition.experiment.finetune.mirror
    assert composition.experiment.finetune.steps == 7
    assert composition.experiment.probe.steps == compose("crocoman", REGISTRY).experiment.probe.steps


def test_no_name_changes_nothing_and_a_file_is_a_task(tmp_path: Path) -> None:
    assert task_sets("") == []
    own = tmp_path / "own.toml"
    own.write_text('summary = "Mine"\n[finetune]\nhead = { use = "mesh" }\nlabels = [5, 0]\n')
    assert task_sets(str(own)) == ['finetune={head = {use = "mesh"}, labels = [5, 0]}']


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no task: no \\[finetune\\]"),
        ("[finetune]\nsteps = 1\n[training]\nsteps = 3", "no task: training"),
        ("finetune = 3", "no task: no \\[finetune\\]"),
        ("finetune = ", "not valid TOML"),
    ],
)
def test_what_is_no_task_is_refused(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=what):
        task_sets(str(path))


def test_an_unknown_name_tells_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        task_sets("body-mehs")
    assert "did you mean 'body-mesh'" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        task_sets("zzz")
    assert "hand-gesture" in str(caught.value)
