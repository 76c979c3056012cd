"""The run folder: everything that a run leaves behind, readable without torch.

::

    config.toml        the resolved recipe, itself a valid one
    run.json           versions, seed, state (running, stopped, done, failed) and, of a failure, the cause
    steps.jsonl        the losses as they went
    checkpoints/       weights and optimiser state
    measurements.json  what was measured
    samples.npz        pictures and poses for the report
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .config import Resolved, complete, to_toml
from .errors import ConfigError, DataError
from .files import write_text, writing

PACKAGES = ("poserep", "torch", "timm", "kornia", "lightning-fabric", "numpy", "av")


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder."""

    folder: Path

    @property
    def config(self) -> Path:
        """The resolved recipe."""
        return self.folder / "config.toml"

    @property
    def measurements(self) -> Path:
        """What was measured."""
        return self.folder / "measurements.json"

    @property
    def samples(self) -> Path:
        """Pictures and poses for the report."""
        return self.folder / "samples.npz"

    def about(self) -> dict[str, Any]:
        """The content of ``run.json``, empty if there is none."""
        path = self.folder / "run.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def tell(self, **facts: Any) -> None:
        """Add facts to ``run.json``."""
        with _writing(self.folder):
            write_text(self.folder / "run.json", json.dumps(self.about() | facts, indent=1))

    def record(self, step: Any) -> None:
        """Append one step to ``steps.jsonl``."""
        with _writing(self.folder), (self.folder / "steps.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(step)) + "\n")

    def end_line(self) -> None:
        """End the line that a killed run may have left half-written, so that the next record stands on its own."""
        path = self.folder / "steps.jsonl"
        if path.is_file() and not path.read_bytes().endswith(b"\n"):
            with _writing(self.folder), path.open("a", encoding="utf-8") as file:
                file.write("\n")

    def steps(self) -> list[dict[str, Any]]:
        """The recorded steps in order; of a step recorded twice around a stop, the later record."""
        path = self.folder / "steps.jsonl"
        if not path.is_file():
            return []
        found: dict[int, dict[str, Any]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:  # the last line of a killed run
                continue
            found[row["index"]] = row
        return [found[index] for index in sorted(found)]


def fingerprint(data: Mapping[str, Any]) -> str:
    """Eight letters that stand for a config."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:8]


def default_folder(resolved: Resolved) -> Path:
    """``runs/NAME-FINGERPRINT``: the same command finds its own run again."""
    return Path("runs") / f"{resolved.experiment.name}-{fingerprint(complete(resolved))}"


def create(resolved: Resolved, folder: Path) -> Run:
    """Make a run folder, or open it if it holds the same config.

    Raises:
        ConfigError: If the folder holds another config.
        DataError: If it cannot be written.
    """
    run = Run(folder)
    text = to_toml(complete(resolved))
    if run.config.is_file():
        if run.config.read_text(encoding="utf-8") != text:
            raise ConfigError(
                f"{folder} holds a run of another config",
                where=str(run.config),
                hint="choose another --run folder, or train that config: poserep train " + str(run.config),
            )
        run.end_line()
        return run
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        run.tell(state="new", seed=resolved.experiment.training.seed, **surroundings())
        write_text(run.config, text)
    return run


def _writing(folder: Path) -> AbstractContextManager[None]:
    return writing(folder, "run folder", "choose another place with --run")


def open_run(folder: Path) -> Run:
    """An existing run folder.

    Raises:
        DataError: If it is none.
    """
    run = Run(folder)
    if not run.config.is_file():
        near = sorted(path.parent.name for path in Path("runs").glob("*/config.toml"))
        raise DataError(
            f"{folder} is not a run folder: it has no config.toml",
            hint=f"runs here: {', '.join(near)}" if near else "train one: poserep train RECIPE",
        )
    return run


def surroundings() -> dict[str, Any]:
    """Versions, git state and machine: what one needs to know to repeat a run."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "git": _git_state(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _git_state() -> str:
    """Commit of the working folder, with ``+`` if it has changes; empty outside of git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
