"""A fitted regressor in its run folder: safetensors for the tensors, JSON for the rest; no pickle is ever read.

::

    RUN/regressor/weights.safetensors   the head, and mean and deviation of features and poses
    RUN/regressor/about.json            which latents it reads, its head and skeleton, what it was fitted on
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..core.checkpoint import write_whole
from ..core.compose import Composition
from ..core.config import pick
from ..core.errors import ConfigError, DataError
from ..core.probe import Regressor, Standard
from ..core.recipe import Source
from ..core.registry import Registry
from ..core.skeleton import Skeleton

FOLDER = "regressor"
STATISTICS = ("features", "poses")


def save_regressor(folder: Path, regressor: Regressor, about: Mapping[str, Any]) -> Path:
    """Keep a regressor in a run folder, in place of an earlier one.

    Args:
        folder: The run folder.
        regressor: Fitted.
        about: JSON-able facts, at least those of `describe`.

    Raises:
        DataError: If it cannot be written.
    """
    tensors = {f"head.{name}": tensor for name, tensor in regressor.head.state_dict().items()}
    for name in STATISTICS:
        standard: Standard = getattr(regressor, name)
        tensors |= {f"{name}.mean": standard.mean, f"{name}.std": standard.std}

    def fill(temporary: Path) -> None:
        whole = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
        save_file(whole, temporary / "weights.safetensors")
        (temporary / "about.json").write_text(json.dumps(dict(about), indent=1), encoding="utf-8")

    write_whole(folder / FOLDER, fill)
    return folder / FOLDER


def describe(composition: Composition, skeleton: Skeleton) -> dict[str, Any]:
    """What `load_regressor` must know of the experiment that a regressor was fitted in."""
    chosen = composition.parts["probe.head"]
    fields = composition.experiment.probe.fields
    return {
        "head": {"use": chosen.component.name, "options": chosen.options.model_dump(mode="json")},
        "fields": {name: composition.context.facts.get(name, 0) for name in fields},
        "skeleton": {"name": skeleton.name, "joints": skeleton.joints, "parents": skeleton.parents},
    }


def read_about(folder: Path) -> dict[str, Any]:
    """What was saved beside a run's regressor; empty if the run has none.

    Raises:
        DataError: If it cannot be read.
    """
    path = folder / FOLDER / "about.json"
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    return found


def skeleton_of(about: Mapping[str, Any]) -> Skeleton:
    """The skeleton whose joints the regressor gives."""
    saved = about["skeleton"]
    return Skeleton(saved["name"], tuple(saved["joints"]), tuple(saved["parents"]))


def load_regressor(folder: Path, composition: Composition, registry: Registry | None = None) -> Regressor | None:
    """The regressor of a run folder, for the latents of an experiment.

    Args:
        folder: The run that was probed.
        composition: The experiment whose latents it shall read, of this or of another run.
        registry: Where its head is found.

    Returns:
        In evaluation mode; None if the run has none.

    Raises:
        ConfigError: If the experiment has not the latents that the regressor reads.
        DataError: If it cannot be read.
    """
    about = read_about(folder)
    if not about:
        return None
    _check_widths(about["fields"], composition, folder)
    path = folder / FOLDER / "weights.safetensors"
    try:
        tensors = load_file(path)
        features, poses = (Standard(tensors[f"{name}.mean"], tensors[f"{name}.std"]) for name in STATISTICS)
        facts = {"features": len(features.mean), "outputs": len(poses.mean)}
        head = _head(about["head"], composition, facts, registry or Registry())
        head.load_state_dict({n.removeprefix("head."): t for n, t in tensors.items() if n.startswith("head.")})
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise _unreadable(path, error) from None
    return Regressor(head, features, poses, len(about["skeleton"]["joints"])).eval()


def _check_widths(wanted: Mapping[str, int], composition: Composition, folder: Path) -> None:
    facts = composition.context.facts
    for name, width in wanted.items():
        if width and facts.get(name, 0) != width:
            raise ConfigError(
                f"the regressor of {folder} reads the latent {name!r} with {width} numbers; "
                f"{composition.experiment.name!r} has {facts.get(name, 0)}",
                where=str(folder / FOLDER),
                hint="take the regressor of a run whose latents are as wide, or do without",
            )


def _head(saved: Mapping[str, Any], composition: Composition, facts: Mapping[str, int], registry: Registry) -> Any:
    chosen = pick("probe.head", "head", saved["use"], saved["options"], Source(FOLDER), registry)
    context = replace(composition.context, facts={**composition.context.facts, **facts})
    return chosen.component.build(chosen.options, context)


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"the regressor cannot be read: {error}", where=str(path), hint="fit it again: poserep probe")
