"""`poserep doctor`: whether this machine has what is needed, and what to do where it has not."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from ..core.outside.manifest import LIST
from ..core.registry import Registry
from ..core.run import PACKAGES
from ..media.frame_store import cache_folder

GIGABYTE = 1e9
LOW_DISK_GB = 2.0


class Finding(NamedTuple):
    """What one check found; ``state`` is ok, note or bad."""

    check: str
    state: str
    what: str


def examine() -> list[Finding]:
    """Run every check; none raises."""
    return [check() for check in (_python, _packages, _vision, _device, _video, _cache, _plugins)]


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _packages() -> Finding:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "bad", f"not installed: {', '.join(missing)}; run pip install poserep")
    return Finding("packages", "ok", ", ".join(found))


def _guarded(check: str, run: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(check, "ok", run())
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        return Finding(check, "bad", f"{error}; {remedy}")


def _vision() -> Finding:
    """Torch and torchvision from different builds fail on import of the latter, with a puzzling message."""

    def run() -> str:
        importlib.import_module("torchvision")
        return f"torch {version('torch')} and torchvision {version('torchvision')} match"

    return _guarded("torchvision", run, "install both in one go: pip install --force-reinstall torch torchvision")


def _device() -> Finding:
    def run() -> str:
        import torch

        cores = os.cpu_count() or 1
        if torch.cuda.is_available():
            return f"{cores} cores, {torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
        return f"{cores} cores, {torch.get_num_threads()} torch threads, no GPU: use the recipes without -full"

    return _guarded("device", run, "reinstall torch")


def _video() -> Finding:
    def run() -> str:
        import av

        av.codec.Codec("h264", "r")
        return f"PyAV {version('av')} with its own FFmpeg"

    return _guarded("video", run, "pip install --force-reinstall av")


def _cache() -> Finding:
    folder = cache_folder()
    place: Path = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / GIGABYTE
    if not os.access(place, os.W_OK):
        return Finding("frame cache", "bad", f"{folder} cannot be written; set POSEREP_CACHE to another folder")
    state = "note" if free < LOW_DISK_GB else "ok"
    return Finding("frame cache", state, f"{folder}, {free:.0f} GB free")


def _plugins() -> Finding:
    registry = Registry()
    loaded = registry.load_all()
    packages = {entry.package for entry in registry.entries.values()}
    what = f"{len(loaded)} parts from {len(packages)} package{'s' * (len(packages) > 1)}"
    if LIST in os.environ:
        what += f"; {LIST}={os.environ[LIST]} leaves out: {', '.join(registry.left_out) or 'nothing'}"
    if registry.broken:
        causes = "; ".join(f"{name}: {cause.splitlines()[0]}" for name, cause in registry.broken.items())
        return Finding("plugins", "note", f"{what}; broken: {causes}")
    return Finding("plugins", "ok", what)
