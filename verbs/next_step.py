"""Which command comes next for a run: said wherever a run is shown. Free of torch."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.config import Chosen, choose
from ..core.interfaces import declared
from ..core.recipe import Source
from ..core.registry import Registry
from ..core.run import Run


def measuring(folder: Path, config: Mapping[str, Any]) -> str:
    """What shows how good a trained run is: numbers where its dataset has 3D poses, else pictures."""
    run = shlex.quote(str(folder))
    if has_poses(config):
        return f"poserep probe {run}"
    return f"poserep predict {run} VIDEO   or   poserep swap {run}"


def after_training(folder: Path) -> str:
    """What one may do with a run whose training just ended: go on with it where it was stopped."""
    if Run(folder).about().get("state") == "stopped":
        return going_on(folder)
    config = tomllib.loads(Run(folder).config.read_text(encoding="utf-8"))
    look = f"   or   poserep predict {shlex.quote(str(folder))} VIDEO" if has_poses(config) else ""
    return measuring(folder, config) + look


def going_on(folder: Path) -> str:
    """What goes on with a run that was not finished, from its newest checkpoint."""
    return f"poserep train {shlex.quote(str(folder / 'config.toml'))} --run {shlex.quote(str(folder))}"


def has_poses(config: Mapping[str, Any], registry: Registry | None = None) -> bool:
    """Whether the dataset of a recipe knows 3D poses; True where that cannot be told, for `probe` says why not."""
    part = dict(config.get("dataset") or {})
    use = str(part.pop("use", ""))
    chosen = choose("dataset", "dataset", use, part, Source("config.toml"), registry or Registry())
    return not isinstance(chosen, Chosen) or "pose" in declared(chosen.component.writes, chosen.options)
