"""Networks of the timm library with weights from the hub, from a local file, or random by explicit choice.

Without a network the hub must fail within seconds and say what to do; its own client retries for half a minute.
Nothing falls back silently. Weight files are safetensors or PyTorch files read with ``weights_only``.
"""

from __future__ import annotations

import threading
from argparse import Namespace
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError, DataError

HUB_FILE = "model.safetensors"
HUB_PATIENCE_S = 5.0
WAYS_OUT = 'give a weight file on this machine, weights = "/path/to/model.safetensors", or choose weights = "random"'


def timm_model(name: str, weights: str, **kwargs: Any) -> nn.Module:
    """Build a network of the timm library.

    Args:
        name: timm's name for it, as ``"resnet50"`` or ``"resnet50.a1_in1k"``.
        weights: ``"hub"``, ``"random"``, or the path of a local file of this network's weights.
        **kwargs: Handed to ``timm.create_model``, as ``num_classes=0``.

    Raises:
        ConfigError: When timm has no network of that name.
        DataError: When the weights cannot be had or do not fit; an unreachable hub fails within seconds.
    """
    import timm

    if not timm.is_model(name):
        near = get_close_matches(name, timm.list_models(), n=3)
        raise ConfigError(
            f"timm has no network '{name}'",
            hint=f"did you mean {' or '.join(near)}?" if near else "see timm.list_models()",
        )
    if weights == "random":
        return _module(timm.create_model(name, pretrained=False, **kwargs))
    path = hub_file(name) if weights == "hub" else Path(weights).expanduser()
    state = read_weights(path)
    try:
        model = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"state_dict": state}, **kwargs)
    except (RuntimeError, KeyError) as error:
        first = " ".join(str(error).split("\n\t")[:2])  # torch lists every tensor, one a line
        raise DataError(f"the weights do not fit '{name}': {first}", where=str(path), hint=WAYS_OUT) from error
    return _complete(_module(model), state, name, path)


def hub_file(name: str) -> Path:
    """The network's weight file from the hub's cache or, once, from the hub itself.

    Raises:
        DataError: When the hub has no such file or cannot be reached.
    """
    from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(name)
    repository = config.hf_hub_id if config else None
    if not repository:
        raise DataError(f"the hub has no weights for '{name}'", hint=WAYS_OUT)
    cached = try_to_load_from_cache(repository, HUB_FILE, cache_dir=constants.HF_HUB_CACHE)
    if isinstance(cached, str):
        return Path(cached)
    what = f"the weights of '{name}' are not on this machine"
    where = f"{constants.ENDPOINT}/{repository}"
    if constants.HF_HUB_OFFLINE or not _answers(constants.ENDPOINT):
        raise DataError(f"{what}, and the hub cannot be reached", where=where, hint=WAYS_OUT)
    try:
        return Path(hf_hub_download(repository, HUB_FILE, cache_dir=constants.HF_HUB_CACHE))
    except Exception as error:  # the client's errors have no base of their own
        raise DataError(f"{what}, and the hub did not give them: {error}", where=where, hint=WAYS_OUT) from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors or PyTorch file by name; of a checkpoint, its ``state_dict`` or ``model``.

    Raises:
        DataError: When the file is absent, unreadable, or holds something else.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise DataError("there is no such weight file", where=str(path), hint=WAYS_OUT)
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _checkpoint(path)
    except (OSError, ValueError, RuntimeError, EOFError, UnpicklingError, SafetensorError) as error:
        raise DataError(f"the weight file cannot be read: {error}", where=str(path), hint=WAYS_OUT) from error
    state: Any = content
    for key in ("state_dict", "model"):
        state = state.get(key, state) if isinstance(state, Mapping) else None
    if not state or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise DataError("the weight file does not hold tensors by name", where=str(path), hint=WAYS_OUT)
    return dict(state)


def _checkpoint(path: Path) -> object:
    """A PyTorch file. Settings of a command line, which often lie beside the weights, pass, nothing else does."""
    with torch.serialization.safe_globals([Namespace]):
        return torch.load(path, map_location="cpu", weights_only=True)


def _module(model: object) -> nn.Module:
    assert isinstance(model, nn.Module)
    return model


def _complete(model: nn.Module, state: Mapping[str, Tensor], name: str, path: Path) -> nn.Module:
    """Refuse a file that left part of the network at its random start: timm loads what it finds and goes on."""
    config = getattr(model, "pretrained_cfg", {})
    config.pop("state_dict", None)  # or every tensor would be held twice
    classifier = config.get("classifier") or "head"
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    wanted = [key for key in model.state_dict() if not key.endswith("num_batches_tracked")]
    lacking = [key for key in wanted if key not in state and not key.startswith(heads)]
    if lacking:
        raise DataError(
            f"the file lacks {len(lacking)} of the {len(wanted)} tensors of '{name}', among them '{lacking[0]}'",
            where=str(path),
            hint=WAYS_OUT,
        )
    return model


def _answers(url: str) -> bool:
    """Whether a server answers in time, whatever it says; looking up a name may take longer than any timeout."""
    answers: list[bool] = []

    def ask() -> None:
        try:
            with urlopen(Request(url, method="HEAD"), timeout=HUB_PATIENCE_S):
                answers.append(True)
        except HTTPError as error:
            error.close()
            answers.append(True)
        except OSError:
            answers.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_PATIENCE_S)
    return any(answers)
