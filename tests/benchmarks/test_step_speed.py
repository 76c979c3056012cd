"""What the framework costs: a training step against forward and backward of its networks on the same tensors.

Run with ``pytest --benchmark-only``. Both are timed in turns, so that a busy machine slows both.
"""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from poserep.core.batches import Batches, build_sampler, open_source
from poserep.core.compose import compose
from poserep.core.fit import State, make_state, optimise
from poserep.core.registry import Registry

ROUNDS, GOAL = 8, 1.15
NETWORKS = ("detector", "encoder", "decoder")
SETS = ("dataset.subjects=1", "dataset.test_subjects=0", "dataset.validation_subjects=0", "dataset.cameras=1")


def networks_alone(state: State, record: Mapping[str, Any], fabric: Fabric) -> Callable[[], None]:
    """Forward and backward of each network on what it read in a step; all but the frame carries a gradient."""
    pipeline = state.model.pipeline
    reads = {role: {name: record[name].detach() for name in pipeline.wires[role].reads} for role in NETWORKS}

    def run() -> None:
        state.model.zero_grad(set_to_none=True)
        with fabric.autocast():
            out: list[Tensor] = []
            for role, fields in reads.items():
                given = {name: value.requires_grad_(name != "frame") for name, value in fields.items()}
                out += getattr(pipeline, role)(**given).values()
        torch.stack([value.float().square().mean() for value in out]).sum().backward()

    return run


def seconds(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


@pytest.mark.benchmark(group="training step")
def test_a_step_costs_little_more_than_its_networks(benchmark: BenchmarkFixture) -> None:
    composition = compose("temporal", Registry(installed=()), sets=SETS)
    fabric = Fabric(accelerator="cpu", devices=1, precision=composition.experiment.training.precision)
    state, source = make_state(composition, fabric), open_source(composition)
    sampler = build_sampler(composition, "sampler", source.dataset, composition.context)
    batch = Batches(source, sampler, composition.experiment.training.batch, 0).at(0)
    roles = composition.phases[0].losses

    def step() -> None:
        optimise(state, batch, roles, 1e-4, fabric)

    with torch.no_grad(), fabric.autocast():
        bare = networks_alone(state, state.model.pipeline(batch), fabric)
    step()
    bare()
    pairs = [(seconds(step), seconds(bare)) for _ in range(ROUNDS)]
    ratio = median(whole for whole, _ in pairs) / median(alone for _, alone in pairs)
    benchmark.extra_info |= {"ratio": ratio, "networks_alone_s": median(alone for _, alone in pairs)}
    benchmark.pedantic(step, rounds=3)
    assert ratio <= GOAL
