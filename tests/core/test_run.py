import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from poserep.core import run as runs
from poserep.core.compose import compose
from poserep.core.config import Resolved, complete
from poserep.core.errors import ConfigError, DataError
from poserep.core.registry import Registry
from poserep.core.run import Run, create, default_folder, fingerprint, open_run


@dataclass(frozen=True)
class Row:
    index: int
    total: float


@pytest.fixture(scope="module")
def resolved() -> Resolved:
    return compose("temporal", Registry(installed=())).resolved


def test_a_run_folder_tells_how_to_repeat_it(tmp_path: Path, resolved: Resolved) -> None:
    run = create(resolved, tmp_path / "deep" / "run")
    about = run.about()
    assert about["state"] == "new"
    assert about["seed"] == 0
    assert {"poserep", "torch", "timm"} <= set(about["versions"])
    assert {"python", "machine", "git", "started"} <= set(about)
    assert complete(compose(run.config, Registry(installed=())).resolved) == complete(resolved)


def test_the_same_config_finds_its_run_again(tmp_path: Path, resolved: Resolved) -> None:
    create(resolved, tmp_path).tell(step=3)
    assert create(resolved, tmp_path).about()["step"] == 3
    assert default_folder(resolved) == default_folder(resolved)
    assert default_folder(resolved).name.startswith("temporal-")


def test_another_config_in_the_same_folder_is_refused(tmp_path: Path, resolved: Resolved) -> None:
    create(resolved, tmp_path)
    other = compose("temporal", Registry(installed=()), sets=["training.steps=7"]).resolved
    assert default_folder(other) != default_folder(resolved)
    with pytest.raises(ConfigError) as caught:
        create(other, tmp_path)
    assert caught.value.what == f"{tmp_path} holds a run of another config"
    assert caught.value.where == str(tmp_path / "config.toml")


def test_a_fingerprint_is_of_the_content_not_of_its_order() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1, "b": 3})


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path, resolved: Resolved) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(DataError) as caught:
        create(resolved, tmp_path / "run")
    assert caught.value.what == "cannot write the run folder: File exists"
    assert caught.value.where == str(tmp_path / "run")
    assert caught.value.hint == "choose another place with --run"


@pytest.mark.parametrize(
    ("number", "hint"), [(errno.ENOSPC, "make room on the disk"), (errno.EACCES, "choose another place with --run")]
)
def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, resolved: Resolved, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(runs, "write_text", refuse)
    with pytest.raises(DataError) as caught:
        create(resolved, tmp_path / "run")
    assert caught.value.what == f"cannot write the run folder: {os.strerror(number)}"
    assert caught.value.hint == hint


def test_a_run_that_was_not_made_whole_is_made_again(tmp_path: Path, resolved: Resolved) -> None:
    (tmp_path / ".config.toml.99.part").write_text("half")
    assert create(resolved, tmp_path).about()["state"] == "new"


def test_steps_come_back_in_order_and_the_later_record_counts(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.steps() == []
    for index, total in ((1, 1.0), (2, 2.0), (3, 3.0), (2, 2.5)):
        run.record(Row(index, total))
    assert run.steps() == [{"index": 1, "total": 1.0}, {"index": 2, "total": 2.5}, {"index": 3, "total": 3.0}]


def test_a_line_cut_off_by_a_kill_costs_no_other(tmp_path: Path, resolved: Resolved) -> None:
    run = create(resolved, tmp_path)
    run.record(Row(1, 1.0))
    path = tmp_path / "steps.jsonl"
    path.write_text(path.read_text() + '{"index": 2, "to')
    run = create(resolved, tmp_path)
    run.record(Row(2, 2.0))
    assert [row["index"] for row in run.steps()] == [1, 2]


def test_a_disk_that_fills_up_while_training_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError) as caught:
        Run(tmp_path).record(Row(1, 1.0))
    assert caught.value.hint == "make room on the disk"


def test_facts_are_added_to_those_before(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.tell(state="new", step=1)
    run.tell(step=2)
    assert run.about() == json.loads((tmp_path / "run.json").read_text()) == {"state": "new", "step": 2}


def test_what_is_no_run_folder_is_told_with_those_that_are(
    tmp_path: Path, resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        open_run(Path("nope"))
    assert caught.value.what == "nope is not a run folder: it has no config.toml"
    assert caught.value.hint == "train one: poserep train RECIPE"
    create(resolved, Path("runs/one"))
    with pytest.raises(DataError) as caught:
        open_run(Path("nope"))
    assert caught.value.hint == "runs here: one"
    assert open_run(Path("runs/one")).folder == Path("runs/one")
