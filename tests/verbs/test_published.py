from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from poserep.core.compose import compose
from poserep.core.config import Published
from poserep.core.errors import ConfigError
from poserep.core.measurement import Measurement, Protocol
from poserep.core.run import Run
from poserep.tests.fakes.rows import REGISTRY
from poserep.verbs.ablate import list_rows as list_studies
from poserep.verbs.ablate import shipped_studies, study_file
from poserep.verbs.published import best, lines_of, notes_of, published_of
from poserep.verbs.recipe_list import by_table, list_command, named
from poserep.verbs.recipes import complete_text, list_rows
from poserep.verbs.summary import RunData, tables_of

ONE = {"table": "I", "row": "NSD", "dataset": "h36m", "labels": (100, 0), "values": {"N-MPJPE": (140.92, 88.89)}}


def row(**changes: Any) -> Published:
    return Published.model_validate({**ONE, **changes})


def test_a_value_is_told_with_its_data_and_its_labels() -> None:
    told = list(lines_of([row()], "N-MPJPE", "h36m"))
    assert told == ["published: Table I, on Human3.6M, row NSD: 140.9 / 88.9 mm with 100 / all labels"]
    assert list(lines_of([row()], "MPJPE", "h36m")) == []


def test_a_value_of_other_data_is_marked() -> None:
    (told,) = lines_of([row()], "N-MPJPE", "studio")
    assert "(other data: compare the order of rows, not the numbers)" in told
    (own,) = lines_of([row(dataset="diving")], "N-MPJPE", "diving")  # one's own dives are not the paper's
    assert "other data" in own


def test_values_printed_in_centimetres_are_told_in_millimetres() -> None:
    (told,) = lines_of([row(printed="cm", labels=(0,), values={"MPJPE": (101.7,)})], "MPJPE", "h36m")
    assert told.endswith("101.7 mm with all labels, printed in cm")


def test_a_runs_tables_tell_what_the_paper_measured_of_its_row(tmp_path: Path) -> None:
    protocol = Protocol("studio", "human36m_17", "pelvis", "test", "S02", 1)
    found = [Measurement(name, "trained", 70.0, "mm", 9, 100, protocol, "runs/a") for name in ("N-MPJPE", "MPJPE")]
    plain = row().model_dump(mode="json")
    run = RunData("a", Run(tmp_path), {"published": [plain]}, {}, [], found)
    aligned, raw = tables_of([run])
    assert "published: Table I, on Human3.6M (other data" in aligned.caption
    assert "published" not in raw.caption
    assert "b: published: " in tables_of([run, replace(run, label="b")])[0].caption


def test_a_study_tells_the_table_that_its_arms_share() -> None:
    published = {"ours": (row(row="Ours"), row(table="V", row="Ours")), "nsd": (row(),), "mine": ()}
    (told,) = notes_of(published, "N-MPJPE", "h36m")
    assert told == (
        "Published: Table I, on Human3.6M, N-MPJPE in mm with 100 / all labels: ours 140.9 / 88.9; nsd 140.9 / 88.9."
    )
    assert list(notes_of({}, "N-MPJPE", "h36m")) == []


@pytest.mark.parametrize(
    "change", [{"values": {"N-MPJPE": (1.0,)}}, {"values": {}}, {"printed": "m"}, {"values": {"N-MPJPE": (1.0, -2.0)}}]
)
def test_what_cannot_be_a_published_row_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        row(**change)


def test_a_wrong_row_of_a_recipe_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(complete_text("temporal").replace("100,", "100, 7,", 1) + "\nx = 1\n")
    with pytest.raises(ConfigError) as caught:
        compose(path, REGISTRY)
    assert any("published" in problem.what and str(path) in problem.where for problem in caught.value.problems)


def test_a_config_of_another_version_tells_nothing() -> None:
    assert published_of({"published": [{"table": "I"}]}) == ()
    assert published_of({"published": 3}) == ()
    assert published_of({}) == ()


def test_a_shown_recipe_has_its_published_values() -> None:
    assert "140.92" in complete_text("nsd")


def test_recipes_are_listed_by_table(capsys: pytest.CaptureFixture[str]) -> None:
    groups = by_table(list_rows(REGISTRY))
    assert list(groups) == ["I", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "Ski"]
    assert [row["recipe"] for row, _ in groups["Ski"]] == [
        *("ski-drnet", "studio-ski-drnet", "ski-ours", "temporal-slope-full", "temporal-slope")
    ]
    list_command("ski", registry=REGISTRY)
    shown = capsys.readouterr().out
    assert "temporal-slope" in shown
    assert "h36m-nsd" not in shown


def test_a_table_is_named_by_either_kind_of_number() -> None:
    known = ["I", "IV", "Ski"]
    assert [named(text, known) for text in ("I", "1", "iv", "4", "ski")] == ["I", "I", "IV", "IV", "Ski"]
    with pytest.raises(ConfigError, match="no recipe is a row of table 'XX'"):
        named("XX", known)


def test_a_row_in_few_words() -> None:
    assert best(row()) == "N-MPJPE 140.9 to 88.9 mm"


def test_a_shipped_study_is_found_by_its_name() -> None:
    assert [one["study"] for one in list_studies()] == list(shipped_studies())
    assert {"completion", "completion-masks", "table-1", "table-5"} == set(shipped_studies())
    assert study_file(Path("table-1")).is_file()
    assert study_file(Path("mine.toml")) == Path("mine.toml")
    with pytest.raises(ConfigError) as caught:
        study_file(Path("tabel-5"))
    assert caught.value.hint == "did you mean 'table-5'?"
