import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from poserep.core.errors import DataError
from poserep.core.interfaces import Task
from poserep.core.study import engine
from poserep.core.study.engine import Event, run
from poserep.core.study.file import Study
from poserep.core.study.plan import Plan
from poserep.core.study.stages import Stage
from poserep.core.study.store import StageStoppedError, Store


def chain(arms: int = 2) -> Plan:
    """As a study has them: data, of each arm a training and its features, a random start for all, and probes."""

    def stage(kind: str, key: str, *needs: Stage) -> Stage:
        made = Stage("probe", key, {}, tuple(need.address for need in needs), {}, f"{kind} {key}", {})
        stages[made.address] = made
        return made

    stages: dict[str, Stage] = {}
    data = stage("background", "data")
    for arm in range(arms):
        start = stages.get("probe/start") or stage("features", "start", data)
        trained = stage("features", f"seen{arm}", data, stage("pretraining", f"train{arm}", data))
        stage("probe", f"probe{arm}", trained, start)
    return plan_of(stages)


def plan_of(stages: dict[str, Stage]) -> Plan:
    nothing: dict[str, float | None] = dict.fromkeys(stages)
    return Plan(Study(name="a", recipe="r"), (), stages, dict.fromkeys(stages, "new"), nothing, ())


class Inline:
    """Does each job while it is handed over."""

    slots = 1
    closed = False

    def submit(self, job: Callable[..., object], *arguments: object) -> Task:
        task: Future[object] = Future()
        try:
            task.set_result(job(*arguments))
        except BaseException as error:
            task.set_exception(error)
        return task

    def close(self) -> None:
        self.closed = True


class Threads:
    """Does jobs in threads, and tells them to stop when it is closed."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.told = threading.Event()
        self.pool = ThreadPoolExecutor(slots)

    def submit(self, job: Callable[..., object], *arguments: object) -> Task:
        return self.pool.submit(job, *arguments, self.told)

    def close(self) -> None:
        self.told.set()
        self.pool.shutdown(wait=True, cancel_futures=True)


class Work:
    """A job that counts, and does what it is told for some stages."""

    def __init__(self, pause_s: float = 0.0, **faults: BaseException) -> None:
        self.pause_s, self.faults = pause_s, faults
        self.did: Counter[str] = Counter()
        self.order: list[str] = []
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, folder: str, address: str, told: threading.Event | None = None) -> None:
        store = Store(Path(folder))
        with store.claim(store.read(address)) as place:
            if place is None:
                return
            key = place.name
            with self.lock:
                self.did[key] += 1
                self.order.append(key)
                self.now += 1
                self.most = max(self.most, self.now)
            try:
                self.act(key, told)
            finally:
                with self.lock:
                    self.now -= 1

    def act(self, key: str, told: threading.Event | None) -> None:
        if told is not None and told.wait(self.pause_s):
            raise StageStoppedError("asked to stop")
        if key in self.faults:
            raise self.faults[key]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "stages")


@pytest.fixture
def threads() -> Iterator[Callable[[int], Threads]]:
    made: list[Threads] = []

    def make(slots: int) -> Threads:
        made.append(Threads(slots))
        return made[-1]

    yield make
    for executor in made:
        executor.close()


def go(plan: Plan, executor: Inline | Threads, store: Store, job: engine.Job, keep_going: bool = True) -> list[Event]:
    return list(run(plan, executor, store, job, threading.Event(), keep_going))


def told(events: list[Event]) -> list[str]:
    return [f"{event.what} {event.stage.key if event.stage else ''}".strip() for event in events]


def test_every_stage_is_done_once_after_what_it_needs(store: Store) -> None:
    work, plan = Work(), chain()
    events = go(plan, Inline(), store, work)
    assert set(work.did.values()) == {1}
    assert work.order == [stage.key for stage in plan.stages.values()]
    assert told(events) == [f"{what} {key}" for key in work.order for what in ("started", "done")]
    assert all(event.seconds is not None for event in events if event.what == "done")
    assert {store.state(stage) for stage in plan.stages.values()} == {"done"}


def test_a_second_run_has_nothing_to_do(store: Store) -> None:
    go(chain(), Inline(), store, Work())
    work = Work()
    assert go(chain(), Inline(), store, work) == []
    assert go(chain(3), Inline(), store, work) != []
    assert work.did == {"train2": 1, "seen2": 1, "probe2": 1}


def test_as_many_run_at_a_time_as_there_are_slots(store: Store, threads: Callable[[int], Threads]) -> None:
    work = Work(pause_s=0.1)
    go(chain(5), threads(3), store, work)
    assert work.most == 3
    assert set(work.did.values()) == {1}


def test_a_failure_fails_what_needs_it_and_nothing_else(store: Store) -> None:
    work = Work(train0=DataError("the clips are gone"))
    events = go(chain(), Inline(), store, work)
    assert [line for line in told(events) if line.split()[0] in ("failed", "skipped")] == [
        *("failed train0", "skipped seen0", "skipped probe0"),
    ]
    assert "done probe1" in told(events)
    causes = {event.stage.key: event.cause for event in events if event.stage and event.cause}
    assert causes["train0"] == "the clips are gone"
    assert causes["seen0"] == "it needs probe/train0, which failed"
    assert causes["probe0"] == "it needs probe/seen0, which was skipped"
    assert store.state("probe/train0") == "failed"


def test_a_stage_that_failed_is_tried_again_by_the_next_run(store: Store) -> None:
    go(chain(), Inline(), store, Work(train0=DataError("gone")))
    work = Work()
    assert told(go(chain(), Inline(), store, work))[-1] == "done probe0"
    assert work.order == ["train0", "seen0", "probe0"]


def test_if_it_is_not_kept_going_a_failure_keeps_new_stages_from_starting(
    store: Store, threads: Callable[[int], Threads]
) -> None:
    work = Work(pause_s=0.1, start=DataError("gone"))
    events = go(chain(), threads(2), store, work, keep_going=False)
    lines = [event.what for event in events]
    assert lines.count("failed") == 1
    assert "started" not in lines[lines.index("failed") :]
    assert lines.count("done") + lines.count("failed") == len(work.order)
    assert len(work.order) + lines.count("skipped") == len(chain().stages)
    assert lines.count("skipped") >= 3


def test_a_stop_starts_nothing_new_stops_what_runs_and_the_next_run_goes_on(
    store: Store, threads: Callable[[int], Threads]
) -> None:
    stop, executor, work, events = threading.Event(), threads(2), Work(pause_s=30.0), []
    go(plan_of(dict([*chain().stages.items()][:1])), Inline(), store, Work())
    begun = time.monotonic()
    for event in run(chain(), executor, store, work, stop):
        events.append(event)
        if event.what == "started" and event.stage and event.stage.key == "train0":
            threading.Timer(0.2, stop.set).start()
    assert time.monotonic() - begun < 10
    assert sorted(told(events)[:-1]) == ["started start", "started train0", "stopped start", "stopped train0"]
    assert events[-1] == Event("stopped", None)
    assert executor.told.is_set()
    assert store.state("probe/train0") == "stopped"
    again = Work()
    assert told(go(chain(), Inline(), store, again))[-1] == "done probe1"
    assert set(again.did.values()) == {1}


def test_a_stop_by_whoever_is_told_of_a_start_keeps_that_stage_from_starting(store: Store) -> None:
    stop, work, executor, events = threading.Event(), Work(), Inline(), []
    for event in run(chain(), executor, store, work, stop):
        events.append(event)
        stop.set()
    assert told(events) == ["started data", "stopped data", "stopped"]
    assert executor.closed
    assert not work.did


@pytest.mark.parametrize("error", [StageStoppedError("Ctrl-C"), KeyboardInterrupt()])
def test_a_job_that_was_stopped_stops_the_study(store: Store, error: BaseException) -> None:
    events = go(chain(), Inline(), store, Work(train0=error))
    assert told(events)[-2:] == ["stopped train0", "stopped"]
    assert "failed" not in {event.what for event in events}


@pytest.mark.parametrize(
    ("error", "word", "end"),
    [
        (None, "done train0", "done probe1"),
        (DataError("gone there"), "failed train0", "done probe1"),
        (StageStoppedError("elsewhere"), "started train0", "done probe1"),
    ],
)
def test_a_stage_that_another_process_works_on_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: BaseException | None, word: str, end: str
) -> None:
    monkeypatch.setattr(engine, "LOOK_S", 0.02)
    plan, work, held = chain(), Work(), threading.Event()
    free = threading.Event()

    def other() -> None:
        try:
            with store.claim(plan.stages["probe/train0"]):
                held.set()
                free.wait()
                if error is not None:
                    raise error
        except (DataError, StageStoppedError):
            pass

    thread = threading.Thread(target=other)
    thread.start()
    held.wait()
    events = []
    for event in run(plan, Inline(), store, work, threading.Event()):
        events.append(event)
        if event.what == "waiting":
            assert event.cause == store.holder("probe/train0")
            threading.Timer(0.1, free.set).start()
    thread.join()
    lines = told(events)
    assert "waiting train0" in lines
    assert lines.index(word) > lines.index("waiting train0")
    assert end in lines
    assert work.did["train0"] == ("started" in word)
    if error is not None and "failed" in word:
        assert [event.cause for event in events if event.what == "failed"] == ["gone there"]


def test_a_job_that_never_does_its_stage_is_a_failure_in_the_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOOK_S", 0.0)
    events = go(chain(), Inline(), store, lambda folder, address: None)
    assert [event.cause for event in events if event.what == "failed"] == ["its job ended without doing it"]


def test_a_job_that_could_not_even_begin_is_a_failure_with_what_the_executor_says(store: Store) -> None:
    def never(folder: str, address: str) -> None:
        raise OSError("the worker was killed")

    go(plan_of({"probe/data": chain().stages["probe/data"]}), Inline(), store, Work(data=DataError("an older cause")))
    events = go(chain(), Inline(), store, never)
    assert [event.cause for event in events if event.what == "failed"] == ["the worker was killed"]


def test_two_studies_on_one_store_do_each_stage_once(
    store: Store, threads: Callable[[int], Threads], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOOK_S", 0.02)
    work, ends = Work(pause_s=0.03), []

    def study() -> None:
        ends.append(go(chain(4), threads(2), store, work))

    both = [threading.Thread(target=study) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert set(work.did.values()) == {1}
    assert len(work.did) == 14
    assert [Counter(event.what for event in events)["failed"] for events in ends] == [0, 0]
    assert {store.state(stage) for stage in chain(4).stages.values()} == {"done"}


class Patient:
    """A task that counts how often it is asked."""

    asked = 0

    def __init__(self, until: float, job: Callable[[], object]) -> None:
        self.until, self.job = until, job

    def done(self) -> bool:
        Patient.asked += 1
        return time.monotonic() > self.until

    def result(self) -> object:
        return self.job()

    def cancel(self) -> object:
        return False


class Slow(Inline):
    def submit(self, job: Callable[..., object], *arguments: object) -> Task:
        return Patient(time.monotonic() + 1.0, lambda: job(*arguments))


def test_a_long_job_is_asked_seldom(store: Store) -> None:
    go(plan_of({"probe/data": chain().stages["probe/data"]}), Slow(), store, Work())
    assert 3 <= Patient.asked <= 12


STUDY = """
import os, sys, threading, time
from pathlib import Path
from poserep.core.study.engine import run
from poserep.core.study.store import Store
from poserep.tests.core.study.test_engine import Inline, chain

log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def job(folder, address):
    store = Store(Path(folder))
    with store.claim(store.read(address)) as place:
        if place is not None:
            time.sleep(float(sys.argv[3]))
            (place / "result").write_text(address)
            os.write(log, f"{address}\\n".encode())


print("ready", flush=True)
for event in run(chain(6), Inline(), Store(Path(sys.argv[1])), job, threading.Event()):
    pass
"""


def test_two_processes_killed_at_random_go_on_with_the_same_command(tmp_path: Path) -> None:
    dice, store = random.Random(1), Store(tmp_path / "stages")
    kills = 4

    def begin(ends: ExitStack, pause: float) -> list[subprocess.Popen[bytes]]:
        """Two processes that are ready, killed if a test fails before they end."""
        command = [sys.executable, "-c", STUDY, str(store.folder), str(tmp_path / "log"), str(pause)]
        both = []
        for _ in range(2):
            both.append(ends.enter_context(subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE)))
            ends.callback(both[-1].kill)
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        return both

    for _ in range(kills // 2):
        with ExitStack() as ends:
            for process in begin(ends, 0.1):
                time.sleep(dice.random() * 0.4)
                process.kill()
                process.wait()
    with ExitStack() as ends:
        assert [process.wait(300) for process in begin(ends, 0.0)] == [0, 0]
    did = Counter((tmp_path / "log").read_text().split())
    assert set(did) == set(chain(6).stages)
    assert sum(did.values()) <= len(did) + kills  # one killed between its last output and its being done, at most
    assert all(store.result_of(address, "result").read_text() == address for address in did)


def test_the_engine_of_studies_needs_no_torch() -> None:
    code = "import sys, poserep.core.study.engine; assert not {'torch', 'scipy', 'timm', 'av'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
