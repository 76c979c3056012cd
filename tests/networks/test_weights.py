import threading
import time
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from poserep.core.errors import ConfigError, DataError
from poserep.networks import weights
from poserep.networks.weights import timm_model


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, dict[str, Path]]:
    torch.manual_seed(0)
    model = timm_model("resnet18", "random")
    folder = tmp_path_factory.mktemp("weights")
    files = {suffix: folder / f"resnet18.{suffix}" for suffix in ("safetensors", "pth", "ckpt")}
    save_file(model.state_dict(), files["safetensors"])
    torch.save(model.state_dict(), files["pth"])
    torch.save({"state_dict": model.state_dict(), "epoch": 3}, files["ckpt"])
    return model, files


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "ckpt"])
@pytest.mark.parametrize("shape", [{}, {"num_classes": 0}, {"features_only": True, "out_indices": (1, 2, 3)}])
def test_a_local_file_gives_its_weights_to_any_form_of_the_network(saved, suffix: str, shape: dict) -> None:
    model, files = saved
    loaded = timm_model("resnet18", str(files[suffix]), **shape)
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])


def test_random_weights_follow_the_seed() -> None:
    torch.manual_seed(1)
    one = timm_model("resnet18", "random", num_classes=0).conv1.weight
    torch.manual_seed(1)
    assert torch.equal(timm_model("resnet18", "random", num_classes=0).conv1.weight, one)


@pytest.mark.usefixtures("no_hub")
def test_an_unreachable_hub_fails_within_seconds_and_names_the_ways_out() -> None:
    start = time.monotonic()
    with pytest.raises(DataError, match="the hub cannot be reached") as caught:
        timm_model("resnet18", "hub")
    assert time.monotonic() - start < 10
    assert 'weights = "/path/to/model.safetensors"' in caught.value.hint
    assert 'weights = "random"' in caught.value.hint


@pytest.mark.usefixtures("no_hub")
def test_a_server_that_never_answers_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    end_of_test = threading.Event()

    def hang(*_args: object, **_more: object) -> None:
        end_of_test.wait(60)
        raise OSError

    monkeypatch.setattr(weights, "HUB_PATIENCE_S", 0.1)
    monkeypatch.setattr(weights, "urlopen", hang)
    start = time.monotonic()
    with pytest.raises(DataError, match="the hub cannot be reached"):
        timm_model("resnet18", "hub")
    assert time.monotonic() - start < 5
    end_of_test.set()


@pytest.mark.usefixtures("no_hub")
def test_a_hub_that_answers_but_does_not_give_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_more: object) -> str:
        raise OSError("gated")

    monkeypatch.setattr(weights, "_answers", lambda _url: True)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(DataError, match="did not give them: gated"):
        timm_model("resnet18", "hub")


@pytest.mark.usefixtures("no_hub")
def test_cached_weights_are_used_without_asking(saved, monkeypatch: pytest.MonkeyPatch) -> None:
    model, files = saved
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_a, **_k: str(files["safetensors"]))
    assert torch.equal(timm_model("resnet18", "hub").conv1.weight, model.conv1.weight)


def test_an_unknown_network_is_refused_with_near_names() -> None:
    with pytest.raises(ConfigError, match=r"no network 'resnt18'[\s\S]*did you mean resnet18"):
        timm_model("resnt18", "random")


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(DataError, match="no such weight file"):
        timm_model("resnet18", "nowhere.safetensors")


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bad.{suffix}"
    path.write_bytes(b"not weights at all")
    with pytest.raises(DataError, match="cannot be read"):
        timm_model("resnet18", str(path))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.pth"
    torch.save({"state_dict": Path("x")}, path)
    with pytest.raises(DataError, match="cannot be read"):
        timm_model("resnet18", str(path))


def test_numbers_in_place_of_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.pth"
    torch.save({"epoch": 3}, path)
    with pytest.raises(DataError, match="does not hold tensors by name"):
        timm_model("resnet18", str(path))


def test_weights_of_another_network_are_refused(saved) -> None:
    with pytest.raises(DataError, match=r"do not fit 'resnet50'.*layer1"):
        timm_model("resnet50", str(saved[1]["pth"]), num_classes=0)


@pytest.mark.parametrize("shape", [{"num_classes": 0}, {"features_only": True, "out_indices": (1,)}])
def test_a_file_with_part_of_the_network_is_refused(saved, tmp_path: Path, shape: dict) -> None:
    state = saved[0].state_dict()
    del state["layer1.0.conv1.weight"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(DataError, match=r"lacks 1 of the \d+ tensors of 'resnet18', among them 'layer1.0.conv1"):
        timm_model("resnet18", str(tmp_path / "part.pth"), **shape)
