"""A clean environment whose only poserep is the built wheel; torch and the rest come from the running environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import poserep

ROOT = Path(poserep.__file__).parent
FILES = ("pyproject.toml", "README.md", "LICENSE", "registry.toml", "py.typed")
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""For pip: take nothing from anywhere but what is named. (0 is how its environment variable says "no isolation".)"""
COMMANDS = """
import contextlib, io, json, os, sys, time, traceback
from poserep.cli import main
given, results = json.load(sys.stdin), []
for folder, words in given:
    os.chdir(folder)
    sys.argv, code = ["poserep", *words], 0
    out, err, begun = io.StringIO(), io.StringIO(), time.perf_counter()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            traceback.print_exc()
            code = 99
    results.append((words, code, out.getvalue(), err.getvalue(), time.perf_counter() - begun))
json.dump(results, sys.stdout)
"""


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    words: list[str]
    code: int
    out: str
    err: str
    seconds: float

    def __str__(self) -> str:
        return f"poserep {' '.join(self.words)}: exit code {self.code}\n{self.out[-3000:]}\n{self.err[-3000:]}"


@dataclass(frozen=True)
class Clean:
    """The environment, by its folder."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def variables(self) -> dict[str, str]:
        """What its commands run with: nothing of the running environment's Python path, one thread, own caches."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "POSEREP_"))}
        own = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "VIRTUAL_ENV": str(self.folder)}
        own |= {"POSEREP_CACHE": str(self.folder / "cache"), "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}
        return kept | own | OFFLINE

    def call(self, *words: str | Path, folder: Path | None = None, given: str = "") -> str:
        """Output of a program, which must succeed."""
        found = shutil.which(words[0], path=self.variables["PATH"])
        done = subprocess.run(
            [str(found), *map(str, words[1:])],
            cwd=folder or self.folder,
            env=self.variables,
            input=given,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def poserep(self, commands: Sequence[tuple[Path, Sequence[str]]]) -> list[Done]:
        """Commands one after the other, each in a folder, all in one process: importing torch takes seconds."""
        given = json.dumps([(str(folder), list(words)) for folder, words in commands])
        return [Done(*row) for row in json.loads(self.call(self.python, "-c", COMMANDS, given=given))]


def make_clean(folder: Path) -> Clean:
    """Build the wheel from a copy of the sources and install it, and nothing else."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name in (*FILES, *(path.name for path in ROOT.glob("*.py"))):
        shutil.copy(ROOT / name, source / name)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for name in {package.split(".")[1] for package in project["tool"]["setuptools"]["packages"] if "." in package}:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    clean = Clean(folder / "env")
    venv.create(clean.folder, with_pip=False)
    (site,) = clean.folder.glob("lib/python*/site-packages")
    paths = sysconfig.get_paths()
    (site / "running.pth").write_text("\n".join({paths["purelib"], paths["platlib"]}) + "\n", encoding="utf-8")
    pip = clean.folder / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec {sys.executable} -m pip --python {clean.python} "$@"\n', encoding="utf-8")
    pip.chmod(0o755)
    clean.call("pip", "wheel", "-q", "--wheel-dir", folder / "dist", source)
    (wheel,) = (folder / "dist").glob("poserep-*.whl")
    clean.call("pip", "install", "-q", "--ignore-installed", wheel)
    return clean
