"""Wall time of the commands that must answer at once; run with ``pytest --benchmark-only``."""

import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

GOAL_S = 0.4
PROGRAM = "from poserep.cli import main; main()"


@pytest.mark.benchmark(group="start-up")
@pytest.mark.parametrize("arguments", [["--help"], ["plugins", "list"]], ids=" ".join)
def test_a_listing_answers_at_once(benchmark: BenchmarkFixture, arguments: list[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    benchmark.pedantic(subprocess.run, args=(command,), kwargs={"check": True, "capture_output": True}, rounds=7)
    assert benchmark.stats.stats.min < GOAL_S
