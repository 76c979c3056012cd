from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from poserep.core.interfaces import Context
from poserep.core.registry import Entry
from poserep.testing import apart, pair
from poserep.testing.apart import declare_without_torch, run_in_two


def module(folder: Path, name: str, text: str) -> Entry:
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return Entry("loss", name, name, "A loss", package=name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_who_asks_for_torch_is_told_apart_from_who_does_not(folder: Path) -> None:
    entries = [
        module(folder, "asks", "import torch\n"),
        module(folder, "fine", "print('hello')\n"),
        module(folder, "faulty", "1 / 0\n"),
        module(folder, "tries", "try:\n    import torch.nn\nexcept ImportError:\n    pass\n"),
    ]

    found = declare_without_torch(entries)

    assert found == {
        "loss.asks": "importing its module asks for torch",
        "loss.fine": "",
        "loss.faulty": "ZeroDivisionError: division by zero",
        "loss.tries": "importing its module asks for torch",
    }


def test_a_module_that_does_not_end_is_named(folder: Path) -> None:
    entries = [
        module(folder, "early", ""),
        module(folder, "endless", "while True: pass\n"),
        module(folder, "late", ""),
    ]

    found = declare_without_torch(entries, limit_s=4)

    assert found == {
        "loss.early": "",
        "loss.endless": "importing its module did not end within 4 s",
        "loss.late": "not reached: loss.endless stopped the process before",
    }


def test_a_module_that_ends_the_process_is_named(folder: Path) -> None:
    entries = [module(folder, "killer", "import os\nos._exit(7)\n")]

    assert declare_without_torch(entries) == {"loss.killer": "it ended the process that imported it (exit 7)"}


def subject(key: str) -> SimpleNamespace:
    return SimpleNamespace(key=key)


def test_a_new_pair_goes_on_after_the_part_that_stopped_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def answers(jobs: list[dict[str, str]], folder: Path, limit_s: float) -> list[dict[str, str]]:
        asked.append([job["key"] for job in jobs])
        if len(jobs) == 4:
            return [{"a": "", "b": "two processes differ", "c": "it crashed"}, {"a": "", "b": ""}]
        return [{job["key"]: "" for job in jobs}] * 2

    monkeypatch.setattr(apart, "job_of", lambda one: {"key": one.key})
    monkeypatch.setattr(apart, "_pair", answers)

    found = run_in_two([subject(key) for key in "abcd"], tmp_path)

    assert found == {"a": "", "b": "two processes differ", "c": "it crashed", "d": ""}
    assert asked == [["a", "b", "c", "d"], ["d"]]


def test_a_pair_that_says_nothing_is_the_first_parts_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "job_of", lambda one: {"key": one.key})
    monkeypatch.setattr(apart, "_pair", lambda jobs, folder, limit_s: [{}, {}])

    found = run_in_two([subject("a")], tmp_path, limit_s=5)

    assert found == {"a": "two processes did not get through it within 5 s"}


def test_a_difference_is_a_share_of_the_largest_number() -> None:
    assert pair.distance(torch.tensor([10.0, 0.0]), torch.tensor([10.0, 1.0])) == pytest.approx(0.1)
    assert pair.distance(torch.zeros(0), torch.zeros(0)) == 0.0


def test_a_part_is_measured_on_its_rows() -> None:
    job = {
        "module": "poserep.plugins.losses.css",
        "kind": "loss",
        "name": "css",
        "options": {},
        "context": Context(32),
        "fields": {"variant": torch.rand(4, 3, 6), "roles": None},
    }
    from poserep.core.interfaces import Roles

    job["fields"]["roles"] = Roles(("reference", "positive", "negative"))
    found = pair.measured(job, slice(0, 2))

    assert found["output loss"].shape == ()
    assert found["gradient of variant"].shape == (2, 3, 6)
