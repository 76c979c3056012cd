"""A study as its user runs it: planned, run, stopped, killed, gone on with, reported; nothing is computed twice."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

import poserep
from poserep.cli import app
from poserep.core.errors import ConfigError
from poserep.core.registry import Registry
from poserep.core.run import Run
from poserep.core.study.engine import Event
from poserep.core.study.file import read_study
from poserep.core.study.plan import plan
from poserep.core.study.results import read_outcomes
from poserep.core.study.store import Store
from poserep.tests.fakes.outside import install
from poserep.tests.fakes.studies import ARMS, write_study
from poserep.verbs.ablate_run import Where, build_executor
from poserep.verbs.ablate_table import Watch, share_done, span

MIXED = """
[arms.whole]
use = { exchange = "none" }
set = { "encoder.invariant" = 0 }
[arms.same]
use = { exchange = "none" }
set = { "encoder.invariant" = 0 }
[arms.diverges]
set = { "training.learning_rate" = 1e30 }
[arms.blind]
drop = ["background"]
"""
PROGRAM = [sys.executable, "-c", "from poserep.cli import main; main()", "ablate"]
EXAMPLE = Path(poserep.__file__).parent / "docs" / "examples" / "studies" / "contrast.toml"


def ablate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["ablate", *map(str, arguments)])


def run(study: Path, store: Path, *more: str) -> tuple[int, str]:
    """Exit code, and the last line of the results."""
    done = ablate("run", study, "--store", store, "--threads", "1", *more)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout.rstrip("\n").rpartition("\n")[2]


def attempts(store: Path) -> dict[str, int]:
    """How often each stage was begun."""
    found = {}
    for path in store.glob("*/[!.]*/stage.json"):
        about = json.loads(path.read_text())
        found[f"{path.parent.parent.name}/{path.parent.name}"] = about.get("attempt", 0)
    return found


def outcomes(study: Path, store: Path) -> dict[tuple[str, int], Any]:
    """What was measured of each arm and seed."""
    planned = plan(read_study(study), Registry(installed=()), Store(store))
    return {
        (cell.arm.name, cell.seed): read_outcomes(Store(store).path(cell.stages[-1]) / "outcomes.json")
        for cell in planned.cells
    }


@pytest.fixture(scope="module")
def done(frame_cache: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A study of two arms and two seeds, and its store."""
    folder = tmp_path_factory.mktemp("study")
    study, store = write_study(folder), folder / "stages"
    assert run(study, store) == (0, "15 computed, 0 reused, 0 failed")
    return study, store


def test_a_second_run_computes_nothing(done: tuple[Path, Path]) -> None:
    before = attempts(done[1])
    assert set(before.values()) == {1}
    assert run(*done) == (0, "0 computed, 15 reused, 0 failed")
    assert attempts(done[1]) == before


def test_another_probe_retrains_nothing(done: tuple[Path, Path], tmp_path: Path) -> None:
    study = write_study(tmp_path, "probe.steps=3")
    assert run(study, done[1]) == (0, "4 computed, 11 reused, 0 failed")
    assert set(attempts(done[1]).values()) == {1}


def test_another_study_shares_what_is_the_same(done: tuple[Path, Path], tmp_path: Path) -> None:
    study = write_study(
        tmp_path, name="other", arms=ARMS + "[axes.contrast.stronger]\nset.losses.contrast.weight = 1.0"
    )
    code, said = run(study, done[1])
    assert (code, said) == (0, "6 computed, 15 reused, 0 failed")  # two trainings, their features, their probes


def test_the_plan_tells_what_is_impossible_and_what_is_the_same(tmp_path: Path) -> None:
    study = write_study(tmp_path, arms=MIXED, seeds="[0]")
    shown = ablate("plan", study, "--store", tmp_path / "stages")
    assert shown.exit_code == 0
    for text in (
        "impossible  blind: ",
        "reads 'background', which nobody writes",
        "the same: whole, same come to one config",
    ):
        assert text in shown.stdout
    assert not (tmp_path / "stages").exists()
    told = json.loads(ablate("plan", study, "--store", tmp_path / "stages", "--json").stdout)
    assert [bool(cell["problems"]) for cell in told["cells"]] == [False, False, False, True]
    assert told["kinds"]["pretraining"] == {"todo": 2, "done": 0}
    assert told["estimate"] == {"seconds": 0, "unknown": len(told["stages"])}


def test_where_no_arm_is_possible_that_is_said_and_each_problem_once(tmp_path: Path) -> None:
    study = write_study(tmp_path, "training.stepz=3")
    assert "no arm is possible, so there is nothing to run" in ablate("plan", study).stdout
    refused = ablate("run", study, "--store", tmp_path / "stages").exception
    assert isinstance(refused, ConfigError)
    assert [problem.what for problem in refused.problems] == ["training.stepz: there is no such key in a recipe"]


def test_a_study_of_nothing_but_a_broken_part_ends_as_a_plugin_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("POSEREP_PLUGINS", raising=False)
    install(tmp_path, "torn_pack", '[loss.torn]\nmodule = "torn_pack.own"\n', own="raise ValueError('no luck')")
    study = write_study(tmp_path, arms='[arms.one]\nuse."losses.contrast" = "torn"\n')
    refused = ablate("run", study, "--store", tmp_path / "stages").exception
    assert isinstance(refused, ConfigError)
    assert refused.exit_code == 3
    assert "no luck" in str(refused)


def test_arms_on_other_data_are_told_before_they_are_run(tmp_path: Path) -> None:
    arms = ARMS + "[axes.contrast.more]\nset.dataset.test_subjects = 3\n"
    told = "other data: dsl, none | more; no table holds results of different data"
    assert told in ablate("plan", write_study(tmp_path, arms=arms)).stdout
    assert "other data" not in ablate("plan", write_study(tmp_path, name="alike")).stdout


def test_a_plan_counts_what_is_done_and_estimates_the_rest(done: tuple[Path, Path], tmp_path: Path) -> None:
    assert "nothing left to run" in ablate("plan", done[0], "--store", done[1]).stdout
    study = write_study(tmp_path, "training.steps=8")
    shown = ablate("plan", study, "--store", done[1]).stdout
    assert "14 stages to run: about" not in shown  # the random starts are shared
    assert "12 stages to run: about" in shown


def test_planning_needs_no_torch(done: tuple[Path, Path]) -> None:
    code = f"""import sys
sys.argv = ["poserep", "ablate", "plan", {str(done[0])!r}, "--store", {str(done[1])!r}]
from poserep.cli import main
try:
    main()
except SystemExit:
    pass
assert not {{"torch", "scipy", "matplotlib"}} & set(sys.modules)"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_the_example_composes() -> None:
    told = json.loads(ablate("plan", EXAMPLE, "--json").stdout)
    assert len(told["cells"]) == 36
    assert not any(cell["problems"] for cell in told["cells"])
    assert told["twins"] == []


def test_one_failing_arm_does_not_take_down_the_others(tmp_path: Path) -> None:
    study, store = write_study(tmp_path, arms=MIXED, seeds="[0]"), tmp_path / "stages"
    shown = ablate("run", study, "--store", store)
    assert shown.exit_code == 5
    assert "impossible, and left out: blind" in shown.stderr
    *_, failed, counted = shown.stdout.splitlines()
    assert failed.startswith("failed  pretraining of diverges, seed 0: ")
    assert "became" in failed
    assert "lower training.learning_rate" in failed
    assert counted == "6 computed, 0 reused, 1 failed, 2 not tried"
    again = ablate("run", study, "--store", store, "--stop-on-failure")
    assert again.exit_code == 5
    assert again.stdout.splitlines()[-1] == "0 computed, 6 reused, 1 failed, 2 not tried"
    shown = ablate("report", study, "--store", store, "-o", tmp_path / "report")
    assert shown.exit_code == 0, shown.exception
    assert "The same trainings under 2 names: whole, same." in shown.stdout
    assert "Missing: diverges (seed 0: failed, " in shown.stdout
    assert "blind (seed 0: impossible)" in shown.stdout


def test_a_study_without_a_possible_arm_is_refused(tmp_path: Path) -> None:
    study = write_study(tmp_path, arms='[arms.blind]\ndrop = ["background"]\n')
    with pytest.raises(ConfigError, match="nobody writes"):
        CliRunner().invoke(app, ["ablate", "run", str(study)], catch_exceptions=False)


def test_the_report_has_a_row_for_each_training(done: tuple[Path, Path], tmp_path: Path) -> None:
    study, store = done
    shown = ablate("report", study, "--store", store, "-o", tmp_path / "report")
    assert shown.exit_code == 0
    assert "dsl (baseline)" in shown.stdout
    assert {path.suffix for path in (tmp_path / "report").iterdir()} == {".csv", ".md", ".tex", ".html"}
    told = json.loads(ablate("report", study, "--store", store, "-o", tmp_path / "report", "--json").stdout)
    assert [(row["arm"], row["seed"]) for row in told["rows"]] == [("dsl", 0), ("dsl", 1), ("none", 0), ("none", 1)]
    for row in told["rows"]:
        assert Path(row["run"], "config.toml").is_file()
        assert Path(row["pretraining"], "checkpoints").is_dir()
        assert f"poserep train {row['run']}/config.toml" in row["command"]


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(tmp_path: Path) -> None:
    sets = ("training.steps=60", "training.checkpoint_every=1000")
    study, store = write_study(tmp_path, *sets, seeds="[0]"), tmp_path / "stages"

    def ctrl_c() -> None:
        while not any(len(Run(place).steps()) >= 3 for place in store.glob("pretraining/[!.]*")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=ctrl_c).start()
    assert run(study, store) == (130, "1 computed, 0 reused, 0 failed; stopped, the same command goes on")
    (pretraining,) = (store / "pretraining").glob("[!.]*")
    assert json.loads((pretraining / "stage.json").read_text())["state"] == "stopped"
    assert run(study, store) == (0, "7 computed, 1 reused, 0 failed")
    counts = attempts(store)
    assert counts.pop(f"pretraining/{pretraining.name}") == 2
    assert set(counts.values()) == {1}


def test_wrong_executors_are_refused() -> None:
    registry = Registry(installed=())
    with pytest.raises(ConfigError, match="no executor named 'serail'") as caught:
        build_executor(Where("serail"), registry)
    assert (caught.value.where, caught.value.hint) == ("--executor serail", "did you mean 'serial'?")
    with pytest.raises(ConfigError, match="no such key") as caught:
        build_executor(Where("processes", ("job=2",)), registry)
    assert (caught.value.where, caught.value.hint) == ("--set job=2", "did you mean 'jobs'?")
    with pytest.raises(ConfigError, match="--jobs is short for"):
        build_executor(Where("serial", jobs=2), registry)
    with pytest.raises(ConfigError, match="does not set a value"):
        build_executor(Where("processes", ("jobs",)), registry)
    assert build_executor(Where(), registry).slots == 1
    assert build_executor(Where(jobs=3), registry).slots == 3
    assert build_executor(Where("processes", ("jobs=4",)), registry).slots == 4


def test_the_table_tells_how_far_each_cell_is(done: tuple[Path, Path], tmp_path: Path) -> None:
    store = Store(tmp_path)
    planned = plan(read_study(done[0]), Registry(installed=()), store)
    watch = Watch(planned, store, slots=2)
    background, pretraining, features, initial, probe = planned.cells[0].stages

    def cells() -> list[list[str]]:
        _title, columns, rows, _caption = watch.cells()
        assert columns == ("arm", "seed 0", "seed 1")
        return [list(row) for row in rows]

    assert cells() == [["dsl", "waits", "waits"], ["none", "waits", "waits"]]
    watch.take(Event("started", background))
    assert cells()[1] == ["none", "background", "background"]
    watch.take(Event("done", background, seconds=2.0))
    watch.take(Event("started", pretraining))
    place = store.path(pretraining)
    place.mkdir(parents=True)
    (place / "steps.jsonl").write_text('{"index": 2}\n{"ind')
    assert cells() == [["dsl", "pretraining 50%", "has background"], ["none", "has background", "has background"]]
    watch.take(Event("done", pretraining, seconds=4.0))
    watch.take(Event("waiting", features, "elsewhere:12"))
    assert cells()[0][1] == "features elsewhere"
    for stage in (features, initial, probe):
        watch.take(Event("done", stage, seconds=1.0))
    assert cells()[0][1] == "done"
    assert watch.cells()[3] == "5/15, 10 s left · 0 running · Ctrl-C stops cleanly"
    other = planned.cells[1].stages
    watch.take(Event("failed", other[1], "it diverged\n  hint lower it"))
    watch.take(Event("skipped", other[2], "it needs pretraining"))
    assert cells()[0][2] == "failed in pretraining"
    assert str(watch.tally()) == "2 computed, 3 reused, 1 failed, 1 not tried"
    assert watch.line(Event("failed", other[1], "it diverged\n  hint")) == (
        "failed   pretraining of dsl, seed 1  (it diverged)  7/15, 7 s left"
    )


def test_how_far_a_training_is_is_read_at_the_end_of_its_record(tmp_path: Path) -> None:
    assert share_done(tmp_path, 10) == 0.0
    (tmp_path / "steps.jsonl").write_text(
        "".join(f'{{"index": {n}, "x": "{"y" * 500}"}}\n' for n in range(40)) + '{"in'
    )
    assert share_done(tmp_path, 78) == 0.5


def test_lengths_of_time_are_read_at_a_glance() -> None:
    assert [span(s) for s in (0.2, 59, 60, 3540, 3600, 11400)] == [
        "1 s",
        "59 s",
        "1 min",
        "59 min",
        "1 h",
        "3 h 10 min",
    ]


# ---------------------------------------------------------------- with processes


def start(study: Path, store: Path, *more: str) -> subprocess.Popen[str]:
    command = [*PROGRAM, "run", str(study), "--store", str(store), "--threads", "1", *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def states(store: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in store.glob("*/[!.]*/stage.json"):
        yield f"{path.parent.parent.name}/{path.parent.name}", json.loads(path.read_text())


def counted(store: Path) -> dict[str, int]:
    """Attempts of the stages that are done."""
    return {address: about["attempt"] for address, about in states(store) if about["state"] == "done"}


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--jobs", "2")], ids=["serial", "processes"])
def test_a_study_that_is_killed_twice_goes_on_and_computes_nothing_twice(
    done: tuple[Path, Path], tmp_path: Path, more: tuple[str, ...]
) -> None:
    study, store = write_study(tmp_path, "training.steps=40", "training.checkpoint_every=5"), tmp_path / "stages"
    chance = random.Random(11)
    finished: dict[str, int] = {}
    for _ in range(2):
        process, wanted = start(study, store, *more), len(finished) + 1 + chance.randrange(4)
        deadline = time.monotonic() + 120
        while len(counted(store)) < wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(chance.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = counted(store)
        assert finished.items() <= now.items()
        finished = now
    process = start(study, store, *more)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert out.splitlines()[-1].endswith("0 failed")
    final = counted(store)
    assert len(final) == 15
    assert finished.items() <= final.items()  # what was done stayed as it was
    untouched = tmp_path / "untouched"
    assert run(study, untouched)[0] == 0
    assert outcomes(study, store) == outcomes(study, untouched)


@pytest.mark.slow
def test_a_killed_worker_is_a_failed_stage_and_the_rest_goes_on(done: tuple[Path, Path], tmp_path: Path) -> None:
    study, store = write_study(tmp_path, "training.steps=60"), tmp_path / "stages"
    process = start(study, store, "--jobs", "1")
    victim = ""
    deadline = time.monotonic() + 120
    while not victim and time.monotonic() < deadline:
        time.sleep(0.02)
        victim = next((a for a, about in states(store) if "pretraining" in a and about["state"] == "running"), "")
    pid = json.loads((store / victim / "attempt-1").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 1, err
    assert "the process of this job was killed" in out
    assert out.splitlines()[-1] == "12 computed, 0 reused, 1 failed, 2 not tried"
    assert run(study, store) == (0, "3 computed, 12 reused, 0 failed")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_jobs_in_processes_stop_cleanly_too(tmp_path: Path, number: signal.Signals) -> None:
    sets = ("training.steps=400", "training.checkpoint_every=1000")
    study, store = write_study(tmp_path, *sets), tmp_path / "stages"
    process = start(study, store, "--jobs", "2")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.02)
        if sum(len(Run(place).steps()) >= 3 for place in store.glob("pretraining/[!.]*")) == 2:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert "stopped, the same command goes on" in out
    stopped = [about for address, about in states(store) if "pretraining" in address]
    assert [about["state"] for about in stopped] == ["stopped", "stopped"]
    assert all(list(place.glob("checkpoints/step-*")) for place in store.glob("pretraining/[!.]*"))


@pytest.mark.slow
def test_two_processes_share_one_study(done: tuple[Path, Path], tmp_path: Path) -> None:
    study, store = write_study(tmp_path, "training.steps=30"), tmp_path / "stages"
    both = [start(study, store), start(study, store)]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert set(attempts(store).values()) == {1}
    assert sum(int(out.splitlines()[-1].split()[0]) for out, _err in said) == 15
