"""What `core.interfaces.Executor` promises, of those that need nothing but this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from poserep.core.errors import DataError, PoserepError
from poserep.core.interfaces import Context, Executor
from poserep.core.registry import Registry
from poserep.tests.fakes import jobs

ORPHAN = """
from poserep.core.interfaces import Context
from poserep.core.registry import Registry
from poserep.tests.fakes import jobs
if __name__ == "__main__":
    chosen = Registry(installed=()).get("executor", "processes")
    executor = chosen.build(chosen.options(jobs=1), Context(1))
    executor.submit(jobs.wait_for_ctrl_c, {said!r}).result()
"""


def build(name: str, **options: int) -> Executor:
    chosen = Registry(installed=()).get("executor", name)
    executor: Executor = chosen.build(chosen.options(**options), Context(1))
    return executor


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    executor = build("processes", jobs=2, threads=3)
    yield executor
    executor.close()


@pytest.fixture(params=["serial", "processes"])
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "serial":
        return build("serial")
    found: Executor = request.getfixturevalue("processes")
    return found


def test_a_job_gives_its_result(executor: Executor) -> None:
    task = executor.submit(jobs.double, 21)
    assert task.result() == 42
    assert task.done()


def test_what_a_job_raises_comes_back_whole(executor: Executor) -> None:
    task = executor.submit(jobs.fail, "clips/")
    with pytest.raises(DataError) as caught:
        task.result()
    assert (caught.value.what, caught.value.where, caught.value.hint) == (
        "the clips are gone",
        "clips/",
        "bring them back",
    )


def test_serial_works_in_this_process() -> None:
    assert build("serial").submit(jobs.who).result() == (os.getpid(), os.environ.get("OMP_NUM_THREADS", ""))


def test_processes_work_at_the_same_time_with_their_own_threads(processes: Executor, tmp_path: Path) -> None:
    assert processes.slots == 2
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    tasks = [processes.submit(jobs.meet, one, other), processes.submit(jobs.meet, other, one)]
    assert [task.result() for task in tasks] == [True, True]
    pid, threads = processes.submit(jobs.who).result()
    assert pid != os.getpid()
    assert threads == "3"


def test_a_killed_worker_fails_its_own_job_and_is_replaced(processes: Executor, tmp_path: Path) -> None:
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    bystander = processes.submit(jobs.meet, one, other)
    with pytest.raises(PoserepError, match="was killed"):
        processes.submit(jobs.die).result()
    Path(other).touch()
    assert bystander.result() is True
    assert [processes.submit(jobs.double, number).result() for number in (1, 2, 3)] == [2, 4, 6]


def test_closing_stops_running_jobs_as_ctrl_c_would(tmp_path: Path) -> None:
    executor, said = build("processes", jobs=1), tmp_path / "said"
    task = executor.submit(jobs.wait_for_ctrl_c, str(said))
    assert jobs.appears(said)
    executor.close()
    assert task.done()
    assert task.result() == "stopped"


def test_workers_stop_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    script, said = tmp_path / "script.py", tmp_path / "said"
    script.write_text(ORPHAN.format(said=str(said)))
    parent = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    assert jobs.appears(said)
    worker = int(said.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert jobs.appears(said, "interrupted")
    for _ in range(200):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the worker is still there")
