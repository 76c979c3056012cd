import errno
import json
import os
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from safetensors import SafetensorError
from torch import Tensor

from poserep.core import checkpoint
from poserep.core.batches import open_source
from poserep.core.checkpoint import (
    complete_checkpoints,
    join_state,
    lay_out,
    load,
    load_model,
    save,
    split_state,
    write_whole,
)
from poserep.core.errors import DataError
from poserep.core.fit import State, fit, make_state
from poserep.tests.fakes.toy import toy

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def trained(tmp_path: Path) -> State:
    """Three steps of the toy with an adversary."""
    return after(tmp_path, 3)


def after(folder: Path, steps: int) -> State:
    composition = toy(folder, uses=("losses.foe=adversary",))
    fabric = Fabric(accelerator="cpu", devices=1)
    state = make_state(composition, fabric)
    for step in fit(composition, open_source(composition), fabric, state):
        if step.index >= steps:
            break
    return state


def fresh(folder: Path) -> State:
    return make_state(
        toy(folder, "training.seed=9", uses=("losses.foe=adversary",)), Fabric(accelerator="cpu", devices=1)
    )


def everything(state: State) -> dict[str, Tensor]:
    """Weights, statistics, and the state of every optimiser."""
    found = dict(state.model.state_dict())
    for name, optimizer in state.optimizers.items():
        found |= {f"{name} {key}": value for key, value in split_state(optimizer.state_dict()["state"])[0].items()}
    return found


def test_everything_comes_back_bit_by_bit(tmp_path: Path, trained: State) -> None:
    folder = save(tmp_path, trained)
    state = fresh(tmp_path)
    assert load(tmp_path, state)
    assert state.step == 3
    before, now = everything(trained), everything(state)
    assert before.keys() == now.keys()
    assert all(torch.equal(before[name], now[name]) for name in before)
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.safetensors",
        "optimizer-losses.foe.safetensors",
        "optimizer-main.safetensors",
        "state.json",
    ]
    assert any(name.startswith("losses.foe ") for name in now)


def test_a_decaying_optimiser_comes_back_too(tmp_path: Path) -> None:
    composition = toy(tmp_path, "training.weight_decay=0.1", "training.beta_2=0.95", "training.steps=6")
    fabric = Fabric(accelerator="cpu", devices=1)
    state, source = make_state(composition, fabric), open_source(composition)
    for step in fit(composition, source, fabric, state):
        if step.index == 3:
            save(tmp_path / "run", state)
    again = make_state(composition, fabric)
    assert load(tmp_path / "run", again)
    for _ in fit(composition, source, fabric, again):
        pass
    one, other = everything(state), everything(again)
    assert all(torch.equal(one[name], other[name]) for name in one)


def half(scale: float) -> MixedPrecision:
    """What Lightning Fabric does at 16-mixed, where gradients are scaled; it does so itself on CUDA alone."""
    precision = MixedPrecision("16-mixed", "cpu")
    precision.load_state_dict({**precision.state_dict(), "scale": scale, "_growth_tracker": 7})
    return precision


def test_the_scale_of_the_gradients_comes_back(tmp_path: Path, trained: State) -> None:
    trained.precision = half(512.0)
    save(tmp_path, trained)
    state = fresh(tmp_path)
    state.precision = MixedPrecision("16-mixed", "cpu")
    assert load(tmp_path, state)
    assert state.precision.state_dict() == trained.precision.state_dict()
    assert state.precision.state_dict()["scale"] == 512.0


def test_the_state_of_training_holds_fabrics_own_precision(tmp_path: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    assert make_state(toy(tmp_path), fabric).precision is fabric.strategy.precision


def test_a_checkpoint_from_before_scales_were_kept_is_still_read(tmp_path: Path, trained: State) -> None:
    path = save(tmp_path, trained) / "state.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "precision"}))
    assert load(tmp_path, fresh(tmp_path))


def test_nothing_is_loaded_where_there_is_nothing(tmp_path: Path) -> None:
    state = fresh(tmp_path)
    assert not load(tmp_path, state)
    assert state.step == 0
    with pytest.raises(DataError) as caught:
        load_model(tmp_path, state.model)
    assert caught.value.what == "this run has no checkpoint yet"


def test_the_newest_two_are_kept(tmp_path: Path, trained: State) -> None:
    for step in (1, 2, 10, 9):
        trained.step = step
        save(tmp_path, trained)
    assert [path.name for path in complete_checkpoints(tmp_path)] == ["step-00000009", "step-00000010"]


def test_a_half_written_checkpoint_is_never_loaded_and_cleared_away(tmp_path: Path, trained: State) -> None:
    save(tmp_path, trained)
    half = tmp_path / "checkpoints" / ".step-00000009.123.part"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    state = fresh(tmp_path)
    load(tmp_path, state)
    assert state.step == 3
    trained.step = 4
    save(tmp_path, trained)
    assert not half.exists()


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer-main.safetensors", "state.json"])
@pytest.mark.parametrize("left", [0, 20])
def test_a_truncated_file_is_told_with_a_way_out(tmp_path: Path, trained: State, name: str, left: int) -> None:
    path = save(tmp_path, trained) / name
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(DataError) as caught:
        load(tmp_path, fresh(tmp_path))
    assert caught.value.what.startswith("the checkpoint cannot be read: ")
    assert caught.value.where == str(path.parent)
    assert caught.value.hint == "delete this folder to go on from the one before"


def test_a_missing_file_is_told(tmp_path: Path, trained: State) -> None:
    (save(tmp_path, trained) / "optimizer-main.safetensors").unlink()
    with pytest.raises(DataError, match="the checkpoint cannot be read"):
        load(tmp_path, fresh(tmp_path))


def test_weights_of_another_model_are_told(tmp_path: Path, trained: State) -> None:
    save(tmp_path, trained)
    other = make_state(toy(tmp_path, "encoder.width=5"), Fabric(accelerator="cpu", devices=1))
    with pytest.raises(DataError, match="the weights do not fit the recipe") as caught:
        load_model(tmp_path, other.model)
    assert caught.value.where.endswith("step-00000003")


@pytest.mark.parametrize("error", [FULL, SafetensorError("I/O error: No space left on device (os error 28)")])
def test_a_full_disk_keeps_the_checkpoint_before(
    tmp_path: Path, trained: State, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    save(tmp_path, trained)

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(checkpoint, "save_file", refuse)
    trained.step = 4
    with pytest.raises(DataError) as caught:
        save(tmp_path, trained)
    assert caught.value.what == "the disk is full"
    assert caught.value.hint == "earlier checkpoints are whole; make room and run the same command again"
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000003"]
    state = fresh(tmp_path)
    assert load(tmp_path, state)
    assert state.step == 3


def test_another_fault_of_the_disk_is_told_as_it_is(tmp_path: Path) -> None:
    def refuse(_: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(DataError, match=r"cannot write: .*Input/output error"):
        write_whole(tmp_path / "new", refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "a").write_text("new")
        assert not (tmp_path / "new" / "a").exists()

    write_whole(tmp_path / "new", fill)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new" / "a").read_text() == "new"


def test_a_checkpoint_is_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "old").touch()
    write_whole(tmp_path / "new", lambda folder: (folder / "a").touch())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a"]


def test_no_pickle_is_in_a_checkpoint(tmp_path: Path, trained: State) -> None:
    folder = save(tmp_path, trained)
    assert {path.suffix for path in folder.iterdir()} == {".safetensors", ".json"}
    assert json.loads((folder / "state.json").read_text())["step"] == 3


def test_an_optimisers_state_is_split_and_joined() -> None:
    state = {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2), "count": 4}, 1: {"exp_avg": torch.zeros(1)}}
    tensors, scalars = split_state(state)
    assert scalars == {"0.count": 4}
    again = join_state(tensors, json.loads(json.dumps(scalars)))
    assert again == {0: {"step": state[0]["step"], "exp_avg": state[0]["exp_avg"], "count": 4}, 1: state[1]}


def test_moments_lie_in_memory_as_their_weights_do() -> None:
    weight = torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)
    moment = torch.rand(2, 3, 4, 4)
    state = {0: {"exp_avg": moment, "step": torch.tensor(3.0)}}
    lay_out(state, [weight])
    assert state[0]["exp_avg"].stride() == weight.stride()
    assert torch.equal(state[0]["exp_avg"], moment)
    assert state[0]["step"] == 3
