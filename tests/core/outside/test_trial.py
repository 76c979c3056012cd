import os
import sys
import threading
import time
from pathlib import Path

import pytest

from poserep.core.outside.guard import Overtime
from poserep.core.outside.trial import ProcessEndedError, ends

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
STUBBORN = """
import time
while True:
    try:
        time.sleep(1)
    except BaseException:
        pass
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path with modules that are fine, and that are not."""
    monkeypatch.syspath_prepend(tmp_path)
    sources = {
        "trial_fine": "from pathlib import Path; Path(__file__).with_suffix('.seen').touch()",
        "trial_raises": "raise KeyboardInterrupt",
        "trial_leaves": "import os; os._exit(0)",
        "trial_crashes": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "trial_stubborn": STUBBORN,
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    return tmp_path


def test_what_ends_a_process_is_told_and_what_raises_is_left_to_the_import(modules: Path) -> None:
    found = ends(("trial_raises", "trial_leaves", "trial_no_such", "trial_crashes", "trial_fine"), 20)
    assert {name: str(error) for name, error in found.items()} == {
        "trial_leaves": "exit code 0",
        "trial_crashes": "SIGTERM",
    }
    assert all(isinstance(error, ProcessEndedError) for error in found.values())


def test_another_child_goes_on_after_one_that_ended(modules: Path) -> None:
    ends(("trial_leaves", "trial_fine"), 20)
    assert (modules / "trial_fine.seen").exists()


def test_a_module_that_swallows_every_exception_is_given_its_seconds_and_no_more(modules: Path) -> None:
    begin = time.monotonic()
    assert isinstance(ends(["trial_stubborn"], 0.3)["trial_stubborn"], Overtime)
    assert time.monotonic() - begin < 10


def test_nothing_is_imported_here_and_no_child_is_left(modules: Path) -> None:
    ends(("trial_fine", "trial_crashes"), 20)
    assert not {name for name in sys.modules if name.startswith("trial_")}
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_beside_other_threads_nothing_is_tried(modules: Path) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        assert ends(["trial_crashes"], 20) == {}
    finally:
        over.set()
        thread.join()


def test_what_is_imported_already_is_not_tried(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trial_crashes", sys)
    assert ends(["trial_crashes"], 20) == {}
