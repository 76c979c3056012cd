import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from poserep.core.errors import DataError, DivergedError
from poserep.core.study import attempts
from poserep.core.study.attempts import Attempt
from poserep.core.study.stages import Stage, StageKind
from poserep.core.study.store import StageLostError, StageStoppedError, Store, default_store

HERE = socket.gethostname()


def stage_named(key: str, kind: StageKind = "probe") -> Stage:
    return Stage(kind, key, {"steps": 3}, (), {"poserep": "1"}, f"stage {key}", {"name": "r"})


STAGE = stage_named("0" * 16)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "stages")


def do(store: Store, stage: Stage = STAGE) -> bool:
    """Whether it was this one that did it."""
    with store.claim(stage) as folder:
        if folder is None:
            return False
        (folder / "result.txt").write_text("done")
    return True


def fail(store: Store, error: BaseException) -> None:
    def work() -> None:
        with store.claim(STAGE) as folder:
            assert folder is not None
            raise error

    with pytest.raises(type(error)):
        work()


def gone() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def left_by(store: Store, host: str, pid: int, age_s: float = 0.0) -> Path:
    """A stage as a process leaves it that was killed while working on it, or works on it now."""
    store.put(STAGE)
    path = store.path(STAGE) / "attempt-1"
    started = time.time() - age_s - 10
    path.write_text(json.dumps({"host": host, "pid": pid, "started": started}))
    os.utime(path, (started, time.time() - age_s))
    about = store.about(STAGE) | {"state": "running", "attempt": 1}
    (store.path(STAGE) / "stage.json").write_text(json.dumps(about))
    return path


def test_the_default_place_is_under_runs_or_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSEREP_STAGES", raising=False)
    assert default_store() == Path("runs/stages")
    monkeypatch.setenv("POSEREP_STAGES", "/big/stages")
    assert default_store() == Path("/big/stages")


def test_a_stage_that_is_put_can_be_read_back_and_is_new(store: Store) -> None:
    assert store.state(STAGE) == "new"
    store.put(STAGE)
    again = store.read(STAGE.address)
    assert (again, again.recipe, again.title, again.packages) == (STAGE, STAGE.recipe, STAGE.title, STAGE.packages)
    assert store.path(STAGE) == store.folder / "probe" / STAGE.key
    assert (store.state(STAGE), store.seconds(STAGE), store.holder(STAGE)) == ("new", None, "")
    assert [path.name for path in store.path(STAGE).parent.iterdir()] == [STAGE.key]


def test_putting_a_stage_again_leaves_it_as_it_is(store: Store) -> None:
    assert do(store)
    store.put(STAGE)
    assert store.state(STAGE) == "done"


def test_a_stage_that_there_is_not_is_a_data_error(store: Store) -> None:
    with pytest.raises(DataError, match="there is no stage probe/1"):
        store.read("probe/1")


def test_a_stage_is_done_after_its_work_and_tells_how_long_it_took_and_where(store: Store) -> None:
    with store.claim(STAGE) as folder:
        assert folder == store.path(STAGE)
        assert store.state(STAGE) == "running"
        assert store.holder(STAGE) == f"{HERE}:{os.getpid()}"
        time.sleep(0.05)
        (folder / "result.txt").write_text("done")
    assert store.state(STAGE) == "done"
    assert store.holder(STAGE) == ""
    seconds = store.seconds(STAGE)
    assert seconds is not None
    assert 0.05 <= seconds < 5
    about = store.about(STAGE)
    assert about["attempt"] == 1
    assert about["started"] == about["surroundings"]["started"]
    assert "poserep" in about["surroundings"]["versions"]
    assert store.result_of(STAGE.address, "result.txt").read_text() == "done"


def test_a_done_stage_is_not_done_again(store: Store) -> None:
    assert do(store)
    assert not do(store)


def test_a_stage_that_is_held_is_not_given_to_a_second(store: Store) -> None:
    with store.claim(STAGE) as folder:
        assert folder is not None
        with store.claim(STAGE) as second:
            assert second is None
    assert store.state(STAGE) == "done"


def test_a_failure_is_kept_with_its_cause_and_can_be_tried_again(store: Store) -> None:
    fail(store, DivergedError("the loss is not finite", where="step 7", hint="lower the rate"))
    about = store.about(STAGE)
    assert store.state(STAGE) == "failed"
    assert (about["error"], about["what"], about["where"]) == ("DivergedError", "the loss is not finite", "step 7")
    assert "lower the rate" in about["cause"]
    assert do(store)
    assert store.state(STAGE) == "done"
    assert "cause" not in store.about(STAGE)
    assert store.about(STAGE)["attempt"] == 2


def test_whatever_is_raised_is_a_failure_and_an_error_without_words_is_named(store: Store) -> None:
    fail(store, SystemExit())
    assert (store.state(STAGE), store.about(STAGE)["cause"]) == ("failed", "SystemExit")


@pytest.mark.parametrize("error", [StageStoppedError("asked to"), KeyboardInterrupt()])
def test_a_stage_that_was_stopped_says_so_and_goes_on(store: Store, error: BaseException) -> None:
    fail(store, error)
    assert store.state(STAGE) == "stopped"
    assert "cause" not in store.about(STAGE)
    assert do(store)


def test_a_result_is_given_only_of_a_done_stage(store: Store) -> None:
    with store.claim(STAGE) as folder:
        assert folder is not None
        (folder / "result.txt").write_text("half")
        with pytest.raises(DataError, match="is not done"):
            store.result_of(STAGE, "result.txt")
    with pytest.raises(DataError, match=r"has no other\.txt"):
        store.result_of(STAGE, "other.txt")


def test_only_finished_stages_of_the_kind_are_told(store: Store) -> None:
    assert list(store.finished("probe")) == []
    assert do(store)
    assert do(store, stage_named("b", "features"))
    store.put(stage_named("c"))
    assert [about["key"] for about in store.finished("probe")] == [STAGE.key]


def test_a_stage_whose_process_is_gone_is_stopped_and_can_be_taken_up(store: Store) -> None:
    left_by(store, HERE, gone())
    assert (store.state(STAGE), store.holder(STAGE)) == ("stopped", "")
    assert do(store)
    assert store.about(STAGE)["attempt"] == 2
    seconds = store.seconds(STAGE)
    assert seconds is not None
    assert 10 <= seconds < 20  # the killed attempt counts up to its last sign of life


def test_a_stage_of_another_host_is_left_alone_while_it_shows_signs_of_life(store: Store) -> None:
    left_by(store, "elsewhere", 1, age_s=20)
    assert (store.state(STAGE), store.holder(STAGE)) == ("running", "elsewhere:1")
    assert not do(store)


def test_a_stage_of_another_host_is_taken_over_after_a_minute(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "HEARTBEAT_S", 0.05)
    left_by(store, "elsewhere", 1, age_s=70)
    assert store.state(STAGE) == "stopped"
    assert do(store)


def test_a_stage_that_seems_old_only_by_the_clock_is_not_taken_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "HEARTBEAT_S", 0.2)
    path = left_by(store, "elsewhere", 1, age_s=70)
    old = time.time() - 69
    timer = threading.Timer(0.1, os.utime, (path, (old, old)))
    timer.start()
    assert not do(store)
    timer.join()


def test_an_attempt_that_was_killed_while_it_was_made_gets_stale_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "HEARTBEAT_S", 0.05)
    path = left_by(store, HERE, 1)
    path.write_text("")
    assert not do(store)
    os.utime(path, (0, 0))
    assert do(store)


def test_who_has_lost_a_stage_writes_nothing_about_it(store: Store) -> None:
    def work() -> None:
        with store.claim(STAGE) as folder:
            assert folder is not None
            assert Attempt(folder / "attempt-2").make()

    with pytest.raises(StageLostError, match="taken this stage over"):
        work()
    assert store.about(STAGE)["state"] == "running"


def test_a_living_attempt_is_touched_all_the_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "HEARTBEAT_S", 0.01)
    with store.claim(STAGE) as folder:
        assert folder is not None
        os.utime(folder / "attempt-1", (0, 0))
        time.sleep(0.2)
        assert time.time() - (folder / "attempt-1").stat().st_mtime < 5


@pytest.mark.parametrize("links", [True, False])
def test_only_one_can_make_an_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    barrier, made = threading.Barrier(8), Counter[bool]()

    def race() -> None:
        barrier.wait()
        made[Attempt(tmp_path / "attempt-1").make()] += 1

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == {True: 1, False: 7}
    assert Attempt(tmp_path / "attempt-1").holder == f"{HERE}:{os.getpid()}"
    assert [path.name for path in tmp_path.iterdir()] == ["attempt-1"]


def test_a_store_that_cannot_be_written_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the store"):
        Store(tmp_path / "file").put(STAGE)


WORKER = """
import fcntl, os, random, sys, time
from pathlib import Path
from poserep.core.study.stages import Stage
from poserep.core.study.store import Store

store, log = Store(Path(sys.argv[1])), os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
pause, keys = float(sys.argv[3]), [f"{n:02}" for n in range(int(sys.argv[4]))]
random.seed(os.getpid())


def say(*words):
    os.write(log, (" ".join(map(str, (*words, os.getpid()))) + "\\n").encode())


print("ready", flush=True)
sys.stdin.readline()
while any(store.state(f"probe/{key}") != "done" for key in keys):
    for key in random.sample(keys, len(keys)):
        with store.claim(Stage("probe", key, {}, (), {}, key, {})) as folder:
            if folder is None:
                continue
            guard = (folder / "guard").open("w")
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)  # which the kernel gives back when one is killed
            except OSError:
                say("clash", key)
            say("begin", key)
            for part in "ab":
                time.sleep(random.random() * pause)
                (folder / part).write_text(key)
            say("end", key)
            guard.close()
        say("done", key)
    time.sleep(0.01)
"""


def start_workers(folder: Path, pause: float, stages: int, workers: int = 2) -> list[subprocess.Popen[bytes]]:
    """Processes that begin together."""
    command = [sys.executable, "-c", WORKER, str(folder / "stages"), str(folder / "log"), str(pause), str(stages)]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe) for _ in range(workers)]
    for worker in started:
        assert worker.stdout is not None
        worker.stdout.readline()
    for worker in started:
        assert worker.stdin is not None
        worker.stdin.close()
    return started


def finish(worker: subprocess.Popen[bytes], timeout_s: float) -> int:
    try:
        return worker.wait(timeout_s)
    finally:
        worker.kill()
        worker.wait()
        assert worker.stdout is not None
        worker.stdout.close()


def story(folder: Path) -> list[tuple[str, str]]:
    """What the workers said, as (word, key)."""
    rows = [line.split() for line in (folder / "log").read_text().splitlines()]
    return [(word, key) for word, key, _pid in rows]


def test_two_processes_share_the_stages_of_one_store_and_do_each_once(tmp_path: Path) -> None:
    assert [finish(worker, 300) for worker in start_workers(tmp_path, 0.01, 20)] == [0, 0]
    begun = Counter(story(tmp_path))
    assert {word for word, _key in begun} == {"begin", "end", "done"}
    assert set(begun.values()) == {1}
    assert len(begun) == 60
    assert len({line.split()[2] for line in (tmp_path / "log").read_text().splitlines()}) == 2


KILLED = """
import json, os, signal, sys
from pathlib import Path
from poserep.core.study import store as module
from poserep.core.study.stages import Stage
from poserep.core.study.store import Store

module.surroundings = lambda: {"started": "now"}
stage = Stage("probe", "a", {}, (), {}, "a", {})
WRITING = {"open", "write", "__exit__", "mkdir", "rename", "replace", "link", "unlink"}


def work(store, last):
    calls = 0

    def killed(frame, event, call):
        nonlocal calls
        if event == "c_call" and call.__name__ in WRITING:
            calls += 1
            if calls == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(killed)
    with store.claim(stage) as folder:
        (folder / "result").write_text("whole")
    sys.setprofile(None)
    os._exit(0)


told = []
while not told or told[-1][0]:
    store = Store(Path(sys.argv[1]) / str(len(told)))
    child = os.fork()
    if not child:
        work(store, len(told) + 1)
    killed = os.waitpid(child, 0)[1]
    state, holder = store.state(stage), store.holder(stage)
    if not holder and state != "done":
        with store.claim(stage) as folder:
            (folder / "result").write_text("whole")
    done = store.state(stage) == "done" and store.result_of(stage, "result").read_text() == "whole"
    told.append((killed, state, holder, done))
json.dump(told, sys.stdout)
"""


def test_killed_at_any_call_that_writes_a_stage_is_free_at_once_and_can_be_done(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=tmp_path).stdout)
    assert {killed for killed, *_ in told[:-1]} == {signal.SIGKILL}
    assert {state for _, state, *_ in told} == {"new", "stopped", "done"}
    assert {(holder, done) for *_, holder, done in told} == {("", True)}, told
    assert len(told) > 30


def test_killed_at_random_nothing_half_done_counts_and_all_is_done_in_the_end(tmp_path: Path) -> None:
    dice, count, store = random.Random(0), 8, Store(tmp_path / "stages")
    for _ in range(4):
        for worker in start_workers(tmp_path, 0.3, count):
            time.sleep(dice.random() * 0.5)
            worker.send_signal(signal.SIGKILL)
            finish(worker, 60)
        for about in store.finished("probe"):
            assert {(store.path(f"probe/{about['key']}") / part).read_text() for part in "ab"} == {about["key"]}
    assert [finish(worker, 300) for worker in start_workers(tmp_path, 0.0, count, workers=1)] == [0]
    told = story(tmp_path)
    assert all(store.state(f"probe/{number:02}") == "done" for number in range(count))
    assert "clash" not in dict(told)
    assert len([word for word, _key in told if word == "begin"]) > count
    done: set[str] = set()
    for word, key in told:
        assert not (word == "begin" and key in done)
        done |= {key} if word == "done" else set()
