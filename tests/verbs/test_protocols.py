"""Cards: each states every setting, replaces a recipe's whole probe, and is named only by who keeps to it."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import poserep
from poserep.cli import app
from poserep.core.compose import compose
from poserep.core.config import PROBED, Probe
from poserep.core.errors import ConfigError
from poserep.core.measurement import Protocol, read_measurements
from poserep.core.registry import Registry
from poserep.verbs.probe import probe
from poserep.verbs.protocols import (
    KEPT,
    card_rows,
    card_sets,
    card_text,
    read_card,
    settings_of,
    shipped_cards,
    title_of,
)
from poserep.verbs.report import build_report
from poserep.verbs.session import open_session

REGISTRY = Registry(installed=())
LABELS = {
    "h36m_a": (100, 500, 5000, 17000, 0),
    "h36m_b": (0,),
    "h36m_keypoints": (0,),
    "mpi": (171, 856, 1712, 4282, 0),
    "diving_diver": (120, 241, 483, 1209, 0),
    "diving_dive": (0,),
    "ski": (0,),
    "3dpw": (0,),
    "studio": (100, 500, 0),
}


@pytest.mark.parametrize("name", shipped_cards())
def test_a_card_states_every_setting_and_composes_to_it(name: str) -> None:
    stated = tomllib.loads(shipped_cards()[name].read_text())
    assert set(stated["probe"]) == set(Probe.model_fields) - set(PROBED)  # which data is said in words
    assert stated["probe"]["protocol"] == name
    assert all(stated[word] for word in ("summary", "paper", "data", "open"))
    uses = ["losses.pose=pose2d"] if "pose_2d_predicted" in stated["probe"]["fields"] else []
    composition = compose("temporal", REGISTRY, sets=card_sets(name), uses=uses)
    assert title_of(composition) == name
    assert composition.experiment.probe.labels == LABELS[name]


def test_every_card_is_packed() -> None:
    assert set(shipped_cards()) == set(LABELS)
    project = tomllib.loads((Path(poserep.__file__).parent / "pyproject.toml").read_text())
    assert "plugins/protocols/*.toml" in project["tool"]["setuptools"]["package-data"]["poserep"]


def test_a_card_leaves_nothing_of_the_recipes_own_probe() -> None:
    own = ("probe.weight_decay=0.5", "probe.head.layers=7", "probe.stride=3")
    composition = compose("temporal", REGISTRY, sets=[*own, *card_sets("ski")])
    assert settings_of(composition) == settings_of(compose("css", REGISTRY, sets=card_sets("ski")))
    assert composition.experiment.probe.weight_decay == 0


def test_what_is_done_differently_is_said_with_the_name() -> None:
    sets = [*card_sets("h36m_a"), "probe.stride=3", "probe.head.hidden=8"]
    assert title_of(compose("temporal", REGISTRY, sets=sets)) == "h36m_a but for stride, head.hidden"
    assert title_of(compose("temporal", REGISTRY)) == "studio"
    assert title_of(compose("temporal-video", REGISTRY)) == ""
    assert title_of(compose("temporal", REGISTRY, sets=["probe.protocol=mine"])) == "mine (not installed here)"


def test_the_studios_card_is_the_protocol_of_the_studios_recipe() -> None:
    own, card = (settings_of(compose("temporal", REGISTRY, sets=sets)) for sets in ((), card_sets("studio")))
    assert own | {"protocol": "studio"} == card


def test_a_card_of_ones_own_is_a_file_and_what_it_leaves_out_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('summary = "Mine"\n[probe]\nlabels = [7]\nhead = { use = "linear" }\n')
    composition = compose("temporal", REGISTRY, sets=card_sets(str(path)))
    assert (composition.experiment.probe.labels, composition.experiment.probe.stride) == ((7,), 1)
    assert title_of(composition) == str(path)


@pytest.mark.parametrize(
    ("text", "what"),
    [("labels = [7]", "labels, no [probe]"), ("[probe", "not valid TOML"), ("[probe]\n[dataset]", "dataset")],
)
def test_what_is_no_card_is_told(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_card(str(path))
    assert what in caught.value.what
    assert caught.value.where == str(path)


def test_a_card_that_there_is_not_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        read_card("h36m_c")
    assert (caught.value.where, caught.value.hint[:13]) == ("--protocol", "did you mean ")


@pytest.mark.parametrize("name", shipped_cards())
def test_a_printed_card_is_toml_that_a_recipe_can_take(name: str) -> None:
    printed = CliRunner().invoke(app, ["protocols", "show", name])
    assert printed.exit_code == 0
    assert printed.output.strip() == card_text(read_card(name)).strip()
    assert Probe.model_validate(tomllib.loads(printed.output)["probe"], strict=False).protocol == name


def test_a_run_is_measured_by_a_card_from_the_command_line(studio_run: Path, tmp_path: Path) -> None:
    card, copy = tmp_path / "mine.toml", tmp_path / "copy"
    card.write_text('[probe]\nlabels = [7]\nsteps = 2\nhead = { use = "linear" }\n')
    shutil.copytree(studio_run, copy)
    done = CliRunner().invoke(
        app, ["probe", str(copy), "--protocol", str(card), "--set", "probe.test_stride=5", "--json"]
    )
    assert done.exit_code == 0, done.output
    rows = [row for row in json.loads(done.stdout) if row["labels"]]
    assert {row["labels"] for row in rows} == {7}
    assert {row["reader"] for row in rows} == {"", "variant by linear"}
    assert {row["protocol"]["card"] for row in rows} == {f"{card} but for test_stride"}


def test_cards_are_listed_with_their_paper() -> None:
    rows = json.loads(CliRunner().invoke(app, ["protocols", "list", "--json"]).output)
    assert {row["protocol"] for row in rows} == set(LABELS)
    assert all("2012.01511" in row["paper"] for row in rows)


def test_a_probe_prints_its_card_and_keeps_it(
    studio_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(studio_run, copy)
    quick = ("probe.steps=2", "probe.labels=[5,0]", "probe.test_stride=3", "probe.head.hidden=8")
    session = open_session(copy, sets=[*card_sets("diving_diver"), *quick])
    rows = probe(session)
    said = capsys.readouterr().err
    name = "diving_diver but for labels, test_stride, steps, head.hidden"
    assert f"card        {name}" in said
    assert "joints      body_13 of human36m_17" in said
    assert "labels      5, all, evenly from every training frame" in said
    assert {row.protocol.card for row in read_measurements(copy / "measurements.json")} == {name}
    protocol = rows[0].protocol
    assert (protocol.joints, protocol.root, protocol.stride) == ("body_13", "mid_hip", 3)
    kept = json.loads((copy / KEPT).read_text())
    assert kept["card"] == card_rows(session.composition, protocol)
    assert kept["probe"]["labels"] == [5, 0]
    page = build_report([copy], tmp_path / "report.html").path.read_text()
    assert f"Protocol: {name}" in page
    assert "read from variant by mlp" in page


@pytest.mark.parametrize(("recipe", "told"), [("nsd-two", True), ("nsd", False)])
def test_whose_box_is_read_is_told_where_there_are_several(recipe: str, told: bool) -> None:
    composition = compose(recipe, REGISTRY)
    rows = card_rows(composition, Protocol("studio", "human36m_17", "pelvis", "test", "S22", 1))
    assert rows["measured on"].endswith("of 2 boxes in a frame the one nearest to the true box") == told
