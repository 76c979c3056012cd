"""`poserep train` as its user runs it: in processes of their own, killed, stopped and gone on with."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from poserep.core.checkpoint import complete_checkpoints
from poserep.core.errors import ConfigError, DataError, DivergedError
from poserep.core.run import Run
from poserep.tests.fakes.pairs import SMALL
from poserep.tests.fakes.tiny import TINY, flags
from poserep.tests.fakes.toy import registry, toy
from poserep.verbs.train import Machine, check_machine, compose_and_train, stop_signals, train

CPU = Machine(accelerator="cpu")
LONG = ("training.steps=40", "training.checkpoint_every=3", "training.decay=0.5", "training.warmup_steps=5")


def command(folder: Path, *sets: str, more: Sequence[str] = (), recipe: str = "temporal") -> list[str]:
    program = [sys.executable, "-c", "from poserep.cli import main; main()", "train", recipe]
    settings = flags(*sets, small=TINY if recipe == "temporal" else SMALL)
    return [*program, *settings, "--run", str(folder), "--accelerator", "cpu", "--threads", "1", *more]


def start(folder: Path, *sets: str, more: Sequence[str] = (), recipe: str = "temporal") -> subprocess.Popen[str]:
    """In a group of its own, as a terminal has it."""
    return subprocess.Popen(
        command(folder, *sets, more=more, recipe=recipe),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder.parent,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    out, err = process.communicate(timeout=200)
    assert process.returncode == code, err
    return out, err


def wait_for_steps(folder: Path, process: subprocess.Popen[str], count: int) -> None:
    deadline = time.monotonic() + 100
    while len(Run(folder).steps()) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def final(folder: Path) -> dict[str, Any]:
    """Every tensor of the newest checkpoint."""
    newest = complete_checkpoints(folder)[-1]
    files = sorted(newest.glob("*.safetensors"))
    return {f"{file.name} {name}": value for file in files for name, value in load_file(file).items()}


def assert_same(a: Path, b: Path) -> None:
    one, other = final(a), final(b)
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("train") / "whole"
    finish(start(folder, *LONG))
    return folder


def test_a_run_leaves_what_it_says(whole: Path) -> None:
    run = Run(whole)
    assert run.about()["state"] == "done"
    assert run.about()["step"] == run.about()["steps"] == 40
    assert [row["index"] for row in run.steps()] == list(range(1, 41))
    assert [path.name for path in complete_checkpoints(whole)] == ["step-00000039", "step-00000040"]
    assert set(run.steps()[0]["terms"]) == {"reconstruction", "contrast", "box"}


def test_a_killed_run_ends_bit_by_bit_as_one_that_was_not(whole: Path) -> None:
    folder = whole.parent / "killed"
    process = start(folder, *LONG)
    wait_for_steps(folder, process, random.randint(2, 25))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert Run(folder).about()["state"] == "running"
    finish(start(folder, *LONG))
    assert Run(folder).about()["state"] == "done"
    assert_same(whole, folder)


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(whole: Path) -> None:
    folder = whole.parent / "stopped"
    process = start(folder, *LONG)
    wait_for_steps(folder, process, 4)
    os.killpg(process.pid, signal.SIGINT)
    out, err = finish(process, code=130)
    about = Run(folder).about()
    assert about["state"] == "stopped"
    assert f"stopped at step {about['step']} of 40" in out
    assert "stopping after this step; press Ctrl-C again to stop at once" in err
    assert f"next: poserep train {folder}/config.toml --run {folder}" in err
    assert complete_checkpoints(folder)[-1].name == f"step-{about['step']:08d}"
    _, err = finish(start(folder, *LONG))
    assert f"going on from step {about['step']} of 40" in err
    assert_same(whole, folder)


def test_a_run_that_is_done_stays_as_it_is(whole: Path) -> None:
    before = final(whole)
    done = compose_and_train("temporal", whole, CPU, registry(), sets=[*TINY, *LONG])
    assert done.about()["state"] == "done"
    assert all(torch.equal(value, final(whole)[name]) for name, value in before.items())


def losses(folder: Path) -> list[dict[str, float]]:
    return [row["terms"] for row in Run(folder).steps()]


# Adam's first steps turn rounding of tiny gradients into whole steps; a low rate keeps that out of the losses.
SLOW = "training.learning_rate=1e-5"


def compare(one: Path, two: Path) -> None:
    """Equal losses at every step, and equal state of the optimiser, which is a mean of the gradients."""
    assert [list(terms) for terms in losses(one)] == [list(terms) for terms in losses(two)]
    for alone, shared in zip(losses(one), losses(two), strict=True):
        assert shared == pytest.approx(alone, rel=1e-5, abs=1e-5)
    alone, shared = final(one), final(two)
    assert alone.keys() == shared.keys()
    for name, value in alone.items():
        if name.startswith("optimizer"):
            size = float(value.abs().max())
            torch.testing.assert_close(shared[name], value, rtol=1e-3, atol=1e-3 * size + 1e-6, msg=name)


@pytest.mark.slow
def test_two_processes_train_as_one_does_at_the_same_batch(tmp_path: Path) -> None:
    sets = ["training.batch=4", "decoder.dropout=0.3", "losses.pose.width=16", SLOW]
    more = ["--use", "losses.pose=pose2d"]
    finish(start(tmp_path / "one", *sets, more=more))
    finish(start(tmp_path / "two", *sets, more=[*more, "--devices", "2"]))
    compare(tmp_path / "one", tmp_path / "two")
    assert Run(tmp_path / "two").about()["state"] == "done"


@pytest.mark.slow
def test_two_processes_may_have_phases_that_leave_weights_unused(tmp_path: Path) -> None:
    sets = ["phases.first={steps=2, losses=['box']}", "phases.second={steps=2}", SLOW]
    for name, more in (("one", []), ("two", ["--devices", "2"])):
        finish(start(tmp_path / name, *sets, more=more))
    compare(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
@pytest.mark.parametrize("reference", ["true", "false"])
def test_two_processes_complete_as_one_does_though_weights_are_unused(tmp_path: Path, reference: str) -> None:
    sets = ["training.steps=3", "training.log_every=1", "encoder.variant=8", "encoder.invariant=4", SLOW]
    sets += ["sampler.p_view=0.4", f"decoder.reference={reference}"]
    for name, more in (("one", []), ("two", ["--devices", "2"])):
        _, err = finish(start(tmp_path / name, *sets, more=more, recipe="crocoman"))
        assert "completion.view" in err  # the line of the last step
    compare(tmp_path / "one", tmp_path / "two")
    assert {name for terms in losses(tmp_path / "two") for name in terms} == {
        *("completion", "completion.view", "completion.pose")
    }


@pytest.mark.slow
def test_ctrl_c_stops_two_processes_at_the_same_step(tmp_path: Path) -> None:
    folder, sets = tmp_path / "run", ["training.steps=4000"]
    process = start(folder, *sets, more=["--devices", "2"])
    wait_for_steps(folder, process, 3)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = finish(process, code=130)
    assert "stopped at step" in out
    assert Run(folder).about()["state"] == "stopped"
    assert len(complete_checkpoints(folder)) == 1


@pytest.mark.slow
def test_an_error_in_one_of_two_processes_has_its_own_exit_code(tmp_path: Path) -> None:
    process = start(tmp_path / "run", "training.batch=3", more=["--devices", "2"])
    _, err = process.communicate(timeout=200)
    assert process.returncode == 2
    assert "config error  training.batch = 3 does not divide among 2 processes" in err
    assert "hint  choose a multiple of 2" in err
    assert "Traceback" not in err


def test_a_diverged_run_keeps_its_last_good_checkpoint(tmp_path: Path) -> None:
    composition = toy(tmp_path, "losses.bad.at=4", "training.checkpoint_every=1", uses=("losses.bad=nan",))
    with pytest.raises(DivergedError) as caught:
        train(composition, tmp_path / "run", CPU)
    assert caught.value.exit_code == 5
    assert caught.value.what == "losses.bad became nan at step 4"
    about = Run(tmp_path / "run").about()
    assert (about["state"], about["step"]) == ("failed", 3)
    assert about["cause"].startswith("losses.bad became nan at step 4")
    assert complete_checkpoints(tmp_path / "run")[-1].name == "step-00000003"
    done = train(composition, tmp_path / "run", CPU)  # it goes on from there
    assert done.about()["state"] == "done"


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poserep.verbs.train.parameters_finite", lambda model: False)
    with pytest.raises(DivergedError, match="a weight became infinite or NaN at step 6"):
        train(toy(tmp_path), tmp_path / "run", CPU)
    assert complete_checkpoints(tmp_path / "run") == []


def test_an_error_that_nobody_expected_is_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr("poserep.verbs.train.open_source", fail)
    with pytest.raises(ZeroDivisionError):
        train(toy(tmp_path), tmp_path / "run", CPU)
    about = Run(tmp_path / "run").about()
    assert (about["state"], about["cause"], about["error"]) == ("failed", "surprise", "ZeroDivisionError")


def test_a_full_disk_stops_training_with_its_reason_and_its_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composition = toy(tmp_path, "training.checkpoint_every=2")
    from poserep.core import checkpoint

    saved = checkpoint.save_file
    calls: list[Path] = []

    def fill(tensors: dict[str, torch.Tensor], path: Path) -> None:
        calls.append(path)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        saved(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", fill)
    with pytest.raises(DataError, match="the disk is full"):
        train(composition, tmp_path / "run", CPU)
    assert [path.name for path in complete_checkpoints(tmp_path / "run")] == ["step-00000002"]
    monkeypatch.setattr(checkpoint, "save_file", saved)
    assert train(composition, tmp_path / "run", CPU).about()["state"] == "done"


def test_records_are_written_as_often_as_asked_and_at_the_end(tmp_path: Path) -> None:
    run = train(toy(tmp_path, "training.log_every=4"), tmp_path / "run", CPU)
    assert [row["index"] for row in run.steps()] == [4, 6]


def test_an_adversarys_optimiser_is_gone_on_with(tmp_path: Path) -> None:
    uses = ("losses.foe=adversary",)
    short = toy(tmp_path, "training.checkpoint_every=3", uses=uses)
    train(short, tmp_path / "whole", CPU)
    train(short, tmp_path / "again", CPU)
    folder = tmp_path / "again" / "checkpoints"
    for path in (folder / "step-00000006").iterdir():
        path.unlink()
    (folder / "step-00000006").rmdir()
    train(short, tmp_path / "again", CPU)
    assert_same(tmp_path / "whole", tmp_path / "again")
    assert any(name.startswith("optimizer-losses.foe.safetensors") for name in final(tmp_path / "again"))


@pytest.mark.parametrize(
    ("machine", "where"),
    [
        (Machine(devices=0), "--devices"),
        (Machine(nodes=0), "--nodes"),
        (Machine(accelerator="tpu"), "--accelerator tpu"),
    ],
)
def test_machines_that_cannot_be_are_refused(machine: Machine, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_machine(machine)
    assert caught.value.where == where


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(ConfigError, match="this machine has no CUDA device"):
        check_machine(Machine(accelerator="cuda"))


def test_a_second_ctrl_c_stops_at_once_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_signals(quiet=True) as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_checkpoint_that_cannot_be_read_is_told_and_the_one_before_serves(tmp_path: Path) -> None:
    composition = toy(tmp_path, "training.checkpoint_every=3")
    train(composition, tmp_path / "run", CPU)
    newest = complete_checkpoints(tmp_path / "run")[-1]
    (newest / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(DataError) as caught:
        train(composition, tmp_path / "run", CPU)
    assert caught.value.hint == "delete this folder to go on from the one before"
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    assert train(composition, tmp_path / "run", CPU).about()["state"] == "done"
    assert json.loads((newest / "state.json").read_text())["step"] == 6
