"""Packages of other people: the two of `docs/examples`, and one of each kind as `plugins new` writes it.

The quick part looks at the examples in this process. The long part builds the wheel of poserep, installs it and them
into a clean environment, and has them listed, checked, composed, trained and compared there.
"""

import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from poserep.core.batches import open_source
from poserep.core.compose import compose
from poserep.core.config import to_toml
from poserep.core.fit import fit, make_state
from poserep.core.interfaces import KINDS
from poserep.core.registry import GROUP, Registry
from poserep.tests.fakes.clean import ROOT, Clean, Done, make_clean

EXAMPLES = {path.parent.name: path.parent for path in sorted(ROOT.glob("docs/examples/poserep-*/pyproject.toml"))}
PARTS = {
    "poserep-motion-mask": ("corruption.motion_mask", "loss.motion_mask"),
    "poserep-torchvision": ("encoder.torchvision",),
}
MOVING = "poserep_motion_mask:moving"


def project_of(folder: Path) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


# ---------------------------------------------------------------- the examples, in this process


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The examples as if they were installed."""
    points = []
    for name, folder in EXAMPLES.items():
        monkeypatch.syspath_prepend(folder)
        (point,) = project_of(folder)["entry-points"][GROUP].items()
        points.append(EntryPoint(*point, GROUP))
        assert point == (name, name.replace("-", "_"))
    yield Registry(installed=points)
    for module in [name for name in sys.modules if name.startswith(("poserep_motion_mask", "poserep_torchvision"))]:
        del sys.modules[module]


def test_the_examples_are_all_there_are() -> None:
    assert set(EXAMPLES) == set(PARTS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_what_a_package_needs(name: str) -> None:
    folder, package = EXAMPLES[name], name.replace("-", "_")
    for file in ("README.md", "tests/test_conformance.py", f"{package}/registry.toml", f"{package}/py.typed"):
        assert (folder / file).is_file()
    assert len((folder / "tests" / "test_conformance.py").read_text(encoding="utf-8").splitlines()) == 3
    assert list((folder / package / "recipes").glob("*.toml"))


def test_an_example_names_its_own_requirement() -> None:
    assert "torchvision" in project_of(EXAMPLES["poserep-torchvision"])["dependencies"]


@pytest.mark.parametrize("recipe", ["motion-mask", "torchvision"])
def test_the_recipe_of_an_example_composes_and_trains(registry: Registry, recipe: str) -> None:
    composition = compose(recipe, registry, sets=["training.steps=2", "dataset.subjects=1"])
    fabric = Fabric(accelerator="cpu", devices=1)
    steps = list(fit(composition, open_source(composition), fabric, make_state(composition, fabric)))
    assert [step.index for step in steps] == [1, 2]
    assert not registry.broken


def test_a_field_of_a_package_is_written_by_one_of_its_parts_and_read_by_the_other(registry: Registry) -> None:
    composition = compose("motion-mask", registry)
    wires = {wire.role: wire for wire in composition.wires}
    assert MOVING in wires["corruption"].writes
    assert MOVING in wires["losses.mask"].reads
    assert registry.fields[MOVING].axes == "B T 1 h w"


def images(*colours: float) -> Tensor:
    """One tuple of one frame, 4 x 4, each column of its own grey."""
    return torch.tensor(colours).expand(1, 1, 3, 4, 4).clone()


def test_what_differs_by_the_threshold_moves_in_full_and_by_half_of_it_in_half(registry: Registry) -> None:
    registry.get("corruption", "motion_mask")
    moving_share = sys.modules["poserep_motion_mask.corruption"].moving_share
    share = moving_share(images(0.5, 0.6, 0.55, 0.3), images(0.5, 0.5, 0.5, 0.5), 0.1)
    torch.testing.assert_close(share[0, 0, 0, 0], torch.tensor([0.0, 1.0, 0.5, 1.0]))


def test_what_stands_still_is_hidden_from_the_encoder(registry: Registry) -> None:
    registry.get("corruption", "motion_mask")
    hidden = sys.modules["poserep_motion_mask.corruption"].hidden
    crop = hidden(images(0.9, 0.9, 0.9, 0.9), images(1.0, 0.0, 0.5, 1.0)[:, :, :1])
    torch.testing.assert_close(crop[0, 0, 0, 0], torch.tensor([0.9, 0.5, 0.7, 0.9]))


def test_the_mark_is_a_target_without_gradient(registry: Registry) -> None:
    component = registry.get("loss", "motion_mask")
    loss = component.build(component.options(), None)
    mask, moving = torch.rand(2, 1, 1, 4, 4, requires_grad=True), torch.rand(2, 3, 1, 4, 4, requires_grad=True)
    loss(mask_decoded=mask, target=torch.tensor([[2], [0]]), **{MOVING: moving}).backward()
    assert moving.grad is None
    torch.testing.assert_close(mask.grad[0, 0], 2 * (mask[0, 0] - moving[0, 2]).detach() / mask.numel())


# ---------------------------------------------------------------- all of them, in a clean environment

TINY = {"training.steps": 2, "probe.steps": 5, "probe.labels": [20], "dataset.subjects": 2, "dataset.test_subjects": 1}
FEW = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
SWAPS = {
    "sampler": {"use": {"sampler": "my_sampler", "losses.contrast": "css"}, "set": {"sampler.negative_min_s": 1.0}},
    "background": {"use": {"background": "my_background"}},
    "detector": {"use": {"detector": "my_detector"}},
    "corruption": {"use": {"corruption": "my_corruption"}},
    "encoder": {"recipe": "my-encoder"},
    "exchange": {"use": {"exchange": "my_exchange"}},
    "decoder": {"use": {"decoder": "my_decoder"}},
    "loss": {"use": {"losses.own": "my_loss"}, "set": {"losses.own.weight": 0.001}},
    "head": {"use": {"probe.head": "my_head"}},
    "motion-mask": {"recipe": "motion-mask"},
    "torchvision": {"recipe": "torchvision"},
}
"""Arms of a study, each with a part from outside."""
PAIR: dict[str, dict[str, object]] = {
    "lighter": {"set": {"losses.contrast.weight": 0.5}},
    "without": {"drop": ["losses.contrast"]},
}
"""Arms of a study of a recipe whose part makes the data: no table compares what was measured on other data."""


def named(kind: str) -> str:
    """The part of a kind, as its package is called."""
    return f"my-{kind.replace('_', '-')}"


def study(recipe: str, arms: dict[str, dict[str, object]]) -> str:
    return to_toml(
        {"name": recipe, "recipe": recipe, "seeds": [0], "labels": [20], "base": {"set": TINY}, "arms": arms}
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clean]:
    folder = tmp_path_factory.mktemp("outside")
    yield make_clean(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def packages(clean: Clean) -> list[str]:
    """Names of the packages, installed by pip."""
    made = [f"poserep-{named(kind)}" for kind in KINDS]
    written = clean.poserep([(clean.folder, ["plugins", "new", named(kind), "--kind", kind]) for kind in KINDS])
    assert all(one.code == 0 for one in written), "\n".join(map(str, written))
    for name, folder in EXAMPLES.items():
        shutil.copytree(folder, clean.folder / name)
    names = [*made, *EXAMPLES]
    clean.call("pip", "install", "-q", *(f"./{name}" for name in names))
    for name in names:  # what is installed must do without its sources
        (clean.folder / name).rename(clean.folder / f"{name}-source")
    return names


@pytest.fixture(scope="module")
def done(clean: Clean, packages: list[str]) -> dict[str, Done]:
    """Every command of the test, in one process, by its words."""
    (clean.folder / "parts.toml").write_text(study("my-exchange", SWAPS), encoding="utf-8")
    (clean.folder / "data.toml").write_text(study("my-dataset", PAIR), encoding="utf-8")
    (clean.folder / "bodies.toml").write_text(study("my-body-model", PAIR), encoding="utf-8")
    names = [name.removeprefix("poserep-") for name in packages if name != "poserep-my-executor"]
    commands: list[Sequence[str]] = [("plugins", "list", "--json"), ("recipes", "list", "--json"), ("config", "schema")]
    commands += [("plugins", "show", "dssl"), ("plugins", "show", "my_los"), ("doctor",)]
    commands += [("compose", name) for name in names]
    commands += [("train", name, "--run", f"runs/{name}", *FEW) for name in names]
    commands += [("ablate", "plan", "parts.toml"), ("ablate", "run", "parts.toml")]
    commands += [("ablate", "report", "parts.toml"), ("ablate", "run", "data.toml", "--executor", "my_executor")]
    commands += [("ablate", "run", "bodies.toml"), ("ablate", "report", "bodies.toml")]
    commands += [("report", "runs/my-loss", "--output", "report.html")]
    commands += [("plugins", "check", name, "--json") for name in packages]
    found = clean.poserep([(clean.folder, words) for words in commands])
    return {" ".join(one.words): one for one in found}


@pytest.mark.slow
def test_the_only_poserep_there_is_the_built_wheel(clean: Clean) -> None:
    script = "import poserep, sys; print(poserep.__file__); print([name for name in sys.modules if 'editable' in name])"
    file, editable = clean.call("python", "-c", script).splitlines()
    assert Path(file).is_relative_to(clean.folder)
    assert editable == "[]"
    assert Path(file).parent.joinpath("testing", "expected.toml").is_file()


@pytest.mark.slow
def test_they_are_listed_with_their_package_and_none_is_broken(done: dict[str, Done]) -> None:
    found = json.loads(done["plugins list --json"].out)
    listed = {f"{row['kind']}.{row['name']}": row["package"] for row in found["components"]}
    wanted = {f"{kind}.my_{kind}": f"poserep_my_{kind}" for kind in KINDS}
    wanted |= {part: name.replace("-", "_") for name, parts in PARTS.items() for part in parts}
    assert wanted.items() <= listed.items()
    assert not found["broken"]


@pytest.mark.slow
def test_their_recipes_are_listed(done: dict[str, Done]) -> None:
    listed = {row["recipe"] for row in json.loads(done["recipes list --json"].out)}
    assert {"motion-mask", "torchvision", "my-loss", "my-dataset"} <= listed


@pytest.mark.slow
def test_an_editor_is_told_of_their_options(done: dict[str, Done]) -> None:
    definitions = json.loads(done["config schema"].out)["$defs"]
    titles = {choice["title"] for kind in KINDS for choice in definitions.get(f"part.{kind}", {}).get("oneOf", ())}
    assert {part for parts in PARTS.values() for part in parts} <= titles
    assert {f"{kind}.my_{kind}" for kind in KINDS if kind != "executor"} <= titles


@pytest.mark.slow
def test_a_near_name_is_told(done: dict[str, Done]) -> None:
    assert done["plugins show my_los"].code == 3
    assert "my_loss" in done["plugins show my_los"].err


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["compose", "train", "doctor", "ablate", "report"])
def test_every_command_works_with_them(done: dict[str, Done], verb: str) -> None:
    found = [one for one in done.values() if one.words[0] == verb]
    assert found
    assert not [one for one in found if one.code], "\n".join(str(one) for one in found if one.code)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*(f"poserep-{named(kind)}" for kind in KINDS), *EXAMPLES])
def test_they_pass_the_conformance_kit(done: dict[str, Done], name: str) -> None:
    found = done[f"plugins check {name} --json"]
    report = json.loads(found.out)
    failed = [one for one in report["outcomes"] if one["state"] == "failed"]
    assert (found.code, failed, report["gaps"]) == (0, [], [])
    kind = name.removeprefix("poserep-my-").replace("-", "_")
    assert {one["part"] for one in report["outcomes"]} == set(PARTS.get(name, (f"{kind}.my_{kind}",)))
    assert report["counts"]["run"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_what_the_page_of_an_example_types_was_typed(done: dict[str, Done], name: str) -> None:
    page = (EXAMPLES[name] / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^poserep (.+)$", page, re.M)
    assert len(commands) == 2
    assert all(any(typed.startswith(command) for typed in done) for command in commands)


def measured(table: str) -> set[str]:
    """Arms of a table that have a result of every seed."""
    return {line.split()[0] for line in table.splitlines() if line.strip() and "0 of" not in line}


@pytest.mark.slow
def test_a_part_of_every_kind_takes_part_in_an_ablation(done: dict[str, Done]) -> None:
    assert set(SWAPS) <= measured(done["ablate report parts.toml"].out)
    assert set(PAIR) <= measured(done["ablate report bodies.toml"].out)
    assert set(SWAPS) >= set(KINDS) - {"dataset", "body_model", "executor"}
    assert done["ablate run data.toml --executor my_executor"].code == 0
