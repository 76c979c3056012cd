"""Frames that the studio draws in a second, on one thread; run with ``pytest --benchmark-only``."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from poserep.plugins.datasets.studio.body import capsules, make_subject
from poserep.plugins.datasets.studio.motion.procedural import procedural_motion
from poserep.plugins.datasets.studio.render import render
from poserep.plugins.datasets.studio.scenes import make_scene

FRAMES = 160


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.benchmark(group=f"{FRAMES} studio frames")
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("size", [64, 128, 256])
def test_speed_of_the_studio(benchmark: BenchmarkFixture, size: int) -> None:
    scene = make_scene("room", 0, (size, size), cameras=1)
    joints = procedural_motion("gait", FRAMES / 10, 10, np.random.default_rng(0)).joints_TJ3
    cameras = scene.cameras(0, joints[:, 0], np.arange(FRAMES) / 10)
    background, subject, seeds = scene.background(0, cameras), make_subject(0), torch.arange(FRAMES)

    def draw() -> torch.Tensor:
        return render(capsules(torch.from_numpy(joints), subject), cameras, background, scene.light, seeds)[0]

    frames = benchmark(draw)
    assert frames.shape == (FRAMES, 3, size, size)
