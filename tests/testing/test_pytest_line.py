"""The one line that a package's tests have, run by pytest in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from poserep.tests.fakes.outside import install

MANIFEST = '[background.dark]\nmodule = "night.dark"\nsummary = "{summary}"\n'
DARK = '''"""Background `dark`: nothing at all."""

import numpy as np

from poserep.core.hookspecs import hookimpl
from poserep.core.interfaces import Component, Options


class DarkOptions(Options):
    """There are none."""


class Dark:
    """Black."""

    def at(self, dataset, clip, indices):
        """The same for all frames."""
        return np.zeros((1, 3, *dataset.frame_size), np.uint8)


@hookimpl
def poserep_register(register):
    """Declare it."""
    build = lambda options, context: Dark()
    register(Component(kind="background", name="dark", options=DarkOptions, build=build, writes=("background",)))
'''
LINE = 'from poserep.testing import conformance_tests\n\ntest_conformance = conformance_tests("night")\n'


def run_pytest(folder: Path, summary: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    install(folder, "night", MANIFEST.format(summary=summary), dark=DARK)
    (folder / "test_night.py").write_text(LINE, encoding="utf-8")
    about = folder / "kit-1.0.dist-info"  # as the installed package declares the plugin
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kit\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[pytest11]\nposerep = poserep.testing.pytest_plugin\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-W", "error", "-rs", "-p", "no:cacheprovider", *arguments]
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), *filter(None, sys.path)))}
    return subprocess.run(
        [*command, "test_night.py"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=surroundings,
        check=False,
    )


def test_one_line_checks_a_package_and_counts(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "No background at all", "-v")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_night.py::test_conformance[background.dark-fills] PASSED" in done.stdout
    assert "test_night.py::test_conformance[all-count] PASSED" in done.stdout
    assert "conformance of 1 parts: 14 run, 0 skipped, 0 failed" in done.stdout
    assert "background.dark: " in done.stdout
    assert "15 passed" in done.stdout


def test_a_part_that_fails_fails_the_test_of_that_check_with_the_cause(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "Dark")

    assert done.returncode == 1
    assert "background.dark fails summary: its summary has 4 characters, not 10 to 120" in done.stdout
    assert "1 failed, 14 passed" in done.stdout


@pytest.mark.parametrize("module", ["poserep.testing", "poserep.testing.pytest_plugin"])
def test_what_pytest_loads_by_itself_is_light(module: str) -> None:
    code = f"import sys, {module}\nassert not {{'torch', 'numpy', 'pydantic'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
