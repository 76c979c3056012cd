"""The executors of clusters: Slurm by submitit's stand-ins and by a Slurm of shell scripts, Ray by a Ray of its own."""

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from poserep.core.errors import ConfigError, DataError, PluginError, PoserepError
from poserep.core.interfaces import Context, Executor
from poserep.core.registry import Registry
from poserep.plugins.executors import slurm
from poserep.plugins.executors.outcome import Outcome, capture, portable
from poserep.tests.fakes import jobs


def build(name: str, **options: Any) -> Executor:
    chosen = Registry(installed=()).get("executor", name)
    executor: Executor = chosen.build(chosen.options(**options), Context(1))
    return executor


def pieces(said: str) -> str:
    """A long job of many small steps, as training is."""
    import time
    from pathlib import Path

    if said:
        Path(said).touch()
    try:
        for _ in range(400):
            time.sleep(0.05)
    except KeyboardInterrupt:
        return "stopped"
    return "worked"


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Executor]:
    submitit = pytest.importorskip("submitit")
    monkeypatch.setattr(submitit.core.core.Job, "_results_timeout_s", 0)  # files are there at once on one machine
    executor = build("slurm", folder=str(tmp_path / "slurm"), cluster="local")
    yield executor
    executor.close()


# ---------------------------------------------------------------- what travels


def test_an_error_travels_with_its_traceback_as_a_note() -> None:
    outcome = capture(jobs.fail, "clips")

    with pytest.raises(DataError, match="the clips are gone") as caught:
        outcome.unwrap()
    assert (caught.value.where, caught.value.hint) == ("clips", "bring them back")
    assert "in fail" in caught.value.__notes__[0]


def test_a_job_that_leaves_its_process_is_an_error_and_not_the_end_of_a_worker() -> None:
    assert isinstance(capture(sys.exit, 3).error, SystemExit)


def test_an_error_that_cannot_travel_gives_its_text() -> None:
    class HereError(Exception):
        pass

    error = portable(HereError("only here"))
    assert type(error) is RuntimeError
    assert str(error) == "HereError: only here"


@pytest.mark.parametrize(("name", "package"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_extra_is_told_with_what_installs_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(PluginError, match=f"executor.{name} needs the package '{package}'") as caught:
        build(name)
    assert caught.value.hint == f"pip install 'poserep[{name}]'"


def test_declaring_them_imports_neither_torch_nor_what_they_stand_on() -> None:
    code = (
        "import sys; from poserep.core.registry import Registry; registry = Registry(installed=()); "
        "[registry.get('executor', name) for name in ('slurm', 'ray')]; "
        "sys.exit(' '.join({'torch', 'ray', 'submitit'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- Slurm


def test_jobs_of_submitit_run_in_processes_of_their_own_and_give_results(local: Executor) -> None:
    tasks = [local.submit(jobs.double, 21), local.submit(os.getpid)]

    assert tasks[0].result() == 42
    assert tasks[1].result() != os.getpid()
    assert all(task.done() for task in tasks)
    assert local.slots == 8


def test_what_a_job_raises_comes_back_as_it_was(local: Executor) -> None:
    with pytest.raises(DataError, match="the clips are gone") as caught:
        local.submit(jobs.fail, "clips").result()
    assert caught.value.hint == "bring them back"


def test_a_killed_job_is_an_error_that_names_its_log(local: Executor) -> None:
    with pytest.raises(PoserepError, match="ended without a result") as caught:
        local.submit(jobs.die).result()
    assert Path(caught.value.where).is_file()
    assert "Starting with JobEnvironment" in Path(caught.value.where).read_text()


def test_a_job_may_begin_before_its_submitter_goes_on(local: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a busy machine."""
    module = sys.modules["submitit.local.local"]
    start = module.start_controller

    def start_and_tarry(folder: Path, **options: Any) -> "subprocess.Popen[bytes]":
        process: subprocess.Popen[bytes] = start(folder=folder, **options)
        while process.poll() is None and not any(folder.parent.rglob("*_log.out")):
            time.sleep(0.01)
        return process

    monkeypatch.setattr(module, "start_controller", start_and_tarry)
    assert local.submit(jobs.double, 21).result() == 42


def test_closing_asks_running_jobs_to_stop_as_by_ctrl_c(local: Executor, tmp_path: Path) -> None:
    said = tmp_path / "said"
    task = local.submit(jobs.wait_for_ctrl_c, str(said))
    assert jobs.appears(said)

    local.close()

    assert task.done()
    assert jobs.appears(said, "interrupted")
    assert task.result() == "stopped"


@pytest.mark.filterwarnings("ignore:unclosed file .*_log:ResourceWarning")
def test_the_debug_cluster_runs_jobs_in_this_process(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    executor = build("slurm", folder=str(tmp_path), cluster="debug", jobs=1)

    assert executor.submit(os.getpid).result() == os.getpid()
    with pytest.raises(DataError, match="the clips are gone"):
        executor.submit(jobs.fail, "clips").result()
    cancelled = executor.submit(jobs.double, 1)
    cancelled.cancel()
    assert cancelled.done()
    with pytest.raises(CancelledError):
        cancelled.result()
    executor.close()
    gc.collect()  # submitit leaves logs open: let that be found here


def test_only_what_is_set_is_asked_of_slurm() -> None:
    told = slurm.parameters(slurm.SlurmOptions(partition="gpu", gpus=1, mem_gb=12.5))

    assert told["slurm_partition"] == "gpu"
    assert (told["gpus_per_node"], told["mem_gb"], told["timeout_min"]) == (1, 12.5, 240)
    assert {"slurm_partition", "gpus_per_node", "mem_gb"}.isdisjoint(slurm.parameters(slurm.SlurmOptions()))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Slurm of shell scripts: takes every job as number 7, runs none, and tells the state in the file `state`."""
    pytest.importorskip("submitit")
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {
        "sbatch": f'cp "$1" {tmp_path}/script\necho Submitted batch job 7',
        "srun": "exit 0",
        "sacct": f'echo "JobID|State|NodeList"\necho "7|$(cat {tmp_path}/state)|node1"',
        "scancel": f'echo "$@" >> {tmp_path}/cancelled\necho CANCELLED by 0 > {tmp_path}/state',
    }
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    (tmp_path / "state").write_text("RUNNING")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "ASK_S", 0.05)
    monkeypatch.setattr(slurm, "POLL_S", 0.02)
    submitit = sys.modules["submitit"]
    monkeypatch.setattr(submitit.core.core.Job, "_results_timeout_s", 0)
    submitit.SlurmJob.watcher.clear()
    return tmp_path


@pytest.mark.parametrize("state", ["OUT_OF_MEMORY", "TIMEOUT", "NODE_FAIL"])
def test_a_job_that_slurm_ends_is_an_error_with_its_state_and_log(cluster: Path, state: str) -> None:
    executor = build("slurm", folder=str(cluster / "jobs"), partition="gpu", cpus=3)
    task = executor.submit(jobs.double, 1)
    assert not task.done()

    (cluster / "state").write_text(state)

    with pytest.raises(PoserepError, match=f"job 7 ended without a result: {state}") as caught:
        task.result()
    assert caught.value.where == str(cluster / "jobs" / "7" / "7_0_log.out")
    script = (cluster / "script").read_text()
    assert "#SBATCH --partition=gpu" in script
    assert "#SBATCH --cpus-per-task=3" in script


def test_a_preempted_job_is_waited_for_as_long_as_it_may_be_queued_again(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = build("slurm", folder=str(cluster / "jobs")).submit(jobs.double, 1)
    (cluster / "state").write_text("PREEMPTED")
    time.sleep(0.1)
    assert not task.done()

    monkeypatch.setattr(slurm, "REQUEUE_S", 0.0)

    with pytest.raises(PoserepError, match="job 7 ended without a result: PREEMPTED"):
        task.result()


def test_closing_takes_waiting_jobs_out_of_the_queue(cluster: Path) -> None:
    executor = build("slurm", folder=str(cluster / "jobs"))
    task = executor.submit(jobs.double, 1)

    executor.close()

    assert (cluster / "cancelled").read_text() == "7\n"
    assert task.done()
    with pytest.raises(CancelledError):
        task.result()
    executor.close()
    assert (cluster / "cancelled").read_text() == "7\n"  # it is asked once


def test_a_machine_without_slurm_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PluginError, match="this machine cannot hand jobs to Slurm"):
        build("slurm", folder=str(tmp_path))


# ---------------------------------------------------------------- Ray


@pytest.fixture(scope="module")
def own_ray() -> Iterator[Executor]:
    """A Ray of two cores, started once."""
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    before = signal.getsignal(signal.SIGTERM)
    executor = build("ray", jobs=2)
    assert signal.getsignal(signal.SIGTERM) is before
    yield executor
    tasks = [executor.submit(jobs.double, 4), executor.submit(jobs.fail, "clips"), executor.submit(pieces, "")]
    assert tasks[0].result() == 8
    executor.close()
    executor.close()
    assert not ray.is_initialized()
    assert all(task.done() for task in tasks)
    assert tasks[0].result() == 8
    with pytest.raises((DataError, CancelledError)):
        tasks[1].result()
    assert not ray.is_initialized()  # asking for results must not start another one


def test_jobs_of_ray_run_side_by_side_and_give_results(own_ray: Executor, tmp_path: Path) -> None:
    one, other = str(tmp_path / "one"), str(tmp_path / "other")

    tasks = [own_ray.submit(jobs.meet, one, other), own_ray.submit(jobs.meet, other, one)]

    assert [task.result() for task in tasks] == [True, True]
    assert all(task.done() for task in tasks)


def test_a_job_of_ray_sees_the_folder_and_the_settings_of_its_submitter(
    own_ray: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEREP_STAGES", "elsewhere")

    assert own_ray.submit(os.getcwd).result() == str(tmp_path)
    assert own_ray.submit(os.getenv, "POSEREP_STAGES").result() == "elsewhere"


def test_ray_gives_back_what_a_job_raised(own_ray: Executor) -> None:
    with pytest.raises(DataError, match="the clips are gone") as caught:
        own_ray.submit(jobs.fail, "clips").result()
    assert type(caught.value) is DataError
    assert str(caught.value) == "the clips are gone\n  at   clips\n  hint bring them back"


def test_a_job_of_ray_whose_process_dies_is_an_error_and_is_not_tried_again(own_ray: Executor) -> None:
    with pytest.raises(PoserepError, match="ended without a result: The worker died") as caught:
        own_ray.submit(jobs.die).result()
    assert "logs of Ray's workers" in caught.value.where


def test_a_running_job_of_ray_is_stopped_as_by_ctrl_c(own_ray: Executor, tmp_path: Path) -> None:
    said = tmp_path / "said"
    task = own_ray.submit(pieces, str(said))
    assert jobs.appears(said)

    task.cancel()

    task.cancel()  # a second time would interrupt its clean end

    assert task.result() == "stopped"


def test_a_job_of_ray_that_is_cancelled_before_its_start_never_runs(own_ray: Executor, tmp_path: Path) -> None:
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    running = [own_ray.submit(jobs.meet, one, other), own_ray.submit(jobs.meet, str(tmp_path / "two"), other)]
    waiting = own_ray.submit(jobs.wait_for_ctrl_c, str(tmp_path / "never"))

    waiting.cancel()

    with pytest.raises(CancelledError):
        waiting.result()
    Path(other).touch()
    assert [task.result() for task in running] == [True, True]
    assert not (tmp_path / "never").exists()


def test_a_ray_that_was_there_before_stays(own_ray: Executor) -> None:
    ray = sys.modules["ray"]
    guest = build("ray", jobs=1)
    assert guest.submit(jobs.double, 2).result() == 4

    guest.close()

    assert ray.is_initialized()
    assert own_ray.submit(jobs.double, 3).result() == 6


def test_a_cluster_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def refuse(**_: object) -> None:
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(ConfigError, match="there is no Ray cluster to join") as caught:
        build("ray", address="auto")
    assert caught.value.where == "executor.address = 'auto'"


def test_nothing_is_told_to_anybody_and_no_dashboard_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    told: dict[str, object] = {}
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: told.update(options))
    monkeypatch.setattr(ray, "cluster_resources", dict)
    monkeypatch.setattr(ray, "shutdown", lambda: told.update(shut=True))

    executor = build("ray", cpus=3, jobs=2)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert (told["num_cpus"], told["include_dashboard"], told["log_to_driver"]) == (6, False, False)
    executor.close()
    assert told["shut"]
    with pytest.raises(ConfigError, match="a job asks for 2 GPUs, this machine has 0"):
        build("ray", gpus=2.0)


def test_an_outcome_without_error_is_its_value() -> None:
    assert Outcome(5).unwrap() == 5


# ---------------------------------------------------------------- what both share


def test_a_job_hears_ctrl_c_though_its_command_runs_in_the_background(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert capture(jobs.interrupt_oneself).value == "interrupted"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
