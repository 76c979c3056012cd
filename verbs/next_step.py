"""Which command comes next for a run: said wherever a run is shown. Free of torch."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.config import Chosen, choose
from ..core.interfaces import Slot, declared
from ..core.recipe import Source
from ..core.registry import Registry
from ..core.run import Run

COMPLETION = "completion.npz"
"""In a run's folder, what `poserep analyse completion` found."""


def measuring(folder: Path, config: Mapping[str, Any]) -> str:
    """What shows how good a trained run is: numbers where its dataset has 3D poses, else pictures."""
    run = shlex.quote(str(folder))
    if has_poses(config):
        return f"poserep probe {run}"
    if completes(config):
        return completing(folder)
    return f"poserep predict {run} VIDEO   or   poserep swap {run}"


def after_training(folder: Path) -> str:
    """What one may do with a run whose training just ended: go on with it where it was stopped."""
    if Run(folder).about().get("state") == "stopped":
        return going_on(folder)
    config = tomllib.loads(Run(folder).config.read_text(encoding="utf-8"))
    if not has_poses(config):
        return measuring(folder, config)
    look = completing(folder) if completes(config) else f"poserep predict {shlex.quote(str(folder))} VIDEO"
    return f"{measuring(folder, config)}   or   {look}"


def looked_at(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether a run that has no poses was measured by what it completes."""
    return (folder / COMPLETION).is_file() and not has_poses(config)


def completing(folder: Path) -> str:
    """What shows how well a run completes hidden patches."""
    return f"poserep analyse completion {shlex.quote(str(folder))}"


def going_on(folder: Path) -> str:
    """What goes on with a run that was not finished, from its newest checkpoint."""
    return f"poserep train {shlex.quote(str(folder / 'config.toml'))} --run {shlex.quote(str(folder))}"


def has_poses(config: Mapping[str, Any], registry: Registry | None = None) -> bool:
    """Whether the dataset of a recipe knows 3D poses; True where that cannot be told, for `probe` says why not."""
    written = _written("dataset", config, registry)
    return written is None or "pose" in written


def completes(config: Mapping[str, Any], registry: Registry | None = None) -> bool:
    """Whether the decoder of a recipe predicts patches."""
    return "patches_decoded" in (_written("decoder", config, registry) or ())


def _written(role: Slot, config: Mapping[str, Any], registry: Registry | None) -> tuple[str, ...] | None:
    """What a recipe's part writes; None where that cannot be told."""
    part = dict(config.get(role) or {})
    use = str(part.pop("use", ""))
    chosen = choose(role, role, use, part, Source("config.toml"), registry or Registry())
    return declared(chosen.component.writes, chosen.options) if isinstance(chosen, Chosen) else None
