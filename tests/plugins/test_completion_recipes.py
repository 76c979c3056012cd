"""The recipes around completion: what they share with `crocoman`, and that those of the studies train."""

import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from lightning_fabric import Fabric

from poserep.core.batches import open_source
from poserep.core.compose import Composition, compose
from poserep.core.config import complete
from poserep.core.fit import fit, make_state
from poserep.core.interfaces import declared
from poserep.core.recipe import shipped
from poserep.core.registry import Registry
from poserep.core.study.arms import compose_arm, expand
from poserep.core.study.file import read_study
from poserep.testing import tiny_video
from poserep.tests.fakes.pairs import NETWORKS, PAIRS, STUDIO, VIEWS
from poserep.tests.fakes.tiny import TINY
from poserep.verbs.ablate import shipped_studies

REGISTRY = Registry(installed=())
DIFFERS = {
    "crocoman-view": {"sampler"},
    "crocoman-pose": {"sampler"},
    "mae": {"corruption", "decoder"},
    "crocoman-hand": {"dataset", "sampler", "detector", "probe"},
    "crocoman-video": {"dataset", "sampler", "background", "detector", "probe", "crop_size"},
    "crocoman-video-views": {"dataset", "sampler", "background", "detector", "probe", "crop_size"},
}
TOLD = {"name", "summary", "paper"}


def recipe(name: str) -> dict[str, Any]:
    return tomllib.loads(shipped()[name].read_text(encoding="utf-8"))


def trained(name: str, *sets: str, uses: tuple[str, ...] = ()) -> None:
    composition = compose(name, REGISTRY, sets=sets, uses=uses)
    fabric = Fabric(accelerator="cpu", devices=1)
    steps = list(fit(composition, open_source(composition), fabric, make_state(composition, fabric)))
    assert len(steps) == composition.steps
    assert all(math.isfinite(value) for step in steps for value in step.terms.values())


@pytest.mark.parametrize("name", DIFFERS)
@pytest.mark.parametrize("size", ["", "-full"])
def test_only_what_a_recipe_is_about_differs_from_crocoman(name: str, size: str) -> None:
    own, other = recipe(name + size), recipe(f"crocoman{size}")
    keys = {key for key in own.keys() | other.keys() if own.get(key) != other.get(key)}
    assert keys - TOLD <= DIFFERS[name]


def test_without_a_reference_anything_may_be_hidden_and_nothing_else_changes() -> None:
    own, other = recipe("mae"), recipe("crocoman")
    assert own["corruption"] == other["corruption"] | {"policy": "uniform", "ratio": 0.75}
    assert own["decoder"] == other["decoder"] | {"reference": False}


def test_hands_move_faster_and_are_cut_out_wider() -> None:
    for name in ("crocoman-hand", "crocoman-hand-full"):
        own = recipe(name)
        assert (own["sampler"]["gap_min_s"], own["sampler"]["gap_max_s"]) == (0.05, 1.0)
        assert own["sampler"]["gap_min_s"] >= 1 / own["dataset"]["fps"]
        assert own["detector"]["margin"] == 0.5


@pytest.mark.parametrize(("name", "about"), [("vit-dsl", {"encoder"}), ("temporal-completion", None)])
@pytest.mark.parametrize("size", ["", "-full"])
def test_only_what_is_mixed_in_differs_from_the_temporal_method(name: str, about: Any, size: str) -> None:
    own, other = recipe(name + size), recipe(f"temporal{size}")
    keys = {key for key in own.keys() | other.keys() if own.get(key) != other.get(key)}
    assert keys - TOLD - {"published"} == (about or {"dataset", "sampler", "corruption", "losses", "training"})
    if name == "temporal-completion":
        assert own["losses"] == {key: loss for key, loss in other["losses"].items() if key != "contrast"}
        assert own["training"] | {"batch": 0} == other["training"] | {"batch": 0}


# ---------------------------------------------------------------- training


@pytest.mark.parametrize(
    ("name", "sampled"),
    [
        ("crocoman-view", VIEWS),
        ("crocoman-pose", PAIRS),
        ("mae", (*PAIRS, *VIEWS)),
        ("crocoman-hand", (*PAIRS, *VIEWS)),
    ],
)
def test_completion_trains_from_its_recipes(name: str, sampled: tuple[str, ...], frame_cache: None) -> None:
    actions = () if name == "crocoman-hand" else ('dataset.actions=["gait"]',)
    trained(name, *STUDIO, *sampled, *NETWORKS, *actions, "dataset.test_subjects=1")


@pytest.mark.parametrize("name", ["vit-dsl", "temporal-completion"])
def test_the_mixtures_train_from_their_recipes(name: str, frame_cache: None) -> None:
    absent = {"vit-dsl": ("encoder.network",), "temporal-completion": ("sampler.",)}[name]
    sets = [text for text in TINY if not text.startswith((*absent, "crop_size", "probe."))]
    more = {
        "vit-dsl": ("encoder.width=16", "encoder.depth=1", "encoder.heads=2"),
        "temporal-completion": (*PAIRS, *VIEWS, "dataset.cameras=2"),
    }[name]
    trained(name, *sets, "crop_size=16", *more)


@pytest.mark.parametrize("name", ["crocoman-video", "crocoman-video-views"])
def test_completion_trains_on_videos_without_boxes(name: str, tmp_path: Path, frame_cache: None) -> None:
    path = tiny_video(tmp_path)
    for camera in ("a", "b"):
        (tmp_path / f"walk_{camera}{path.suffix}").write_bytes(path.read_bytes())
    path.unlink()
    place = tmp_path if name.endswith("views") else tmp_path / f"walk_a{path.suffix}"
    sets = (f"dataset.path={place}", "dataset.height=32", "background.require_motion=false")
    trained(name, *sets, *PAIRS, "sampler.gap_min_s=0.01", *NETWORKS)


# ---------------------------------------------------------------- studies


def arms(study: str) -> dict[str, Composition]:
    read = read_study(shipped_studies()[study])
    return {arm.name: compose_arm(arm, read, 0, REGISTRY) for arm in expand(read)}


def test_arms_of_completion_see_the_same_boxes_of_the_same_frames_as_often() -> None:
    found = arms("completion")
    assert len(found) == 7
    for name, one in found.items():
        whole, sampler = complete(one.resolved), one.parts["sampler"]
        whole["probe"]["fields"] = ("tokens",)  # a transformer's; of the others the latent
        roles = declared(sampler.component.roles, sampler.options)
        own = complete(found["ours"].resolved)
        assert {key: whole[key] for key in ("dataset", "detector", "crop_size", "probe")} == {
            key: own[key] for key in ("dataset", "detector", "crop_size", "probe")
        }, name
        assert one.experiment.training.batch * len(roles) == 96
        assert one.steps == 1500


def test_masks_differ_by_one_option_each() -> None:
    found = {name: complete(one.resolved)["corruption"] for name, one in arms("completion-masks").items()}
    own = found["stratified 0.85"]
    for name, other in found.items():
        assert len({key for key in own if own[key] != other[key]}) <= 1, name
        assert name == f"{other['policy']} {other['ratio']:g}"
