"""Studies of a few seconds."""

from __future__ import annotations

from pathlib import Path

from poserep.tests.fakes.tiny import TINY

ARMS = """
[axes.contrast.dsl]
[axes.contrast.none]
drop = ["losses.contrast"]
"""


def write_study(folder: Path, *sets: str, arms: str = ARMS, name: str = "tiny", seeds: str = "[0, 1]") -> Path:
    """A study of the shipped recipe `temporal` at its smallest; ``sets`` are those of the base."""
    values = dict(text.split("=", 1) for text in (*TINY, "dataset.test_subjects=2", *sets))
    base = "".join(f'"{key}" = {value}\n' for key, value in values.items())
    head = f'name = "{name}"\nrecipe = "temporal"\nseeds = {seeds}\nlabels = [5, 0]\n'
    path = folder / f"{name}.toml"
    path.write_text(f"{head}{arms}\n[base.set]\n{base}", encoding="utf-8")
    return path
