"""Rows of published tables as recipes: all are there, fair, and train, on the studio and on true formats."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from lightning_fabric import Fabric

from poserep.core.batches import open_source
from poserep.core.compose import Composition, compose
from poserep.core.config import complete
from poserep.core.fit import fit, make_state
from poserep.core.interfaces import declared
from poserep.core.recipe import shipped
from poserep.core.study.arms import compose_arm, expand
from poserep.core.study.file import read_study
from poserep.tests.fakes.rows import REGISTRY, examples, recipe, small
from poserep.verbs.ablate import shipped_studies
from poserep.verbs.protocols import title_of

ROWS = {name: data for name in shipped() if (data := recipe(name)).get("published")}
TABLES = {"I": 5, "III": 4, "IV": 5, "V": 6, "VI": 10, "VII": 6, "VIII": 4, "IX": 2, "X": 1, "XI": 4, "Ski": 2}
"""How many rows of the paper's own each table has."""
STUDIO = [name for name, data in ROWS.items() if data["dataset"]["use"] == "studio" and data["crop_size"] < 128]
COPIES = [name for name, data in ROWS.items() if data["dataset"]["use"] != "studio"]
FEW = [
    *("h36m-ours", "h36m-nsd", "h36m-weak-101-from-mpi", "mpi-all-drnet", "mpi-weak-101-read-from-h36m"),
    *("diving-mv-nsd", "diving-weak-dive-2d", "ski-drnet", "3dpw-imagenet-101"),
]


def trained(name: str, *sets: str) -> list[Any]:
    """Steps of a small training."""
    composition = compose(name, REGISTRY, sets=sets)
    fabric = Fabric(accelerator="cpu", devices=1)
    return list(fit(composition, open_source(composition), fabric, make_state(composition, fabric)))


def steps_are_good(steps: list[Any], name: str) -> None:
    assert len(steps) == (4 if "phases" in recipe(name) else 2)
    assert all(math.isfinite(value) for step in steps for value in step.terms.values())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    return examples(tmp_path_factory.mktemp("copies"))


# ---------------------------------------------------------------- which there are


@pytest.mark.parametrize("table", TABLES)
def test_each_row_has_a_recipe_for_the_papers_data_and_one_for_the_studio(table: str) -> None:
    def rows(names: list[str]) -> list[str]:
        return [one["row"] for name in names for one in ROWS[name]["published"] if one["table"] == table]

    assert sorted(rows(STUDIO)) == sorted(rows(COPIES))
    assert len(set(rows(STUDIO))) == len(rows(STUDIO)) == TABLES[table]


def test_both_recipes_of_a_row_tell_the_same_values() -> None:
    told: dict[tuple[str, str], Any] = {}
    for data in ROWS.values():
        for one in data["published"]:
            assert told.setdefault((one["table"], one["row"]), one) == one
    assert told["I", "NSD"]["values"] == {"N-MPJPE": [140.92, 115.37, 94.48, 91.01, 88.89]}
    # 6.01 5.97 4.60 cm of Table VI are 60.1 59.7 46.0 mm of Table IX
    assert told["VI", "+2D*, v + 2D"]["values"] == told["IX", "Ours, weakly supervised"]["values"]
    assert told["VI", "+2D*, v + 2D"]["printed"] == "cm"
    assert told["X", "Ours"]["values"] == told["VII", "+2D*, v + 2D"]["values"]


@pytest.mark.parametrize("name", ROWS)
def test_every_row_composes(name: str) -> None:
    composition = compose(name, REGISTRY)
    assert composition.experiment.published
    assert composition.experiment.name == name


@pytest.mark.parametrize("name", COPIES)
def test_rows_on_the_papers_data_name_the_card_of_their_protocol(name: str) -> None:
    assert title_of(compose(name, REGISTRY)).split(" but for ")[0] in (
        *("h36m_a", "h36m_b", "mpi", "diving_diver", "diving_dive", "ski", "3dpw"),
    )


# ---------------------------------------------------------------- no baseline is weaker


def fair(composition: Composition) -> dict[str, Any]:
    """What the rows of a table must have in common."""
    whole = complete(composition.resolved)
    encoder = {key: value for key, value in whole["encoder"].items() if key not in ("variant", "invariant")}
    return {
        "dataset": whole["dataset"],
        "crop": whole["crop_size"],
        "encoder": encoder,
        "width": whole["encoder"]["variant"] + whole["encoder"]["invariant"],
        "steps": composition.steps,
        "training": {key: value for key, value in whole["training"].items() if key not in ("batch", "steps")},
        "probe": whole["probe"],
    }


def images(composition: Composition) -> int:
    sampler = composition.parts["sampler"]
    return composition.experiment.training.batch * len(declared(sampler.component.roles, sampler.options))


def are_fair(rows: Mapping[str, Composition]) -> None:
    (first, own), *others = rows.items()
    for name, other in others:
        assert fair(other) == fair(own), f"{name} beside {first}"
        assert abs(images(other) - images(own)) <= 2
    for part in ("detector", "decoder", "background"):
        used = {name: complete(one.resolved).get(part) for name, one in rows.items()}
        kept = [value for value in used.values() if value and value["use"] != "full_frame"]
        assert all(value == kept[0] for value in kept), part
    for role in ("reconstruction", "box", "track"):
        weighed = [losses[role] for one in rows.values() if role in (losses := complete(one.resolved)["losses"])]
        assert all(value == weighed[0] for value in weighed), role


GROUPS = {
    "I and V": [name for name in COPIES if name.startswith("h36m-") and "weak" not in name],
    **{f"III {data}": [name for name in COPIES if name.startswith(f"mpi-{data}-")] for data in ("mv", "all")},
    **{f"IV {data}": [name for name in COPIES if name.startswith(f"diving-{data}-")] for data in ("mv", "all")},
    "Ski": ["ski-ours", "ski-drnet"],
    **{
        f"studio III {data}": [name for name in STUDIO if name.startswith(f"studio-mpi-{data}-")]
        for data in ("mv", "all")
    },
    "studio IV mv": ["studio-diving-mv-nsd", "studio-diving-mv-ours"],
    "studio IV all": ["temporal-dive", "studio-diving-all-drnet", "studio-diving-all-no-track"],
    "studio Ski": ["temporal-slope", "studio-ski-drnet"],
}


@pytest.mark.parametrize("group", GROUPS)
def test_rows_of_a_table_share_data_networks_and_budget(group: str) -> None:
    assert len(GROUPS[group]) > 1
    are_fair({name: compose(name, REGISTRY) for name in GROUPS[group]})


@pytest.mark.parametrize("name", ["table-1", "table-5"])
def test_arms_of_a_shipped_study_share_data_networks_and_budget(name: str) -> None:
    study = read_study(shipped_studies()[name])
    arms = {arm.name: compose_arm(arm, study, 0, REGISTRY) for arm in expand(study)}
    assert len(arms) == TABLES["I" if name == "table-1" else "V"]
    are_fair(arms)


def test_both_shipped_studies_share_the_trainings_of_the_full_method() -> None:
    one, other = (read_study(shipped_studies()[name]) for name in ("table-1", "table-5"))
    ours = [compose_arm(expand(study)[0], study, 0, REGISTRY) for study in (one, other)]
    assert complete(ours[0].resolved) == complete(ours[1].resolved)


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("name", STUDIO)
def test_a_studio_row_trains(name: str) -> None:
    steps_are_good(trained(name, *small(name)), name)


@pytest.mark.parametrize("name", FEW)
def test_a_row_on_the_papers_data_trains_on_files_of_the_true_format(name: str, files: Mapping[str, Any]) -> None:
    steps_are_good(trained(name, *small(name, files)), name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(COPIES) - set(FEW)))
def test_every_row_on_the_papers_data_trains_on_files_of_the_true_format(name: str, files: Mapping[str, Any]) -> None:
    steps_are_good(trained(name, *small(name, files)), name)
