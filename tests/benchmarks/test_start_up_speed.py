"""Wall time of what must answer at once, alone and beside 200 outside packages: ``pytest --benchmark-only``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from poserep.tests.fakes.outside import install_many

GOAL_S = 0.4
PROGRAM = "from poserep.cli import main; main()"
COMPOSE = "from poserep.core.compose import compose; compose('temporal', uses=['losses.contrast=many_007'])"
CROWD = 200
CROWD_GOALS_S = {"plugins list": 0.5, "--help": 0.5, "config schema": 1.0, "compose": 1.0}


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 200 installed packages, each with a loss that imports."""
    folder = tmp_path_factory.mktemp("crowd")
    install_many(folder, CROWD)
    return folder


@pytest.mark.benchmark(group="start-up")
@pytest.mark.parametrize("arguments", [["--help"], ["plugins", "list"]], ids=" ".join)
def test_a_listing_answers_at_once(benchmark: BenchmarkFixture, arguments: list[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    benchmark.pedantic(subprocess.run, args=(command,), kwargs={"check": True, "capture_output": True}, rounds=7)
    assert benchmark.stats.stats.min < GOAL_S


@pytest.mark.benchmark(group="start-up beside 200 packages")
@pytest.mark.parametrize("what", CROWD_GOALS_S)
def test_two_hundred_packages_do_not_slow_it_down(benchmark: BenchmarkFixture, crowd: Path, what: str) -> None:
    command = [sys.executable, "-c", COMPOSE] if what == "compose" else [sys.executable, "-c", PROGRAM, *what.split()]
    kept = {key: value for key, value in os.environ.items() if key != "POSEREP_PLUGINS"}
    options = {"check": True, "capture_output": True, "env": kept | {"PYTHONPATH": str(crowd)}}
    benchmark.pedantic(subprocess.run, args=(command,), kwargs=options, rounds=7, warmup_rounds=1)
    assert benchmark.stats.stats.min < CROWD_GOALS_S[what]
