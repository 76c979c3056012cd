"""Body models that parts open by their context: those of the registry in use, and of no other."""

import pickle
from pathlib import Path

import pytest

from poserep.core.compose import compose
from poserep.core.config import with_bodies
from poserep.core.errors import ConfigError, PartError, PluginError
from poserep.core.interfaces import Context
from poserep.core.registry import Registry
from poserep.testing import fake_context
from poserep.tests.fakes.outside import install, plugin

SHIPPED = Registry(installed=())


def outside(folder: Path, package: str, source: str) -> Registry:
    """A registry with the body model ``statue`` of an outside package."""
    table = f'[body_model.statue]\nmodule = "{package}.own"\nsummary = "One that stands still"\n'
    install(folder, package, table, own=source)
    return Registry()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_parts_open_the_body_models_of_the_registry_that_they_were_composed_with(path: Path) -> None:
    source = plugin("body_model", "statue").replace("None", "('a statue', c.crop_size)")
    context = compose("temporal", outside(path, "outside_statue", source), sets=["crop_size=64"]).context
    assert context.open_body("statue", {}, "dataset.body") == ("a statue", 64)
    with pytest.raises(ConfigError, match="no body_model named 'statue'"):
        compose("temporal", SHIPPED).context.open_body("statue", {}, "dataset.body")
    sent = pickle.loads(pickle.dumps(context))
    assert sent.open_body("statue", {}, "dataset.body") == ("a statue", 64)


def test_one_that_there_is_not_or_whose_options_are_wrong_is_refused_with_the_nearest() -> None:
    context = fake_context(SHIPPED)
    with pytest.raises(ConfigError) as caught:
        context.open_body("capsul", {}, "dataset.body")
    assert (caught.value.where, caught.value.hint) == ("dataset.body", "did you mean 'capsule'?")
    with pytest.raises(ConfigError, match="of"):
        context.open_body("capsule", {"of": "foot"}, "dataset.body")


def test_a_broken_one_is_told_as_a_broken_part(path: Path) -> None:
    context = with_bodies(Context(64), outside(path, "outside_broken_statue", "raise RuntimeError('cracked')"))
    with pytest.raises(PartError, match="cracked") as caught:
        context.open_body("statue", {}, "finetune.head.body")
    assert caught.value.exit_code == PluginError.exit_code


def test_a_context_that_nobody_gave_a_registry_says_so() -> None:
    with pytest.raises(PluginError, match="'capsule' is asked of a context without a registry") as caught:
        Context(64).open_body("capsule", {}, "dataset.body")
    assert "fake_context" in caught.value.hint
