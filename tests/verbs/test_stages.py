"""What each stage of a study leaves behind, and that a study measures what `poserep probe` does."""

import json
import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from poserep.core.checkpoint import complete_checkpoints
from poserep.core.console import log, note, say
from poserep.core.errors import DataError
from poserep.core.interfaces import Clip
from poserep.core.measurement import Measurement, read_measurements
from poserep.core.registry import Registry
from poserep.core.run import Run
from poserep.core.study.file import read_study
from poserep.core.study.plan import Plan, plan
from poserep.core.study.results import read_outcomes
from poserep.core.study.stages import Stage
from poserep.core.study.store import StageStoppedError, Store
from poserep.tests.fakes.studies import write_study
from poserep.verbs.pool import sequence_means, sequence_of
from poserep.verbs.probe import probe
from poserep.verbs.report import build_report
from poserep.verbs.session import open_session
from poserep.verbs.stage_features import read_latents, read_seen
from poserep.verbs.stages import notes_to, run_stage

BACKGROUNDS = """
[axes.background.median]
[axes.background.provided]
use = { background = "provided" }
[axes.background.other_people]
set = { "dataset.seed" = 7 }
"""


def planned(study: Path, store: Store) -> Plan:
    return plan(read_study(study), Registry(installed=()), store)


def do(store: Store, *stages: Stage) -> None:
    for stage in stages:
        store.put(stage)
        run_stage(str(store.folder), stage.address)


@pytest.fixture(scope="module")
def cell(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, tuple[Stage, ...]]:
    """All stages of one arm with one seed, done."""
    folder = tmp_path_factory.mktemp("cell")
    store = Store(folder / "stages")
    stages = planned(write_study(folder), store).cells[0].stages
    do(store, *stages)
    return store, stages


def test_every_stage_is_done_and_says_what_made_it(cell: tuple[Store, tuple[Stage, ...]]) -> None:
    store, stages = cell
    for stage in stages:
        about = store.about(stage)
        assert (about["state"], about["attempt"]) == ("done", 1)
        assert about["config"] == stage.config
        assert about["surroundings"]["versions"]["poserep"]


def test_a_stage_that_is_done_is_left_alone(cell: tuple[Store, tuple[Stage, ...]]) -> None:
    store, stages = cell
    before = store.about(stages[-1])
    do(store, *stages)
    assert store.about(stages[-1]) == before


def test_nothing_is_pickled(cell: tuple[Store, tuple[Stage, ...]]) -> None:
    kinds = {path.suffix for path in cell[0].folder.rglob("*") if path.is_file() and "attempt-" not in path.name}
    assert kinds == {".lock", ".json", ".jsonl", ".toml", ".txt", ".safetensors", ".npz"}


def test_a_stage_is_quiet_and_keeps_a_log(
    cell: tuple[Store, tuple[Stage, ...]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _store, stages = cell
    other = Store(tmp_path)
    do(other, *stages[:2])
    assert capfd.readouterr() == ("", "")
    assert "step 4/4" in (other.path(stages[1]) / "log.txt").read_text()


def values(rows: list[Measurement]) -> list[tuple[str, str, int, int, float]]:
    return [(one.name, one.method, one.labels, one.samples, one.value) for one in rows]


def test_the_probe_stage_measures_what_poserep_probe_does(
    cell: tuple[Store, tuple[Stage, ...]], tmp_path: Path
) -> None:
    store, stages = cell
    alone = tmp_path / "alone"
    shutil.copytree(store.path(stages[1]), alone)
    expected = values(probe(open_session(alone)))
    place = store.path(stages[-1])
    found = read_measurements(Run(place).measurements)
    assert values(found) == expected
    assert {one.run for one in found} == {str(place)}
    one, other = np.load(Run(place).samples), np.load(Run(alone).samples)
    assert set(one.files) == set(other.files)
    assert all(np.array_equal(one[name], other[name]) for name in one.files)


def test_outcomes_have_the_errors_of_each_sequence(cell: tuple[Store, tuple[Stage, ...]]) -> None:
    store, stages = cell
    found = read_outcomes(store.result_of(stages[-1], "outcomes.json"))
    assert found.data == json.loads(store.result_of(stages[0], "data.json").read_text())["fingerprint"]
    assert {(one.method, one.metric) for one in found.outcomes} == {
        (method, metric)
        for method in ("trained", "random encoder", "mean pose")
        for metric in ("N-MPJPE", "MPJPE", "P-MPJPE")
    }
    measured = {
        (o.name, o.method, o.labels): o.value for o in read_measurements(store.path(stages[-1]) / "measurements.json")
    }
    for one in found.outcomes:
        assert one.value == measured[one.metric, one.method, one.labels]
        assert [name.split("/")[0] for name in one.sequences] == ["S02", "S02", "S03", "S03"]
        assert np.mean(list(one.sequences.values())) == pytest.approx(one.value, rel=1e-5)  # all are equally long


def test_a_probe_stage_is_a_run_folder_to_every_command(cell: tuple[Store, tuple[Stage, ...]], tmp_path: Path) -> None:
    store, stages = cell
    place = store.path(stages[-1])
    report = build_report([place], tmp_path / "report.html")
    assert (report.runs, report.missing) == (1, ())
    assert Run(place).about()["pretraining"] == f"../../{stages[1].address}"
    assert Run(place).steps() == Run(store.path(stages[1])).steps()
    assert open_session(place).composition.experiment.probe.labels == (5, 0)


def test_a_whole_store_can_be_moved(cell: tuple[Store, tuple[Stage, ...]], tmp_path: Path) -> None:
    store, stages = cell
    moved = Store(tmp_path / "elsewhere")
    shutil.copytree(store.folder, moved.folder, symlinks=True)
    assert complete_checkpoints(moved.path(stages[-1]))
    assert complete_checkpoints(moved.path(stages[-1]))[-1].resolve().is_relative_to(moved.folder.resolve())


def test_the_random_start_is_another_network_on_the_same_frames(cell: tuple[Store, tuple[Stage, ...]]) -> None:
    store, stages = cell
    trained, initial = (read_latents(store.path(stage)) for stage in stages[2:4])
    assert trained.train.shape == initial.train.shape
    assert trained.test.shape == initial.test.shape == (60, 8)
    assert not torch.equal(trained.test, initial.test)


def test_features_that_cannot_be_read_are_told(cell: tuple[Store, tuple[Stage, ...]], tmp_path: Path) -> None:
    store, stages = cell
    place = tmp_path / "features"
    shutil.copytree(store.path(stages[2]), place)
    (place / "samples.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="features cannot be read"):
        read_seen(place)
    (place / "features" / "latents.safetensors").write_bytes(b"{")
    with pytest.raises(DataError, match="features cannot be read"):
        read_latents(place)


def test_equal_data_has_one_fingerprint_whatever_the_background(tmp_path: Path) -> None:
    store = Store(tmp_path / "stages")
    stages = [cell.stages[0] for cell in planned(write_study(tmp_path, arms=BACKGROUNDS, seeds="[0]"), store).cells]
    do(store, *stages)
    median, provided, others = (json.loads(store.result_of(stage, "data.json").read_text()) for stage in stages)
    assert len({stage.address for stage in stages}) == 3
    assert median == provided
    assert median["fingerprint"] != others["fingerprint"]
    assert median["frames"] == {"test": 60, "train": 30}


def test_an_arm_without_training_is_measured_as_any_other(tmp_path: Path) -> None:
    store = Store(tmp_path / "stages")
    stages = (
        planned(write_study(tmp_path, "training.steps=0", 'probe.protocol="studio"', seeds="[0]"), store)
        .cells[0]
        .stages
    )
    do(store, *stages)
    found = read_outcomes(store.result_of(stages[-1], "outcomes.json"))
    assert {one.method for one in found.outcomes} == {"trained", "mean pose"}
    assert found.protocol.card.startswith("studio but for labels")
    assert json.loads((store.path(stages[-1]) / "protocol.json").read_text())["card"]["card"] == found.protocol.card


def test_fine_tuning_is_measured_beside_the_probe_and_no_other_stage_is_done_again(
    cell: tuple[Store, tuple[Stage, ...]], tmp_path: Path
) -> None:
    store, stages = cell
    sets = ("finetune.steps=2", "finetune.batch=4", 'finetune.weights=["trained", "random"]')
    tuned = planned(write_study(tmp_path, *sets), store).cells[0].stages
    assert [stage.address for stage in tuned[:-1]] == [stage.address for stage in stages[:-1]]
    assert tuned[-1].address != stages[-1].address
    do(store, tuned[-1])
    place = store.path(tuned[-1])
    found = read_outcomes(place / "outcomes.json").outcomes
    plain = read_outcomes(store.result_of(stages[-1], "outcomes.json")).outcomes
    assert found[: len(plain)] == plain
    assert {one.method for one in found[len(plain) :]} == {
        f"fine-tuned, from {start} weights" for start in ("trained", "random")
    }
    assert {(one.metric, one.labels) for one in found} == {(one.metric, one.labels) for one in plain}
    assert all(one.sequences for one in found)
    rows = read_measurements(place / "measurements.json")
    assert len({(one.name, one.method, one.labels) for one in rows}) == len(rows)
    assert len(list((place / "finetune").glob("*/samples.npz"))) == 4


def test_a_training_that_is_stopped_can_be_taken_up_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "stages")
    sets = ("training.steps=60", "training.checkpoint_every=1000")
    background, pretraining, *_ = planned(write_study(tmp_path, *sets), store).cells[0].stages
    do(store, background)
    place = store.path(pretraining)

    def ctrl_c() -> None:
        while len(Run(place).steps()) < 3:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=ctrl_c).start()
    with pytest.raises(StageStoppedError, match="stopped at step"):
        do(store, pretraining)
    assert store.state(pretraining) == "stopped"
    done = Run(place).about()["step"]
    assert 3 <= done < 60
    assert complete_checkpoints(place)[-1].name == f"step-{done:08d}"
    do(store, pretraining)
    assert store.state(pretraining) == "done"
    assert [row["index"] for row in Run(place).steps()] == list(range(1, 61))
    assert store.about(pretraining)["attempt"] == 2


def test_a_sequence_is_a_take_of_a_subject_whatever_the_camera() -> None:
    clip = Clip("a", "S1", "walk", "left", "test", np.zeros(1))
    assert sequence_of(clip) == sequence_of(replace(clip, camera="right")) == "S1/walk"
    assert sequence_of(replace(clip, take="S1/walk")) == "S1/walk"
    assert sequence_means(torch.tensor([1.0, 2.0, 6.0]), ("b", "a", "b")) == {"a": 2.0, "b": 3.5}


def test_notes_go_to_a_file_while_they_are_asked_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log.txt"
    with notes_to(path):
        note("quiet")
        say("result")
        log.warning("logged")
    with pytest.raises(DataError), notes_to(path):
        raise DataError("no file")
    note("aloud")
    assert path.read_text() == "quiet\nresult\nlogged\n"
    assert capsys.readouterr() == ("", "aloud\n")
    assert log.propagate
