"""Share of a training step that goes by waiting for data; run with ``pytest --benchmark-only``."""

import pytest
from lightning_fabric import Fabric
from pytest_benchmark.fixture import BenchmarkFixture

from poserep.core.batches import Batches, build_sampler, open_source
from poserep.core.compose import compose
from poserep.core.fit import fit, make_state
from poserep.core.registry import Registry

WARM_UP, STEPS, GOAL = 5, 25, 0.03
SETS = ("dataset.test_subjects=0", "dataset.validation_subjects=0", "dataset.subjects=2", f"training.steps={STEPS}")


@pytest.mark.benchmark(group="loader")
def test_training_hardly_waits_for_data(benchmark: BenchmarkFixture) -> None:
    composition = compose("temporal", Registry(installed=()), sets=SETS)
    fabric = Fabric(accelerator="cpu", devices=1, precision=composition.experiment.training.precision)
    source = open_source(composition)
    steps = list(fit(composition, source, fabric, make_state(composition, fabric)))[WARM_UP:]
    share = sum(step.waited_s for step in steps) / sum(step.seconds for step in steps)
    benchmark.extra_info |= {"waiting_share": share}
    sampler = build_sampler(composition, "sampler", source.dataset, composition.context)
    batches = Batches(source, sampler, composition.experiment.training.batch, 0)
    benchmark.pedantic(batches.at, args=(0,), rounds=5)
    assert share < GOAL
